//! One withdrawal as the ledger knows it.

use crate::limits::Subject;
use crate::state::State;
use crate::ulid::Ulid;

/// How soon. Later classes age into earlier ones: see `delay_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// After the others.
    Economy,
    /// The usual.
    Standard,
    /// Before the others.
    Expedited,
}

impl Priority {
    /// `custody.api.v1.Priority`'s number; 0 reads as STANDARD.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Economy),
            0 | 2 => Some(Self::Standard),
            3 => Some(Self::Expedited),
            _ => None,
        }
    }

    /// The number, never 0.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Economy => 1,
            Self::Standard => 2,
            Self::Expedited => 3,
        }
    }

    /// How much older a withdrawal of this class must be to stand beside an expedited one.
    #[must_use]
    pub fn delay_ms(self) -> u64 {
        match self {
            Self::Economy => 3_600_000,
            Self::Standard => 600_000,
            Self::Expedited => 0,
        }
    }
}

/// Who pays the network's fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeeMode {
    /// The house pool.
    House,
    /// The destination, at most so much.
    Deduct {
        /// Base units of the asset.
        max_network_fee: u128,
    },
}

/// A withdrawal that was accepted or held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Its id.
    pub id: Ulid,
    /// SHA-256 of the intent's body.
    pub intent_sha256: [u8; 32],
    /// The initiator's reference.
    pub reference: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Asset, initiator, class, customer, destination and wallet.
    pub subject: Subject,
    /// The pool that is debited.
    pub pool: String,
    /// What the intent asks for, base units.
    pub amount: u128,
    /// What the house keeps, base units.
    pub service_fee: u128,
    /// Who pays the network.
    pub fee_mode: FeeMode,
    /// No signing from this time on, unix ms.
    pub pay_before_ms: u64,
    /// How soon.
    pub priority: Priority,
    /// The age it queues by, unix ms; an attempt inherits the first one's.
    pub queued_since_ms: u64,
    /// When it was taken, unix ms.
    pub accepted_ms: u64,
    /// The record that holds its intent.
    pub sequence: u64,
    /// Its leaf there, from 1.
    pub leaf: u32,
    /// The rule that held it; empty when it was accepted.
    pub tag: String,
    /// The limits that were charged with its hold.
    pub charged: Vec<String>,
    /// When they were charged, by the limits' own time.
    pub charged_ms: u64,
    /// Where it is.
    pub state: State,
    /// The payout that pays or paid it; empty before.
    pub payout: String,
}

impl Withdrawal {
    /// What is held: amount + service fee. Checked when it was decided.
    #[must_use]
    pub fn hold(&self) -> u128 {
        self.amount.saturating_add(self.service_fee)
    }

    /// Its place in the queue's order.
    #[must_use]
    pub fn due_ms(&self) -> u64 {
        self.queued_since_ms
            .saturating_add(self.priority.delay_ms())
    }
}
