//! RFC 8032 Ed25519, strict and cofactorless: canonical A, R and S, no small order; one signature has one verdict.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::error::KeyError;
use crate::fixed_base::curve25519::{Check, Table};
use crate::task::{Task, halves};
use crate::verdict::Verdict;

/// A checked Ed25519 key.
#[derive(Clone, Debug)]
pub(crate) struct Key(VerifyingKey);

impl Key {
    /// Reads 32 bytes: y < p, on the curve, not of small order.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError::Length)?;
        // Decompression takes y modulo p; a second encoding of the same point would be a second id of one key.
        // (The other non-canonical form, x = 0 with the sign bit, exists for y = ±1 alone: both of small order.)
        if !y_is_canonical(bytes) {
            return Err(KeyError::Encoding("y is not below 2^255 - 19"));
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotOnCurve)?;
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self(key))
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Verdict {
        let Ok(signature) = <&[u8; 64]>::try_from(signature) else {
            return Verdict::Malformed;
        };
        // verify_strict compares R by its bytes (hence canonical, cofactorless) and refuses S >= L and small order.
        let signature = Signature::from_bytes(signature);
        Verdict::of(self.0.verify_strict(message, &signature).is_ok())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// The engine's check of one item; all rules but the length are the engine's.
pub(crate) fn task<'a>(
    table: &'a Table,
    public_key: &[u8; 32],
    message: &'a [u8],
    signature: &[u8],
) -> Task<'a> {
    let Ok(signature) = <&[u8; 64]>::try_from(signature) else {
        return Task::Done(Verdict::Malformed);
    };
    let (r, s) = halves(signature);
    Task::Curve25519(Check {
        table,
        public_key: *public_key,
        r,
        s,
        message,
    })
}

/// Whether the low 255 bits, little-endian, are below p = 2^255 - 19.
fn y_is_canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    let at_least_p = *low >= 0xed && middle.iter().all(|byte| *byte == 0xff) && high & 0x7f == 0x7f;
    !at_least_p
}
