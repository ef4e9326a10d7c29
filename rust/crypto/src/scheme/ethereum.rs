//! Ethereum's recoverable ECDSA over a 32-byte digest: r‖s‖v with low S, by an address or a public key.

use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SECP256K1};
use sha3::{Digest as _, Keccak256};

use super::ecdsa_secp256k1;
use crate::error::KeyError;
use crate::fixed_base::secp256k1::{Check, Rule, Table};
use crate::task::{Task, halves};
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

    /// Whether this key is the signer.
    pub(crate) fn verify(&self, digest: &[u8], signature: &[u8]) -> Verdict {
        match self.signer(digest, signature) {
            Ok(_) => Verdict::Valid,
            Err(verdict) => verdict,
        }
    }

    /// Recovers the signer, compares, and gives the point only where it is this key's.
    ///
    /// v = 0 or 1 leaves one candidate, R.x = r; r + n is never tried.
    pub(crate) fn signer(&self, digest: &[u8], signature: &[u8]) -> Result<PublicKey, Verdict> {
        let (digest, compact, odd) = parse(digest, signature)?;
        let id = if odd {
            RecoveryId::One
        } else {
            RecoveryId::Zero
        };
        let signature =
            RecoverableSignature::from_compact(compact, id).map_err(|_| Verdict::Invalid)?;
        let plain = signature.to_standard();
        let mut low = plain;
        low.normalize_s();
        if low != plain {
            return Err(Verdict::Invalid);
        }
        let point = SECP256K1
            .recover_ecdsa(Message::from_digest(digest), &signature)
            .map_err(|_| Verdict::Invalid)?;
        let is_ours = match self {
            Self::Address(address) => address_of(&point).as_ref() == Some(address),
            Self::Point(key) => *key.point() == point,
        };
        if is_ours {
            Ok(point)
        } else {
            Err(Verdict::Invalid)
        }
    }

    /// The canonical form: the address, or the compressed point.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Address(address) => address.to_vec(),
            Self::Point(key) => key.to_bytes().to_vec(),
        }
    }
}

/// The digest, r‖s, and whether R's y is odd; the verdict where the form or v alone decides.
fn parse<'a>(
    digest: &[u8],
    signature: &'a [u8],
) -> Result<([u8; 32], &'a [u8; 64], bool), Verdict> {
    let (Ok(digest), Some((compact, [v]))) = (
        <[u8; 32]>::try_from(digest),
        signature.split_first_chunk::<64>(),
    ) else {
        return Err(Verdict::Malformed);
    };
    match v {
        0 | 27 => Ok((digest, compact, false)),
        1 | 28 => Ok((digest, compact, true)),
        _ => Err(Verdict::Invalid),
    }
}

/// The engine's check of one item: s·R = z·G + r·Q for the R of this x and parity says that recovery would give Q.
pub(crate) fn task<'a>(table: &'a Table, digest: &[u8], signature: &[u8]) -> Task<'a> {
    let (hash, compact, odd) = match parse(digest, signature) {
        Ok(parsed) => parsed,
        Err(verdict) => return Task::Done(verdict),
    };
    let (r, s) = halves(compact);
    Task::Secp256k1(Check {
        table,
        rule: Rule::Recoverable { odd },
        hash,
        r,
        s,
    })
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
