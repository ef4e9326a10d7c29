//! What the token, or its caller, did wrong. No message ever holds a PIN.

use cryptoki::error::Error;
use thiserror::Error as ThisError;

/// Why a call was not done.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum HsmError {
    /// The caller gave what is never sent to a token.
    #[error("{field}: {reason}")]
    Malformed {
        /// The argument.
        field: &'static str,
        /// A sentence for people.
        reason: String,
    },
    /// The token refused or failed.
    #[error("{0}")]
    Failed(String),
}

impl HsmError {
    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }

    /// Says what was being done when the token answered with an error.
    pub(crate) fn during(what: impl std::fmt::Display) -> impl FnOnce(Error) -> Self {
        move |error| {
            let code = match error {
                // The long form is a paragraph of the standard.
                Error::Pkcs11(code, function) => format!("{function:?} answered {code:?}"),
                other => other.to_string(),
            };
            Self::Failed(format!("{what}: {code}; the session was dropped"))
        }
    }
}
