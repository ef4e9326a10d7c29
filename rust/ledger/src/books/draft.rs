//! What the books would be after some entries: only what they touch, so that a look costs what the change does.

use crate::account::Balance;
use crate::books::Books;
use crate::books::account::Account;
use crate::books::asset_book::Sums;
use crate::books::posting::{Change, Entry};
use crate::symbols::Symbol;

/// Rows and sums that differ; few, so they are searched in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub rows: Vec<(Symbol, Account, Balance)>,
    pub sums: Vec<(Symbol, Sums)>,
}

impl Draft {
    /// Forgets all, to be used again.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.sums.clear();
    }

    /// Whether it is of names that no fact used: to be looked at, but not to be entered.
    pub fn is_of_unknown(&self) -> bool {
        self.rows.iter().any(|(asset, account, _)| {
            *asset == Symbol::UNKNOWN || account.symbol() == Some(Symbol::UNKNOWN)
        })
    }

    /// An account as it would be.
    pub fn balance(&self, books: &Books, asset: Symbol, account: Account) -> Balance {
        let mut rows = self.rows.iter();
        let row = rows.find(|(a, b, _)| *a == asset && *b == account);
        row.map_or_else(|| books.get(asset, account), |(_, _, balance)| *balance)
    }

    /// Enters one change.
    ///
    /// # Errors
    /// A number would leave its type.
    pub fn enter(&mut self, books: &Books, entry: &Entry) -> Result<(), String> {
        let Entry {
            asset,
            amount,
            change,
        } = *entry;
        let entered = match change {
            _ if asset.is_none() => None,
            Change::PendDebit(account) => self.change(books, asset, account, |b| {
                b.debits_pending = b.debits_pending.checked_add(amount)?;
                Some(())
            }),
            Change::UnpendDebit(account) => self.change(books, asset, account, |b| {
                b.debits_pending = b.debits_pending.checked_sub(amount)?;
                Some(())
            }),
            Change::PendCredit(account) => self.change(books, asset, account, |b| {
                b.credits_pending = b.credits_pending.checked_add(amount)?;
                Some(())
            }),
            Change::UnpendCredit(account) => self.change(books, asset, account, |b| {
                b.credits_pending = b.credits_pending.checked_sub(amount)?;
                Some(())
            }),
            Change::Post(debit, credit) => self.post(books, asset, amount, debit, credit),
        };
        entered.ok_or_else(|| {
            format!("{change:?} of {amount} of {asset:?}: no such account, or beyond 128 bits")
        })
    }

    /// What must hold of all that was touched: both sums equal, and nothing available negative.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self) -> Result<(), String> {
        for (asset, account, balance) in &self.rows {
            check_balance(*account, balance).map_err(|reason| format!("{asset:?}: {reason}"))?;
        }
        for (asset, sums) in &self.sums {
            check_sums(sums).map_err(|reason| format!("{asset:?}: {reason}"))?;
        }
        Ok(())
    }

    fn post(
        &mut self,
        books: &Books,
        asset: Symbol,
        amount: u128,
        debit: Account,
        credit: Account,
    ) -> Option<()> {
        self.change(books, asset, debit, |b| {
            b.debits_posted = b.debits_posted.checked_add(amount)?;
            Some(())
        })?;
        self.change(books, asset, credit, |b| {
            b.credits_posted = b.credits_posted.checked_add(amount)?;
            Some(())
        })?;
        let sums = self.sums_of(books, asset)?;
        // Raised first: an entry within one side must not dip below zero on its way.
        match (debit.is_asset(), credit.is_asset()) {
            (true, true) | (false, false) => {}
            (true, false) => {
                sums.have = sums.have.checked_add(amount)?;
                sums.owe = sums.owe.checked_add(amount)?;
            }
            (false, true) => {
                sums.have = sums.have.checked_sub(amount)?;
                sums.owe = sums.owe.checked_sub(amount)?;
            }
        }
        Some(())
    }

    fn change(
        &mut self,
        books: &Books,
        asset: Symbol,
        account: Account,
        change: impl FnOnce(&mut Balance) -> Option<()>,
    ) -> Option<()> {
        if account.symbol() == Some(Symbol::NONE) {
            return None;
        }
        let mut rows = self.rows.iter();
        let found = rows.position(|(a, b, _)| *a == asset && *b == account);
        let row = found.unwrap_or(self.rows.len());
        if found.is_none() {
            self.rows.push((asset, account, books.get(asset, account)));
        }
        change(&mut self.rows.get_mut(row)?.2)
    }

    fn sums_of(&mut self, books: &Books, asset: Symbol) -> Option<&mut Sums> {
        let found = self.sums.iter().position(|(a, _)| *a == asset);
        let row = found.unwrap_or(self.sums.len());
        if found.is_none() {
            self.sums.push((asset, books.sums(asset)));
        }
        self.sums.get_mut(row).map(|(_, sums)| sums)
    }
}

/// That nothing available is negative.
pub(crate) fn check_balance(account: Account, balance: &Balance) -> Result<(), String> {
    let is_asset = account.is_asset();
    let held = match account {
        // What will arrive in it is what will leave it.
        Account::InFlight if balance.debits_pending == balance.credits_pending => {
            balance.posted(is_asset)
        }
        _ => balance.available(is_asset),
    };
    match held {
        Some(_) => Ok(()),
        None => Err(format!("{account:?} is negative: {balance:?}")),
    }
}

/// wallets + in_flight = pools + suspense.
pub(crate) fn check_sums(sums: &Sums) -> Result<(), String> {
    let Sums { have, owe } = sums;
    if have == owe {
        return Ok(());
    }
    Err(format!(
        "wallets and in_flight {have}, pools and suspense {owe}"
    ))
}
