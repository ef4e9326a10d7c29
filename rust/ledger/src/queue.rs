//! The queue: which withdrawals are paid next, and why the others wait.
//!
//! **Order** is one number, the moment at which a withdrawal is due: since when it waits, an ECONOMY one an hour and a
//! STANDARD one ten minutes later than an EXPEDITED one, and `SPACING_MS` later for each that its customer had queued
//! in the wallet before it, at most `MAX_SHARE` of them. So, whatever comes:
//!
//! - none is overtaken by what came 25 hours later (an hour of class, a day of share);
//! - before one that is due at T there stand at most 1 + (T - s) / `SPACING_MS` of any other customer, s being when the
//!   last of them that came would be due by age and class alone: a flood delays others by one withdrawal for each
//!   minute that they come after it, for a day. What is then left of it is older than anybody's, and goes first.
//!
//! **What cannot be paid now** is passed over, but once it has queued for `PATIENCE_MS` the funds that there are are
//! kept for it, from those behind it that have queued for less. So a small one never waits more than `PATIENCE_MS`
//! because of a large one; and a large one is paid by the first funds that suffice for it and for what is due before
//! it, at once or within `PATIENCE_MS`, and from when it is due nothing new comes before it.
//!
//! **Estimates** of when one is paid come from how long others in its wallet really took lately.

mod blockers;
mod ledger;
mod lines;
mod place;
mod reach;
mod saved;
mod seats;
mod selection;
mod service;
mod shares;
#[cfg(test)]
mod tests;
mod tree;

pub use blockers::Blocker;
pub use ledger::{FeeBudget, PayoutBounds};
pub use lines::{Party, Queue, Stage};
pub use place::{MAX_SHARE, PATIENCE_MS, Place, Places, SPACING_MS};
pub use selection::{Bounds, Funds, Weight};
pub use service::Eta;
