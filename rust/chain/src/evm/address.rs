//! Addresses in the one spelling that is accepted: EIP-55, with its checksum.

use alloy_primitives::Address;
use secp256k1::PublicKey;

use crate::error::ChainError;

/// The EIP-55 spelling of an address.
#[must_use]
pub fn checksum(address: &Address) -> String {
    address.to_checksum(None)
}

/// Reads `0x` and 40 hex digits whose case is exactly the EIP-55 checksum.
///
/// # Errors
/// `Malformed`. An address without a checksum (its letters all lower or all upper case) is shown with the right one;
/// one whose checksum is wrong is not, since nobody can say which digit is.
pub fn parse_address(text: &str) -> Result<Address, ChainError> {
    let refuse = |reason: String| ChainError::malformed("address", reason);
    let form = || refuse("must be 0x and 40 hex digits".to_owned());
    let hex = text.strip_prefix("0x").ok_or_else(form)?;
    if hex.len() != 40 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(form());
    }
    let address = hex.parse::<Address>().map_err(|_| form())?;
    let right = checksum(&address);
    if right == text {
        return Ok(address);
    }
    let lower = hex.bytes().any(|b| b.is_ascii_lowercase());
    let upper = hex.bytes().any(|b| b.is_ascii_uppercase());
    if lower && upper {
        return Err(refuse(
            "the checksum is wrong: a digit may be mistyped".to_owned(),
        ));
    }
    Err(refuse(format!("has no checksum; with it: {right}")))
}

/// The address of a secp256k1 public key of 33 or 65 bytes.
///
/// # Errors
/// `Malformed` when the bytes are not a point of the curve in one of these two forms.
pub fn address_of(public_key: &[u8]) -> Result<Address, ChainError> {
    let refuse = || {
        ChainError::malformed(
            "public_key",
            "must be a secp256k1 public key of 33 or 65 bytes",
        )
    };
    // libsecp256k1 also reads the hybrid form (06, 07), which nothing here ever writes.
    if !matches!(public_key.first(), Some(2..=4)) {
        return Err(refuse());
    }
    let key = PublicKey::from_slice(public_key).map_err(|_| refuse())?;
    let uncompressed = key.serialize_uncompressed();
    let point = uncompressed.get(1..).ok_or_else(refuse)?;
    Ok(Address::from_raw_public_key(point))
}

/// Whether an address is zero or one of the 65,535 next: precompiles (0x01 to 0x11, and 0x0100 since EIP-7951) and
/// the room that chains take theirs from. Nobody holds a key to one, and money sent there is lost.
#[must_use]
pub fn is_reserved(address: &Address) -> bool {
    address.iter().take(18).all(|byte| *byte == 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    // From EIP-55 itself.
    const GOOD: [&str; 8] = [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn the_checksummed_form_is_read_and_printed_back() {
        for text in GOOD {
            assert_eq!(checksum(&parse_address(text).unwrap()), text);
        }
        assert!(parse_address("0x0000000000000000000000000000000000012345").is_ok());
    }

    #[test]
    fn without_a_checksum_the_reason_shows_it_and_with_a_wrong_one_it_does_not() {
        let good = GOOD[4];
        for text in [
            good.to_lowercase(),
            format!("0x{}", good[2..].to_uppercase()),
        ] {
            let ChainError::Malformed { reason, .. } = parse_address(&text).unwrap_err() else {
                panic!("another error");
            };
            assert!(reason.contains(good), "{reason}");
        }
        let wrong = good.replacen("aA", "Aa", 1);
        let ChainError::Malformed { reason, .. } = parse_address(&wrong).unwrap_err() else {
            panic!("another error");
        };
        assert!(!reason.contains("0x"), "{reason}");
    }

    #[test]
    fn flipping_the_case_of_any_one_letter_is_refused() {
        for text in GOOD {
            for index in 2..text.len() {
                let mut bytes = text.as_bytes().to_vec();
                if bytes[index].is_ascii_alphabetic() {
                    bytes[index] ^= 0x20;
                    assert!(parse_address(&String::from_utf8(bytes).unwrap()).is_err());
                }
            }
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let good = GOOD[4];
        for text in [
            "",
            "0x",
            &good[2..],
            &good[..41],
            &format!("{good}0"),
            &format!(" {good}"),
            &format!("{good}\n"),
            &good.replacen("0x", "0X", 1),
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Bea\u{e9}",
            "vitalik.eth",
        ] {
            assert!(parse_address(text).is_err(), "{text:?}");
        }
    }
}
