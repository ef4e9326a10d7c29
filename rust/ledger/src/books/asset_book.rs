//! One asset's accounts, dense, with the two sums that must be equal.

use crate::account::Balance;
use crate::books::account::Account;
use crate::symbols::Symbol;

/// What we have and what we owe, for good; base units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub have: u128,
    pub owe: u128,
}

/// Accounts in order of first use.
#[derive(Debug, Clone)]
pub(crate) struct AssetBook {
    pub asset: Symbol,
    /// By `Account::place`: one more than the row, 0 where there is none.
    places: Vec<u32>,
    rows: Vec<(Account, Balance)>,
    pub sums: Sums,
}

impl Default for AssetBook {
    fn default() -> Self {
        Self {
            asset: Symbol::NONE,
            places: Vec::new(),
            rows: Vec::new(),
            sums: Sums::default(),
        }
    }
}

impl AssetBook {
    pub fn get(&self, account: Account) -> Option<Balance> {
        self.rows
            .get(self.row(account)?)
            .map(|(_, balance)| *balance)
    }

    pub fn set(&mut self, account: Account, balance: Balance) {
        if let Some((_, slot)) = self.row(account).and_then(|row| self.rows.get_mut(row)) {
            *slot = balance;
            return;
        }
        self.rows.push((account, balance));
        let place = account.place();
        if self.places.len() <= place {
            self.places.resize(place.saturating_add(1), 0);
        }
        if let Some(slot) = self.places.get_mut(place) {
            *slot = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        }
    }

    /// How long the table of places is.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// Every account, in order of first use.
    pub fn rows(&self) -> &[(Account, Balance)] {
        &self.rows
    }

    fn row(&self, account: Account) -> Option<usize> {
        let row = usize::try_from(*self.places.get(account.place())?).ok()?;
        row.checked_sub(1)
    }
}
