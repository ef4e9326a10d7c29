//! Why a call did nothing: a rule refused, the input has no form, or the ledger is broken.

use std::fmt;

/// A rule's refusal: a stable tag of [`crate::tags`], and what it refused, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Listed in `tags`.
    pub tag: &'static str,
    /// For people; no part of it is stable.
    pub detail: String,
}

/// Why a call did nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerError {
    /// A rule said no.
    Denied(Denial),
    /// The input does not have its form: the field, and the reason.
    Malformed(String, String),
    /// A state that must not exist; from then on every call answers this.
    Broken(String),
}

impl LedgerError {
    pub(crate) fn denied(tag: &'static str, detail: impl Into<String>) -> Self {
        Self::Denied(Denial {
            tag,
            detail: detail.into(),
        })
    }

    pub(crate) fn malformed(field: &str, reason: impl Into<String>) -> Self {
        Self::Malformed(field.to_owned(), reason.into())
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denial) => write!(f, "{}: {}", denial.tag, denial.detail),
            Self::Malformed(field, reason) => write!(f, "{field}: {reason}"),
            Self::Broken(reason) => write!(f, "the ledger is broken: {reason}"),
        }
    }
}

impl std::error::Error for LedgerError {}
