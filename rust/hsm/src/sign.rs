//! Signatures: asked of the token, verified by a library that shares no code with it, and only then released.

use std::sync::atomic::Ordering;

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use secp256k1::ecdsa::Signature;
use secp256k1::{Message, PublicKey, Secp256k1, VerifyOnly};
use std::sync::LazyLock;

use crate::error::HsmError;
use crate::keys::Key;
use crate::lock;
use crate::nonces::RecentNonces;
use crate::point::Public;
use crate::token::Token;

static SECP: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

impl Token {
    /// Signs a 32-byte digest with a secp256k1 key: r ‖ s, low-S, verified.
    ///
    /// # Errors
    /// `Malformed` when the digest does not have 32 bytes (tokens sign any length); `Failed` when the token does, its
    /// signature is not the key's, or its `r` repeats. The token may have signed although this fails.
    pub fn sign_digest(&self, key_label: &str, digest: &[u8]) -> Result<[u8; 64], HsmError> {
        let digest = <&[u8; 32]>::try_from(digest).map_err(|_| HsmError::Malformed {
            field: "digest",
            reason: format!("must have 32 bytes, has {}", digest.len()),
        })?;
        self.with_key(key_label, |key, sign| {
            let Public::Secp256k1(public) = &key.public else {
                return Err(HsmError::failed(format!(
                    "{} is not on secp256k1",
                    self.name(key_label)
                )));
            };
            lock(&key.nonces).check(key_label)?;
            let raw = sign(&Mechanism::Ecdsa, digest)?;
            release(key_label, public, &mut lock(&key.nonces), digest, &raw)
        })
    }

    /// Signs a message with an Ed25519 key (pure Ed25519, RFC 8032), verified strictly.
    ///
    /// # Errors
    /// `Failed` when the token does or its signature is not the key's.
    pub fn sign_ed25519(&self, key_label: &str, message: &[u8]) -> Result<[u8; 64], HsmError> {
        self.with_key(key_label, |key, sign| {
            let Public::Ed25519(public) = &key.public else {
                return Err(HsmError::failed(format!(
                    "{} is not an Ed25519 key",
                    self.name(key_label)
                )));
            };
            let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
            let raw = sign(&pure, message)?;
            let signature = <[u8; 64]>::try_from(raw.as_slice()).map_err(|_| invalid(key_label))?;
            public
                .verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature))
                .map_err(|_| invalid(key_label))?;
            Ok(signature)
        })
    }

    /// Runs `work` with the key and a function that asks the token for one signature; after an error the key's handle
    /// is forgotten with the session.
    fn with_key(
        &self,
        key_label: &str,
        work: impl FnOnce(
            &Key,
            &dyn Fn(&Mechanism<'_>, &[u8]) -> Result<Vec<u8>, HsmError>,
        ) -> Result<[u8; 64], HsmError>,
    ) -> Result<[u8; 64], HsmError> {
        self.with_session(|session| {
            let key = self.key(session, key_label)?;
            let done = work(&key, &|mechanism, data| {
                let handle = self.private_handle(session, &key)?;
                self.signature_calls.fetch_add(1, Ordering::SeqCst);
                session
                    .sign(mechanism, handle, data)
                    .map_err(HsmError::during(format!(
                        "signing with {}",
                        self.name(key_label)
                    )))
            });
            if done.is_err() {
                *lock(&key.private) = None;
            }
            done
        })
    }
}

/// The one door through which an ECDSA signature leaves.
fn release(
    key_label: &str,
    public: &PublicKey,
    nonces: &mut RecentNonces,
    digest: &[u8; 32],
    raw: &[u8],
) -> Result<[u8; 64], HsmError> {
    let mut signature = Signature::from_compact(raw).map_err(|_| invalid(key_label))?;
    // Tokens give high-S for half of all signatures; libsecp256k1 and EIP-2 take low-S alone.
    signature.normalize_s();
    SECP.verify_ecdsa(Message::from_digest(*digest), &signature, public)
        .map_err(|_| invalid(key_label))?;
    let signature = signature.serialize_compact();
    nonces.remember(key_label, signature.split_at(32).0, digest)?;
    Ok(signature)
}

fn invalid(key_label: &str) -> HsmError {
    HsmError::failed(format!(
        "the token's signature is not one of key {key_label}; it was not released"
    ))
}
