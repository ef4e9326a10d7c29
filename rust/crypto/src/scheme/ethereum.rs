//! Ethereum's recoverable ECDSA over a 32-byte digest: r‖s‖v with low S, by an address or a public key.

use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SECP256K1};
use sha3::{Digest as _, Keccak256};

use super::ecdsa_secp256k1;
use crate::error::KeyError;
use crate::verdict::Verdict;

/// A checked key: 20-byte address or secp256k1 point.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Address([u8; 20]),
    Point(ecdsa_secp256k1::Key),
}

impl Key {
    /// Reads a 20-byte address other than zero, or a 33- or 65-byte public key.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let Ok(address) = <[u8; 20]>::try_from(bytes) else {
            return ecdsa_secp256k1::Key::parse(bytes).map(Self::Point);
        };
        if address == [0; 20] {
            return Err(KeyError::Encoding("the zero address is nobody's key"));
        }
        Ok(Self::Address(address))
    }

    /// Recovers the signer and compares. v = 0 or 1 leaves one candidate, R.x = r; r + n is never tried.
    pub(crate) fn verify(&self, digest: &[u8], signature: &[u8]) -> Verdict {
        let (Ok(digest), Some((compact, [v]))) = (
            <[u8; 32]>::try_from(digest),
            signature.split_first_chunk::<64>(),
        ) else {
            return Verdict::Malformed;
        };
        let id = match v {
            0 | 27 => RecoveryId::Zero,
            1 | 28 => RecoveryId::One,
            _ => return Verdict::Invalid,
        };
        let Ok(signature) = RecoverableSignature::from_compact(compact, id) else {
            return Verdict::Invalid;
        };
        let plain = signature.to_standard();
        let mut low = plain;
        low.normalize_s();
        if low != plain {
            return Verdict::Invalid;
        }
        let Ok(point) = SECP256K1.recover_ecdsa(Message::from_digest(digest), &signature) else {
            return Verdict::Invalid;
        };
        Verdict::of(match self {
            Self::Address(address) => address_of(&point).as_ref() == Some(address),
            Self::Point(key) => *key.point() == point,
        })
    }

    /// The canonical form: the address, or the compressed point.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Address(address) => address.to_vec(),
            Self::Point(key) => key.to_bytes().to_vec(),
        }
    }
}

/// The last 20 bytes of Keccak-256 over the point's two coordinates.
fn address_of(point: &PublicKey) -> Option<[u8; 20]> {
    let uncompressed = point.serialize_uncompressed();
    let (_, coordinates) = uncompressed.split_first()?;
    Keccak256::digest(coordinates)
        .as_slice()
        .last_chunk::<20>()
        .copied()
}

/// Whether the 40 hex digits are all of one case, or mixed exactly as EIP-55 says.
pub(crate) fn checksum_holds(digits: &str) -> bool {
    let lower = digits.to_ascii_lowercase();
    if digits == lower || digits == digits.to_ascii_uppercase() {
        return true;
    }
    let hash = hex::encode(Keccak256::digest(lower.as_bytes()));
    digits.bytes().zip(hash.bytes()).all(|(digit, nibble)| {
        !digit.is_ascii_alphabetic()
            || digit.is_ascii_uppercase() == matches!(nibble, b'8'..=b'9' | b'a'..=b'f')
    })
}
