//! What a client reads: one result for each item, in the numbers of `custody.api.v1`.

use custody_ledger::{Answer, Attempt, Decision, End, Remedy, State, Submission, tags};
use custody_wire::messages::v1::{Outcome, SubmitResult, WithdrawalState};
use prost_types::Timestamp;

use crate::refusal::Refusal;

/// The API's state of a withdrawal as far as the ledger knows it: a payout's own states come from the payout.
#[must_use]
pub fn state_number(state: State) -> i32 {
    let state = match state {
        State::Held => WithdrawalState::Held,
        State::Queued => WithdrawalState::Queued,
        State::Assigned => WithdrawalState::Signing,
        State::Posted => WithdrawalState::Final,
        State::Voided(End::Cancelled) => WithdrawalState::Cancelled,
        State::Voided(End::Expired) => WithdrawalState::Expired,
        State::Voided(End::Refunded) => WithdrawalState::Refunded,
    };
    i32::from(state)
}

/// The result of an answer.
pub(crate) fn answered(reference: &str, answer: &Answer) -> SubmitResult {
    match answer {
        Answer::Decided { fact, detail } => decided(reference, fact, detail),
        Answer::Before(attempt) => before(reference, attempt),
        Answer::Refused {
            tag,
            detail,
            remedy,
        } => {
            let outcome = match *tag {
                tags::INTENT_TOO_LATE => Outcome::Invalid,
                tags::HALT_INTAKE => Outcome::Busy,
                _ => Outcome::Rejected,
            };
            result(reference, outcome, tag, detail, *remedy)
        }
    }
}

/// The result of an item that was refused before the ledger was asked.
pub(crate) fn refused(refusal: &Refusal) -> SubmitResult {
    result(
        &refusal.reference,
        Outcome::Invalid,
        refusal.tag,
        &refusal.detail,
        refusal.remedy,
    )
}

fn decided(reference: &str, fact: &Submission, detail: &str) -> SubmitResult {
    let (outcome, state) = match fact.decision {
        Decision::Accepted => (Outcome::Accepted, WithdrawalState::Queued),
        Decision::Held => (Outcome::Held, WithdrawalState::Held),
        Decision::Rejected => (Outcome::Rejected, WithdrawalState::Rejected),
    };
    SubmitResult {
        withdrawal_id: fact.id.map(|id| id.to_string()).unwrap_or_default(),
        state: i32::from(state),
        earliest_pass: timestamp(fact.earliest_pass_ms),
        ..result(reference, outcome, &fact.tag, detail, fact.remedy)
    }
}

/// The first answer again; a rejection stays one, so that nobody takes a repeated refusal for a promise.
fn before(reference: &str, attempt: &Attempt) -> SubmitResult {
    let outcome = if attempt.decision == Decision::Rejected {
        Outcome::Rejected
    } else {
        Outcome::Duplicate
    };
    let rejected = i32::from(WithdrawalState::Rejected);
    let state = attempt.state.map_or(rejected, state_number);
    SubmitResult {
        withdrawal_id: attempt
            .withdrawal
            .map(|id| id.to_string())
            .unwrap_or_default(),
        state,
        earliest_pass: timestamp(attempt.earliest_pass_ms),
        ..result(
            reference,
            outcome,
            &attempt.tag,
            "answered before",
            attempt.remedy,
        )
    }
}

fn result(
    reference: &str,
    outcome: Outcome,
    tag: &str,
    detail: &str,
    remedy: Remedy,
) -> SubmitResult {
    SubmitResult {
        reference: reference.to_owned(),
        outcome: i32::from(outcome),
        withdrawal_id: String::new(),
        state: i32::from(WithdrawalState::Unspecified),
        tag: tag.to_owned(),
        detail: detail.to_owned(),
        remedy: i32::from(remedy.number()),
        earliest_pass: None,
    }
}

/// Absent for 0: unknown or never.
pub(crate) fn timestamp(unix_ms: u64) -> Option<Timestamp> {
    let seconds = i64::try_from(unix_ms.checked_div(1_000)?).ok()?;
    let nanos = i32::try_from(unix_ms.checked_rem(1_000)?.checked_mul(1_000_000)?).ok()?;
    (unix_ms > 0).then_some(Timestamp { seconds, nanos })
}
