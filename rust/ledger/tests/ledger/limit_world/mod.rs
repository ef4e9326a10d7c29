//! The book of limits beside a brute force that keeps every event for ever.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use custody_ledger::limits::{
    Charges, Checked, Dimension, Failing, LimitBook, LimitRule, Over, Span, Spent,
};
use custody_ledger::{Name128, Subject, Symbol, Symbols};
use proptest::prelude::*;

pub const NOW: u64 = 1_700_000_000_000;

/// A withdrawal in names, as the brute force sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// By `Dimension::ALL`.
    pub names: [u8; 6],
    pub amount: u128,
    pub at_ms: u64,
    pub charges: Charges,
    pub released_ms: Option<u64>,
}

pub struct World {
    pub symbols: Symbols,
    pub book: LimitBook,
    pub rules: Vec<LimitRule>,
    pub events: Vec<Event>,
    pub time_ms: u64,
}

pub fn name(dimension: Dimension, value: u8) -> String {
    // NONE is a class too.
    match (dimension, value) {
        (Dimension::Class, 0) => String::new(),
        _ => format!("{}{value}", dimension.name()),
    }
}

pub fn subject(symbols: &mut Symbols, names: [u8; 6]) -> Subject {
    let text = |index: usize| name(Dimension::ALL[index], names[index]);
    Subject {
        asset: symbols.intern(&text(0)),
        initiator: symbols.intern(&text(1)),
        class: symbols.intern(&text(2)),
        wallet: symbols.intern(&text(3)),
        customer: Name128::customer(&text(4)),
        destination: Name128::destination(&text(5)),
    }
}

impl World {
    pub fn new(rules: Vec<LimitRule>) -> Self {
        let mut symbols = Symbols::default();
        let mut book = LimitBook::default();
        book.configure(&rules, &mut symbols).unwrap();
        Self {
            symbols,
            book,
            rules,
            events: Vec::new(),
            time_ms: 0,
        }
    }

    pub fn covers(rule: &LimitRule, names: &[u8; 6]) -> bool {
        let is = |wanted: &Option<String>, dimension: Dimension, index: usize| {
            wanted
                .as_ref()
                .is_none_or(|wanted| *wanted == name(dimension, names[index]))
        };
        is(&rule.asset, Dimension::Asset, 0) && is(&rule.class, Dimension::Class, 2)
    }

    /// What counts under a rule for these names when each event counts `longer` ms longer. What was given back after its
    /// window had passed may go on for so long too.
    pub fn count(&self, rule: &LimitRule, names: &[u8; 6], longer: u64, now_ms: u64) -> Spent {
        let same_key = |event: &&Event| {
            Self::covers(rule, &event.names)
                && rule.scope.iter().all(|dimension| {
                    let index = Dimension::ALL
                        .iter()
                        .position(|one| one == dimension)
                        .unwrap();
                    event.names[index] == names[index]
                })
        };
        let alive = |event: &&Event| match (rule.span, event.released_ms) {
            (Span::Lifetime, released) => released.is_none(),
            (Span::Sliding(length), released) => {
                now_ms - event.at_ms < length + longer
                    && released.is_none_or(|then| then - event.at_ms >= length)
            }
        };
        let sums = rule.asset.is_some() || rule.scope.contains(&Dimension::Asset);
        self.events
            .iter()
            .filter(same_key)
            .filter(alive)
            .fold(Spent::default(), |sum, event| Spent {
                amount: sum
                    .amount
                    .saturating_add(if sums { event.amount } else { 0 }),
                count: sum.count + 1,
            })
    }

    /// The least and the most that the book may say.
    pub fn bounds(&self, rule: &LimitRule, names: &[u8; 6], now_ms: u64) -> (Spent, Spent) {
        let longer = match rule.span {
            Span::Lifetime => 0,
            Span::Sliding(length) => length.div_ceil(1_440) - 1,
        };
        let most = self.count(rule, names, longer, now_ms);
        // At most 64 events are exact.
        let all = self.count(rule, names, longer + 1, now_ms);
        let least = self.count(rule, names, 0, now_ms);
        (least, if all.count <= 64 { least } else { most })
    }

    pub fn spent(&mut self, rule: &LimitRule, names: [u8; 6], now_ms: u64) -> Spent {
        let subject = subject(&mut self.symbols, names);
        let id = self.symbols.find(&rule.id);
        self.book.spent(id, &subject, now_ms).unwrap()
    }

    pub fn charge(&mut self, names: [u8; 6], amount: u128, now_ms: u64) {
        let subject = subject(&mut self.symbols, names);
        let charges = Charges::COVERING;
        self.time_ms = self.time_ms.max(now_ms);
        let at_ms = self.book.charge(charges, &subject, amount, now_ms).unwrap();
        assert_eq!(at_ms, self.time_ms);
        self.events.push(Event {
            names,
            amount,
            at_ms,
            charges,
            released_ms: None,
        });
    }

    pub fn release(&mut self, index: usize) {
        let event = &mut self.events[index];
        if event.released_ms.is_some() {
            return;
        }
        event.released_ms = Some(self.time_ms);
        let subject = subject(&mut self.symbols, event.names);
        self.book
            .release(event.charges, &subject, event.amount, event.at_ms);
    }

    /// New rules, with every event that was not released counted again.
    pub fn edit(&mut self, rules: Vec<LimitRule>) {
        let mut plan = self.book.plan(&rules, &mut self.symbols).unwrap();
        self.events.retain(|event| event.released_ms.is_none());
        for event in &self.events {
            let subject = subject(&mut self.symbols, event.names);
            plan.count(&subject, event.amount, event.at_ms).unwrap();
        }
        self.book.take(plan);
        for event in &mut self.events {
            let subject = subject(&mut self.symbols, event.names);
            event.charges = self.book.recharged(event.charges, &subject).unwrap();
        }
        self.rules = rules;
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.book
            .write(&self.symbols, &mut |part| bytes.extend_from_slice(part));
        bytes
    }

    /// Every count of every rule is within its bounds, and a stored book is the same book.
    pub fn check(&mut self, now_ms: u64) -> Result<(), TestCaseError> {
        let now_ms = self.time_ms.max(now_ms);
        let mut asked: Vec<[u8; 6]> = self.events.iter().rev().take(3).map(|e| e.names).collect();
        asked.push([0; 6]);
        for rule in self.rules.clone() {
            for names in &asked {
                if !Self::covers(&rule, names) {
                    continue;
                }
                let spent = self.spent(&rule, *names, now_ms);
                let (least, most) = self.bounds(&rule, names, now_ms);
                prop_assert!(
                    spent.amount >= least.amount && spent.count >= least.count,
                    "{spent:?} under {least:?} of {rule:?}"
                );
                prop_assert!(
                    spent.amount <= most.amount && spent.count <= most.count,
                    "{spent:?} over {most:?} of {rule:?}"
                );
            }
        }
        Ok(())
    }

    pub fn stored(&mut self) -> Result<(), TestCaseError> {
        let bytes = self.bytes();
        let read = LimitBook::read(&bytes, &mut self.symbols).unwrap();
        self.book = read;
        prop_assert_eq!(&self.bytes(), &bytes);
        prop_assert!(LimitBook::read(&bytes[..bytes.len() - 1], &mut self.symbols).is_err());
        Ok(())
    }

    /// What the book decides follows from what it says is spent, and passes exactly when it says.
    pub fn decide(
        &mut self,
        names: [u8; 6],
        amount: u128,
        now_ms: u64,
    ) -> Result<(), TestCaseError> {
        let now_ms = self.time_ms.max(now_ms);
        let asked = subject(&mut self.symbols, names);
        let clauses: Vec<_> = self.book.explain(&asked, amount, now_ms).collect();
        prop_assert_eq!(clauses.len(), self.rules.len());
        let mut expected: Option<(Over, Symbol)> = None;
        let mut rules = self.rules.clone();
        rules.sort_by(|one, other| one.id.cmp(&other.id));
        for (rule, clause) in rules.iter().zip(&clauses) {
            prop_assert_eq!(self.symbols.name(clause.limit), &rule.id);
            if !Self::covers(rule, &names) {
                prop_assert!(matches!(
                    clause.failing,
                    Some(Failing::Asset | Failing::Class)
                ));
                continue;
            }
            let spent = self.spent(rule, names, now_ms);
            prop_assert_eq!(clause.spent, spent);
            let sums = rule.asset.is_some() || rule.scope.contains(&Dimension::Asset);
            let failing = match spent.amount.checked_add(if sums { amount } else { 0 }) {
                None => Some(Failing::Overflow),
                Some(sum) if rule.amount.is_some_and(|most| most == 0 || sum > most) => {
                    Some(Failing::Amount)
                }
                _ if rule.count.is_some_and(|most| spent.count + 1 > most) => Some(Failing::Count),
                _ => None,
            };
            prop_assert_eq!(clause.failing, failing);
            if failing.is_some() {
                let over = if failing == Some(Failing::Overflow) {
                    Over::Deny
                } else {
                    rule.over
                };
                expected = match expected {
                    Some((Over::Deny, _)) => expected,
                    Some((Over::Hold, _)) if over == Over::Hold => expected,
                    _ => Some((over, clause.limit)),
                };
            }
            // Exactly then, and not a ms before.
            match clause.earliest_pass_ms {
                Some(at) => {
                    let at_then = |ms| {
                        self.book
                            .explain(&asked, amount, ms)
                            .find(|then| then.limit == clause.limit)
                            .unwrap()
                            .failing
                    };
                    prop_assert_eq!(at_then(at), None);
                    prop_assert_eq!(failing.is_none(), at == now_ms);
                    if at > now_ms {
                        prop_assert!(at_then(at - 1).is_some());
                    }
                }
                None => prop_assert!(failing.is_some()),
            }
        }
        let checked = self.book.check(&asked, amount, now_ms);
        match (&checked, expected) {
            (Checked::Pass { .. }, None) => {}
            (Checked::Hold { exceeded, .. }, Some((Over::Hold, limit)))
            | (Checked::Deny { exceeded }, Some((Over::Deny, limit))) => {
                prop_assert_eq!(exceeded.limit, limit);
                let better = |ms| {
                    matches!(
                        (self.book.check(&asked, amount, ms), &checked),
                        (Checked::Pass { .. }, _) | (Checked::Hold { .. }, Checked::Deny { .. })
                    )
                };
                if let Some(at) = exceeded.earliest_pass_ms {
                    prop_assert!(better(at) && !better(at - 1), "at {} of {:?}", at, exceeded);
                }
            }
            other => prop_assert!(false, "{:?}", other),
        }
        let passes = |ms| matches!(self.book.check(&asked, amount, ms), Checked::Pass { .. });
        match self.book.earliest_pass_ms(&asked, amount, now_ms) {
            Some(at) => {
                prop_assert!(passes(at));
                prop_assert!(at == now_ms || !passes(at - 1));
            }
            None => prop_assert!(!passes(u64::MAX)),
        }
        Ok(())
    }
}

pub fn plain(id: &str, span: Span, amount: Option<u128>, count: Option<u64>) -> LimitRule {
    LimitRule {
        id: id.to_owned(),
        scope: Vec::new(),
        asset: Some(name(Dimension::Asset, 0)),
        class: None,
        span,
        amount,
        count,
        over: Over::Deny,
    }
}
