//! Ids for good, in bounded memory: references whose attempts all ended long ago leave it, and are looked up outside.
//!
//! A reference leaves as a whole: each of its attempts in memory was refused, paid, or ended unpaid; was taken before
//! the time that the caller names; and, where a limit counts it, can no longer be in that limit's window. The fact says
//! for each attempt where its intent and first answer are stored, and what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::canonical::Canonical;
use crate::error::LedgerError;
use crate::fact::Fact;
use crate::ids::Answered;
use crate::ledger::Ledger;
use crate::names::Name128;
use crate::old_ids::OldIds;
use crate::state::State;
use crate::tags;

/// A reference that leaves memory, with all its attempts there, the lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// Initiator and reference.
    pub key: Name128,
    /// At least one.
    pub attempts: Vec<ForgottenAttempt>,
}

/// One attempt of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForgottenAttempt {
    /// From 1.
    pub attempt: u32,
    /// The record that holds its intent and the first answer.
    pub sequence: u64,
    /// Its leaf there, from 1.
    pub leaf: u32,
    /// How its withdrawal ended; none when it was refused.
    pub state: Option<State>,
}

/// Rejections, and as many withdrawals, that one call looks at and finds still open or young, at most.
const LOOKED_AT: usize = 5_000;

/// How far a caller has looked for what may leave memory, so that what may not, however much it is, hides nothing
/// behind it. Each round begins anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hand {
    rejections: usize,
    withdrawals: usize,
}

/// What one call found so far.
#[derive(Debug, Default)]
struct Found {
    before_ms: u64,
    leaving: Vec<Forgotten>,
    attempts: usize,
    /// Whether it leaves.
    seen: BTreeMap<Name128, bool>,
}

impl Found {
    fn add(&mut self, each: Forgotten) -> bool {
        self.attempts = self.attempts.saturating_add(each.attempts.len());
        self.leaving.push(each);
        true
    }
}

impl Ledger {
    /// References that may leave memory now, the oldest first: all that happened to them was before `before_ms`. With
    /// `most` attempts in all, and those of the last reference that begins below.
    #[must_use]
    pub fn forgettable(&self, before_ms: u64, most: usize) -> Vec<Forgotten> {
        self.forgettable_from(&mut Hand::default(), before_ms, most)
    }

    /// The same from where the call before ended.
    pub fn forgettable_from(&self, hand: &mut Hand, before_ms: u64, most: usize) -> Vec<Forgotten> {
        let mut found = Found {
            before_ms,
            ..Found::default()
        };
        // Rejections may come fast and many: half is left for withdrawals.
        let rejected = self.ids.rejected_keys(before_ms, hand.rejections);
        hand.rejections = self.look(rejected, hand.rejections, most.div_ceil(2), &mut found);
        let taken = self.ids.taken_keys(before_ms, hand.withdrawals);
        hand.withdrawals = self.look(taken, hand.withdrawals, most, &mut found);
        found.leaving
    }

    /// Adds what may leave; answers with where the next call begins.
    fn look(
        &self,
        mut keys: impl Iterator<Item = Name128>,
        hand: usize,
        most: usize,
        found: &mut Found,
    ) -> usize {
        let mut stays = 0_usize;
        while found.attempts < most {
            let Some(key) = keys.next() else {
                return 0;
            };
            let leaves = match found.seen.get(&key) {
                Some(leaves) => *leaves,
                None => {
                    let each = self.may_leave(&key, found.before_ms);
                    found.seen.insert(key, each.is_some());
                    each.is_some_and(|each| found.add(each))
                }
            };
            if !leaves {
                stays = stays.saturating_add(1);
            }
            if stays >= LOOKED_AT {
                break;
            }
        }
        hand.saturating_add(stays)
    }

    /// References leave memory; those of `wanted` that changed since they were looked at stay.
    ///
    /// # Errors
    /// `ledger.unknown`: none of them may leave.
    pub fn decide_forget(&self, wanted: &[Forgotten], before_ms: u64) -> Result<Fact, LedgerError> {
        self.intact()?;
        let mut seen: BTreeSet<Name128> = BTreeSet::new();
        let leaving: Vec<Forgotten> = wanted
            .iter()
            .filter(|each| seen.insert(each.key))
            .filter(|each| self.may_leave(&each.key, before_ms).as_ref() == Some(*each))
            .cloned()
            .collect();
        if leaving.is_empty() {
            let detail = "no reference may leave memory";
            return Err(LedgerError::denied(tags::UNKNOWN, detail));
        }
        Ok(Fact::IdsForgotten(leaving))
    }

    /// The reference with its attempts, when all of them may leave.
    fn may_leave(&self, key: &Name128, before_ms: u64) -> Option<Forgotten> {
        let mut attempts = Vec::new();
        for answered in self.ids.attempts(key) {
            attempts.push(self.ended(answered, before_ms)?);
        }
        attempts.reverse();
        let key = *key;
        (!attempts.is_empty()).then_some(Forgotten { key, attempts })
    }

    fn ended(&self, answered: Answered<'_>, before_ms: u64) -> Option<ForgottenAttempt> {
        let old = match answered {
            Answered::Rejection(r) => r.recorded_ms < before_ms,
            Answered::Withdrawal(w) => {
                let counts_until = w
                    .charged_ms()
                    .saturating_add(self.limits.longest_window_ms());
                let old = match w.state {
                    State::Held | State::Queued | State::Assigned => false,
                    State::Voided(_) => true,
                    // An idle ledger saw no time pass; the caller did.
                    State::Posted => counts_until <= self.limits.time(before_ms),
                };
                let ended_ms = self.payout_ids.ended_ms(w.payout).unwrap_or(0);
                old && w.accepted_ms().max(ended_ms) < before_ms
            }
        };
        old.then(|| place(answered))
    }

    /// Enters the fact.
    pub(crate) fn forget(&mut self, leaving: &[Forgotten]) -> Result<(), String> {
        if leaving.is_empty() {
            return Err("nothing is forgotten".to_owned());
        }
        for each in leaving {
            let newest_first = self.ids.attempts(&each.key).map(place);
            let mut there: Vec<ForgottenAttempt> = newest_first.collect();
            there.reverse();
            if there.is_empty() || there != each.attempts {
                return Err(format!("{:?} is not as it was to be forgotten", each.key));
            }
            for answered in self.ids.attempts(&each.key) {
                if let Answered::Withdrawal(withdrawal) = answered
                    && withdrawal.state == State::Posted
                {
                    self.limits.forgot(withdrawal.charged_ms());
                }
            }
            for payout in self.ids.forget(&each.key) {
                self.payout_ids.unbind(payout);
            }
            let mut digest = Canonical::new("custody/forgotten/v1");
            digest.bytes(&self.forgotten).bytes(&each.key.0);
            self.forgotten = digest.finish();
        }
        self.old.0.add(leaving.iter().map(|each| each.key));
        Ok(())
    }

    /// Which references may have left memory: shared with the threads that prepare requests.
    #[must_use]
    pub fn old_ids(&self) -> Arc<OldIds> {
        Arc::clone(&self.old.0)
    }
}

fn place(answered: Answered<'_>) -> ForgottenAttempt {
    match answered {
        Answered::Rejection(r) => ForgottenAttempt {
            attempt: r.attempt,
            sequence: r.sequence,
            leaf: r.leaf,
            state: None,
        },
        Answered::Withdrawal(w) => ForgottenAttempt {
            attempt: w.attempt(),
            sequence: w.sequence,
            leaf: w.leaf,
            state: Some(w.state),
        },
    }
}
