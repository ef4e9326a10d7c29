//! Limits: how much, or how often, in any window of time, for each value of a scope.
//!
//! A window never under-counts and over-counts by less than 1/1440 of its length; a clock that goes back changes
//! nothing; an edited limit keeps what was spent. The signer's caps use the same book.
//!
//! Limits that count the same withdrawals under the same keys share one tally: one look-up and one list of events
//! serve all their windows. A key with few events costs one record; a busy one has buckets for each window.

mod ahead;
mod book;
mod covers;
mod explain;
mod index;
mod key;
mod plan;
mod rule;
mod serial;
mod shelf;
pub(crate) mod stored;
mod tally;
mod track;
mod verdict;
mod window;

pub use book::LimitBook;
pub use covers::Charges;
pub use explain::{Clause, Failing};
pub use plan::Plan;
pub use rule::{Dimension, LimitRule, Over, Span};
pub use verdict::{Checked, Exceeded, LimitError};
pub use window::Spent;
