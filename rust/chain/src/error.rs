//! What can be wrong with an address, an asset, a plan or a transaction.

use thiserror::Error;

/// Why something was refused. Nothing here is transient: the same input is refused again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChainError {
    /// The input does not have its form, or its form is one that is never built or signed.
    #[error("{field}: {reason}")]
    Malformed {
        /// The field that is wrong.
        field: &'static str,
        /// A sentence for people.
        reason: String,
    },
    /// The signature is not the sender's over exactly these bytes.
    #[error("{0}")]
    InvalidSignature(String),
}

impl ChainError {
    pub(crate) fn malformed(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed {
            field,
            reason: reason.into(),
        }
    }
}
