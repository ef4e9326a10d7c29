//! What moves what we owe: deposits credited once, pool transfers that a backend signed, and what nobody can explain yet.
//!
//! A pool transfer is pending, then posted (in part: the rest returns), voided or expired, once. The transfers that one
//! body asks for are one group: all of them happen, or none. An order is known by initiator and reference, and what was
//! answered to it for good stands.
//!
//! One order has at most [`MAX_LEGS`] legs; more are malformed, and nothing of them is looked at. What was answered to
//! an order or a deposit stays in memory, some 100 bytes each (and one for each leg): unlike a withdrawal's, these ids
//! do not leave it yet. A million of them are 100 MB.

mod apply;
mod book;
pub(crate) mod codec;
mod decide;
mod deposit;
mod ledger;
mod order;
mod status;
mod suspense;
mod walk;

pub(crate) use apply::{Remembered, learn};
pub(crate) use book::TransferBook;
pub use book::TransferView;
pub use decide::TransferAnswer;
pub(crate) use deposit::DepositBook;
pub use deposit::{Deposit, DepositAnswer};
pub use order::{
    MAX_LEGS, PendingName, TransferLeg, TransferOrder, TransferRefusal, TransferTerms,
};
pub use status::{LEG_TRANSITIONS, LegState, Resolution, TransferStatus};
pub use suspense::{Surplus, SuspenseRelease};
