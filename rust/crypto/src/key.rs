//! A public key that was read and checked once, with everything that its scheme's verification needs.

use crate::error::{KeyError, VerifyError};
use crate::scheme::{Scheme, bip340, ecdsa_p256, ecdsa_secp256k1, ed25519, ethereum, sshsig};
use crate::verdict::Verdict;

/// One checked key of any scheme.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Ed25519(ed25519::Key),
    EcdsaSecp256k1(ecdsa_secp256k1::Key),
    EcdsaP256(ecdsa_p256::Key),
    Bip340(bip340::Key),
    Ethereum(ethereum::Key),
    Sshsig(sshsig::Key),
}

impl Key {
    pub(crate) fn parse(scheme: Scheme, public_key: &[u8]) -> Result<Self, KeyError> {
        Ok(match scheme {
            Scheme::Ed25519 => Self::Ed25519(ed25519::Key::parse(public_key)?),
            Scheme::EcdsaSecp256k1Sha256 => {
                Self::EcdsaSecp256k1(ecdsa_secp256k1::Key::parse(public_key)?)
            }
            Scheme::EcdsaP256Sha256 => Self::EcdsaP256(ecdsa_p256::Key::parse(public_key)?),
            Scheme::Bip340 => Self::Bip340(bip340::Key::parse(public_key)?),
            Scheme::Ethereum => Self::Ethereum(ethereum::Key::parse(public_key)?),
            Scheme::Sshsig => Self::Sshsig(sshsig::Key::parse(public_key)?),
        })
    }

    pub(crate) const fn scheme(&self) -> Scheme {
        match self {
            Self::Ed25519(_) => Scheme::Ed25519,
            Self::EcdsaSecp256k1(_) => Scheme::EcdsaSecp256k1Sha256,
            Self::EcdsaP256(_) => Scheme::EcdsaP256Sha256,
            Self::Bip340(_) => Scheme::Bip340,
            Self::Ethereum(_) => Scheme::Ethereum,
            Self::Sshsig(_) => Scheme::Sshsig,
        }
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Verdict {
        match self {
            Self::Ed25519(key) => key.verify(message, signature),
            Self::EcdsaSecp256k1(key) => key.verify(message, signature),
            Self::EcdsaP256(key) => key.verify(message, signature),
            Self::Bip340(key) => key.verify(message, signature),
            Self::Ethereum(key) => key.verify(message, signature),
            Self::Sshsig(key) => key.verify(message, signature),
        }
    }

    /// The canonical bytes of the key: the compressed form where a scheme has two.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.as_bytes().to_vec(),
            Self::EcdsaSecp256k1(key) => key.to_bytes().to_vec(),
            Self::EcdsaP256(key) => key.to_bytes().to_vec(),
            Self::Bip340(key) => key.to_bytes().to_vec(),
            Self::Ethereum(key) => key.to_bytes(),
            Self::Sshsig(key) => key.blob().to_vec(),
        }
    }
}

/// Verifies one signature by a key that is not enrolled.
///
/// # Errors
/// `InvalidPublicKey` where the key would not be enrolled, `InvalidSignature` for everything that is not `Valid`.
pub fn verify_one(
    scheme: Scheme,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    match Key::parse(scheme, public_key)?.verify(message, signature) {
        Verdict::Valid => Ok(()),
        Verdict::Invalid | Verdict::UnknownKey | Verdict::Malformed => {
            Err(VerifyError::InvalidSignature)
        }
    }
}
