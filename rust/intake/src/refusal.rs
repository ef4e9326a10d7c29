//! What prepare refuses: a whole request without form, or one item with its tag.

use custody_ledger::{Candidate, Name128, Remedy};

/// A request that cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The field.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl Malformed {
    pub(crate) fn new(field: &str, reason: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.into(),
        }
    }
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for Malformed {}

/// One item that is INVALID: nothing is consumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// As in the intent; empty when it could not be read.
    pub reference: String,
    pub tag: &'static str,
    pub detail: String,
    pub remedy: Remedy,
    /// Which intent it is, once its bytes could be read and are the caller's own.
    pub id: Option<Box<IntentId>>,
}

/// What tells one intent from all others, whatever policy and keys say of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IntentId {
    pub reference: String,
    pub key: Name128,
    pub attempt: u32,
    pub intent_sha256: [u8; 32],
}

impl IntentId {
    /// That of a candidate.
    pub fn of(candidate: &Candidate) -> Self {
        Self {
            reference: String::from(&*candidate.reference),
            key: candidate.key,
            attempt: candidate.attempt,
            intent_sha256: candidate.intent_sha256,
        }
    }
}

impl Refusal {
    /// A refusal that the client can correct.
    pub fn fix(tag: &'static str, detail: impl Into<String>) -> Self {
        Self {
            reference: String::new(),
            tag,
            detail: detail.into(),
            remedy: Remedy::Fix,
            id: None,
        }
    }

    /// The same, of this reference.
    pub fn of(mut self, reference: &str) -> Self {
        reference.clone_into(&mut self.reference);
        self
    }

    /// The same, of a candidate's intent.
    pub fn of_candidate(self, candidate: &Candidate) -> Self {
        self.of(&candidate.reference)
            .of_intent(IntentId::of(candidate))
    }

    /// The same, of this intent.
    pub fn of_intent(mut self, id: IntentId) -> Self {
        self.id = Some(Box::new(id));
        self
    }
}
