//! ECDSA over P-256 and SHA-256 of the message: 64-byte r‖s, either S, as key services and passkeys give both.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};

use crate::error::KeyError;
use crate::verdict::Verdict;

/// A checked P-256 key with its uncompressed form.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    key: ParsedPublicKey,
    point: [u8; 65],
}

impl Key {
    /// Reads a compressed (33 bytes) or uncompressed (65 bytes) point; no hybrid form, no identity.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        // AWS-LC would take DER too: the length and the first byte say that this is a point.
        match (bytes.len(), bytes.first()) {
            (33, Some(0x02 | 0x03)) | (65, Some(0x04)) => {}
            (33 | 65, _) => return Err(KeyError::Encoding("unknown first byte")),
            _ => return Err(KeyError::Length),
        }
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes)
            .map_err(|_| KeyError::NotOnCurve)?;
        // A SubjectPublicKeyInfo of a named curve ends with the uncompressed point.
        let der = key.as_der().map_err(|_| KeyError::NotOnCurve)?;
        let point = *der
            .as_ref()
            .last_chunk::<65>()
            .ok_or(KeyError::NotOnCurve)?;
        if point.first() != Some(&0x04) {
            return Err(KeyError::NotOnCurve);
        }
        Ok(Self { key, point })
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Verdict {
        if signature.len() != 64 {
            return Verdict::Malformed;
        }
        Verdict::of(self.key.verify_sig(message, signature).is_ok())
    }

    /// The canonical form: compressed.
    pub(crate) fn to_bytes(&self) -> [u8; 33] {
        let [_, coordinates @ ..] = &self.point;
        let (x, y) = coordinates.split_at(32);
        let odd = y.last().is_some_and(|byte| byte & 1 == 1);
        let mut bytes = [if odd { 0x03 } else { 0x02 }; 33];
        let [_, target @ ..] = &mut bytes;
        target.copy_from_slice(x);
        bytes
    }

    /// The form inside SSH keys: uncompressed.
    pub(crate) fn uncompressed(&self) -> &[u8; 65] {
        &self.point
    }
}
