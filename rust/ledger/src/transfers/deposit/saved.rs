//! Deposits in a snapshot.

use super::{Credited, DepositBook};
use crate::limits::stored::{Reader, Writer};
use crate::names::Name128;
use crate::symbols::Symbols;

impl DepositBook {
    /// Gives each deposit to `item`.
    pub(crate) fn save(&self, mut item: impl FnMut(&dyn Fn(&mut Writer<'_>))) {
        for (key, credited) in &self.0 {
            item(&|out| {
                (out.0)(&key.0);
                for symbol in [credited.wallet, credited.asset, credited.pool] {
                    out.word(symbol.number());
                }
                out.amount(credited.amount);
                out.flag(credited.from_suspense);
            });
        }
    }

    /// Reads one deposit.
    pub(crate) fn load(&mut self, from: &mut Reader<'_>, symbols: &Symbols) -> Option<()> {
        let key = Name128(from.array()?);
        let credited = Credited {
            wallet: symbols.named(from.word()?)?,
            asset: symbols.named(from.word()?)?,
            pool: symbols.named(from.word()?)?,
            amount: from.amount().filter(|amount| *amount > 0)?,
            from_suspense: from.flag()?,
        };
        self.0.insert(key, credited).is_none().then_some(())
    }
}
