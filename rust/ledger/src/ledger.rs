//! The whole state, what may be read of it, and its hash.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::attempt::{Attempt, Attempts};
use crate::books::Books;
use crate::canonical::Canonical;
use crate::error::LedgerError;
use crate::fact::{PayoutTerms, SweepTerms};
use crate::halts::{Halts, Scope};
use crate::limits::{LimitBook, LimitRule};
use crate::queue::Queue;
use crate::state::State;
use crate::ulid::Ulid;
use crate::withdrawal::{FeeMode, Withdrawal};

/// A payout or leg in progress, with the house pool that its fee was reserved in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open<T> {
    pub terms: T,
    pub house: String,
}

/// Accounts, holds, queue and limits of one partition.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub(crate) poisoned: Option<String>,
    pub(crate) house: String,
    pub(crate) books: Books,
    pub(crate) opened: BTreeSet<(String, String, String)>,
    pub(crate) withdrawals: BTreeMap<Ulid, Withdrawal>,
    pub(crate) attempts: Attempts,
    pub(crate) payouts: BTreeMap<String, Open<PayoutTerms>>,
    pub(crate) legs: BTreeMap<String, Open<SweepTerms>>,
    pub(crate) halts: Halts,
    pub(crate) limits: LimitBook,
    pub(crate) queue: Queue,
}

impl Ledger {
    /// An empty ledger; nothing passes until `configure` names its house pool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the house pool and the limits of a policy, when its record is written and when it is replayed. What was
    /// spent stays spent: a limit that is new or counts otherwise counts the withdrawals of its window over again.
    ///
    /// # Errors
    /// `Malformed`: nothing changed. `Broken`.
    pub fn configure(&mut self, house: &str, limits: Vec<LimitRule>) -> Result<(), LedgerError> {
        self.intact()?;
        if house.is_empty() {
            return Err(LedgerError::malformed("house_pool", "is required"));
        }
        let mut book = self.limits.clone();
        let incomplete = book.configure(limits)?;
        let mut charged: Vec<(Ulid, String)> = Vec::new();
        for id in &incomplete {
            charged.extend(
                self.recount(&mut book, id)?
                    .into_iter()
                    .map(|withdrawal| (withdrawal, id.clone())),
            );
        }
        for withdrawal in self.withdrawals.values_mut() {
            withdrawal
                .charged
                .retain(|id| book.rule(id).is_some() && !incomplete.contains(id));
        }
        for (withdrawal, id) in charged {
            if let Some(withdrawal) = self.withdrawals.get_mut(&withdrawal) {
                withdrawal.charged.push(id);
                withdrawal.charged.sort_unstable();
            }
        }
        self.limits = book;
        self.house = house.to_owned();
        Ok(())
    }

    /// Counts every withdrawal that a limit covers and that was not given back; answers with those counted.
    fn recount(&self, book: &mut LimitBook, id: &str) -> Result<Vec<Ulid>, LedgerError> {
        let Some(rule) = book.rule(id).cloned() else {
            return Ok(Vec::new());
        };
        book.clear(id);
        let mut counted: Vec<&Withdrawal> = self
            .withdrawals
            .values()
            .filter(|w| !matches!(w.state, State::Voided(_)) && rule.covers(&w.subject))
            .filter(|w| w.charged_ms.saturating_add(rule.window_ms) > book.time(0))
            .collect();
        counted.sort_by_key(|w| (w.charged_ms, w.id));
        for w in &counted {
            book.recount(id, &rule.key(&w.subject), w.hold(), w.charged_ms)
                .map_err(|error| {
                    LedgerError::malformed(&format!("limits.{id}"), error.to_string())
                })?;
        }
        Ok(counted.iter().map(|w| w.id).collect())
    }

    /// Whether the ledger may still be used.
    ///
    /// # Errors
    /// `Broken`, once a fact failed to apply.
    pub fn intact(&self) -> Result<(), LedgerError> {
        self.poisoned
            .clone()
            .map_or(Ok(()), |reason| Err(LedgerError::Broken(reason)))
    }

    /// Stops the ledger for good: what follows a bug elsewhere (a panic, a failed append) must not be decided here.
    pub fn poison(&mut self, reason: &str) {
        self.poisoned.get_or_insert_with(|| reason.to_owned());
    }

    /// One withdrawal.
    #[must_use]
    pub fn withdrawal(&self, id: &Ulid) -> Option<&Withdrawal> {
        self.withdrawals.get(id)
    }

    /// Every withdrawal older than `before`, newest first.
    pub fn withdrawals_before(&self, before: Option<Ulid>) -> impl Iterator<Item = &Withdrawal> {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        self.withdrawals
            .range((Bound::Unbounded, end))
            .rev()
            .map(|(_, withdrawal)| withdrawal)
    }

    /// All that was answered to a reference, attempt 1 first.
    #[must_use]
    pub fn attempts(&self, initiator: &str, reference: &str) -> &[Attempt] {
        self.attempts.of(initiator, reference)
    }

    /// The halts in force.
    pub fn halts(&self) -> impl Iterator<Item = (&str, &[Scope])> {
        self.halts.iter()
    }

    /// The first halt and scope that stop this withdrawal's payout.
    #[must_use]
    pub fn stop_of(&self, withdrawal: &Withdrawal) -> Option<(&str, &Scope)> {
        self.halts.stop_payout(&withdrawal.subject)
    }

    /// The limits with what was spent.
    #[must_use]
    pub fn limits(&self) -> &LimitBook {
        &self.limits
    }

    /// A payout in progress.
    #[must_use]
    pub fn payout(&self, payout: &str) -> Option<&PayoutTerms> {
        self.payouts.get(payout).map(|open| &open.terms)
    }

    /// A leg in progress.
    #[must_use]
    pub fn leg(&self, leg: &str) -> Option<&SweepTerms> {
        self.legs.get(leg).map(|open| &open.terms)
    }

    /// Checks that every asset's book is balanced and nothing available is negative.
    ///
    /// # Errors
    /// `Broken` with what does not hold.
    pub fn conservation(&self) -> Result<(), LedgerError> {
        self.intact()?;
        self.books.check_all()
    }

    /// SHA-256 over the one serialisation of the whole state.
    ///
    /// # Errors
    /// `Broken`.
    pub fn state_hash(&self) -> Result<[u8; 32], LedgerError> {
        self.intact()?;
        let mut out = Canonical::new("custody/ledger-state/v1");
        out.text(&self.house);
        out.length(self.books.rows().count());
        for (asset, name, b) in self.books.rows() {
            out.text(asset).text(&name.to_string());
            out.amount(b.debits_pending)
                .amount(b.debits_posted)
                .amount(b.credits_pending)
                .amount(b.credits_posted);
        }
        out.length(self.opened.len());
        for (wallet, asset, pool) in &self.opened {
            out.text(wallet).text(asset).text(pool);
        }
        out.length(self.withdrawals.len());
        self.withdrawals
            .values()
            .for_each(|withdrawal| write_withdrawal(&mut out, withdrawal));
        self.attempts.write(&mut out);
        out.length(self.payouts.len());
        for open in self.payouts.values() {
            write_payout(&mut out, open);
        }
        out.length(self.legs.len());
        for open in self.legs.values() {
            write_leg(&mut out, open);
        }
        self.halts.write(&mut out);
        self.limits.write(&mut out);
        self.queue.write(&mut out);
        Ok(out.finish())
    }
}

fn write_withdrawal(out: &mut Canonical, w: &Withdrawal) {
    out.bytes(&w.id.0)
        .bytes(&w.intent_sha256)
        .text(&w.reference)
        .number(u64::from(w.attempt));
    let s = &w.subject;
    for text in [
        &s.asset,
        &s.initiator,
        &s.class,
        &s.customer,
        &s.destination,
        &s.wallet,
        &w.pool,
        &w.tag,
        &w.payout,
    ] {
        out.text(text);
    }
    let max_network_fee = match w.fee_mode {
        FeeMode::House => None,
        FeeMode::Deduct { max_network_fee } => Some(max_network_fee),
    };
    out.amount(w.amount)
        .amount(w.service_fee)
        .flag(max_network_fee.is_some())
        .amount(max_network_fee.unwrap_or(0));
    for number in [
        w.pay_before_ms,
        u64::from(w.priority.number()),
        w.queued_since_ms,
        w.accepted_ms,
        w.sequence,
    ] {
        out.number(number);
    }
    out.number(u64::from(w.leaf))
        .number(w.charged_ms)
        .length(w.charged.len());
    w.charged.iter().for_each(|id| {
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
