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

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    const PUBLIC: &str = "024bc2a31265153f07e70e0bab08724e6b85e217f8cd628ceb62974247bb493382";
    /// One r over the digests 11… and 22…, both of this key and both high-S: computed from a chosen k, elsewhere.
    const OVER_11: &str = "9377c312145a5afb911bf9e8c067bcf6094c533603687850df502b61290bbf5e\
                           c2aaf624d0ec9485d152fd1391a9b176fe5d94389600d0416bd56d5a52df0a4b";
    const OVER_22: &str = "9377c312145a5afb911bf9e8c067bcf6094c533603687850df502b61290bbf5e\
                           8bc082e4a2d8675638ac8ce039c03f6fe48e9f1b73cde008b7f8148bb8cdcd4d";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    fn try_release(
        nonces: &mut RecentNonces,
        digest: u8,
        raw: &[u8],
    ) -> Result<[u8; 64], HsmError> {
        let public = PublicKey::from_slice(&bytes(PUBLIC)).unwrap();
        release("hot", &public, nonces, &[digest; 32], raw)
    }

    #[test]
    fn a_high_s_signature_leaves_low() {
        let raw = bytes(OVER_11);
        let released = try_release(&mut RecentNonces::default(), 0x11, &raw).unwrap();
        assert_eq!(released[..32], raw[..32]);
        assert!(released[32] < 0x80 && raw[32] >= 0x80);
    }

    #[test]
    fn a_wrong_signature_does_not_leave_and_is_not_remembered() {
        let mut nonces = RecentNonces::default();
        let good = bytes(OVER_11);
        let refused = |nonces: &mut RecentNonces, digest: u8, raw: &[u8]| {
            let error = try_release(nonces, digest, raw).unwrap_err();
            assert!(error.to_string().contains("not released"), "{error}");
        };
        for at in 0..64 {
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            refused(&mut nonces, 0x11, &flipped);
        }
        refused(&mut nonces, 0x11, &good[..63]);
        refused(&mut nonces, 0x11, &[0; 64]);
        refused(&mut nonces, 0x11, &[0xff; 64]);
        refused(&mut nonces, 0x11, &[]);
        // An earlier signature, over another digest.
        refused(&mut nonces, 0x22, &good);
        assert!(try_release(&mut nonces, 0x11, &good).is_ok());
    }

    #[test]
    fn a_valid_signature_with_a_repeated_r_does_not_leave() {
        let mut nonces = RecentNonces::default();
        let first = try_release(&mut nonces, 0x11, &bytes(OVER_11)).unwrap();
        // The very same signature again tells nobody anything.
        assert_eq!(
            try_release(&mut nonces, 0x11, &bytes(OVER_11)).unwrap(),
            first
        );
        let error = try_release(&mut nonces, 0x22, &bytes(OVER_22)).unwrap_err();
        assert!(error.to_string().contains("repeated r"), "{error}");
        assert!(
            try_release(&mut nonces, 0x11, &bytes(OVER_11)).is_err(),
            "quarantined for good"
        );
        assert!(try_release(&mut RecentNonces::default(), 0x22, &bytes(OVER_22)).is_ok());
    }
}
