//! Every limit's answer about one withdrawal: whether it covers it, the first clause that fails, what is left, and when
//! it would pass.

use crate::limits::book::LimitBook;
use crate::limits::rule::{Dimension, Over, Span};
use crate::limits::window::{Spent, is_over};
use crate::subject::Subject;
use crate::symbols::Symbol;

/// The clauses of a limit, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failing {
    /// It counts another asset alone: it does not cover the withdrawal.
    Asset,
    /// It counts another class alone: it does not cover the withdrawal.
    Class,
    /// What is spent could not be counted any more: denied, whatever the limit says.
    Overflow,
    /// More base units than its bound, or a bound of zero.
    Amount,
    /// More withdrawals than its bound, or a bound of zero.
    Count,
}

impl Failing {
    /// The name that clients see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Class => "class",
            Self::Overflow => "overflow",
            Self::Amount => "amount",
            Self::Count => "count",
        }
    }
}

/// What one limit says of one withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clause {
    /// Its id.
    pub limit: Symbol,
    /// What happens above it, by the policy.
    pub rule_over: Over,
    /// What happens to this withdrawal: one that cannot be counted is denied, whatever the policy says.
    pub over: Over,
    /// Whether it counts each initiator apart.
    pub by_initiator: bool,
    /// For how long an event counts.
    pub span: Span,
    /// The first clause that fails; `None` when the withdrawal passes it.
    pub failing: Option<Failing>,
    /// Whether it adds up amounts: else what it counted of them is nothing.
    pub sums: bool,
    /// What counts under the withdrawal's key; nothing when it does not cover it.
    pub spent: Spent,
    /// The bound on base units.
    pub amount: Option<u128>,
    /// The bound on withdrawals.
    pub count: Option<u64>,
    /// Base units that would still pass.
    pub amount_left: Option<u128>,
    /// Withdrawals that would still pass.
    pub count_left: Option<u64>,
    /// The earliest time at which it would pass this limit, unix ms, if nothing else were charged; `None` for never. At
    /// this time it passes and one ms before it does not.
    pub earliest_pass_ms: Option<u64>,
    /// What was charged before this time, unix ms, may be missing: the limit is younger. Of no matter once it is longer
    /// ago than the window.
    pub counts_from_ms: u64,
}

impl Clause {
    /// Whether the limit counts the withdrawal at all.
    #[must_use]
    pub fn covers(&self) -> bool {
        !matches!(self.failing, Some(Failing::Asset | Failing::Class))
    }
}

impl LimitBook {
    /// What every limit says of one more withdrawal, in order of id; changes nothing.
    pub fn explain(
        &self,
        subject: &Subject,
        amount: u128,
        now_ms: u64,
    ) -> impl Iterator<Item = Clause> {
        let subject = *subject;
        self.rules
            .iter()
            .filter_map(move |(id, _)| self.explain_one(*id, &subject, amount, now_ms))
    }

    /// What one limit says; `None` when there is no such limit.
    #[must_use]
    pub fn explain_one(
        &self,
        limit: Symbol,
        subject: &Subject,
        amount: u128,
        now_ms: u64,
    ) -> Option<Clause> {
        let now_ms = self.time(now_ms);
        let (tally, terms) = self.place(limit)?;
        let foreign = tally.counted.foreign(subject);
        let event = tally.counted.event(amount);
        let track = tally.track(subject).filter(|_| foreign.is_none());
        let spent = tally.spent(track, terms, now_ms);
        let failing = foreign.or_else(|| terms.failing(spent, event));
        Some(Clause {
            limit,
            rule_over: terms.over,
            by_initiator: tally.counted.scope.has(Dimension::Initiator),
            over: failing.map_or(terms.over, |failing| terms.over(failing)),
            span: terms.span,
            failing,
            sums: tally.counted.sums,
            spent,
            amount: terms.amount,
            count: terms.count,
            amount_left: terms.amount.map(|most| most.saturating_sub(spent.amount)),
            count_left: terms.count.map(|most| most.saturating_sub(spent.count)),
            earliest_pass_ms: match foreign {
                Some(_) => Some(now_ms),
                None => tally.earliest(track, terms, event, now_ms),
            },
            counts_from_ms: tally.counts_from_ms,
        })
    }

    /// The limits that may still miss something: what was charged before the time beside each, unix ms, had left memory
    /// when they were new, and counts for longer. In order of id.
    pub fn young(&self, now_ms: u64) -> impl Iterator<Item = (Symbol, u64)> {
        let now_ms = self.time(now_ms);
        self.rules.iter().filter_map(move |(id, _)| {
            let (tally, terms) = self.place(*id)?;
            let misses = tally.counts_from_ms.checked_sub(1)?;
            let over = match terms.span {
                Span::Sliding(length_ms) => is_over(misses, length_ms, now_ms),
                Span::Lifetime => false,
            };
            (!over).then_some((*id, tally.counts_from_ms))
        })
    }

    /// The earliest time, unix ms and from `now_ms` on, at which one more withdrawal passes every limit, if nothing else
    /// were charged; `None` for never.
    #[must_use]
    pub fn earliest_pass_ms(&self, subject: &Subject, amount: u128, now_ms: u64) -> Option<u64> {
        self.earliest(subject, amount, now_ms, false)
    }
}
