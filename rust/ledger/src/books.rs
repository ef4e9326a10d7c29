//! The books of all assets: entries change them, and every change is followed by the check of what must always hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::{AccountName, Balance};
use crate::error::LedgerError;

/// One change of one asset's book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub asset: &'a str,
    pub amount: u128,
    pub change: Change,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Reserves on the debit side: a pool's hold, a wallet's expected arrival.
    PendDebit(AccountName),
    /// Takes that back.
    UnpendDebit(AccountName),
    /// Reserves on the credit side: a wallet's outflow.
    PendCredit(AccountName),
    /// Takes that back.
    UnpendCredit(AccountName),
    /// Moves for good: debit the first, credit the second.
    Post(AccountName, AccountName),
}

type Accounts = BTreeMap<AccountName, Balance>;

/// Accounts by asset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books(BTreeMap<String, Accounts>);

impl Books {
    /// An account; all zeros where nothing was ever entered.
    pub fn get(&self, asset: &str, name: &AccountName) -> Balance {
        self.0
            .get(asset)
            .and_then(|accounts| accounts.get(name))
            .copied()
            .unwrap_or_default()
    }

    /// What an account can still give.
    pub fn available(&self, asset: &str, name: &AccountName) -> u128 {
        self.get(asset, name)
            .available(name.is_asset())
            .unwrap_or(0)
    }

    /// Every account that was ever entered, by asset and name.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &AccountName, &Balance)> {
        self.0.iter().flat_map(|(asset, accounts)| {
            accounts
                .iter()
                .map(move |(name, b)| (asset.as_str(), name, b))
        })
    }

    /// Whether `apply` would succeed, on a copy of the touched books.
    pub fn preview(&self, entries: &[Entry<'_>]) -> Result<(), String> {
        let touched: BTreeSet<&str> = entries.iter().map(|entry| entry.asset).collect();
        let copy = touched
            .iter()
            .filter_map(|asset| {
                self.0
                    .get(*asset)
                    .map(|accounts| ((*asset).to_owned(), accounts.clone()))
            })
            .collect();
        Self(copy).apply(entries)
    }

    /// Enters all, then checks every touched asset. After an error the books are not to be used again.
    pub fn apply(&mut self, entries: &[Entry<'_>]) -> Result<(), String> {
        let mut touched: BTreeSet<&str> = BTreeSet::new();
        for entry in entries {
            if !self.0.contains_key(entry.asset) {
                self.0.insert(entry.asset.to_owned(), Accounts::new());
            }
            let Some(accounts) = self.0.get_mut(entry.asset) else {
                return Err("a book is missing".to_owned());
            };
            enter(accounts, entry)
                .ok_or_else(|| format!("{} {:?} {}", entry.asset, entry.change, entry.amount))?;
            touched.insert(entry.asset);
        }
        touched.into_iter().try_for_each(|asset| self.check(asset))
    }

    /// What must hold of one asset: wallets + in_flight = pools + suspense, and nothing available is negative.
    pub fn check(&self, asset: &str) -> Result<(), String> {
        let Some(accounts) = self.0.get(asset) else {
            return Ok(());
        };
        let (mut assets, mut liabilities) = (0_u128, 0_u128);
        for (name, balance) in accounts {
            let negative = || format!("{asset} {name} is negative: {balance:?}");
            let posted = balance.posted(name.is_asset()).ok_or_else(negative)?;
            match name {
                // What will arrive in it is what will leave it.
                AccountName::InFlight if balance.debits_pending == balance.credits_pending => {}
                _ => {
                    balance.available(name.is_asset()).ok_or_else(negative)?;
                }
            }
            let sum = if name.is_asset() {
                &mut assets
            } else {
                &mut liabilities
            };
            *sum = sum
                .checked_add(posted)
                .ok_or_else(|| format!("{asset} exceeds 2^128"))?;
        }
        if assets != liabilities {
            return Err(format!(
                "{asset}: wallets and in_flight {assets}, pools and suspense {liabilities}"
            ));
        }
        Ok(())
    }

    /// `check` of every asset.
    pub fn check_all(&self) -> Result<(), LedgerError> {
        self.0
            .keys()
            .try_for_each(|asset| self.check(asset))
            .map_err(LedgerError::Broken)
    }
}

fn enter(accounts: &mut Accounts, entry: &Entry<'_>) -> Option<()> {
    let mut change = |name: &AccountName,
                      number: fn(&mut Balance) -> &mut u128,
                      sum: fn(u128, u128) -> Option<u128>| {
        if !accounts.contains_key(name) {
            accounts.insert(name.clone(), Balance::default());
        }
        let number = number(accounts.get_mut(name)?);
        *number = sum(*number, entry.amount)?;
        Some(())
    };
    match &entry.change {
        Change::PendDebit(name) => change(name, |b| &mut b.debits_pending, u128::checked_add),
        Change::UnpendDebit(name) => change(name, |b| &mut b.debits_pending, u128::checked_sub),
        Change::PendCredit(name) => change(name, |b| &mut b.credits_pending, u128::checked_add),
        Change::UnpendCredit(name) => change(name, |b| &mut b.credits_pending, u128::checked_sub),
        Change::Post(debit, credit) => {
            change(debit, |b| &mut b.debits_posted, u128::checked_add)?;
            change(credit, |b| &mut b.credits_posted, u128::checked_add)
        }
    }
}
