//! A batch over one buffer: items are places in it, so that a request of thousands is verified without copying.

/// A place in a buffer. One that does not lie inside the buffer makes its item `Malformed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Bytes from the buffer's start.
    pub offset: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Span {
    /// A place that lies in no buffer, whatever its length.
    pub const NOWHERE: Self = Self {
        offset: u32::MAX,
        len: u32::MAX,
    };

    /// The bytes from `start` up to `end`; `None` where they lie beyond what a span can say.
    #[must_use]
    pub fn between(start: usize, end: usize) -> Option<Self> {
        Some(Self {
            offset: u32::try_from(start).ok()?,
            len: u32::try_from(end.checked_sub(start)?).ok()?,
        })
    }

    /// The bytes at this place, if it lies inside the buffer.
    #[must_use]
    pub fn of(self, buffer: &[u8]) -> Option<&[u8]> {
        let start = usize::try_from(self.offset).ok()?;
        let end = start.checked_add(usize::try_from(self.len).ok()?)?;
        buffer.get(start..end)
    }
}

/// One item of a packed batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedItem {
    /// The key id's UTF-8 bytes.
    pub key_id: Span,
    /// The message as signed.
    pub message: Span,
    /// The signature as received.
    pub signature: Span,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_between_two_places_is_what_lies_there() {
        let buffer = [1, 2, 3, 4];
        let of = |start, end| Span::between(start, end).and_then(|span| span.of(&buffer));
        assert_eq!(of(1, 3), Some(&[2, 3][..]));
        assert_eq!(of(4, 4), Some(&[][..]));
        assert_eq!(of(2, 5), None);
        assert_eq!(Span::between(3, 2), None);
        assert_eq!(Span::NOWHERE.of(&buffer), None);
        assert_eq!(Span::between(usize::MAX, usize::MAX), None);
    }
}
