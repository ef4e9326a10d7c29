//! What the queue reads of a withdrawal, and the one number that it stands by.

use crate::names::Name128;
use crate::slab::Slot;
use crate::symbols::Symbol;
use crate::withdrawal::Priority;

/// How long small withdrawals pass a large one that cannot be paid.
pub const PATIENCE_MS: u64 = 600_000;
/// A customer's next withdrawal is due so much later than the one that it queued before.
pub const SPACING_MS: u64 = 60_000;
/// The last one that is due later than the one before it: so none is due more than a day later for its customer's sake.
pub const MAX_SHARE: u16 = 1_440;

/// What the queue reads of a withdrawal. Nothing in it ever changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The wallet that pays.
    pub wallet: Symbol,
    /// CAIP-19.
    pub asset: Symbol,
    /// The customer's pseudonym.
    pub customer: Name128,
    /// The address paid.
    pub destination: Name128,
    /// The age it queues by, unix ms.
    pub since_ms: u64,
    /// How soon.
    pub priority: Priority,
    /// Base units.
    pub amount: u128,
    /// The most that may be deducted for the network; `None` where the house pays.
    pub fee_cap: Option<u128>,
    /// No signing from this time on, unix ms.
    pub pay_before_ms: u64,
}

impl Place {
    /// When it is due, if its customer had `share` queued in the wallet before it.
    #[must_use]
    pub fn due_ms(&self, share: u16) -> u64 {
        let later = u64::from(share.min(MAX_SHARE)).saturating_mul(SPACING_MS);
        self.since_ms
            .saturating_add(self.priority.delay_ms())
            .saturating_add(later)
    }
}

/// Where the queue reads.
pub trait Places {
    /// A withdrawal's place; `None` for a slot that holds none.
    fn place(&self, slot: Slot) -> Option<Place>;
}

/// An entry of a lane, in its order: by when it is due, then by when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub due_ms: u64,
    pub ticket: u32,
    pub slot: Slot,
}

impl Entry {
    /// No entry is less.
    pub fn least() -> Self {
        Self {
            due_ms: 0,
            ticket: 0,
            slot: Slot::from_number(0),
        }
    }
}

/// An entry of the deadlines, 12 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline {
    high: u32,
    low: u32,
    pub slot: Slot,
}

impl Deadline {
    /// No entry is less.
    pub fn least() -> Self {
        Self::new(0, Slot::from_number(0))
    }

    pub fn new(at_ms: u64, slot: Slot) -> Self {
        let [a, b, c, d, e, f, g, h] = at_ms.to_be_bytes();
        Self {
            high: u32::from_be_bytes([a, b, c, d]),
            low: u32::from_be_bytes([e, f, g, h]),
            slot,
        }
    }

    pub fn at_ms(&self) -> u64 {
        (u64::from(self.high) << 32) | u64::from(self.low)
    }
}
