//! All limits with what was spent under each, and the one clock they share.

use hashbrown::HashMap;

use crate::error::LedgerError;
use crate::limits::covers::{Charges, Filters, Sets};
use crate::limits::explain::Failing;
use crate::limits::plan::{Plan, place_windows};
use crate::limits::rule::{LimitRule, Over};
use crate::limits::tally::{Tally, Terms};
use crate::limits::track::Horizon;
use crate::limits::verdict::{Checked, Exceeded, LimitError};
use crate::limits::window::Spent;
use crate::subject::Subject;
use crate::symbols::{Symbol, Symbols};

/// Limits and what was spent under them.
#[derive(Debug, Clone, Default)]
pub struct LimitBook {
    /// The largest time seen by a change: a clock that goes back is ignored.
    pub(crate) time_ms: u64,
    /// No withdrawal that was charged from this time on has left the owner's memory uncounted.
    pub(crate) known_from_ms: u64,
    /// By id.
    pub(crate) rules: Vec<(Symbol, LimitRule)>,
    /// Where each limit is: tally and place there.
    pub(crate) places: HashMap<Symbol, (u32, usize)>,
    /// By number; `None` for those that no rule needs any more.
    pub(crate) tallies: Vec<Option<Tally>>,
    pub(crate) filters: Filters,
    pub(crate) sets: Sets,
    /// The tallies of the last change of rules.
    pub(crate) fresh: Vec<u32>,
    pub(crate) longest_ms: u64,
}

impl LimitBook {
    /// The time that counts when the clock says `now_ms`.
    #[must_use]
    pub fn time(&self, now_ms: u64) -> u64 {
        self.time_ms.max(now_ms)
    }

    /// Time passes.
    pub fn see(&mut self, now_ms: u64) {
        self.time_ms = self.time(now_ms);
    }

    /// The owner forgets a withdrawal that was charged then and not given back: a limit that is new from now on cannot
    /// count it.
    pub fn forgot(&mut self, charged_ms: u64) {
        self.known_from_ms = self.known_from_ms.max(charged_ms.saturating_add(1));
    }

    /// The longest window, ms: how long the owner should remember what was charged. What counts for ever needs no
    /// remembering.
    #[must_use]
    pub fn longest_window_ms(&self) -> u64 {
        self.longest_ms
    }

    /// Changes the rules for an owner who remembers no withdrawals. What was spent stays spent: a window that is longer
    /// than all that its tally had begins with what those still know, one that is new begins empty, and both say since
    /// when they count.
    ///
    /// # Errors
    /// `Malformed`: a rule that cannot be used, or two of one id. Nothing changed.
    pub fn configure(
        &mut self,
        rules: &[LimitRule],
        symbols: &mut Symbols,
    ) -> Result<(), LedgerError> {
        let mut plan = self.plan(rules, symbols)?;
        for (number, fresh) in &mut plan.fresh {
            let before = number.and_then(|number| self.tally(number).cloned());
            let Some(mut before) = before else {
                fresh.counts_from_ms = self.time_ms;
                continue;
            };
            if let Horizon::Sliding(lengths) = &fresh.horizon {
                before
                    .shelf
                    .try_for_each_mut(|track| track.resized(lengths))
                    .ok_or_else(|| LedgerError::malformed("limits", "a sum exceeds its type"))?;
                if before.horizon.longest_ms() < fresh.horizon.longest_ms() {
                    let knew_ms = before.horizon.longest_ms().unwrap_or(0);
                    let knew_from_ms = self.time_ms.saturating_sub(knew_ms.saturating_sub(1));
                    before.counts_from_ms = before.counts_from_ms.max(knew_from_ms);
                }
            }
            fresh.counts_from_ms = before.counts_from_ms;
            fresh.shelf = before.shelf;
        }
        self.take(plan);
        Ok(())
    }

    /// Puts a plan in force.
    pub fn take(&mut self, plan: Plan) {
        let mut after: Vec<Option<Tally>> = self.tallies.iter().map(|_| None).collect();
        let mut put = |number: u32, tally: Tally| {
            if let Some(place) = after.get_mut(index(number)) {
                *place = Some(tally);
            }
        };
        for (number, mut terms) in plan.kept {
            if let Some(mut tally) = self.tallies.get_mut(index(number)).and_then(Option::take) {
                place_windows(&tally.horizon, &mut terms);
                tally.terms = terms;
                put(number, tally);
            }
        }
        let mut new = Vec::new();
        self.fresh.clear();
        for (number, tally) in plan.fresh {
            match number {
                Some(number) => {
                    put(number, tally);
                    self.fresh.push(number);
                }
                None => new.push(tally),
            }
        }
        for tally in new {
            self.fresh
                .push(u32::try_from(after.len()).unwrap_or(u32::MAX));
            after.push(Some(tally));
        }
        self.tallies = after;
        self.rules = plan.rules;
        self.look_up();
    }

    /// Makes what is worked out from the tallies.
    pub(crate) fn look_up(&mut self) {
        self.filters = Filters::default();
        self.places.clear();
        let horizons = self.tallies.iter().flatten().map(|tally| &tally.horizon);
        self.longest_ms = horizons.filter_map(Horizon::longest_ms).max().unwrap_or(0);
        for (number, tally) in (0_u32..).zip(&self.tallies) {
            let Some(tally) = tally else { continue };
            self.filters.add(&tally.counted, number);
            for (place, terms) in tally.terms.iter().enumerate() {
                self.places.insert(terms.id, (number, place));
            }
        }
    }

    /// What a record's limits count with, to charge its withdrawal to.
    ///
    /// # Errors
    /// `Unknown`; `Overflow`: too many sets.
    pub fn charges_of(
        &mut self,
        limits: impl IntoIterator<Item = Symbol>,
        subject: &Subject,
    ) -> Result<Charges, LimitError> {
        let mut tallies = Vec::new();
        for limit in limits {
            let (number, _) = self.places.get(&limit).ok_or(LimitError::Unknown(limit))?;
            tallies.push(*number);
        }
        tallies.sort_unstable();
        tallies.dedup();
        let mut covering: Vec<u32> = self.filters.covering(subject).collect();
        covering.sort_unstable();
        if tallies == covering {
            return Ok(Charges::COVERING);
        }
        self.sets
            .intern(tallies)
            .ok_or(LimitError::Overflow(Symbol::NONE))
    }

    /// The same set with the limits that are new since the last change of rules and cover the withdrawal.
    ///
    /// # Errors
    /// `Overflow`: too many sets.
    pub fn recharged(
        &mut self,
        charges: Charges,
        subject: &Subject,
    ) -> Result<Charges, LimitError> {
        if charges == Charges::COVERING {
            return Ok(charges);
        }
        let covering = self.filters.covering(subject);
        let mut tallies: Vec<u32> = covering
            .filter(|number| self.fresh.contains(number))
            .collect();
        tallies.extend(self.sets.get(charges));
        self.sets
            .intern(tallies)
            .ok_or(LimitError::Overflow(Symbol::NONE))
    }

    /// The limits that a withdrawal is charged to, in order of id.
    #[must_use]
    pub fn limits_of(&self, charges: Charges, subject: &Subject) -> Vec<Symbol> {
        let set = self.sets.get(charges).iter().copied();
        let all = (charges == Charges::COVERING).then(|| self.filters.covering(subject));
        let tallies = set
            .chain(all.into_iter().flatten())
            .filter_map(|number| self.tally(number));
        let mut terms: Vec<&Terms> = tallies.flat_map(|tally| &tally.terms).collect();
        terms.sort_unstable_by_key(|terms| terms.rank);
        terms.into_iter().map(|terms| terms.id).collect()
    }

    /// Whether a withdrawal may have been charged so.
    pub(crate) fn knows(&self, charges: Charges) -> bool {
        self.sets.has(charges)
    }

    /// The rules, by id.
    pub fn rules(&self) -> impl Iterator<Item = (Symbol, &LimitRule)> {
        self.rules.iter().map(|(id, rule)| (*id, rule))
    }

    /// Whether one more withdrawal passes; changes nothing. The first limit by id that denies decides, else the first
    /// that holds.
    #[must_use]
    pub fn check(&self, subject: &Subject, amount: u128, now_ms: u64) -> Checked {
        let now_ms = self.time(now_ms);
        let mut deny: Option<(u32, Terms, Failing)> = None;
        let mut hold = deny;
        self.for_covering(subject, |number, tally| {
            tally.check(subject, amount, now_ms, |terms, failing| {
                let first = match terms.over(failing) {
                    Over::Deny => &mut deny,
                    Over::Hold => &mut hold,
                };
                if first.is_none_or(|(_, first, _)| terms.rank < first.rank) {
                    *first = Some((number, *terms, failing));
                }
            });
        });
        let exceeded = |(number, terms, failing): (u32, Terms, Failing), denied: bool| {
            let tally = self.tally(number);
            let spent = tally.map(|tally| tally.spent(tally.track(subject), &terms, now_ms));
            Exceeded {
                limit: terms.id,
                failing,
                span: terms.span,
                spent: spent.unwrap_or_default(),
                amount: terms.amount,
                count: terms.count,
                earliest_pass_ms: self.earliest(subject, amount, now_ms, denied),
            }
        };
        match (deny, hold) {
            (Some(deny), _) => Checked::Deny {
                exceeded: exceeded(deny, true),
            },
            (None, Some(hold)) => Checked::Hold {
                exceeded: exceeded(hold, false),
                charges: Charges::COVERING,
            },
            (None, None) => Checked::Pass {
                charges: Charges::COVERING,
            },
        }
    }

    /// The earliest time, from `now_ms` on, at which no limit denies one more withdrawal, or (unless `denied`) none
    /// holds it either, if nothing else were charged. `None` for never.
    pub(crate) fn earliest(
        &self,
        subject: &Subject,
        amount: u128,
        now_ms: u64,
        denied: bool,
    ) -> Option<u64> {
        let now_ms = self.time(now_ms);
        let mut latest = Some(now_ms);
        self.for_covering(subject, |_, tally| {
            let event = tally.counted.event(amount);
            let track = tally.track(subject);
            for terms in &tally.terms {
                let spent = tally.spent(track, terms, now_ms);
                let Some(failing) = terms.failing(spent, event) else {
                    continue;
                };
                if !denied || terms.over(failing) == Over::Deny {
                    let earliest = tally.earliest(track, terms, event, now_ms);
                    latest = latest
                        .zip(earliest)
                        .map(|(latest, earliest)| latest.max(earliest));
                }
            }
        });
        latest
    }

    /// Counts one withdrawal, above the bounds or not, and answers with the time it counts from.
    ///
    /// # Errors
    /// `Overflow`; nothing counts more.
    pub fn charge(
        &mut self,
        charges: Charges,
        subject: &Subject,
        amount: u128,
        now_ms: u64,
    ) -> Result<u64, LimitError> {
        let now_ms = self.time(now_ms);
        self.time_ms = now_ms;
        let tallies = match charges {
            Charges::COVERING => self.filters.covering_from_now(subject),
            _ => self.sets.get(charges),
        };
        for (done, number) in tallies.iter().enumerate() {
            let Some(Some(tally)) = self.tallies.get_mut(index(*number)) else {
                continue;
            };
            if tally.charge(subject, amount, now_ms).is_some() {
                continue;
            }
            let limit = tally.terms.first().map_or(Symbol::NONE, |terms| terms.id);
            for number in tallies.iter().take(done) {
                if let Some(Some(tally)) = self.tallies.get_mut(index(*number)) {
                    tally.release(subject, amount, now_ms, now_ms);
                }
            }
            return Err(LimitError::Overflow(limit));
        }
        Ok(now_ms)
    }

    /// Takes back one withdrawal that was charged at `charged_ms`. Limits that are gone, and events that count no longer,
    /// are no matter.
    pub fn release(&mut self, charges: Charges, subject: &Subject, amount: u128, charged_ms: u64) {
        let tallies = match charges {
            Charges::COVERING => self.filters.covering_from_now(subject),
            _ => self.sets.get(charges),
        };
        for number in tallies {
            if let Some(Some(tally)) = self.tallies.get_mut(index(*number)) {
                tally.release(subject, amount, charged_ms, self.time_ms);
            }
        }
    }

    /// What counts under a limit for a subject.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn spent(
        &self,
        limit: Symbol,
        subject: &Subject,
        now_ms: u64,
    ) -> Result<Spent, LimitError> {
        let (tally, terms) = self.place(limit).ok_or(LimitError::Unknown(limit))?;
        Ok(tally.spent(tally.track(subject), terms, self.time(now_ms)))
    }

    /// How many keys are remembered, of all tallies.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.tallies
            .iter()
            .flatten()
            .map(|tally| tally.shelf.len())
            .sum()
    }

    pub(crate) fn place(&self, limit: Symbol) -> Option<(&Tally, &Terms)> {
        let (number, place) = self.places.get(&limit)?;
        let tally = self.tally(*number)?;
        Some((tally, tally.terms.get(*place)?))
    }

    pub(crate) fn tally(&self, number: u32) -> Option<&Tally> {
        self.tallies.get(index(number))?.as_ref()
    }

    pub(super) fn for_covering(&self, subject: &Subject, mut visit: impl FnMut(u32, &Tally)) {
        for number in self.filters.covering(subject) {
            if let Some(tally) = self.tally(number) {
                visit(number, tally);
            }
        }
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
