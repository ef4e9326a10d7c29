//! Curves by their CKA_EC_PARAMS, and public keys as tokens write them: DER-wrapped by most, raw by some.

use ed25519_dalek::VerifyingKey;
use secp256k1::PublicKey;

/// The object identifier 1.3.132.0.10 in DER.
pub(crate) const SECP256K1: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];
/// The object identifier 1.3.101.112 in DER.
pub(crate) const ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];
/// The printable string `edwards25519`, which PKCS#11 3.0 also allows.
const ED25519_BY_NAME: &[u8] = b"\x13\x0cedwards25519";

/// A public key whose curve is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Public {
    /// For `CKM_ECDSA`.
    Secp256k1(PublicKey),
    /// For `CKM_EDDSA`.
    Ed25519(VerifyingKey),
}

impl Public {
    /// Reads CKA_EC_POINT of a key on the curve of CKA_EC_PARAMS; `None` for another curve or no point of it.
    pub(crate) fn read(params: &[u8], point: &[u8]) -> Option<Self> {
        if params == SECP256K1 {
            // Uncompressed in an octet string, or bare; a bare point starts with 04 too, and has 65 bytes.
            let bare = match point {
                [0x04, 0x41, rest @ ..] if rest.len() == 65 => rest,
                other => other,
            };
            if bare.len() != 65 || bare.first() != Some(&0x04) {
                return None;
            }
            return PublicKey::from_slice(bare).ok().map(Self::Secp256k1);
        }
        if params == ED25519 || params == ED25519_BY_NAME {
            let bare = match point {
                [0x04, 0x20, rest @ ..] if rest.len() == 32 => rest,
                other => other,
            };
            let key = VerifyingKey::from_bytes(bare.try_into().ok()?).ok()?;
            return (!key.is_weak()).then_some(Self::Ed25519(key));
        }
        None
    }

    /// The compressed point (33 bytes), or the 32 bytes of Ed25519.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Secp256k1(key) => key.serialize().to_vec(),
            Self::Ed25519(key) => key.to_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const G: [u8; 33] = [
        0x02, 0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87,
        0x0b, 0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16,
        0xf8, 0x17, 0x98,
    ];

    #[test]
    fn a_point_is_read_wrapped_or_bare() {
        let key = PublicKey::from_slice(&G).unwrap();
        let bare = key.serialize_uncompressed().to_vec();
        let wrapped = [&[0x04, 0x41], bare.as_slice()].concat();
        for point in [&bare, &wrapped] {
            assert_eq!(
                Public::read(&SECP256K1, point),
                Some(Public::Secp256k1(key))
            );
        }
        assert_eq!(Public::Secp256k1(key).to_bytes(), G);
        for point in [&wrapped[..66], &bare[..64], &G, &[], &wrapped[1..]] {
            assert_eq!(Public::read(&SECP256K1, point), None);
        }
        assert_eq!(Public::read(&[0x06, 0x01, 0x00], &bare), None);
    }

    #[test]
    fn a_weak_ed25519_point_is_refused() {
        let mut identity = [0_u8; 32];
        identity[0] = 1;
        assert_eq!(Public::read(&ED25519, &identity), None);
        let good = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        let wrapped = [&[0x04, 0x20], good.as_bytes().as_slice()].concat();
        assert_eq!(
            Public::read(&ED25519, &wrapped),
            Some(Public::Ed25519(good))
        );
        assert_eq!(
            Public::read(ED25519_BY_NAME, good.as_bytes()),
            Some(Public::Ed25519(good))
        );
    }
}
