//! What intake refuses and does not remember: rules in order of precedence, each asked by itself.

use crate::attempt::Attempt;
use crate::candidate::Candidate;
use crate::ledger::Ledger;
use crate::state::{End, State};
use crate::submission::{MOST_ATTEMPTS, Remedy};
use crate::tags;

/// What was answered to a reference before, as far as it matters.
#[derive(Debug)]
pub(crate) struct Before {
    /// The newest attempt.
    pub last: Option<Attempt>,
    /// That of the very id that is asked about.
    pub same: Option<Attempt>,
}

impl Ledger {
    /// What was answered before, in memory or among `old`.
    pub(crate) fn before(&self, candidate: &Candidate, old: &[Attempt]) -> Before {
        // Memory knows the newest; what is in both is the same.
        let last = self.newest_attempt(&candidate.key);
        let last = last.or_else(|| old.iter().max_by_key(|attempt| attempt.number).cloned());
        let same = last
            .as_ref()
            .and_then(|last| match last.number == candidate.attempt {
                true => Some(last.clone()),
                false => self.answered_before(&candidate.key, candidate.attempt, old),
            });
        Before { last, same }
    }
}

/// A withdrawal, what came before it, and when it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub candidate: &'a Candidate,
    pub before: &'a Before,
    pub now_ms: u64,
}

impl<'a> Asked<'a> {
    fn last(&self) -> Option<&'a Attempt> {
        self.before.last.as_ref()
    }

    fn next(&self) -> Option<u32> {
        self.last()
            .map_or(Some(1), |last| last.number.checked_add(1))
    }
}

/// Why one rule refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// For people.
    pub detail: String,
    /// What the client may do.
    pub remedy: Remedy,
}

/// Asks one rule.
type Ask = fn(&Ledger, &Asked<'_>) -> Option<Refused>;

/// The rules, the first to decide first.
pub(crate) const RULES: [(&str, Ask); 8] = [
    (tags::ID_REUSED, id_reused),
    (tags::INTENT_TOO_LATE, too_late),
    (tags::HALT_INTAKE, halted),
    (tags::ATTEMPT_SKIPPED, skipped),
    (tags::ATTEMPT_OPEN, open),
    (tags::ATTEMPT_SPENT, spent),
    (tags::ATTEMPT_TOO_MANY, too_many),
    (tags::ATTEMPT_ROUTING, routing),
];

fn refused(remedy: Remedy, detail: impl Into<String>) -> Option<Refused> {
    let detail = detail.into();
    Some(Refused { detail, remedy })
}

fn id_reused(_: &Ledger, asked: &Asked<'_>) -> Option<Refused> {
    let same = asked.before.same.as_ref()?;
    match same.intent_sha256 == asked.candidate.intent_sha256 {
        true => None,
        false => refused(Remedy::Never, "another body came first under this id"),
    }
}

fn too_late(_: &Ledger, asked: &Asked<'_>) -> Option<Refused> {
    let (until_ms, now_ms) = (asked.candidate.submit_before_ms, asked.now_ms);
    match until_ms <= now_ms {
        true => refused(
            Remedy::Fix,
            format!("submit_before was {until_ms}, now is {now_ms}"),
        ),
        false => None,
    }
}

fn halted(ledger: &Ledger, _: &Asked<'_>) -> Option<Refused> {
    let (halt, scope) = ledger.halts.stop_intake()?;
    refused(Remedy::RetrySame, format!("halt {halt}, scope {scope}"))
}

fn skipped(_: &Ledger, asked: &Asked<'_>) -> Option<Refused> {
    let next = asked.next();
    match next == Some(asked.candidate.attempt) {
        true => None,
        false => refused(
            Remedy::Fix,
            format!("the next attempt is {}", next.unwrap_or(u32::MAX)),
        ),
    }
}

fn open(_: &Ledger, asked: &Asked<'_>) -> Option<Refused> {
    let last = asked.last()?;
    match last.state? {
        State::Held | State::Queued | State::Assigned => refused(
            Remedy::RetrySame,
            format!(
                "attempt {} is {}",
                last.number,
                last.state.map_or("", State::name)
            ),
        ),
        State::Posted | State::Voided(_) => None,
    }
}

fn spent(_: &Ledger, asked: &Asked<'_>) -> Option<Refused> {
    match asked.last()?.state? {
        State::Posted | State::Voided(End::Refunded) => {
            refused(Remedy::Never, "paying needs a new reference")
        }
        State::Held
        | State::Queued
        | State::Assigned
        | State::Voided(End::Cancelled | End::Expired) => None,
    }
}

fn too_many(_: &Ledger, asked: &Asked<'_>) -> Option<Refused> {
    match asked.candidate.attempt > MOST_ATTEMPTS {
        true => refused(
            Remedy::Never,
            format!("a reference has {MOST_ATTEMPTS} at most"),
        ),
        false => None,
    }
}

fn routing(_: &Ledger, asked: &Asked<'_>) -> Option<Refused> {
    // As the first one's, which each repeats.
    let (last, names) = (asked.last()?, &asked.candidate.names);
    match *last.wallet == *names.wallet && last.routing_sequence == names.routing_sequence {
        true => None,
        false => refused(
            Remedy::Fix,
            format!(
                "the first maps to {} by sequence {}",
                last.wallet, last.routing_sequence
            ),
        ),
    }
}
