//! What a wallet has and nobody explained: it comes in as a surplus over the ledger at one final block, and leaves to a
//! pool once somebody answers for it. It is owed to nobody meanwhile, so no withdrawal is paid from it.

use crate::books::{Account, Books, Pool, Posting};
use crate::error::LedgerError;
use crate::symbols::Symbol;
use crate::tags;

/// A wallet has more than the ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surplus {
    /// The wallet.
    pub wallet: String,
    /// CAIP-19.
    pub asset: String,
    /// What the ledger had of it when it was compared, base units.
    pub ledger: u128,
    /// What the chain has, base units; more.
    pub chain: u128,
    /// CAIP-2.
    pub network: String,
    /// The final block.
    pub block_height: u64,
    /// Its hash.
    pub block_hash: Vec<u8>,
}

/// What was in suspense belongs to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspenseRelease {
    /// What it is known by, once: the proposal that a quorum completed.
    pub id: String,
    /// CAIP-19.
    pub asset: String,
    /// Base units.
    pub amount: u128,
    /// The pool.
    pub pool: String,
}

impl Surplus {
    /// The entries, when the wallet still has exactly what was compared: a surplus is counted once.
    ///
    /// # Errors
    /// `ledger.amount`: there is no surplus. `ledger.balance_moved`.
    pub(crate) fn entries(
        &self,
        books: &Books,
        find: &mut dyn FnMut(&str) -> Symbol,
    ) -> Result<Posting, LedgerError> {
        let (asset, wallet) = (find(&self.asset), find(&self.wallet));
        let surplus = self.chain.checked_sub(self.ledger).filter(|more| *more > 0);
        let Some(surplus) = surplus else {
            let detail = format!("chain {}, ledger {}", self.chain, self.ledger);
            return Err(LedgerError::denied(tags::AMOUNT, detail));
        };
        let has = books.get(asset, Account::Wallet(wallet)).posted(true);
        if has != Some(self.ledger) {
            let detail = format!("compared with {}, now {has:?}", self.ledger);
            return Err(LedgerError::denied(tags::BALANCE_MOVED, detail));
        }
        let mut posting = Posting::default();
        posting.found(asset, wallet, surplus);
        Ok(posting)
    }
}

impl SuspenseRelease {
    /// The entries; suspense must have so much.
    ///
    /// # Errors
    /// `ledger.amount`, `ledger.suspense_short`.
    pub(crate) fn entries(
        &self,
        books: &Books,
        find: &mut dyn FnMut(&str) -> Symbol,
    ) -> Result<Posting, LedgerError> {
        let (asset, pool) = (find(&self.asset), Pool(find(&self.pool)));
        if self.amount == 0 {
            return Err(LedgerError::denied(tags::AMOUNT, "zero"));
        }
        let has = books.available(asset, Account::Suspense);
        if has < self.amount {
            let detail = format!("{has} of {} {}", self.amount, self.asset);
            return Err(LedgerError::denied(tags::SUSPENSE_SHORT, detail));
        }
        let mut posting = Posting::default();
        posting.explained(asset, pool, self.amount);
        Ok(posting)
    }
}
