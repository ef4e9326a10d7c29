//! The books in a snapshot: the accounts' rows; sums are added up again.

use super::draft::check_sums;
use super::{Account, Books, add_up};
use crate::account::Balance;
use crate::limits::stored::{Reader, Writer};
use crate::symbols::{Symbol, Symbols};

/// Books are dense: a place for each pair of an asset and a name that comes before the last one used. No more of them
/// than this are made of a snapshot, 1 GiB; 5,000 assets of 10,000 wallets take a third.
pub(crate) const PLACES: usize = 1 << 28;

/// Writes one row.
pub(crate) fn save(out: &mut Writer<'_>, asset: Symbol, account: Account, balance: &Balance) {
    let (kind, name) = match account {
        Account::Wallet(name) => (0, name),
        Account::InFlight => (1, Symbol::NONE),
        Account::Pool(name) => (2, name),
        Account::Suspense => (3, Symbol::NONE),
    };
    out.word(asset.number());
    out.byte(kind);
    out.word(name.number());
    for amount in [
        balance.debits_pending,
        balance.debits_posted,
        balance.credits_pending,
        balance.credits_posted,
    ] {
        out.amount(amount);
    }
}

impl Books {
    /// Reads one row; of `places`, takes those that it needs. `None` for one of an account that is there, or of names that are not.
    pub(crate) fn load(
        &mut self,
        from: &mut Reader<'_>,
        symbols: &Symbols,
        places: &mut usize,
    ) -> Option<()> {
        let asset = symbols.named(from.word()?)?;
        let (kind, name) = (from.byte()?, from.word()?);
        let account = match (kind, name) {
            (0, name) => Account::Wallet(symbols.named(name)?),
            (1, 0) => Account::InFlight,
            (2, name) => Account::Pool(symbols.named(name)?),
            (3, 0) => Account::Suspense,
            _ => return None,
        };
        let balance = Balance {
            debits_pending: from.amount()?,
            debits_posted: from.amount()?,
            credits_pending: from.amount()?,
            credits_posted: from.amount()?,
        };
        let book = self.book_mut(asset).ok()?;
        let before = book.places();
        book.get(account).is_none().then_some(())?;
        (account.place() < before.max(*places)).then_some(())?;
        book.set(account, balance);
        *places = places.checked_sub(book.places().checked_sub(before)?)?;
        Some(())
    }

    /// Adds up what was read, and checks it.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn restored(mut self) -> Result<Self, String> {
        for book in &mut self.0 {
            let sums = add_up(book)?;
            check_sums(&sums)?;
            book.sums = sums;
        }
        Ok(self)
    }
}
