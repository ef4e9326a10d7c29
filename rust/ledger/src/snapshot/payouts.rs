//! Payouts and legs in progress in a snapshot.

use super::sections::{Saved, Sections};
use super::{LEGS, PAYOUTS};
use crate::error::LedgerError;
use crate::fact::{Assignment, PayoutTerms, SweepTerms};
use crate::ledger::{Ledger, Open};
use crate::limits::stored::{Reader, Writer};
use crate::symbols::Symbol;
use crate::ulid::Ulid;

impl Ledger {
    pub(super) fn write_payouts(&self, to: &mut Sections<'_>) {
        for open in self.payouts.values() {
            to.item(PAYOUTS, |out| write_payout(out, open));
        }
        for open in self.legs.values() {
            to.item(LEGS, |out| write_leg(out, open));
        }
    }

    pub(super) fn read_payouts(&mut self, from: &mut Saved<'_>) -> Result<(), LedgerError> {
        from.each(PAYOUTS, |from| {
            let open = read_payout(from)?;
            let terms = &open.terms;
            let names = [&terms.wallet, &terms.fee_asset, &open.house];
            self.knows_all(names).then_some(())?;
            let before = self.payouts.insert(open.terms.payout.clone(), open);
            before.is_none().then_some(())
        })?;
        from.each(LEGS, |from| {
            let open = read_leg(from)?;
            let terms = &open.terms;
            let moves = terms.amount > 0 && terms.from_wallet != terms.to_wallet;
            let [from_wallet, to_wallet] = [&terms.from_wallet, &terms.to_wallet];
            let names = [
                from_wallet,
                to_wallet,
                &terms.asset,
                &terms.fee_asset,
                &open.house,
            ];
            (moves && self.knows_all(names)).then_some(())?;
            let before = self.legs.insert(open.terms.leg.clone(), open);
            before.is_none().then_some(())
        })
    }

    /// Whether facts used all these names: its end is entered under them, and could not be under others.
    fn knows_all<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> bool {
        let mut names = names.into_iter();
        names.all(|name| self.symbols.find(name) != Symbol::UNKNOWN)
    }
}

fn write_payout(out: &mut Writer<'_>, open: &Open<PayoutTerms>) {
    let terms = &open.terms;
    for text in [&terms.payout, &terms.wallet, &terms.fee_asset, &open.house] {
        out.text(text);
    }
    out.amount(terms.fee_reserved);
    out.length(terms.items.len());
    for item in &terms.items {
        (out.0)(&item.id.0);
        out.amount(item.net_amount);
        out.amount(item.fee_charged);
    }
}

fn read_payout(from: &mut Reader<'_>) -> Option<Open<PayoutTerms>> {
    let [payout, wallet, fee_asset, house] =
        [from.text()?, from.text()?, from.text()?, from.text()?];
    let fee_reserved = from.amount()?;
    let items = from.list(|from| {
        Some(Assignment {
            id: Ulid(from.array()?),
            net_amount: from.amount()?,
            fee_charged: from.amount()?,
        })
    })?;
    let terms = PayoutTerms {
        payout,
        wallet,
        items,
        fee_asset,
        fee_reserved,
    };
    Some(Open { terms, house })
}

fn write_leg(out: &mut Writer<'_>, open: &Open<SweepTerms>) {
    let terms = &open.terms;
    for text in [
        &terms.leg,
        &terms.from_wallet,
        &terms.to_wallet,
        &terms.asset,
        &terms.fee_asset,
        &open.house,
    ] {
        out.text(text);
    }
    out.amount(terms.amount);
    out.amount(terms.fee_cap);
}

fn read_leg(from: &mut Reader<'_>) -> Option<Open<SweepTerms>> {
    let [leg, from_wallet, to_wallet] = [from.text()?, from.text()?, from.text()?];
    let [asset, fee_asset, house] = [from.text()?, from.text()?, from.text()?];
    let terms = SweepTerms {
        leg,
        from_wallet,
        to_wallet,
        asset,
        fee_asset,
        amount: from.amount()?,
        fee_cap: from.amount()?,
    };
    Some(Open { terms, house })
}
