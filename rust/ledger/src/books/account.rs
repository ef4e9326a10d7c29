//! Whose account it is, as a small number: what entries and books use; names are for readers.

use crate::symbols::Symbol;

/// One account of an asset's book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What a wallet holds on its chain, finally. An asset.
    Wallet(Symbol),
    /// What left one wallet and did not reach the other. An asset.
    InFlight,
    /// What we owe, by purpose. A liability.
    Pool(Symbol),
    /// What is not explained yet. A liability.
    Suspense,
}

impl Account {
    /// Whether debits raise it (what we have) rather than credits (what we owe).
    #[must_use]
    pub fn is_asset(self) -> bool {
        matches!(self, Self::Wallet(_) | Self::InFlight)
    }

    /// The name it goes by, where it has one.
    pub(crate) fn symbol(self) -> Option<Symbol> {
        match self {
            Self::Wallet(symbol) | Self::Pool(symbol) => Some(symbol),
            Self::InFlight | Self::Suspense => None,
        }
    }

    /// Its place in a table that has one for each account of every name.
    pub(crate) fn place(self) -> usize {
        let of =
            |symbol: Symbol, offset: usize| symbol.index().saturating_mul(2).saturating_add(offset);
        match self {
            Self::InFlight => 0,
            Self::Suspense => 1,
            Self::Wallet(symbol) => of(symbol, 2),
            Self::Pool(symbol) => of(symbol, 3),
        }
    }
}
