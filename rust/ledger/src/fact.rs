//! Facts: what happened, never what should be done. `decide` makes them, `apply` enters them.

use crate::forget::Forgotten;
use crate::halts::Scope;
use crate::state::End;
use crate::submission::Submission;
use crate::transfers::{
    Deposit, PendingName, Surplus, SuspenseRelease, TransferOrder, TransferRefusal,
};
use crate::ulid::Ulid;

/// One change of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Intake answered for good. Stored packed beside its intent, not as a `LedgerFact`.
    Submitted(Box<Submission>),
    /// A wallet's balance came in: debit wallet, credit pool.
    Opened {
        /// The wallet.
        wallet: String,
        /// CAIP-19.
        asset: String,
        /// Base units.
        amount: u128,
        /// The pool that owes it.
        pool: String,
    },
    /// HELD to QUEUED.
    Released(Vec<Ulid>),
    /// HELD or QUEUED to VOIDED: the hold returns and the limits are given back.
    Voided {
        /// The withdrawal.
        id: Ulid,
        /// How it ended.
        end: End,
    },
    /// QUEUED to ASSIGNED: the wallet's outflow and the house's fee are reserved.
    Assigned(PayoutTerms),
    /// ASSIGNED to QUEUED.
    Unassigned {
        /// The payout.
        payout: String,
    },
    /// ASSIGNED to POSTED.
    Posted {
        /// The payout.
        payout: String,
        /// What the network took.
        fee_paid: u128,
    },
    /// ASSIGNED to VOIDED, REFUNDED: the hold returns, the limits are given back, the fee is the house's.
    Failed {
        /// The payout.
        payout: String,
        /// What the network took.
        fee_paid: u128,
    },
    /// A leg's amount and fee cap are reserved.
    SweepDeparted(SweepTerms),
    /// From wallet to in_flight to wallet.
    SweepArrived {
        /// The leg.
        leg: String,
        /// What the network took.
        fee_paid: u128,
    },
    /// Nothing moved but the fee.
    SweepFailed {
        /// The leg.
        leg: String,
        /// What the network took.
        fee_paid: u128,
    },
    /// A final output was credited to a pool.
    Deposited(Deposit),
    /// A signed order of pool transfers happened, all of it.
    Transferred(TransferOrder),
    /// A signed order of pool transfers was refused for good.
    TransferRefused(TransferRefusal),
    /// A pending transfer returned by time.
    TransferExpired {
        /// Who asked.
        initiator: String,
        /// Which.
        pending: PendingName,
    },
    /// A wallet has more than the ledger: the surplus is in suspense.
    SurplusFound(Surplus),
    /// What was in suspense belongs to a pool.
    SuspenseReleased(SuspenseRelease),
    /// Scopes are stopped.
    Halted {
        /// The halt.
        halt: String,
        /// At least one.
        scopes: Vec<Scope>,
    },
    /// A halt ended.
    Resumed {
        /// The halt.
        halt: String,
    },
    /// References leave memory.
    IdsForgotten(Vec<Forgotten>),
}

/// What a payout pays, and reserves for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutTerms {
    /// The payout's id.
    pub payout: String,
    /// The wallet that pays.
    pub wallet: String,
    /// Withdrawals of one asset.
    pub items: Vec<Assignment>,
    /// The network's fee asset.
    pub fee_asset: String,
    /// The most that the network may take.
    pub fee_reserved: u128,
}

/// One withdrawal of a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The withdrawal.
    pub id: Ulid,
    /// What the destination receives.
    pub net_amount: u128,
    /// What is deducted for the network; 0 under HOUSE.
    pub fee_charged: u128,
}

/// One leg of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepTerms {
    /// The leg's id.
    pub leg: String,
    /// Where it leaves.
    pub from_wallet: String,
    /// Where it arrives.
    pub to_wallet: String,
    /// CAIP-19.
    pub asset: String,
    /// Base units.
    pub amount: u128,
    /// The network's fee asset.
    pub fee_asset: String,
    /// The most that the network may take.
    pub fee_cap: u128,
}
