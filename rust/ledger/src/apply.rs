//! The only mutator: enters a fact in the books, moves states by the table, keeps limits and queue in step.

use crate::attempt::Attempt;
use crate::entries;
use crate::error::LedgerError;
use crate::fact::Fact;
use crate::ledger::{Ledger, Open};
use crate::state::{End, Event, State};
use crate::submission::{Decision, Submission};
use crate::ulid::Ulid;
use crate::withdrawal::Withdrawal;

type Applied = Result<(), String>;

impl Ledger {
    /// Applies a fact, live and on replay.
    ///
    /// # Errors
    /// `Broken`: the fact does not fit the state. The ledger is poisoned, since part of it may have been entered.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), LedgerError> {
        self.intact()?;
        self.enter(fact).map_err(|reason| {
            self.poison(&reason);
            LedgerError::Broken(reason)
        })
    }

    fn enter(&mut self, fact: &Fact) -> Applied {
        // The books are taken out while the entries borrow the rest of the state.
        let mut books = std::mem::take(&mut self.books);
        let entered = entries::of(self, fact).and_then(|entries| books.apply(&entries));
        self.books = books;
        entered?;
        match fact {
            Fact::Submitted(fact) => self.submitted(fact),
            Fact::Opened {
                wallet,
                asset,
                pool,
                ..
            } => {
                let new = self
                    .opened
                    .insert((wallet.clone(), asset.clone(), pool.clone()));
                require(new, || {
                    format!("{wallet} {asset} was opened before for {pool}")
                })
            }
            Fact::Released(ids) => ids
                .iter()
                .try_for_each(|id| self.step(id, Event::Release, None)),
            Fact::Voided { id, end } => self.step(id, Event::Void(*end), None),
            Fact::Assigned(terms) => {
                for item in &terms.items {
                    self.step(&item.id, Event::Assign, Some(&terms.payout))?;
                }
                let open = Open {
                    terms: terms.clone(),
                    house: self.house.clone(),
                };
                let new = self.payouts.insert(terms.payout.clone(), open).is_none();
                require(new, || format!("payout {} is there already", terms.payout))
            }
            Fact::Unassigned { payout } => self.resolve(payout, Event::Unassign, Some("")),
            Fact::Posted { payout, .. } => self.resolve(payout, Event::Post, None),
            Fact::Failed { payout, .. } => self.resolve(payout, Event::Fail, None),
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
                require(!scopes.is_empty() && self.halts.add(halt, scopes), || {
                    format!("halt {halt} cannot be added")
                })
            }
            Fact::Resumed { halt } => {
                require(self.halts.remove(halt), || format!("no halt {halt}"))
            }
        }
    }

    /// Ends a payout: each of its withdrawals takes the same step.
    fn resolve(&mut self, payout: &str, event: Event, bound_to: Option<&str>) -> Applied {
        let open = self
            .payouts
            .remove(payout)
            .ok_or_else(|| format!("no payout {payout}"))?;
        open.terms
            .items
            .iter()
            .try_for_each(|item| self.step(&item.id, event, bound_to))
    }

    /// Moves one withdrawal by the table; `bound_to` is the payout it then belongs to, where that changes.
    fn step(&mut self, id: &Ulid, event: Event, bound_to: Option<&str>) -> Applied {
        let withdrawal = self
            .withdrawals
            .get_mut(id)
            .ok_or_else(|| format!("no withdrawal {id}"))?;
        let state = withdrawal.state;
        withdrawal.state = state
            .after(event)
            .ok_or_else(|| format!("{id} is {}: no {event:?}", state.name()))?;
        if let Some(payout) = bound_to {
            payout.clone_into(&mut withdrawal.payout);
        }
        if matches!(
            withdrawal.state,
            State::Voided(End::Cancelled | End::Expired | End::Refunded)
        ) {
            for limit in &withdrawal.charged {
                if let Some(key) = self
                    .limits
                    .rule(limit)
                    .map(|rule| rule.key(&withdrawal.subject))
                {
                    self.limits
                        .release(limit, &key, withdrawal.hold(), withdrawal.charged_ms);
                }
            }
        }
        self.queue.follow(withdrawal);
        Ok(())
    }

    fn submitted(&mut self, fact: &Submission) -> Applied {
        let candidate = &fact.candidate;
        let has_id = fact.id.is_some();
        require(has_id == (fact.decision != Decision::Rejected), || {
            "an id and a rejection".to_owned()
        })?;
        let attempt = Attempt {
            intent_sha256: candidate.intent_sha256,
            decision: fact.decision,
            withdrawal: fact.id,
            tag: fact.tag.clone(),
            remedy: fact.remedy,
            earliest_pass_ms: fact.earliest_pass_ms,
            wallet: candidate.subject.wallet.clone(),
            routing_sequence: candidate.routing_sequence,
            queued_since_ms: fact.queued_since_ms,
        };
        self.attempts
            .add(
                &candidate.subject.initiator,
                &candidate.reference,
                candidate.attempt,
                attempt,
            )
            .ok_or_else(|| {
                format!(
                    "{} {} is not the next attempt",
                    candidate.reference, candidate.attempt
                )
            })?;
        self.limits.see(fact.recorded_ms);
        let Some(id) = fact.id else { return Ok(()) };
        let mut withdrawal = withdrawal(fact, id);
        withdrawal.charged_ms = self.limits.time(fact.recorded_ms);
        for limit in &withdrawal.charged {
            let key = self
                .limits
                .rule(limit)
                .map(|rule| rule.key(&candidate.subject));
            let key = key.ok_or_else(|| format!("no limit {limit}"))?;
            let charged = self
                .limits
                .charge(limit, &key, withdrawal.hold(), fact.recorded_ms);
            charged.map_err(|error| error.to_string())?;
        }
        self.queue.follow(&withdrawal);
        require(self.withdrawals.insert(id, withdrawal).is_none(), || {
            format!("{id} is there already")
        })
    }

    /// Whether `apply` could enter the fact's amounts.
    pub(crate) fn preview(&self, fact: &Fact) -> Result<(), String> {
        self.books.preview(&entries::of(self, fact)?)
    }
}

fn withdrawal(fact: &Submission, id: Ulid) -> Withdrawal {
    let candidate = &fact.candidate;
    Withdrawal {
        id,
        intent_sha256: candidate.intent_sha256,
        reference: candidate.reference.clone(),
        attempt: candidate.attempt,
        subject: candidate.subject.clone(),
        pool: candidate.pool.clone(),
        amount: candidate.amount,
        service_fee: candidate.service_fee,
        fee_mode: candidate.fee_mode,
        pay_before_ms: candidate.pay_before_ms,
        priority: candidate.priority,
        queued_since_ms: fact.queued_since_ms,
        accepted_ms: fact.recorded_ms,
        sequence: fact.sequence,
        leaf: fact.leaf,
        tag: fact.tag.clone(),
        charged: fact.charged.clone(),
        charged_ms: fact.recorded_ms,
        state: if fact.decision == Decision::Held {
            State::Held
        } else {
            State::Queued
        },
        payout: String::new(),
    }
}

fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Applied {
    if holds { Ok(()) } else { Err(otherwise()) }
}
