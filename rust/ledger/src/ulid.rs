//! Withdrawal ids: 16 bytes that sort by the millisecond they were made in, shown in Crockford's base 32.

use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A ULID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(pub [u8; 16]);

impl Ulid {
    /// The id of a moment (its low 48 bits) and the first 80 bits of a digest.
    #[must_use]
    pub fn new(unix_ms: u64, digest: &[u8; 32]) -> Self {
        let mut bytes = [0_u8; 16];
        let time = unix_ms.to_be_bytes();
        for (to, from) in bytes.iter_mut().zip(time.iter().skip(2).chain(digest)) {
            *to = *from;
        }
        Self(bytes)
    }

    /// Reads the 26 characters of the text form, upper case alone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 26 || !matches!(text.as_bytes().first(), Some(b'0'..=b'7')) {
            return None;
        }
        let value = text.bytes().try_fold(0_u128, |value, byte| {
            Some((value << 5) | u128::from(digit(byte)?))
        })?;
        Some(Self(value.to_be_bytes()))
    }

    /// The moment in it, unix ms.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        u64::try_from(u128::from_be_bytes(self.0) >> 80).unwrap_or(u64::MAX)
    }

    /// Reads 16 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        let mut text = [b'0'; 26];
        for (letter, place) in text.iter_mut().zip((0_u32..26).rev()) {
            let digit = usize::try_from((value >> place.saturating_mul(5)) & 31);
            let found = digit.ok().and_then(|digit| ALPHABET.get(digit));
            *letter = *found.ok_or(fmt::Error)?;
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// The place of a letter in the alphabet.
fn digit(letter: u8) -> Option<u8> {
    let before = match letter {
        b'0'..=b'9' => b'0',
        b'A'..=b'H' => b'A'.wrapping_sub(10),
        b'J' | b'K' => b'J'.wrapping_sub(18),
        b'M' | b'N' => b'M'.wrapping_sub(20),
        b'P'..=b'T' => b'P'.wrapping_sub(22),
        b'V'..=b'Z' => b'V'.wrapping_sub(27),
        _ => return None,
    };
    Some(letter.wrapping_sub(before))
}

impl fmt::Debug for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_the_specifications() {
        // The time of the specification's own example, 01ARYZ6S41 = 1469918176385.
        let id = Ulid::new(1_469_918_176_385, &[0xff; 32]);
        assert_eq!(id.to_string(), "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
        assert_eq!(id.unix_ms(), 1_469_918_176_385);
        assert_eq!(Ulid::parse("01ARYZ6S41ZZZZZZZZZZZZZZZZ"), Some(id));
    }

    #[test]
    fn every_letter_reads_as_its_place() {
        for letter in 0..=u8::MAX {
            let place = ALPHABET.iter().position(|known| *known == letter);
            assert_eq!(digit(letter).map(usize::from), place);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "81ARYZ6S41ZZZZZZZZZZZZZZZZ",
            "01aryz6s41zzzzzzzzzzzzzzzz",
            "01ARYZ6S41ZZZZZZZZZZZZZZZ",
            "01ARYZ6S41ZZZZZZZZZZZZZZZU",
        ] {
            assert_eq!(Ulid::parse(text), None, "{text}");
        }
    }
}
