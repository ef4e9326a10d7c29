//! What the book says of an event: whether it passes, and the limit that it does not pass.

use std::fmt;

use crate::limits::covers::Charges;
use crate::limits::explain::Failing;
use crate::limits::rule::Span;
use crate::limits::window::Spent;
use crate::symbols::Symbol;

/// Whether an event passes all limits that cover it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It does.
    Pass {
        /// To charge it to.
        charges: Charges,
    },
    /// No limit denies it.
    Hold {
        /// The limit that holds it: the first by id.
        exceeded: Exceeded,
        /// To charge it to.
        charges: Charges,
    },
    /// It is denied.
    Deny {
        /// The limit that denies it: the first by id.
        exceeded: Exceeded,
    },
}

/// The limit that an event does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// The limit's id.
    pub limit: Symbol,
    /// The clause that fails.
    pub failing: Failing,
    /// For how long an event counts.
    pub span: Span,
    /// What already counts.
    pub spent: Spent,
    /// The bound on base units.
    pub amount: Option<u128>,
    /// The bound on withdrawals.
    pub count: Option<u64>,
    /// The earliest time, unix ms, at which no limit would deny it any more (when this one denies), or none would hold
    /// it either (when this one holds), if nothing else were charged; `None` when it never passes.
    pub earliest_pass_ms: Option<u64>,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.amount, self.count) {
            (Some(amount), Some(count)) => write!(
                f,
                "at most {amount} base units and {count} withdrawals {}, of which {} and {} are used",
                self.span, self.spent.amount, self.spent.count
            ),
            (Some(amount), None) => write!(
                f,
                "at most {amount} base units {}, of which {} are used",
                self.span, self.spent.amount
            ),
            (_, count) => write!(
                f,
                "at most {} withdrawals {}, of which {} are used",
                count.unwrap_or(0),
                self.span,
                self.spent.count
            ),
        }
    }
}

/// Why the book cannot count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitError {
    /// No limit has this id.
    Unknown(Symbol),
    /// What is spent under this limit would exceed its type.
    Overflow(Symbol),
}

impl LimitError {
    /// The limit.
    #[must_use]
    pub fn limit(&self) -> Symbol {
        match self {
            Self::Unknown(limit) | Self::Overflow(limit) => *limit,
        }
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown(_) => "no such limit",
            Self::Overflow(_) => "the limit's sum exceeds its type",
        })
    }
}
