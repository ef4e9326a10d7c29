//! All limits with what was spent under each, and the one clock they share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::canonical::Canonical;
use crate::error::LedgerError;
use crate::limits::charges::{Charges, Sets};
use crate::limits::rule::{LimitRule, Over};
use crate::limits::window::{Spent, Window};
use crate::subject::Subject;
use crate::symbols::{Symbol, Symbols};

/// Why an event does not pass a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The limit's id.
    pub limit: String,
    /// What it says to do.
    pub over: Over,
    /// What already counts.
    pub spent: Spent,
    /// The earliest time at which the event would pass, unix ms; `None` when it never does.
    pub earliest_pass_ms: Option<u64>,
    /// The bound, for people.
    pub bound: String,
}

/// What all limits say of one withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It passes.
    Pass {
        /// What it is to be charged to.
        charges: Charges,
    },
    /// It waits for a quorum.
    Hold {
        /// The first limit that holds it.
        exceeded: Exceeded,
        /// What it is to be charged to.
        charges: Charges,
    },
    /// It is refused.
    Deny {
        /// The first limit that denies it.
        exceeded: Exceeded,
    },
}

/// Why the book cannot answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitError {
    /// No limit has this id.
    Unknown(String),
    /// What is spent under this limit would exceed its type.
    Overflow(String),
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "no limit {id}"),
            Self::Overflow(id) => write!(f, "limit {id}: the sum exceeds its type"),
        }
    }
}

#[derive(Debug, Clone)]
struct Limit {
    rule: LimitRule,
    asset: Option<Symbol>,
    class: Option<Symbol>,
    windows: BTreeMap<String, Window>,
    /// So many keys, and the idle ones go.
    crowd: usize,
}

/// Fewer keys than this are not worth looking through.
const CROWD: usize = 1_024;

impl Limit {
    fn covers(&self, asset: Symbol, class: Symbol) -> bool {
        self.asset.is_none_or(|own| own == asset) && self.class.is_none_or(|own| own == class)
    }

    /// Drops keys under which nothing counts any more, once there are twice as many as were left last time: a new key
    /// costs little on average, however many there are.
    fn forget_idle(&mut self, now_ms: u64) {
        if self.windows.len() < self.crowd {
            return;
        }
        self.windows.retain(|_, window| {
            window.forget(now_ms);
            !window.is_empty()
        });
        self.crowd = self.windows.len().saturating_mul(2).max(CROWD);
    }
}

/// Limits and what was spent under them.
#[derive(Debug, Clone, Default)]
pub struct LimitBook {
    /// The largest time seen by a change: a clock that goes back is ignored.
    time_ms: u64,
    limits: BTreeMap<String, Limit>,
    sets: Sets,
}

impl LimitBook {
    /// Replaces the rules and keeps what was spent under the ids that stay; answers with the ids whose old events no
    /// longer tell all that counts (new, or counting otherwise).
    ///
    /// # Errors
    /// `Malformed`: a rule that cannot be used, or two of one id. Nothing changed.
    pub fn configure(
        &mut self,
        rules: Vec<LimitRule>,
        symbols: &mut Symbols,
    ) -> Result<Vec<String>, LedgerError> {
        let mut made = BTreeMap::new();
        let mut incomplete = Vec::new();
        for rule in rules {
            rule.check()?;
            let mut windows = BTreeMap::new();
            let before = self.limits.get(&rule.id);
            if let Some(before) = before {
                for (key, window) in &before.windows {
                    let window = window.resized(rule.window_ms).ok_or_else(|| {
                        LedgerError::malformed(&rule.id, "what was spent exceeds its type")
                    })?;
                    windows.insert(key.clone(), window);
                }
            }
            if before.is_none_or(|before| !before.rule.counts_alike(&rule)) {
                incomplete.push(rule.id.clone());
            }
            let id = rule.id.clone();
            if made
                .insert(
                    id.clone(),
                    Limit {
                        asset: rule.asset.as_ref().map(|name| symbols.intern(name)),
                        class: rule.class.as_ref().map(|name| symbols.intern(name)),
                        rule,
                        windows,
                        crowd: CROWD,
                    },
                )
                .is_some()
            {
                return Err(LedgerError::malformed(
                    &format!("limits.{id}"),
                    "occurs twice",
                ));
            }
        }
        self.limits = made;
        self.number_sets();
        Ok(incomplete)
    }

    /// Gives a number to every set of limits that can count a withdrawal together.
    fn number_sets(&mut self) {
        let other = [Symbol::UNKNOWN];
        let assets = self.limits.values().filter_map(|limit| limit.asset);
        let assets: BTreeSet<Symbol> = assets.chain(other).collect();
        let classes = self.limits.values().filter_map(|limit| limit.class);
        let classes: BTreeSet<Symbol> = classes.chain(other).collect();
        for asset in assets {
            for class in &classes {
                let set = self.covering(asset, *class);
                self.sets.intern(set);
            }
        }
    }

    /// The limits that count such a withdrawal, in order of id.
    fn covering(&self, asset: Symbol, class: Symbol) -> Vec<String> {
        let covering = self.limits.iter().filter(|(_, l)| l.covers(asset, class));
        covering.map(|(id, _)| id.clone()).collect()
    }

    /// Whether a limit counts a withdrawal.
    #[must_use]
    pub fn covers(&self, id: &str, subject: &Subject) -> bool {
        let limit = self.limits.get(id);
        limit.is_some_and(|limit| limit.covers(subject.asset, subject.class))
    }

    /// Whether a withdrawal of `amount` passes all limits, and which count it; changes nothing. The first that denies
    /// goes before the first that holds, in order of id.
    #[must_use]
    pub fn check(&self, subject: &Subject, amount: u128, now_ms: u64) -> Checked {
        let ids = self.covering(subject.asset, subject.class);
        let mut holds: Option<Exceeded> = None;
        for id in &ids {
            let Some(limit) = self.limits.get(id) else {
                continue;
            };
            let key = limit.rule.key(subject);
            let Ok(Err(exceeded)) = self.check_key(id, &key, amount, now_ms) else {
                continue;
            };
            // Above what its type can count it cannot even be held.
            let countable = exceeded.spent.amount.checked_add(amount).is_some();
            if exceeded.over == Over::Deny || !countable {
                return Checked::Deny { exceeded };
            }
            holds = holds.or(Some(exceeded));
        }
        let charges = self.sets.find(&ids).unwrap_or(Charges::NONE);
        match holds {
            Some(exceeded) => Checked::Hold { exceeded, charges },
            None => Checked::Pass { charges },
        }
    }

    /// Counts a withdrawal under every limit of a set and answers with the time it counts from.
    ///
    /// # Errors
    /// `Unknown`, `Overflow`: part of it may have been counted.
    pub fn charge(
        &mut self,
        charges: Charges,
        subject: &Subject,
        amount: u128,
        now_ms: u64,
    ) -> Result<u64, LimitError> {
        for id in self.sets.ids(charges).to_vec() {
            let key = self.limit(&id)?.rule.key(subject);
            self.charge_key(&id, &key, amount, now_ms)?;
        }
        self.see(now_ms);
        Ok(self.time(now_ms))
    }

    /// Takes back a withdrawal that was charged at `charged_ms`; a limit that is gone is no matter.
    pub fn release(&mut self, charges: Charges, subject: &Subject, amount: u128, charged_ms: u64) {
        for id in self.sets.ids(charges).to_vec() {
            if let Some(key) = self.rule(&id).map(|rule| rule.key(subject)) {
                self.release_key(&id, &key, amount, charged_ms);
            }
        }
    }

    /// The set of these limits.
    ///
    /// # Errors
    /// `Unknown` for the first that the book does not have.
    pub fn set(&mut self, ids: &[impl AsRef<str>]) -> Result<Charges, LimitError> {
        let ids: Vec<String> = ids.iter().map(|id| id.as_ref().to_owned()).collect();
        for id in &ids {
            self.limit(id)?;
        }
        let overflow = || LimitError::Overflow("sets".to_owned());
        self.sets.intern(ids).ok_or_else(overflow)
    }

    /// The limits of a set, in order of id.
    pub fn names(&self, charges: Charges) -> impl Iterator<Item = &str> {
        self.sets.ids(charges).iter().map(String::as_str)
    }

    /// The time that counts when the clock says `now_ms`.
    #[must_use]
    pub fn time(&self, now_ms: u64) -> u64 {
        self.time_ms.max(now_ms)
    }

    /// The rules, by id.
    pub fn rules(&self) -> impl Iterator<Item = &LimitRule> {
        self.limits.values().map(|limit| &limit.rule)
    }

    /// What counts under a limit and key now.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn spent(&self, id: &str, key: &str, now_ms: u64) -> Result<Spent, LimitError> {
        let limit = self.limit(id)?;
        Ok(limit
            .windows
            .get(key)
            .map(|window| window.spent(self.time(now_ms)))
            .unwrap_or_default())
    }

    /// What an amount limit has left; `None` when it bounds no amount.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn headroom(&self, id: &str, key: &str, now_ms: u64) -> Result<Option<u128>, LimitError> {
        let spent = self.spent(id, key, now_ms)?;
        Ok(self
            .limit(id)?
            .rule
            .amount
            .map(|most| most.saturating_sub(spent.amount)))
    }

    /// Whether one more event of `amount` passes; changes nothing.
    ///
    /// # Errors
    /// `Unknown`; the inner error says why it does not pass.
    pub fn check_key(
        &self,
        id: &str,
        key: &str,
        amount: u128,
        now_ms: u64,
    ) -> Result<Result<(), Exceeded>, LimitError> {
        let limit = self.limit(id)?;
        let now_ms = self.time(now_ms);
        let rule = &limit.rule;
        let fits = |spent: Spent| {
            let amount = spent.amount.checked_add(amount);
            let count = spent.count.checked_add(1);
            // A sum that exceeds its type never fits, bounded or not: it could not be charged.
            amount.is_some_and(|sum| rule.amount.is_none_or(|most| sum <= most))
                && count.is_some_and(|sum| rule.count.is_none_or(|most| sum <= most))
        };
        let empty = Window::new(rule.window_ms);
        let window = limit.windows.get(key).unwrap_or(&empty);
        let spent = window.spent(now_ms);
        if fits(spent) {
            return Ok(Ok(()));
        }
        Ok(Err(Exceeded {
            limit: rule.id.clone(),
            over: rule.over,
            spent,
            earliest_pass_ms: window.earliest(fits, now_ms),
            bound: bound(rule),
        }))
    }

    /// Counts one event of `amount`, above the bound or not, and answers with the time it counts from.
    ///
    /// # Errors
    /// `Unknown`, `Overflow`; nothing changed.
    pub fn charge_key(
        &mut self,
        id: &str,
        key: &str,
        amount: u128,
        now_ms: u64,
    ) -> Result<u64, LimitError> {
        let now_ms = self.time(now_ms);
        let limit = self
            .limits
            .get_mut(id)
            .ok_or_else(|| LimitError::Unknown(id.to_owned()))?;
        let length_ms = limit.rule.window_ms;
        if !limit.windows.contains_key(key) {
            limit.forget_idle(now_ms);
            limit.windows.insert(key.to_owned(), Window::new(length_ms));
        }
        limit
            .windows
            .get_mut(key)
            .and_then(|window| window.charge(Spent { amount, count: 1 }, now_ms))
            .ok_or_else(|| LimitError::Overflow(id.to_owned()))?;
        self.time_ms = now_ms;
        Ok(now_ms)
    }

    /// Takes back one event of `amount` that was charged at `charged_ms`; a limit or event that is gone is no matter.
    pub fn release_key(&mut self, id: &str, key: &str, amount: u128, charged_ms: u64) {
        let Some(limit) = self.limits.get_mut(id) else {
            return;
        };
        let Some(window) = limit.windows.get_mut(key) else {
            return;
        };
        window.release(Spent { amount, count: 1 }, charged_ms);
        if window.is_empty() {
            limit.windows.remove(key);
        }
    }

    /// Forgets what one limit counted.
    pub(crate) fn clear(&mut self, id: &str) {
        if let Some(limit) = self.limits.get_mut(id) {
            limit.windows.clear();
        }
    }

    /// Counts under one limit an event of an earlier time; events come in order of time.
    pub(crate) fn recount(
        &mut self,
        id: &str,
        subject: &Subject,
        amount: u128,
        charged_ms: u64,
    ) -> Result<(), LimitError> {
        let key = self.limit(id)?.rule.key(subject);
        let limit = self
            .limits
            .get_mut(id)
            .ok_or_else(|| LimitError::Unknown(id.to_owned()))?;
        let length_ms = limit.rule.window_ms;
        let window = limit
            .windows
            .entry(key)
            .or_insert_with(|| Window::new(length_ms));
        window
            .charge(Spent { amount, count: 1 }, charged_ms)
            .ok_or_else(|| LimitError::Overflow(id.to_owned()))
    }

    /// The longest window of any limit, ms: what was charged earlier than that counts nowhere.
    #[must_use]
    pub fn longest_window_ms(&self) -> u64 {
        self.rules().map(|rule| rule.window_ms).max().unwrap_or(0)
    }

    /// The rule of this id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&LimitRule> {
        self.limits.get(id).map(|limit| &limit.rule)
    }

    pub(crate) fn see(&mut self, now_ms: u64) {
        self.time_ms = self.time(now_ms);
    }

    pub(crate) fn write(&self, out: &mut Canonical, _symbols: &Symbols) {
        out.number(self.time_ms).length(self.limits.len());
        for (id, limit) in &self.limits {
            out.text(id)
                .number(limit.rule.window_ms)
                .length(limit.crowd)
                .length(limit.windows.len());
            for (key, window) in &limit.windows {
                out.text(key);
                window.write(out);
            }
        }
    }

    fn limit(&self, id: &str) -> Result<&Limit, LimitError> {
        self.limits
            .get(id)
            .ok_or_else(|| LimitError::Unknown(id.to_owned()))
    }
}

fn bound(rule: &LimitRule) -> String {
    let amount = rule.amount.map(|most| format!("{most} base units"));
    let count = rule.count.map(|most| format!("{most} withdrawals"));
    let most: Vec<String> = [amount, count].into_iter().flatten().collect();
    format!(
        "{} in {} s",
        most.join(" and "),
        rule.window_ms.div_ceil(1_000)
    )
}
