//! The one serialisation of the whole state that its hash is over: names, never their numbers.

use crate::canonical::Canonical;
use crate::error::LedgerError;
use crate::fact::{PayoutTerms, SweepTerms};
use crate::ledger::{Ledger, Open, WithdrawalNames};
use crate::slab::Slot;
use crate::state::State;
use crate::symbols::Symbol;
use crate::withdrawal::{FeeMode, Withdrawal};

impl Ledger {
    /// SHA-256 over the one serialisation of the whole state.
    ///
    /// # Errors
    /// `Broken`.
    pub fn state_hash(&self) -> Result<[u8; 32], LedgerError> {
        self.intact()?;
        let mut out = Canonical::new("custody/ledger-state/v1");
        out.text(&self.house).number(self.time_ms);
        self.write_balances(&mut out);
        out.length(self.opened.len());
        for (wallet, asset, pool) in &self.opened {
            out.text(wallet).text(asset).text(pool);
        }
        out.length(self.ids.len());
        for withdrawal in self.ids.oldest_first() {
            write_withdrawal(&mut out, withdrawal, &self.names(withdrawal));
            out.number(self.payout_ids.ended_ms(withdrawal.payout).unwrap_or(0));
            let slot = self.ids.slot(&withdrawal.id).unwrap_or(Slot::NONE);
            out.bytes(&self.queue.save_seat(slot));
        }
        self.ids.write_rejections(&mut out, |rejection| {
            let name = |symbol| self.symbols.name(symbol).to_owned();
            let route = self.routes.get(rejection.route);
            let wallet = route.map_or(Symbol::NONE, |route| route.wallet);
            let sequence = route.map_or(0, |route| route.routing_sequence);
            vec![name(wallet), sequence.to_string(), name(rejection.tag)]
        });
        out.number(self.old.0.references()).bytes(&self.forgotten);
        out.length(self.payouts.len());
        for open in self.payouts.values() {
            write_payout(&mut out, open);
        }
        out.length(self.legs.len());
        for open in self.legs.values() {
            write_leg(&mut out, open);
        }
        self.write_owed(&mut out);
        self.halts.write(&mut out);
        self.limits
            .write(&self.symbols, &mut |bytes| out.raw(bytes));
        out.bytes(&self.queue.save(&self.symbols));
        Ok(out.finish())
    }
}

fn write_withdrawal(out: &mut Canonical, w: &Withdrawal, names: &WithdrawalNames<'_>) {
    out.bytes(&w.id.0)
        .bytes(&w.intent_sha256)
        .bytes(&w.key.0)
        .bytes(&w.customer.0)
        .bytes(&w.destination.0)
        .number(u64::from(w.attempt()));
    for text in [
        names.asset,
        names.initiator,
        names.class,
        names.wallet,
        names.pool,
        names.tag,
        names.payout,
    ] {
        out.text(text);
    }
    let max_network_fee = match w.fee_mode() {
        FeeMode::House => None,
        FeeMode::Deduct { max_network_fee } => Some(max_network_fee),
    };
    out.amount(w.amount())
        .amount(w.service_fee())
        .flag(max_network_fee.is_some())
        .amount(max_network_fee.unwrap_or(0));
    for number in [
        w.pay_before_ms,
        u64::from(w.priority.number()),
        w.queued_since_ms(),
        w.earliest_pass_ms(),
        w.sequence,
    ] {
        out.number(number);
    }
    out.number(u64::from(w.leaf))
        .number(w.charged_ms())
        .length(names.charged.len());
    names.charged.iter().for_each(|id| {
        out.text(id);
    });
    out.text(w.state.name());
    if let State::Voided(end) = w.state {
        out.text(end.name());
    }
}

fn write_payout(out: &mut Canonical, open: &Open<PayoutTerms>) {
    let t = &open.terms;
    out.text(&t.payout)
        .text(&t.wallet)
        .text(&t.fee_asset)
        .amount(t.fee_reserved)
        .text(&open.house);
    out.length(t.items.len());
    for item in &t.items {
        out.bytes(&item.id.0)
            .amount(item.net_amount)
            .amount(item.fee_charged);
    }
}

fn write_leg(out: &mut Canonical, open: &Open<SweepTerms>) {
    let t = &open.terms;
    out.text(&t.leg)
        .text(&t.from_wallet)
        .text(&t.to_wallet)
        .text(&t.asset)
        .amount(t.amount);
    out.text(&t.fee_asset).amount(t.fee_cap).text(&open.house);
}
