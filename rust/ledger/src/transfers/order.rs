//! What one signed body asks of the pools.

use crate::transfers::status::TransferStatus;

/// The most legs of one order: what one record and one answer are sized for.
pub const MAX_LEGS: usize = 1_000;

/// Transfers that happen together or not at all; known by initiator and reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferOrder {
    /// Who asks.
    pub initiator: String,
    /// The initiator's own name for it, once and for ever.
    pub reference: String,
    /// SHA-256 of the signed body.
    pub body_sha256: [u8; 32],
    /// No taking from this time on, unix ms.
    pub submit_before_ms: u64,
    /// In order, 1 to `MAX_LEGS`; each sees what those before it did.
    pub legs: Vec<TransferLeg>,
}

/// One transfer of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferLeg {
    /// Moves at once.
    Move(TransferTerms),
    /// Reserves, to be posted or voided later.
    Pend {
        /// What is reserved.
        terms: TransferTerms,
        /// No posting from this time on, unix ms.
        expires_ms: u64,
    },
    /// Moves what is pending, or a part; the rest returns.
    Post {
        /// Which.
        pending: PendingName,
        /// Base units.
        amount: u128,
    },
    /// Returns what is pending.
    Void {
        /// Which.
        pending: PendingName,
    },
}

impl TransferLeg {
    /// From where to where; none of one that ends another.
    pub(crate) fn terms(&self) -> Option<&TransferTerms> {
        match self {
            Self::Move(terms) | Self::Pend { terms, .. } => Some(terms),
            Self::Post { .. } | Self::Void { .. } => None,
        }
    }
}

/// From a pool to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferTerms {
    /// CAIP-19.
    pub asset: String,
    /// The pool debited.
    pub from: String,
    /// The pool credited.
    pub to: String,
    /// Base units.
    pub amount: u128,
}

/// A leg of an order of the same initiator, this one or one before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PendingName {
    /// The order's reference.
    pub reference: String,
    /// The leg, from 1.
    pub leg: u32,
}

/// An order that was refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRefusal {
    /// Who asked.
    pub initiator: String,
    /// The order.
    pub reference: String,
    /// SHA-256 of the signed body.
    pub body_sha256: [u8; 32],
    /// How many legs it had.
    pub legs: u32,
    /// The first leg that was refused, from 1.
    pub leg: u32,
    /// Why; one that `is_remembered`.
    pub status: TransferStatus,
}
