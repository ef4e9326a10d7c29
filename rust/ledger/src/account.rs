//! One account: four numbers, of which nothing is ever subtracted but what was pending.

use std::fmt;

/// Whose account it is, within one asset's book.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountName {
    /// What a wallet holds on its chain, finally. An asset.
    Wallet(String),
    /// What left one wallet and did not reach the other. An asset.
    InFlight,
    /// What we owe, by purpose. A liability.
    Pool(String),
    /// What is not explained yet. A liability.
    Suspense,
}

impl AccountName {
    /// Reads the form that `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "in_flight" => Some(Self::InFlight),
            None if text == "suspense" => Some(Self::Suspense),
            Some(("wallet", id)) if !id.is_empty() => Some(Self::Wallet(id.to_owned())),
            Some(("pool", name)) if !name.is_empty() => Some(Self::Pool(name.to_owned())),
            _ => None,
        }
    }

    /// Whether debits raise it (what we have) rather than credits (what we owe).
    #[must_use]
    pub fn is_asset(&self) -> bool {
        matches!(self, Self::Wallet(_) | Self::InFlight)
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wallet(id) => write!(f, "wallet:{id}"),
            Self::InFlight => f.write_str("in_flight"),
            Self::Pool(name) => write!(f, "pool:{name}"),
            Self::Suspense => f.write_str("suspense"),
        }
    }
}

/// The four numbers, in base units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Reserved on the debit side.
    pub debits_pending: u128,
    /// Debited for good.
    pub debits_posted: u128,
    /// Reserved on the credit side.
    pub credits_pending: u128,
    /// Credited for good.
    pub credits_posted: u128,
}

impl Balance {
    /// What is there: debits less credits of an asset, credits less debits of a liability; `None` when negative.
    #[must_use]
    pub fn posted(&self, is_asset: bool) -> Option<u128> {
        match is_asset {
            true => self.debits_posted.checked_sub(self.credits_posted),
            false => self.credits_posted.checked_sub(self.debits_posted),
        }
    }

    /// What is there and not reserved to leave; what is pending to arrive does not count. `None` when negative.
    #[must_use]
    pub fn available(&self, is_asset: bool) -> Option<u128> {
        let leaving = if is_asset {
            self.credits_pending
        } else {
            self.debits_pending
        };
        self.posted(is_asset)?.checked_sub(leaving)
    }
}
