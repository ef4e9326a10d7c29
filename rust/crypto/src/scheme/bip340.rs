//! BIP 340 Schnorr signatures over the bytes given, of any length.

use std::sync::LazyLock;

use secp256k1::schnorr::Signature;
use secp256k1::{Parity, PublicKey, SECP256K1, XOnlyPublicKey};
use sha2::{Digest as _, Sha256};

use crate::error::KeyError;
use crate::fixed_base::secp256k1::{Check, Rule, Table};
use crate::task::{Task, halves};
use crate::verdict::Verdict;

/// BIP 340's tagged hash of the challenge, its first block (the tag's hash, twice) already taken.
static CHALLENGE: LazyLock<Sha256> = LazyLock::new(|| {
    let tag = Sha256::digest(b"BIP0340/challenge");
    Sha256::new().chain_update(tag).chain_update(tag)
});

/// A checked x-only key.
#[derive(Clone, Debug)]
pub(crate) struct Key(XOnlyPublicKey);

impl Key {
    /// Reads 32 bytes: an x below p of a point of the curve.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Length)?;
        let key = XOnlyPublicKey::from_byte_array(bytes).map_err(|_| KeyError::NotOnCurve)?;
        Ok(Self(key))
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Verdict {
        let Ok(signature) = <[u8; 64]>::try_from(signature) else {
            return Verdict::Malformed;
        };
        let signature = Signature::from_byte_array(signature);
        Verdict::of(
            SECP256K1
                .verify_schnorr(&signature, message, &self.0)
                .is_ok(),
        )
    }

    /// The engine's check of one item, its challenge hashed; all rules but the length are the engine's.
    pub(crate) fn task<'a>(&self, table: &'a Table, message: &[u8], signature: &[u8]) -> Task<'a> {
        let Ok(signature) = <&[u8; 64]>::try_from(signature) else {
            return Task::Done(Verdict::Malformed);
        };
        let (r, s) = halves(signature);
        let mut hash = CHALLENGE.clone();
        hash.update(r);
        hash.update(self.0.serialize());
        hash.update(message);
        Task::Secp256k1(Check {
            table,
            rule: Rule::Schnorr,
            hash: hash.finalize().into(),
            r,
            s,
        })
    }

    /// The point of this x whose y is even, as BIP 340 lifts it.
    pub(crate) fn point(&self) -> PublicKey {
        self.0.public_key(Parity::Even)
    }

    pub(crate) fn to_bytes(&self) -> [u8; 32] {
        self.0.serialize()
    }
}
