//! Checks of Ed25519 signatures by tables of multiples.

use super::{Answer, Backend};

/// One key's multiples, of −A.
#[derive(Debug)]
pub(crate) struct Table;

impl Table {
    /// None only if not a point of the curve.
    pub(crate) fn new(_public_key: &[u8; 32]) -> Option<Self> {
        Some(Self)
    }
}

/// One signature to check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check<'a> {
    pub(crate) table: &'a Table,
    pub(crate) public_key: [u8; 32],
    pub(crate) r: [u8; 32],
    pub(crate) s: [u8; 32],
    pub(crate) message: &'a [u8],
}

/// Appends one answer for each check.
pub(crate) fn decide(_backend: Backend, checks: &[Check<'_>], answers: &mut Vec<Answer>) {
    answers.extend(checks.iter().map(|_| Answer::Undecided));
}
