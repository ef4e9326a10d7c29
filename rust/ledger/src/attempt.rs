//! Intake's answers, remembered for good: every attempt of every reference.

use crate::ids::Answered;
use crate::ledger::Ledger;
use crate::names::Name128;
use crate::state::State;
use crate::submission::{Decision, Remedy};
use crate::symbols::Symbol;
use crate::ulid::Ulid;

/// What was answered to one attempt, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// SHA-256 of the intent's body.
    pub intent_sha256: [u8; 32],
    /// The answer.
    pub decision: Decision,
    /// The withdrawal that it made; none when it was rejected.
    pub withdrawal: Option<Ulid>,
    /// Where that is.
    pub state: Option<State>,
    /// The rule that decided.
    pub tag: String,
    /// What the client may do.
    pub remedy: Remedy,
    /// When it would pass, unix ms; 0 for unknown or never.
    pub earliest_pass_ms: u64,
    /// The wallet it maps to.
    pub wallet: String,
    /// The policy that maps it.
    pub routing_sequence: u64,
    /// The age it queued by.
    pub queued_since_ms: u64,
    /// How long it and those before it waited, held or queued: the age that the next attempt inherits. One that was
    /// refused, or that left memory, did not wait itself.
    pub waited_ms: u64,
    /// The record that holds its intent.
    pub sequence: u64,
    /// Its leaf there, from 1.
    pub leaf: u32,
}

impl Ledger {
    /// All that was answered to a reference and is in memory, the lowest attempt first.
    #[must_use]
    pub fn attempts(&self, key: &Name128) -> Vec<Attempt> {
        let mut all: Vec<Attempt> = self
            .ids
            .attempts(key)
            .map(|answered| self.attempt(answered))
            .collect();
        all.reverse();
        all
    }

    /// The newest attempt in memory.
    pub(crate) fn newest_attempt(&self, key: &Name128) -> Option<Attempt> {
        let newest = self.ids.attempts(key).next();
        newest.map(|answered| self.attempt(answered))
    }

    /// What was answered to one attempt: in memory, or among `old`.
    #[must_use]
    pub fn answered_before(&self, key: &Name128, number: u32, old: &[Attempt]) -> Option<Attempt> {
        let mut newest_first = self.ids.attempts(key);
        let known = newest_first.find(|answered| answered.attempt() <= number);
        let known = known.filter(|answered| answered.attempt() == number);
        let known = known.map(|answered| self.attempt(answered));
        known.or_else(|| old.iter().find(|each| each.number == number).cloned())
    }

    fn attempt(&self, answered: Answered<'_>) -> Attempt {
        let route = match answered {
            Answered::Withdrawal(w) => w.route,
            Answered::Rejection(r) => r.route,
        };
        let route = self.routes.get(route);
        let wallet = route.map_or(Symbol::NONE, |route| route.wallet);
        let made = Attempt {
            number: answered.attempt(),
            intent_sha256: [0; 32],
            decision: Decision::Rejected,
            withdrawal: None,
            state: None,
            tag: String::new(),
            remedy: Remedy::NewAttempt,
            earliest_pass_ms: 0,
            wallet: self.symbols.name(wallet).to_owned(),
            routing_sequence: route.map_or(0, |route| route.routing_sequence),
            queued_since_ms: 0,
            waited_ms: 0,
            sequence: 0,
            leaf: 0,
        };
        match answered {
            Answered::Withdrawal(w) => Attempt {
                intent_sha256: w.intent_sha256,
                decision: if w.tag.is_none() {
                    Decision::Accepted
                } else {
                    Decision::Held
                },
                withdrawal: Some(w.id),
                state: Some(w.state),
                tag: self.symbols.name(w.tag).to_owned(),
                remedy: Remedy::None,
                earliest_pass_ms: w.earliest_pass_ms(),
                queued_since_ms: w.queued_since_ms(),
                waited_ms: w.waited_ms(),
                sequence: w.sequence,
                leaf: w.leaf,
                ..made
            },
            Answered::Rejection(r) => Attempt {
                intent_sha256: r.intent_sha256,
                tag: self.symbols.name(r.tag).to_owned(),
                earliest_pass_ms: r.earliest_pass_ms,
                queued_since_ms: r.queued_since_ms,
                waited_ms: r.recorded_ms.saturating_sub(r.queued_since_ms),
                sequence: r.sequence,
                leaf: r.leaf,
                ..made
            },
        }
    }
}
