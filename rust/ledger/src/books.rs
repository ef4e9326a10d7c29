//! The books of all assets: entries change them, all of a fact's or none, and after every fact, per asset,
//! wallets + in_flight = pools + suspense and nothing available is negative.
//!
//! Assets and accounts are small numbers; a change costs what it touches. The sums of a whole asset are kept and
//! compared after each fact; [`Books::check_all`] adds them up again from the accounts.

mod account;
mod asset_book;
mod claim;
mod draft;
mod pool;
mod posting;
pub(crate) mod saved;

use crate::account::Balance;
use crate::error::LedgerError;
use crate::symbols::Symbol;

use asset_book::{AssetBook, Sums};
pub(crate) use draft::Draft;
use draft::{check_balance, check_sums};

pub use account::Account;
pub use claim::{Claim, FeeClaim, Transfer};
pub use pool::{House, Pool, Pools, Purpose};
pub use posting::{Payment, Posting};

/// Accounts by asset.
#[derive(Debug, Clone, Default)]
pub struct Books(Vec<AssetBook>);

impl Books {
    /// An account; all zeros where nothing was ever entered.
    #[must_use]
    pub fn get(&self, asset: Symbol, account: Account) -> Balance {
        self.book(asset)
            .and_then(|book| book.get(account))
            .unwrap_or_default()
    }

    /// What an account can still give.
    #[must_use]
    pub fn available(&self, asset: Symbol, account: Account) -> u128 {
        self.get(asset, account)
            .available(account.is_asset())
            .unwrap_or(0)
    }

    /// A claim on so much of a pool, when it is available; nothing is held before it is entered.
    #[must_use]
    pub fn claim(&self, asset: Symbol, pool: Pool, amount: u128) -> Option<Claim> {
        let enough = self.available(asset, Account::Pool(pool.0)) >= amount;
        enough.then(|| Claim::of(asset, pool.0, amount))
    }

    /// Every account that was ever entered, in order of first use.
    pub fn rows(&self) -> impl Iterator<Item = (Symbol, Account, Balance)> {
        self.0.iter().flat_map(|book| {
            let rows = book.rows().iter();
            rows.map(move |(account, balance)| (book.asset, *account, *balance))
        })
    }

    /// Whether `enter` would succeed, once the names that no fact used so far (UNKNOWN) have numbers.
    ///
    /// # Errors
    /// What would leave its type or would not hold.
    pub fn preview(&self, posting: &Posting) -> Result<(), String> {
        self.draft(posting, &mut Draft::default())
    }

    /// Enters all, or nothing.
    ///
    /// # Errors
    /// As `preview`; nothing was entered.
    pub fn enter(&mut self, posting: &Posting) -> Result<(), String> {
        self.enter_with(posting, &mut Draft::default())
    }

    /// `enter`, with a draft that is used again.
    pub(crate) fn enter_with(
        &mut self,
        posting: &Posting,
        draft: &mut Draft,
    ) -> Result<(), String> {
        self.draft(posting, draft)?;
        if draft.is_of_unknown() {
            return Err("an account of a name that no fact used".to_owned());
        }
        for (asset, account, balance) in &draft.rows {
            self.book_mut(*asset)?.set(*account, *balance);
        }
        for (asset, sums) in &draft.sums {
            self.book_mut(*asset)?.sums = *sums;
        }
        Ok(())
    }

    fn draft(&self, posting: &Posting, draft: &mut Draft) -> Result<(), String> {
        draft.clear();
        for entry in posting.entries() {
            draft.enter(self, entry)?;
        }
        draft.check()
    }

    /// Adds every asset up again from its accounts.
    ///
    /// # Errors
    /// `Broken` with what does not hold.
    pub fn check_all(&self) -> Result<(), LedgerError> {
        self.0
            .iter()
            .try_for_each(|book| {
                check(book).map_err(|reason| format!("{:?}: {reason}", book.asset))
            })
            .map_err(LedgerError::Broken)
    }

    pub(crate) fn sums(&self, asset: Symbol) -> Sums {
        self.book(asset).map(|book| book.sums).unwrap_or_default()
    }

    fn book(&self, asset: Symbol) -> Option<&AssetBook> {
        self.0.get(asset.index())
    }

    fn book_mut(&mut self, asset: Symbol) -> Result<&mut AssetBook, String> {
        let index = asset.index();
        if self.0.len() <= index {
            let length = index.saturating_add(1);
            self.0.resize_with(length, AssetBook::default);
        }
        let book = self.0.get_mut(index).ok_or("a book is missing")?;
        book.asset = asset;
        Ok(book)
    }
}

fn check(book: &AssetBook) -> Result<(), String> {
    let found = add_up(book)?;
    check_sums(&found)?;
    match found == book.sums {
        true => Ok(()),
        false => Err(format!("kept {:?}, added up {found:?}", book.sums)),
    }
}

fn add_up(book: &AssetBook) -> Result<Sums, String> {
    let mut found = Sums::default();
    for (account, balance) in book.rows() {
        check_balance(*account, balance)?;
        let sum = match account.is_asset() {
            true => &mut found.have,
            false => &mut found.owe,
        };
        let posted = balance.posted(account.is_asset()).unwrap_or(0);
        *sum = sum.checked_add(posted).ok_or("an asset exceeds 2^128")?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
