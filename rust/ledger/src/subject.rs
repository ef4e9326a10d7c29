//! What limits, halts and the queue see of a withdrawal.

use crate::names::Name128;
use crate::symbols::Symbol;

/// By numbers and digests alone, so that it is compared and copied, never allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// CAIP-19.
    pub asset: Symbol,
    /// Who asks.
    pub initiator: Symbol,
    /// The class of limits; NONE for none.
    pub class: Symbol,
    /// The wallet that pays.
    pub wallet: Symbol,
    /// The customer's pseudonym.
    pub customer: Name128,
    /// The address paid.
    pub destination: Name128,
}
