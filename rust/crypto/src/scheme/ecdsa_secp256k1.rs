//! ECDSA over secp256k1 and SHA-256 of the message: 64-byte r‖s, low S alone, so that a signature has no twin.

use secp256k1::ecdsa::Signature;
use secp256k1::{Message, PublicKey, SECP256K1};
use sha2::{Digest as _, Sha256};

use crate::error::KeyError;
use crate::fixed_base::secp256k1::{Check, Rule, Table};
use crate::task::{Task, halves};
use crate::verdict::Verdict;

/// A checked secp256k1 key.
#[derive(Clone, Debug)]
pub(crate) struct Key(PublicKey);

impl Key {
    /// Reads a compressed (33 bytes) or uncompressed (65 bytes) point; no hybrid form, no identity.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        match (bytes.len(), bytes.first()) {
            (33, Some(0x02 | 0x03)) | (65, Some(0x04)) => {}
            (33 | 65, _) => return Err(KeyError::Encoding("unknown first byte")),
            _ => return Err(KeyError::Length),
        }
        let key = PublicKey::from_slice(bytes).map_err(|_| KeyError::NotOnCurve)?;
        Ok(Self(key))
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Verdict {
        if signature.len() != 64 {
            return Verdict::Malformed;
        }
        // r or s at or above n is refused here; zero and high S are refused by the verification.
        let Ok(signature) = Signature::from_compact(signature) else {
            return Verdict::Invalid;
        };
        let digest = Message::from_digest(Sha256::digest(message).into());
        Verdict::of(SECP256K1.verify_ecdsa(digest, &signature, &self.0).is_ok())
    }

    /// The canonical form: compressed.
    pub(crate) fn to_bytes(&self) -> [u8; 33] {
        self.0.serialize()
    }

    pub(crate) fn point(&self) -> &PublicKey {
        &self.0
    }
}

/// The engine's check of one item; all rules but the length are the engine's.
pub(crate) fn task<'a>(table: &'a Table, message: &[u8], signature: &[u8]) -> Task<'a> {
    let Ok(signature) = <&[u8; 64]>::try_from(signature) else {
        return Task::Done(Verdict::Malformed);
    };
    let (r, s) = halves(signature);
    Task::Secp256k1(Check {
        table,
        rule: Rule::Ecdsa,
        hash: Sha256::digest(message).into(),
        r,
        s,
    })
}
