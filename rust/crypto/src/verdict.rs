//! What became of one signature: four outcomes, of which exactly one means that money may move.

/// The outcome for one item of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Verdict {
    /// The signature is the enrolled key's, over exactly this message, by every rule of its scheme.
    Valid,
    /// The signature has its scheme's form and does not verify, or breaks a rule of the scheme.
    Invalid,
    /// No key is enrolled under this id (any more).
    UnknownKey,
    /// The signature, or the message where its scheme fixes a length, does not have its scheme's form.
    Malformed,
}

impl Verdict {
    /// `Valid` or `Invalid`, from a check of a well-formed signature.
    pub(crate) const fn of(valid: bool) -> Self {
        if valid { Self::Valid } else { Self::Invalid }
    }

    /// Whether this is `Valid`: the only outcome that lets anything happen.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Valid)
    }
}
