//! Reads tags, varints and lengths in their shortest form only.

use crate::error::Reason;

/// A cursor over one message's bytes.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What follows a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireType {
    Varint,
    Length,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next byte is read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn byte(&mut self) -> Result<u8, Reason> {
        let byte = *self.bytes.get(self.at).ok_or(Reason::Truncated)?;
        self.at = self.at.saturating_add(1);
        Ok(byte)
    }

    /// A varint of at most 64 bits in its shortest form.
    pub(crate) fn varint(&mut self) -> Result<u64, Reason> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in [7_u32, 14, 21, 28, 35, 42, 49, 56, 63] {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(Reason::OverlongVarint);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if byte == 0 {
                    Err(Reason::OverlongVarint)
                } else {
                    Ok(value)
                };
            }
        }
        Err(Reason::OverlongVarint)
    }

    /// A field's number and wire type; only the two types that signed bodies use.
    pub(crate) fn tag(&mut self) -> Result<(u32, WireType), Reason> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| Reason::BadTag)?;
        if number == 0 || number >= 1 << 29 {
            return Err(Reason::BadTag);
        }
        match tag & 7 {
            0 => Ok((number, WireType::Varint)),
            2 => Ok((number, WireType::Length)),
            _ => Err(Reason::WireType),
        }
    }

    /// As many bytes as the varint before them says.
    pub(crate) fn delimited(&mut self) -> Result<&'a [u8], Reason> {
        let length = usize::try_from(self.varint()?).map_err(|_| Reason::Truncated)?;
        let end = self.at.checked_add(length).ok_or(Reason::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(Reason::Truncated)?;
        self.at = end;
        Ok(taken)
    }
}

/// Appends a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a tag, a length and the bytes.
pub(crate) fn put_delimited(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn varints_read_back_and_only_in_their_shortest_form() {
        for value in [
            0,
            1,
            127,
            128,
            300,
            1 << 21,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert!(reader.is_done());
            if out.len() < 10 {
                *out.last_mut().unwrap() |= 0x80;
                out.push(0);
                assert_eq!(Reader::new(&out).varint(), Err(Reason::OverlongVarint));
            }
        }
        assert_eq!(
            Reader::new(&[0xff; 10]).varint(),
            Err(Reason::OverlongVarint)
        );
        assert_eq!(Reader::new(&[0x80]).varint(), Err(Reason::Truncated));
    }
}
