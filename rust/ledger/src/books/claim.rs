//! Who may debit a pool: a claim, which names the one pool that it debits and is spent in full, once.
//!
//! There is no operation that takes a pool to debit and one to credit. A withdrawal's [`Claim`] pays a wallet's outflow
//! and the house's fee; the house's [`FeeClaim`] pays networks; and only what a signed pool transfer says, a
//! [`Transfer`], moves from pool to pool. None of them can be copied, and none can be made but from what is available
//! (by the books) or from a fact (inside this crate).

use crate::books::pool::{House, Pool};
use crate::symbols::Symbol;

/// So much of one pool, held for one withdrawal.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is claimed is to be held, and then paid or freed"]
pub struct Claim {
    pub(crate) asset: Symbol,
    pub(crate) pool: Symbol,
    pub(crate) amount: u128,
}

impl Claim {
    /// As a fact has it.
    pub(crate) fn of(asset: Symbol, pool: Symbol, amount: u128) -> Self {
        Self {
            asset,
            pool,
            amount,
        }
    }

    /// Base units.
    #[must_use]
    pub fn amount(&self) -> u128 {
        self.amount
    }
}

/// So much of the house, and of the wallet that pays, held for one transaction's network fee.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is claimed is to be held, and then paid or freed"]
pub struct FeeClaim {
    pub(crate) asset: Symbol,
    pub(crate) house: Symbol,
    pub(crate) wallet: Symbol,
    pub(crate) most: u128,
}

impl FeeClaim {
    /// Of the house alone: no other pool pays a network.
    pub fn new(asset: Symbol, house: House, wallet: Symbol, most: u128) -> Self {
        Self {
            asset,
            house: house.0,
            wallet,
            most,
        }
    }
}

/// What a signed pool transfer moves: from a pool that it names, to a pool that it names.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is pending is to be posted or freed"]
pub struct Transfer {
    pub(crate) asset: Symbol,
    pub(crate) from: Symbol,
    pub(crate) to: Symbol,
    pub(crate) amount: u128,
}

impl Transfer {
    /// As a signed transfer has it; the room of transfers alone makes them.
    pub(crate) fn signed(asset: Symbol, from: Pool, to: Pool, amount: u128) -> Self {
        Self {
            asset,
            from: from.0,
            to: to.0,
            amount,
        }
    }
}
