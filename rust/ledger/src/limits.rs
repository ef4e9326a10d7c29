//! Limits: how much, or how often, in any window of time, for each value of a scope.
//!
//! A window never under-counts and over-counts by less than 1/1440 of its length; a clock that goes back changes
//! nothing; an edited limit keeps what was spent. The signer's caps use the same book.

mod book;
mod charges;
mod rule;
mod window;

pub use crate::subject::Subject;
pub use book::{Checked, Exceeded, LimitBook, LimitError};
pub use charges::Charges;
pub use rule::{Dimension, LimitRule, Over};
pub use window::Spent;
