//! The balances as rows for readers.

use crate::account::{AccountName, Balance};
use crate::books::Account;
use crate::canonical::Canonical;
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
        let rows = self
            .books
            .rows()
            .map(|(asset, account, balance)| BalanceRow {
                asset: self.symbols.name(asset).to_owned(),
                account: self.account_name(account),
                balance,
                available: balance.available(account.is_asset()).unwrap_or(0),
            });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|a, b| (&a.asset, &a.account).cmp(&(&b.asset, &b.account)));
        rows.into_iter()
    }

    /// One account; zeros where nothing was ever entered.
    #[must_use]
    pub fn balance(&self, asset: &str, account: &AccountName) -> Balance {
        self.books
            .get(self.symbols.find(asset), self.account(account))
    }

    /// What an account can still give.
    #[must_use]
    pub fn available(&self, asset: &str, account: &AccountName) -> u128 {
        self.books
            .available(self.symbols.find(asset), self.account(account))
    }

    fn account(&self, name: &AccountName) -> Account {
        match name {
            AccountName::Wallet(id) => Account::Wallet(self.symbols.find(id)),
            AccountName::InFlight => Account::InFlight,
            AccountName::Pool(name) => Account::Pool(self.symbols.find(name)),
            AccountName::Suspense => Account::Suspense,
        }
    }

    fn account_name(&self, account: Account) -> AccountName {
        let name = |symbol| self.symbols.name(symbol).to_owned();
        match account {
            Account::Wallet(id) => AccountName::Wallet(name(id)),
            Account::InFlight => AccountName::InFlight,
            Account::Pool(pool) => AccountName::Pool(name(pool)),
            Account::Suspense => AccountName::Suspense,
        }
    }

    /// The balances' part of the state, for its hash.
    pub(crate) fn write_balances(&self, out: &mut Canonical) {
        let rows: Vec<_> = self.balances().collect();
        out.length(rows.len());
        for row in &rows {
            let b = &row.balance;
            out.text(&row.asset).text(&row.account.to_string());
            out.amount(b.debits_pending)
                .amount(b.debits_posted)
                .amount(b.credits_pending)
                .amount(b.credits_posted);
        }
    }
}
