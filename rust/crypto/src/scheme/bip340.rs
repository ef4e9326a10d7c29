//! BIP 340 Schnorr signatures over the bytes given, of any length.

use secp256k1::schnorr::Signature;
use secp256k1::{SECP256K1, XOnlyPublicKey};

use crate::error::KeyError;
use crate::verdict::Verdict;

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

    pub(crate) fn to_bytes(&self) -> [u8; 32] {
        self.0.serialize()
    }
}
