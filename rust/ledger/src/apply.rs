//! The only mutator: enters a fact in the books, moves states by the table, keeps limits and queue in step.

use std::sync::Arc;

use crate::books::{Claim, Posting};
use crate::candidate::Names;
use crate::entries;
use crate::error::LedgerError;
use crate::fact::Fact;
use crate::ids::Rejection;
use crate::ledger::{Ledger, Open};
use crate::routes::{Route, RouteId};
use crate::slab::Slot;
use crate::state::{End, Event, State};
use crate::submission::{Decision, Remedy, Submission, subject};
use crate::transfers::learn;
use crate::ulid::Ulid;
use crate::withdrawal::{FeeMode, Made, Rare, Withdrawal};

type Applied = Result<(), String>;

impl Ledger {
    /// Applies a fact, live and on replay.
    ///
    /// # Errors
    /// `Broken`: the fact does not fit the state. The ledger is poisoned, since part of it may have been entered.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), LedgerError> {
        self.intact()?;
        self.enter(fact).map_err(|reason| {
            let reason = self.symbols.spelled(&reason);
            self.poison(&reason);
            LedgerError::Broken(reason)
        })
    }

    fn enter(&mut self, fact: &Fact) -> Applied {
        if let Fact::Submitted(fact) = fact {
            return self.submitted(fact);
        }
        learn(fact, &mut self.symbols);
        let mut posting = std::mem::take(&mut self.scratch.0);
        posting.clear();
        // Where the withdrawals of a payout are: looked up once.
        let mut slots = Vec::new();
        let remembered = entries::of(self, fact, &mut posting, &mut slots)?;
        self.enter_posting(posting)?;
        match fact {
            Fact::Opened {
                wallet,
                asset,
                pool,
                ..
            } => {
                let key = (wallet.clone(), asset.clone(), pool.clone());
                self.opened.insert(key);
                Ok(())
            }
            Fact::Submitted(_)
            | Fact::Deposited(_)
            | Fact::Transferred(_)
            | Fact::TransferRefused(_)
            | Fact::TransferExpired { .. }
            | Fact::SurplusFound(_)
            | Fact::SuspenseReleased(_) => self.remember(fact, remembered),
            Fact::Released(ids) => ids
                .iter()
                .try_for_each(|id| self.step(id, Event::Release, None)),
            Fact::Voided { id, end } => self.step(id, Event::Void(*end), None),
            Fact::Assigned(terms) => {
                let payout = self.payout_ids.add(&terms.payout);
                let payout = payout.ok_or("too many payouts")?;
                for slot in slots {
                    self.step_at(slot, Event::Assign, Some(payout))?;
                }
                let open = Open {
                    terms: terms.clone(),
                    house: self.house.clone(),
                };
                let new = self.payouts.insert(terms.payout.clone(), open).is_none();
                require(new, || format!("payout {} is there already", terms.payout))
            }
            Fact::Unassigned { payout } => {
                self.resolve(payout, &slots, Event::Unassign, Some(Slot::NONE))
            }
            Fact::Posted { payout, .. } => self.resolve(payout, &slots, Event::Post, None),
            Fact::Failed { payout, .. } => self.resolve(payout, &slots, Event::Fail, None),
            Fact::SweepDeparted(terms) => {
                let open = Open {
                    terms: terms.clone(),
                    house: self.house.clone(),
                };
                let new = self.legs.insert(terms.leg.clone(), open).is_none();
                require(new, || format!("leg {} is there already", terms.leg))
            }
            Fact::SweepArrived { leg, .. } | Fact::SweepFailed { leg, .. } => {
                require(self.legs.remove(leg).is_some(), || format!("no leg {leg}"))
            }
            Fact::Halted { halt, scopes } => {
                let added = self.halts.add(halt, scopes, &mut self.symbols);
                require(added, || format!("halt {halt} cannot be added"))?;
                self.refreeze(scopes);
                Ok(())
            }
            Fact::IdsForgotten(leaving) => self.forget(leaving),
            Fact::Resumed { halt } => {
                let scopes = self.halts.remove(halt);
                self.refreeze(&scopes.ok_or_else(|| format!("no halt {halt}"))?);
                Ok(())
            }
        }
    }

    /// Enters a fact's entries, all or nothing, and keeps the buffers.
    fn enter_posting(&mut self, posting: Posting) -> Applied {
        let entered = self.books.enter_with(&posting, &mut self.scratch.1);
        self.scratch.0 = posting;
        entered
    }

    /// Ends a payout: each of its withdrawals takes the same step.
    fn resolve(
        &mut self,
        payout: &str,
        slots: &[Slot],
        event: Event,
        bound_to: Option<Slot>,
    ) -> Applied {
        let open = self.payouts.remove(payout);
        require(open.is_some(), || format!("no payout {payout}"))?;
        slots
            .iter()
            .try_for_each(|slot| self.step_at(*slot, event, bound_to))
    }

    /// Moves one withdrawal by the table; `bound_to` is the payout it then belongs to, where that changes.
    fn step(&mut self, id: &Ulid, event: Event, bound_to: Option<Slot>) -> Applied {
        let slot = self.ids.slot(id);
        self.step_at(
            slot.ok_or_else(|| format!("no withdrawal {id}"))?,
            event,
            bound_to,
        )
    }

    fn step_at(&mut self, slot: Slot, event: Event, bound_to: Option<Slot>) -> Applied {
        let withdrawal = self.ids.at_mut(slot).ok_or("no such slot")?;
        let state = withdrawal.state;
        withdrawal.state = state
            .after(event)
            .ok_or_else(|| format!("{} is {}: no {event:?}", withdrawal.id, state.name()))?;
        if let Some(payout) = bound_to {
            let before = std::mem::replace(&mut withdrawal.payout, payout);
            self.payout_ids.unbind(before);
            self.payout_ids.bind(payout);
        }
        if matches!(
            withdrawal.state,
            State::Posted | State::Voided(End::Refunded)
        ) {
            self.payout_ids.end(withdrawal.payout, self.time_ms);
        }
        let withdrawal = self.ids.at(slot).ok_or("no such slot")?;
        if matches!(withdrawal.state, State::Voided(_)) {
            let subject = self.subject(withdrawal);
            self.limits.release(
                withdrawal.charges,
                &subject,
                withdrawal.hold(),
                withdrawal.charged_ms(),
            );
        }
        self.follow(slot)?;
        // Only now: the queue knew it by the age that it had.
        if let (Event::Void(_), Some(withdrawal)) = (event, self.ids.at_mut(slot)) {
            withdrawal.waited_until(self.time_ms);
        }
        Ok(())
    }

    fn submitted(&mut self, fact: &Submission) -> Applied {
        let candidate = &fact.candidate;
        let accepted = (fact.id.is_some(), fact.tag.is_empty(), fact.remedy);
        let expected = match fact.decision {
            Decision::Accepted => (true, true, Remedy::None),
            Decision::Held => (true, false, Remedy::None),
            Decision::Rejected => (false, false, Remedy::NewAttempt),
        };
        require(accepted == expected, || {
            format!("{:?} with {accepted:?}", fact.decision)
        })?;
        let previous = self.ids.newest(&candidate.key);
        let follows = match self.ids.answered(previous) {
            Some(newest) => {
                newest.lets_another() && newest.attempt().checked_add(1) == Some(candidate.attempt)
            }
            // The attempts before may have left memory.
            None => candidate.attempt == 1 || self.old.0.contains(&candidate.key),
        };
        require(follows, || {
            format!(
                "{} {} is not the next attempt",
                candidate.reference, candidate.attempt
            )
        })?;
        self.see(fact.recorded_ms);
        let (route, known) = self.enter_route(&candidate.names)?;
        let subject = subject(&known, candidate);
        let pool = known.pool;
        let tag = self.symbols.intern(&fact.tag);
        let Some(id) = fact.id else {
            let rejection = Rejection {
                key: candidate.key,
                intent_sha256: candidate.intent_sha256,
                route,
                tag,
                attempt: candidate.attempt,
                previous,
                earliest_pass_ms: fact.earliest_pass_ms,
                queued_since_ms: fact.queued_since_ms,
                recorded_ms: fact.recorded_ms,
                sequence: fact.sequence,
                leaf: fact.leaf,
            };
            let kept = self.ids.reject(rejection);
            return kept.ok_or_else(|| "too many rejections".to_owned());
        };
        require(
            Ulid::new(fact.recorded_ms, &[0; 32]).unix_ms() == id.unix_ms(),
            || format!("{id} is of another moment than {}", fact.recorded_ms),
        )?;
        require(self.ids.slot(&id).is_none(), || {
            format!("{id} is there already")
        })?;
        let hold = candidate.amount.checked_add(candidate.service_fee);
        let hold = hold.ok_or("the hold exceeds 2^128")?;
        let mut posting = std::mem::take(&mut self.scratch.0);
        posting.clear();
        posting.held(&Claim::of(subject.asset, pool, hold));
        self.enter_posting(posting)?;
        let charged_ms = self
            .limits
            .charge(fact.charges, &subject, hold, fact.recorded_ms)
            .map_err(|error| error.to_string())?;
        let withdrawal = Withdrawal::new(Made {
            id,
            intent_sha256: candidate.intent_sha256,
            key: candidate.key,
            customer: candidate.customer,
            destination: candidate.destination,
            amount: candidate.amount,
            pay_before_ms: candidate.pay_before_ms,
            sequence: fact.sequence,
            leaf: fact.leaf,
            route,
            charges: fact.charges,
            tag,
            state: if fact.decision == Decision::Held {
                State::Held
            } else {
                State::Queued
            },
            priority: candidate.priority,
            rare: Rare {
                service_fee: candidate.service_fee,
                max_network_fee: match candidate.fee_mode {
                    FeeMode::House => None,
                    FeeMode::Deduct { max_network_fee } => Some(max_network_fee),
                },
                attempt: candidate.attempt,
                previous,
                queued_since_ms: fact.queued_since_ms,
                charged_ms,
                earliest_pass_ms: fact.earliest_pass_ms,
            },
        });
        let slot = self.ids.add(withdrawal).ok_or("too many withdrawals")?;
        self.follow(slot)
    }

    /// The number of a withdrawal's route, new if need be. Most of a batch come with the same names, not only equal ones.
    fn enter_route(&mut self, names: &Arc<Names>) -> Result<(RouteId, Route), String> {
        if let Some((known, number, route)) = &self.recent
            && Arc::ptr_eq(known, names)
        {
            return Ok((*number, *route));
        }
        let route = Route::intern(names, &mut self.symbols);
        let number = self.routes.intern(route).ok_or("too many routes")?;
        self.recent = Some((Arc::clone(names), number, route));
        Ok((number, route))
    }

    /// Whether `apply` could enter the fact's amounts.
    pub(crate) fn preview(&self, fact: &Fact) -> Result<(), String> {
        let mut posting = Posting::default();
        entries::of(self, fact, &mut posting, &mut Vec::new())?;
        self.books.preview(&posting)
    }
}

fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Applied {
    if holds { Ok(()) } else { Err(otherwise()) }
}
