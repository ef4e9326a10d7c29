//! One tally: the limits that count the same withdrawals under the same keys, and what each key spent.

use crate::limits::explain::Failing;
use crate::limits::key::{Key, Scope};
use crate::limits::rule::{LimitRule, Over, Span};
use crate::limits::shelf::Shelf;
use crate::limits::track::{Horizon, Track};
use crate::limits::window::Spent;
use crate::subject::Subject;
use crate::symbols::{Symbol, Symbols};

/// What a tally counts: the same for all its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Counted {
    pub scope: Scope,
    /// This asset alone.
    pub asset: Option<Symbol>,
    /// This class alone.
    pub class: Option<Symbol>,
    pub lifetime: bool,
    /// Whether amounts are added up: they are of one asset.
    pub sums: bool,
}

impl Counted {
    pub fn of(rule: &LimitRule, symbols: &mut Symbols) -> Self {
        Self {
            scope: Scope::of(&rule.scope),
            asset: rule.asset.as_ref().map(|name| symbols.intern(name)),
            class: rule.class.as_ref().map(|name| symbols.intern(name)),
            lifetime: rule.span == Span::Lifetime,
            sums: rule.sums(),
        }
    }

    /// Why it does not cover a withdrawal.
    pub fn foreign(&self, subject: &Subject) -> Option<Failing> {
        if self.asset.is_some_and(|asset| asset != subject.asset) {
            return Some(Failing::Asset);
        }
        let other_class = self.class.is_some_and(|class| class != subject.class);
        other_class.then_some(Failing::Class)
    }

    pub fn event(&self, amount: u128) -> Spent {
        Spent {
            amount: if self.sums { amount } else { 0 },
            count: 1,
        }
    }
}

/// One limit of a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub id: Symbol,
    /// Its place in the order of ids.
    pub rank: usize,
    /// Which window of the tally.
    pub window: usize,
    pub span: Span,
    pub amount: Option<u128>,
    pub count: Option<u64>,
    pub over: Over,
}

impl Terms {
    /// The first clause that one more event does not pass. Zero lets nothing pass, not even nothing.
    pub fn failing(&self, spent: Spent, event: Spent) -> Option<Failing> {
        let Some(sum) = spent.plus(event) else {
            return Some(Failing::Overflow);
        };
        if self
            .amount
            .is_some_and(|most| most == 0 || sum.amount > most)
        {
            return Some(Failing::Amount);
        }
        if self.count.is_some_and(|most| sum.count > most) {
            return Some(Failing::Count);
        }
        None
    }

    /// What happens then: above what its type can count it cannot even be held.
    pub fn over(&self, failing: Failing) -> Over {
        match failing {
            Failing::Overflow => Over::Deny,
            _ => self.over,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub counted: Counted,
    pub horizon: Horizon,
    /// In order of window, then of rank.
    pub terms: Vec<Terms>,
    pub shelf: Shelf,
    /// All events from this time on are counted, unix ms; earlier ones may be missing.
    pub counts_from_ms: u64,
}

impl Tally {
    pub fn new(counted: Counted, horizon: Horizon, counts_from_ms: u64) -> Self {
        Self {
            counted,
            horizon,
            terms: Vec::new(),
            shelf: Shelf::new(counted.scope.words()),
            counts_from_ms,
        }
    }

    pub fn track(&self, subject: &Subject) -> Option<&Track> {
        self.shelf.get(&Key::of(subject, self.counted.scope))
    }

    pub fn spent(&self, track: Option<&Track>, terms: &Terms, now_ms: u64) -> Spent {
        let length_ms = self.horizon.length_ms(terms.window);
        track.map_or_else(Spent::default, |track| {
            track.spent(terms.window, length_ms, now_ms)
        })
    }

    /// The earliest time, from `now_ms` on, at which one more event passes a limit; `None` for never.
    pub fn earliest(
        &self,
        track: Option<&Track>,
        terms: &Terms,
        event: Spent,
        now_ms: u64,
    ) -> Option<u64> {
        let fits = |spent: Spent| terms.failing(spent, event).is_none();
        match track {
            None => fits(Spent::default()).then_some(now_ms),
            Some(track) => {
                let length_ms = self.horizon.length_ms(terms.window);
                track.earliest(terms.window, length_ms, fits, now_ms)
            }
        }
    }

    /// Calls `exceeded` for each limit that one more event does not pass.
    pub fn check(
        &self,
        subject: &Subject,
        amount: u128,
        now_ms: u64,
        mut exceeded: impl FnMut(&Terms, Failing),
    ) {
        let track = self.track(subject);
        let event = self.counted.event(amount);
        let mut window = usize::MAX;
        let mut spent = Spent::default();
        for terms in &self.terms {
            if terms.window != window {
                window = terms.window;
                spent = self.spent(track, terms, now_ms);
            }
            if let Some(failing) = terms.failing(spent, event) {
                exceeded(terms, failing);
            }
        }
        // A window whose limits are gone is counted as long as the tally is.
        if let (Horizon::Sliding(lengths), Some(track), Some(last)) =
            (&self.horizon, track, self.terms.last())
        {
            let longest = lengths.len().saturating_sub(1);
            let spent = || track.spent(longest, lengths.last().copied(), now_ms);
            if last.window < longest && spent().plus(event).is_none() {
                exceeded(last, Failing::Overflow);
            }
        }
    }

    pub fn charge(&mut self, subject: &Subject, amount: u128, now_ms: u64) -> Option<()> {
        let key = Key::of(subject, self.counted.scope);
        let event = self.counted.event(amount);
        self.shelf.charge(&key, &self.horizon, event, now_ms)
    }

    pub fn release(&mut self, subject: &Subject, amount: u128, charged_ms: u64, now_ms: u64) {
        let key = Key::of(subject, self.counted.scope);
        let event = self.counted.event(amount);
        self.shelf
            .release(&key, &self.horizon, event, charged_ms, now_ms);
    }
}
