//! What every rule of intake's decision says of one withdrawal, asked by itself; changes nothing.

use std::sync::Arc;

use crate::account::AccountName;
use crate::attempt::Attempt;
use crate::books::Account;
use crate::candidate::Candidate;
use crate::error::LedgerError;
use crate::halts::Scope;
use crate::ledger::Ledger;
use crate::limits::Clause;
use crate::precedence::{Asked, RULES, Refused};
use crate::queue::Blocker;
use crate::routes::Route;
use crate::submission::{Answer, Decision, Remedy};
use crate::tags;

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The withdrawal passes.
    Passes,
    /// It does not.
    Fails(Refused),
    /// What it asks about is not there.
    NotAsked,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleClause {
    /// Its tag.
    pub tag: &'static str,
    /// What it says.
    pub verdict: Verdict,
}

/// What the ledger says of one withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clauses {
    /// What deciding it now answers; the fact of a decision is not to be applied.
    pub answer: Answer,
    /// Every rule but the limits, in order of precedence: those that consume nothing, then the pool's funds.
    pub rules: Vec<RuleClause>,
    /// Every limit, by id; none when the hold exceeds its type.
    pub limits: Vec<Clause>,
    /// What it would hold, base units; `None` when that exceeds its type.
    pub hold: Option<u128>,
    /// What its pool can still give, base units.
    pub available: u128,
    /// Why its payout would wait, if it were taken now.
    pub blockers: Vec<Blocker>,
    /// When it is accepted if nothing else happens, unix ms: then, and not one ms before. `None` for never or unknown.
    pub earliest_accepted_ms: Option<u64>,
}

impl Ledger {
    /// Asks every rule about a withdrawal. `old` as in `decide_submission`.
    ///
    /// # Errors
    /// `Broken` alone.
    pub fn explain_submission(
        &self,
        candidate: &Arc<Candidate>,
        old: &[Attempt],
        now_ms: u64,
    ) -> Result<Clauses, LedgerError> {
        let answer = self.decide_submission(candidate, old, now_ms, 0, 0)?;
        let before = self.before(candidate, old);
        let asked = Asked {
            candidate,
            before: &before,
            now_ms,
        };
        let route = Route::find(&candidate.names, &self.symbols);
        let subject = self.asked_by(candidate);
        let hold = candidate
            .amount
            .checked_add(candidate.service_fee)
            .filter(|_| candidate.amount > 0);
        let available = self.books.available(route.asset, Account::Pool(route.pool));
        let mut rules: Vec<RuleClause> = RULES
            .iter()
            .map(|(tag, ask)| RuleClause {
                tag,
                verdict: match (self.detailed(tag), ask(self, &asked)) {
                    // An id that is used says all that there is to say of its attempt.
                    _ if tag.starts_with("attempt.") && before.same.is_some() => Verdict::NotAsked,
                    (_, None) => Verdict::Passes,
                    (detail, Some(refused)) => Verdict::Fails(Refused {
                        detail: detail.unwrap_or(refused.detail),
                        ..refused
                    }),
                },
            })
            .collect();
        rules.push(RuleClause {
            tag: tags::INSUFFICIENT_FUNDS,
            verdict: match hold {
                None => Verdict::NotAsked,
                Some(hold) if available < hold => Verdict::Fails(Refused {
                    detail: format!("pool {} has {available}", candidate.names.pool),
                    remedy: Remedy::NewAttempt,
                }),
                Some(_) => Verdict::Passes,
            },
        });
        let passes = |rule: &RuleClause| rule.verdict == Verdict::Passes;
        let earliest_accepted_ms = hold
            .filter(|_| rules.iter().all(passes))
            .and_then(|hold| self.limits.earliest_pass_ms(&subject, hold, now_ms))
            .filter(|at_ms| *at_ms < candidate.submit_before_ms);
        let limits = hold.map(|hold| self.limits.explain(&subject, hold, now_ms).collect());
        Ok(Clauses {
            blockers: self.would_wait(&answer, candidate),
            answer,
            rules,
            limits: limits.unwrap_or_default(),
            hold,
            available,
            earliest_accepted_ms,
        })
    }

    /// Every halt of intake, where deciding names the first.
    fn detailed(&self, tag: &str) -> Option<String> {
        let stops = match tag {
            tags::HALT_INTAKE => self.halts.intake_stops(),
            _ => Vec::new(),
        };
        let each = stops
            .iter()
            .map(|(halt, scope)| format!("halt {halt}, scope {scope}"));
        let all: Vec<String> = each.collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// What a payout of it would wait for: every halt, and its wallet's funds; the fee is nobody's yet.
    fn would_wait(&self, answer: &Answer, candidate: &Candidate) -> Vec<Blocker> {
        let mut blockers = Vec::new();
        if let Answer::Decided { fact, .. } = answer
            && fact.decision == Decision::Held
        {
            blockers.push(Blocker::Quorum(fact.tag.clone()));
        }
        for (halt, scope) in self.halts.payout_stops(&self.asked_by(candidate)) {
            let (halt, scope): (String, Scope) = (halt.to_owned(), scope.clone());
            blockers.push(match scope.is_freeze() {
                true => Blocker::Freeze(halt, scope),
                false => Blocker::Halt(halt, scope),
            });
        }
        let wallet = AccountName::Wallet(String::from(&*candidate.names.wallet));
        if self.available(&candidate.names.asset, &wallet) < candidate.amount {
            blockers.push(Blocker::Liquidity);
        }
        blockers
    }
}
