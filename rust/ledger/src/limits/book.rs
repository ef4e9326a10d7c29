//! All limits with what was spent under each, and the one clock they share.

use std::collections::BTreeMap;
use std::fmt;

use crate::canonical::Canonical;
use crate::error::LedgerError;
use crate::limits::rule::{LimitRule, Over, Subject};
use crate::limits::window::{Spent, Window};

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
    windows: BTreeMap<String, Window>,
    /// So many keys, and the idle ones go.
    crowd: usize,
}

/// Fewer keys than this are not worth looking through.
const CROWD: usize = 1_024;

impl Limit {
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
}

impl LimitBook {
    /// Replaces the rules and keeps what was spent under the ids that stay; answers with the ids whose old events no
    /// longer tell all that counts (new, or counting otherwise).
    ///
    /// # Errors
    /// `Malformed`: a rule that cannot be used, or two of one id. Nothing changed.
    pub fn configure(&mut self, rules: Vec<LimitRule>) -> Result<Vec<String>, LedgerError> {
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
        Ok(incomplete)
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
    pub fn check(
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
    pub fn charge(
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
    pub fn release(&mut self, id: &str, key: &str, amount: u128, charged_ms: u64) {
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
        key: &str,
        amount: u128,
        charged_ms: u64,
    ) -> Result<(), LimitError> {
        let limit = self
            .limits
            .get_mut(id)
            .ok_or_else(|| LimitError::Unknown(id.to_owned()))?;
        let length_ms = limit.rule.window_ms;
        let window = limit
            .windows
            .entry(key.to_owned())
            .or_insert_with(|| Window::new(length_ms));
        window
            .charge(Spent { amount, count: 1 }, charged_ms)
            .ok_or_else(|| LimitError::Overflow(id.to_owned()))
    }

    /// The limits that count a withdrawal: id, key, what happens above. In order of id.
    pub fn covering<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> impl Iterator<Item = (&'a LimitRule, String)> {
        self.rules()
            .filter(|rule| rule.covers(subject))
            .map(|rule| (rule, rule.key(subject)))
    }

    /// The rule of this id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&LimitRule> {
        self.limits.get(id).map(|limit| &limit.rule)
    }

    pub(crate) fn see(&mut self, now_ms: u64) {
        self.time_ms = self.time(now_ms);
    }

    pub(crate) fn write(&self, out: &mut Canonical) {
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
