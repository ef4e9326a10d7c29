//! Checks of secp256k1 signatures by tables of multiples: R = u₁·G + u₂·P as 64 entries, added many signatures at once.

mod check;
#[cfg(target_arch = "x86_64")]
mod columns;
mod field;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod inverse;
mod lanes;
mod recode;
mod scalar;
mod sum;
mod table;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vector;

pub(crate) use check::{Check, Rule};
pub(crate) use table::Table;

use super::{Answer, Backend};
use lanes::Portable;

/// Appends one answer for each check, in order: what the strict single verifier would say, or `Undecided`.
///
/// All rules are here: r and s in their ranges, low S for ECDSA, both candidates of x for `Rule::Ecdsa`, parity of y.
pub(crate) fn decide(backend: Backend, checks: &[Check<'_>], answers: &mut Vec<Answer>) {
    match backend {
        #[cfg(target_arch = "x86_64")]
        Backend::Ifma(ifma) => vector::decide(ifma, checks, answers),
        // Where there is no IFMA, nothing makes the other variant.
        _ => check::decide(Portable, checks, answers),
    }
}
