//! Checks of Ed25519 signatures by tables of multiples: the verdicts of ed25519-dalek's `verify_strict`, and never undecided.
//!
//! RFC 8032 §5.1.7 without the cofactor: S < L, and the encoding of S·B − h·A is R byte for byte, where
//! h = SHA-512(R ‖ A ‖ M) mod L. A point's encoding is canonical, so that an R which is not, or is no point, equals none.

#[cfg(target_arch = "x86_64")]
mod encodings;
mod field;
#[cfg(target_arch = "x86_64")]
mod hashes;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod job;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod point;
mod portable;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sums;
mod table;
#[cfg(test)]
mod tests;

use job::Job;
pub(crate) use table::Table;

use super::{Answer, Backend};

/// One signature to check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check<'a> {
    /// Of `public_key`.
    pub(crate) table: &'a Table,
    /// A, as enrolled: it is hashed.
    pub(crate) public_key: [u8; 32],
    /// The signature's first half.
    pub(crate) r: [u8; 32],
    /// The signature's second half.
    pub(crate) s: [u8; 32],
    pub(crate) message: &'a [u8],
}

/// Appends one answer for each check.
pub(crate) fn decide(backend: Backend, checks: &[Check<'_>], answers: &mut Vec<Answer>) {
    let first = answers.len();
    answers.resize(first.saturating_add(checks.len()), Answer::Reject);
    let jobs = checks
        .iter()
        .enumerate()
        .filter_map(|(place, check)| Job::new(place, check))
        .collect::<Vec<_>>();
    let mut holds = Vec::with_capacity(jobs.len());
    match backend {
        #[cfg(target_arch = "x86_64")]
        Backend::Ifma(ifma) => ifma::decide(ifma, &jobs, &mut holds),
        _ => portable::decide(&jobs, &mut holds),
    }
    for (job, holds) in jobs.iter().zip(holds) {
        if let Some(answer) = answers.get_mut(first.saturating_add(job.place))
            && holds
        {
            *answer = Answer::Accept;
        }
    }
}
