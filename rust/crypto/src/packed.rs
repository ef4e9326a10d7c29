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
    pub(crate) fn of(self, buffer: &[u8]) -> Option<&[u8]> {
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
