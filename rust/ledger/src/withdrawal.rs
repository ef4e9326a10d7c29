//! One withdrawal as the ledger keeps it: every byte counts, for there are millions.

use crate::ids::IdRef;
use crate::limits::Charges;
use crate::names::Name128;
use crate::routes::RouteId;
use crate::slab::Slot;
use crate::state::State;
use crate::symbols::Symbol;
use crate::ulid::Ulid;

mod saved;

pub(crate) use saved::{LEAST, SeatBytes};

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

/// A withdrawal that was accepted or held. Its texts (reference, customer, destination) are in the signed intent, at
/// leaf `leaf` of record `sequence`; its names are the ledger's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Its id; the moment in it is when it was taken.
    pub id: Ulid,
    /// SHA-256 of the intent's body.
    pub intent_sha256: [u8; 32],
    /// Initiator and reference.
    pub key: Name128,
    /// Whose it is.
    pub customer: Name128,
    /// The address paid.
    pub destination: Name128,
    /// No signing from this time on, unix ms.
    pub pay_before_ms: u64,
    /// The record that holds its intent.
    pub sequence: u64,
    /// Its leaf there, from 1.
    pub leaf: u32,
    pub(crate) route: RouteId,
    pub(crate) charges: Charges,
    /// The rule that held it; NONE when it was accepted.
    pub(crate) tag: Symbol,
    /// The payout that pays or paid it.
    pub(crate) payout: Slot,
    /// Where it is.
    pub state: State,
    /// How soon.
    pub priority: Priority,
    /// Aligned to 8 bytes, not 16.
    amount: [u8; 16],
    /// `u64::MAX` when it is in `rare`.
    service_fee: u64,
    rare: Option<Box<Rare>>,
}

/// What few withdrawals have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rare {
    pub service_fee: u128,
    pub max_network_fee: Option<u128>,
    pub attempt: u32,
    /// The attempt before, while it is in memory.
    pub previous: IdRef,
    pub queued_since_ms: u64,
    pub charged_ms: u64,
    pub earliest_pass_ms: u64,
}

/// What a withdrawal is made of.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub id: Ulid,
    pub intent_sha256: [u8; 32],
    pub key: Name128,
    pub customer: Name128,
    pub destination: Name128,
    pub amount: u128,
    pub pay_before_ms: u64,
    pub sequence: u64,
    pub leaf: u32,
    pub route: RouteId,
    pub charges: Charges,
    pub tag: Symbol,
    pub state: State,
    pub priority: Priority,
    pub rare: Rare,
}

impl Withdrawal {
    pub(crate) fn new(made: Made) -> Self {
        let taken_ms = made.id.unix_ms();
        let rare = &made.rare;
        let service_fee = u64::try_from(rare.service_fee).unwrap_or(u64::MAX);
        let is_plain = service_fee != u64::MAX
            && rare.max_network_fee.is_none()
            && (rare.attempt, rare.previous) == (1, IdRef::NONE)
            && (rare.queued_since_ms, rare.charged_ms) == (taken_ms, taken_ms)
            && rare.earliest_pass_ms == 0;
        Self {
            id: made.id,
            intent_sha256: made.intent_sha256,
            key: made.key,
            customer: made.customer,
            destination: made.destination,
            pay_before_ms: made.pay_before_ms,
            sequence: made.sequence,
            leaf: made.leaf,
            route: made.route,
            charges: made.charges,
            tag: made.tag,
            payout: Slot::NONE,
            state: made.state,
            priority: made.priority,
            amount: made.amount.to_le_bytes(),
            service_fee,
            rare: (!is_plain).then(|| Box::new(made.rare)),
        }
    }

    /// What the intent asks for, base units.
    #[must_use]
    pub fn amount(&self) -> u128 {
        u128::from_le_bytes(self.amount)
    }

    /// What the house keeps, base units.
    #[must_use]
    pub fn service_fee(&self) -> u128 {
        match &self.rare {
            Some(rare) => rare.service_fee,
            None => u128::from(self.service_fee),
        }
    }

    /// What is held: amount + service fee. Checked when it was decided.
    #[must_use]
    pub fn hold(&self) -> u128 {
        self.amount().saturating_add(self.service_fee())
    }

    /// Who pays the network.
    #[must_use]
    pub fn fee_mode(&self) -> FeeMode {
        match self.rare.as_ref().and_then(|rare| rare.max_network_fee) {
            None => FeeMode::House,
            Some(max_network_fee) => FeeMode::Deduct { max_network_fee },
        }
    }

    /// The attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.rare.as_ref().map_or(1, |rare| rare.attempt)
    }

    pub(crate) fn previous(&self) -> IdRef {
        self.rare.as_ref().map_or(IdRef::NONE, |rare| rare.previous)
    }

    /// The age it queues by, unix ms: when it was taken, or earlier by what the attempts before it had waited; once it
    /// has ended unpaid, earlier by what it waited itself.
    #[must_use]
    pub fn queued_since_ms(&self) -> u64 {
        let rare = self.rare.as_ref();
        rare.map_or_else(|| self.accepted_ms(), |rare| rare.queued_since_ms)
    }

    /// How long the attempts before it waited and, once it has ended unpaid, it too: what the next attempt inherits.
    #[must_use]
    pub fn waited_ms(&self) -> u64 {
        self.accepted_ms().saturating_sub(self.queued_since_ms())
    }

    /// It ended unpaid then: from now on its own wait is part of its age.
    pub(crate) fn waited_until(&mut self, now_ms: u64) {
        let waited_ms = now_ms.saturating_sub(self.accepted_ms());
        let plain = Rare {
            service_fee: self.service_fee(),
            max_network_fee: None,
            attempt: 1,
            previous: IdRef::NONE,
            queued_since_ms: self.accepted_ms(),
            charged_ms: self.accepted_ms(),
            earliest_pass_ms: 0,
        };
        if waited_ms > 0 {
            let rare = self.rare.get_or_insert_with(|| Box::new(plain));
            rare.queued_since_ms = rare.queued_since_ms.saturating_sub(waited_ms);
        }
    }

    /// When it was taken, unix ms.
    #[must_use]
    pub fn accepted_ms(&self) -> u64 {
        self.id.unix_ms()
    }

    /// When its limits were charged, by the limits' own time.
    #[must_use]
    pub fn charged_ms(&self) -> u64 {
        let rare = self.rare.as_ref();
        rare.map_or_else(|| self.accepted_ms(), |rare| rare.charged_ms)
    }

    /// When it might have passed the limit that held it, as it was answered; 0 for unknown or never.
    #[must_use]
    pub fn earliest_pass_ms(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.earliest_pass_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawal_takes_168_bytes_and_an_empty_place_no_more() {
        assert_eq!(size_of::<Withdrawal>(), 168);
        assert_eq!(size_of::<Option<Withdrawal>>(), 168);
    }
}
