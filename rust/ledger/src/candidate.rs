//! What intake asks the ledger: a withdrawal whose form and signatures are checked, its digests made beforehand.

use std::sync::Arc;

use custody_wire::Part::{Bytes, Int};
use custody_wire::tagged_hash;

use crate::names::Name128;
use crate::ulid::Ulid;
use crate::withdrawal::{FeeMode, Priority};

/// The names of few values: most withdrawals of a batch share them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Names {
    /// CAIP-19.
    pub asset: Box<str>,
    /// Who asks.
    pub initiator: Box<str>,
    /// The class of limits; empty for none.
    pub class: Box<str>,
    /// The wallet that pays.
    pub wallet: Box<str>,
    /// The pool that is debited.
    pub pool: Box<str>,
    /// The policy that routes it to the wallet.
    pub routing_sequence: u64,
}

/// A withdrawal whose form and signatures are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Asset, initiator, class, wallet, pool and routing.
    pub names: Arc<Names>,
    /// The initiator's reference.
    pub reference: Box<str>,
    /// Initiator and reference.
    pub key: Name128,
    /// From 1.
    pub attempt: u32,
    /// SHA-256 of the intent's body.
    pub intent_sha256: [u8; 32],
    /// Whose withdrawal it is.
    pub customer: Name128,
    /// The address paid.
    pub destination: Name128,
    /// Base units, above zero.
    pub amount: u128,
    /// Base units.
    pub service_fee: u128,
    /// Who pays the network.
    pub fee_mode: FeeMode,
    /// Intake's deadline, unix ms.
    pub submit_before_ms: u64,
    /// The signer's deadline, unix ms.
    pub pay_before_ms: u64,
    /// How soon.
    pub priority: Priority,
    /// Makes the withdrawal's id: H(withdrawal, initiator, reference, attempt).
    pub digest: [u8; 32],
}

/// Intake's answers are found under the same key whatever names the policy has, so it is made in one place.
#[must_use]
pub fn withdrawal_digest(initiator: &str, reference: &str, attempt: u32) -> [u8; 32] {
    let parts = [
        Bytes(initiator.as_bytes()),
        Bytes(reference.as_bytes()),
        Int(u64::from(attempt)),
    ];
    tagged_hash("withdrawal", &parts)
}

impl Candidate {
    /// The moment, and 80 bits of H(withdrawal, initiator, reference, attempt), or of H(…, again) for the n-th that is
    /// tried again.
    pub(crate) fn withdrawal_id(&self, now_ms: u64, again: u64) -> Ulid {
        if again == 0 {
            return Ulid::new(now_ms, &self.digest);
        }
        let parts = [
            Bytes(self.names.initiator.as_bytes()),
            Bytes(self.reference.as_bytes()),
            Int(u64::from(self.attempt)),
            Int(again),
        ];
        Ulid::new(now_ms, &tagged_hash("withdrawal", &parts))
    }
}
