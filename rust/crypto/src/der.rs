//! The DER form of an ECDSA signature, as key services give it, to the 64-byte form that alone is verified.

/// Reads `SEQUENCE { INTEGER r, INTEGER s }` of 256-bit numbers into r‖s; anything but the one DER encoding is `None`.
///
/// The numbers' ranges are the verification's to judge.
#[must_use]
pub fn ecdsa_from_der(der: &[u8]) -> Option<[u8; 64]> {
    let (body, []) = element(0x30, der)? else {
        return None;
    };
    let (r, rest) = element(0x02, body)?;
    let (s, []) = element(0x02, rest)? else {
        return None;
    };
    let mut signature = [0; 64];
    let (high, low) = signature.split_at_mut(32);
    place(unsigned(r)?, high)?;
    place(unsigned(s)?, low)?;
    Some(signature)
}

/// The content of the first element, which must have this tag, and what follows it. Short-form lengths suffice: the
/// longest signature is 72 bytes.
fn element(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([found, length], rest) = input.split_first_chunk::<2>()?;
    if *found != tag || *length >= 0x80 {
        return None;
    }
    rest.split_at_checked(usize::from(*length))
}

/// The magnitude of a non-negative INTEGER in its shortest form.
fn unsigned(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0] => Some(content),
        [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Some(rest),
        [first, ..] if (0x01..0x80).contains(first) => Some(content),
        _ => None,
    }
}

/// Puts big-endian bytes at the end of a field of zeros.
fn place(bytes: &[u8], field: &mut [u8]) -> Option<()> {
    let start = field.len().checked_sub(bytes.len())?;
    field.get_mut(start..)?.copy_from_slice(bytes);
    Some(())
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn the_one_encoding_is_read() {
        let mut expected = [0; 64];
        expected[31] = 0x80;
        expected[63] = 1;
        assert_eq!(
            ecdsa_from_der(&[0x30, 7, 2, 2, 0, 0x80, 2, 1, 1]),
            Some(expected)
        );
    }

    #[test]
    fn every_other_encoding_of_the_same_numbers_is_refused() {
        let padded = [0x30, 8, 2, 2, 0, 0x80, 2, 2, 0, 1];
        let negative = [0x30, 6, 2, 1, 0x80, 2, 1, 1];
        let long_length = [0x30, 0x81, 7, 2, 2, 0, 0x80, 2, 1, 1];
        let trailing = [0x30, 7, 2, 2, 0, 0x80, 2, 1, 1, 0];
        let trailing_inside = [0x30, 9, 2, 2, 0, 0x80, 2, 1, 1, 5, 0];
        let empty_integer = [0x30, 4, 2, 0, 2, 0];
        for der in [
            &padded[..],
            &negative,
            &long_length,
            &trailing,
            &trailing_inside,
            &empty_integer,
            &[],
        ] {
            assert_eq!(ecdsa_from_der(der), None, "{der:02x?}");
        }
    }
}
