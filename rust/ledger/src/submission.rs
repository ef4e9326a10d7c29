//! Intake's decision about one verified withdrawal, in one documented order of precedence, and the fact it makes.
//!
//! 1. the same id and body was answered before: that answer again
//! 2. the same id with another body: `id.reused`
//! 3. too late
//! 4. intake is halted
//! 5. attempts out of order, or too many (2 to 5 are the table in `precedence.rs`)
//! 6. a limit that denies
//! 7. the pool's funds
//! 8. a limit that holds
//! 9. accepted
//!
//! What came before goes first: a client that lost the reply learns it even when it is late or intake is halted.
//! Answers 2 to 5 consume nothing; 6 to 9 are remembered for good.

use std::sync::Arc;

use crate::attempt::Attempt;
use crate::books::Account;
use crate::candidate::Candidate;
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::limits::{Charges, Checked, Exceeded};
use crate::precedence::{Asked, RULES, Refused};
use crate::routes::Route;
use crate::subject::Subject;
use crate::tags;
use crate::ulid::Ulid;

/// Attempts of one reference. Its answers are looked for one by one, and leave memory together, in one fact.
pub const MOST_ATTEMPTS: u32 = 256;

/// What intake decides for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Held in the ledger and queued.
    Accepted,
    /// Held in the ledger, waiting for a quorum.
    Held,
    /// Refused; the id is used up.
    Rejected,
}

impl Decision {
    /// `IntakeDecision`'s number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Accepted => 1,
            Self::Held => 2,
            Self::Rejected => 3,
        }
    }

    /// The decision of this number.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::Accepted, Self::Held, Self::Rejected]
            .into_iter()
            .find(|known| i32::from(known.number()) == number)
    }
}

/// What the client may do next; `custody.api.v1.Remedy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing to do.
    None,
    /// The same bytes again, later.
    RetrySame,
    /// A new attempt.
    NewAttempt,
    /// Correct what the detail names.
    Fix,
    /// Nothing will help.
    Never,
}

impl Remedy {
    /// The enum's number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::None => 1,
            Self::RetrySame => 2,
            Self::NewAttempt => 3,
            Self::Fix => 4,
            Self::Never => 5,
        }
    }

    /// The remedy of this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        [
            Self::None,
            Self::RetrySame,
            Self::NewAttempt,
            Self::Fix,
            Self::Never,
        ]
        .into_iter()
        .find(|known| u32::from(known.number()) == number)
    }
}

/// The fact of an answer that is remembered for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// What was asked.
    pub candidate: Arc<Candidate>,
    /// What was decided.
    pub decision: Decision,
    /// The withdrawal's id; none when it was rejected.
    pub id: Option<Ulid>,
    /// The rule that decided; empty when accepted.
    pub tag: String,
    /// What the client may do.
    pub remedy: Remedy,
    /// When it would pass, unix ms; 0 for unknown or never.
    pub earliest_pass_ms: u64,
    /// The limits that are charged.
    pub charges: Charges,
    /// The age it queues by, unix ms.
    pub queued_since_ms: u64,
    /// When, unix ms.
    pub recorded_ms: u64,
    /// The record that holds it.
    pub sequence: u64,
    /// Its leaf there, from 1.
    pub leaf: u32,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// New, and remembered: apply the fact.
    Decided {
        /// The fact.
        fact: Box<Submission>,
        /// For people.
        detail: String,
    },
    /// Answered before: the first answer.
    Before(Attempt),
    /// Refused, and nothing is consumed.
    Refused {
        /// The rule.
        tag: &'static str,
        /// For people.
        detail: String,
        /// What the client may do.
        remedy: Remedy,
    },
}

impl Ledger {
    /// Decides one withdrawal and changes nothing; `sequence` and `leaf` are where its intent will be stored. `old` is
    /// what was answered to its reference and left memory since, the lowest attempt first.
    ///
    /// # Errors
    /// `Broken` alone.
    pub fn decide_submission(
        &self,
        candidate: &Arc<Candidate>,
        old: &[Attempt],
        now_ms: u64,
        sequence: u64,
        leaf: u32,
    ) -> Result<Answer, LedgerError> {
        self.intact()?;
        let before = self.before(candidate, old);
        let asked = Asked {
            candidate,
            before: &before,
            now_ms,
        };
        if let Some(answer) = self.before_rules(&asked) {
            return Ok(answer);
        }
        let mut fact = Submission {
            decision: Decision::Accepted,
            id: Some(self.free_id(candidate, now_ms)),
            tag: String::new(),
            remedy: Remedy::None,
            earliest_pass_ms: 0,
            charges: Charges::NONE,
            // Time is what it waited: a reference made long ago and given up at once is no older than others.
            queued_since_ms: now_ms
                .saturating_sub(before.last.as_ref().map_or(0, |last| last.waited_ms)),
            recorded_ms: now_ms,
            sequence,
            leaf,
            candidate: Arc::clone(candidate),
        };
        let detail = match self.rules(&mut fact, now_ms) {
            Ok(detail) => detail,
            Err((tag, earliest_pass_ms, detail)) => {
                fact.decision = Decision::Rejected;
                (fact.id, fact.charges, fact.remedy) = (None, Charges::NONE, Remedy::NewAttempt);
                (fact.tag, fact.earliest_pass_ms) = (tag, earliest_pass_ms);
                detail
            }
        };
        Ok(Answer::Decided {
            fact: Box::new(fact),
            detail,
        })
    }

    /// An id that no withdrawal has. 80 bits of what the initiator chooses can be made to collide on purpose, and that
    /// must not stop the ledger. One that left memory has another moment in it.
    fn free_id(&self, candidate: &Candidate, now_ms: u64) -> Ulid {
        let mut again = 0_u64;
        loop {
            let id = candidate.withdrawal_id(now_ms, again);
            if self.ids.slot(&id).is_none() {
                return id;
            }
            again = again.wrapping_add(1);
        }
    }

    /// Precedence 1 to 5: what consumes nothing.
    fn before_rules(&self, asked: &Asked<'_>) -> Option<Answer> {
        if let Some(same) = &asked.before.same
            && same.intent_sha256 == asked.candidate.intent_sha256
        {
            return Some(Answer::Before(same.clone()));
        }
        RULES.iter().find_map(|(tag, ask)| {
            let Refused { detail, remedy } = ask(self, asked)?;
            Some(Answer::Refused {
                tag,
                detail,
                remedy,
            })
        })
    }

    /// Precedence 6 to 9; the error is a rejection's tag, earliest pass and detail.
    fn rules(&self, fact: &mut Submission, now_ms: u64) -> Result<String, (String, u64, String)> {
        let candidate = &fact.candidate;
        let reject = |tag: &str, detail: String| (tag.to_owned(), 0, detail);
        let hold = candidate
            .amount
            .checked_add(candidate.service_fee)
            .filter(|_| candidate.amount > 0)
            .ok_or_else(|| reject(tags::INTENT_OVERFLOW, "amount + service_fee".to_owned()))?;
        let route = self.route_of(&candidate.names);
        let subject = subject(&route, candidate);
        let (charges, holds) = match self.limits.check(&subject, hold, now_ms) {
            Checked::Pass { charges } => (charges, None),
            Checked::Hold { exceeded, charges } => (charges, Some(exceeded)),
            Checked::Deny { exceeded } => return Err(self.denied(&exceeded)),
        };
        fact.charges = charges;
        let pool = Account::Pool(route.pool);
        let available = self.books.available(route.asset, pool);
        if available < hold {
            return Err(reject(
                tags::INSUFFICIENT_FUNDS,
                format!("pool {} has {available}", candidate.names.pool),
            ));
        }
        let Some(exceeded) = holds else {
            return Ok(String::new());
        };
        let (tag, earliest_pass_ms, detail) = self.denied(&exceeded);
        fact.decision = Decision::Held;
        (fact.tag, fact.earliest_pass_ms) = (tag, earliest_pass_ms);
        Ok(detail)
    }

    fn denied(&self, exceeded: &Exceeded) -> (String, u64, String) {
        let tag = format!("limit.{}", self.symbols.name(exceeded.limit));
        (
            tag,
            exceeded.earliest_pass_ms.unwrap_or(0),
            exceeded.to_string(),
        )
    }
}

/// What limits, halts and queue see of a candidate.
pub(crate) fn subject(route: &Route, candidate: &Candidate) -> Subject {
    Subject {
        asset: route.asset,
        initiator: route.initiator,
        class: route.class,
        wallet: route.wallet,
        customer: candidate.customer,
        destination: candidate.destination,
    }
}
