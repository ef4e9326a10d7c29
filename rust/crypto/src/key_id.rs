//! The id that a key has by itself: SSH's fingerprint where SSH knows the key type, else the hash of its bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::error::KeyError;
use crate::key::Key;
use crate::scheme::Scheme;
use crate::ssh;

/// The id of a public key.
///
/// `SHA256:…` as `ssh-keygen -l` prints it for ed25519, P-256 and sshsig keys; otherwise the lower-case hex SHA-256 of
/// the key's canonical bytes (compressed point, x-only point, or address), so that one key has one id.
///
/// # Errors
/// `KeyError` where the key would not be enrolled.
pub fn key_id(scheme: Scheme, public_key: &[u8]) -> Result<String, KeyError> {
    Ok(match Key::parse(scheme, public_key)? {
        Key::Ed25519(key) => fingerprint(&ssh::ed25519_blob(key.as_bytes())),
        Key::EcdsaP256(key) => fingerprint(&ssh::p256_blob(key.uncompressed())),
        Key::Sshsig(key) => fingerprint(key.blob()),
        key @ (Key::EcdsaSecp256k1(_) | Key::Bip340(_) | Key::Ethereum(_)) => {
            hex::encode(Sha256::digest(key.to_bytes()))
        }
    })
}

fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}
