//! The balances as rows for readers.

use crate::account::{AccountName, Balance};
use crate::ledger::Ledger;

/// One account of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceRow {
    /// CAIP-19.
    pub asset: String,
    /// Whose.
    pub account: AccountName,
    /// The four numbers.
    pub balance: Balance,
    /// What it can still give.
    pub available: u128,
}

impl Ledger {
    /// Every account that anything was ever entered in, by asset and account.
    pub fn balances(&self) -> impl Iterator<Item = BalanceRow> {
        self.books
            .rows()
            .map(|(asset, account, balance)| BalanceRow {
                asset: asset.to_owned(),
                account: account.clone(),
                balance: *balance,
                available: balance.available(account.is_asset()).unwrap_or(0),
            })
    }

    /// One account; zeros where nothing was ever entered.
    #[must_use]
    pub fn balance(&self, asset: &str, account: &AccountName) -> Balance {
        self.books.get(asset, account)
    }

    /// What an account can still give.
    #[must_use]
    pub fn available(&self, asset: &str, account: &AccountName) -> u128 {
        self.books.available(asset, account)
    }
}
