//! Why a key was refused, or one verification failed; per-item outcomes of a batch are `Verdict`s, never errors.

use thiserror::Error;

/// Why a key cannot be read, enrolled or revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The public key has none of the lengths of its scheme.
    #[error("the public key has the wrong length for its scheme")]
    Length,
    /// The encoding is not the one its scheme allows (prefix byte, non-canonical coordinate, text form).
    #[error("the public key is not in its scheme's canonical encoding: {0}")]
    Encoding(&'static str),
    /// The bytes do not name a point of the curve.
    #[error("the public key is not a point of its scheme's curve")]
    NotOnCurve,
    /// A point of small order: anyone can sign for it.
    #[error("the public key has small order")]
    SmallOrder,
    /// The SSH key type is not one that its scheme allows (certificates never are).
    #[error("the SSH key type is not allowed for its scheme")]
    KeyType,
    /// The key id is empty or longer than `MAX_KEY_ID_LEN` bytes.
    #[error("the key id is empty or too long")]
    KeyId,
    /// A key is already enrolled under this id.
    #[error("a key is already enrolled under this id")]
    AlreadyEnrolled,
    /// No key is enrolled under this id.
    #[error("no key is enrolled under this id")]
    NotEnrolled,
}

/// A number of threads that no batch is split over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a batch is split over 1 to 64 threads")]
pub struct ThreadsError;

/// Why `verify_one` refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The key itself is not a valid, safe key of its scheme.
    #[error("invalid public key: {0}")]
    InvalidPublicKey(#[from] KeyError),
    /// The signature does not verify for this key and message.
    #[error("the signature does not verify")]
    InvalidSignature,
}
