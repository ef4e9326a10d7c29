//! The second half, in the writer: each item is decided and applied in turn; each request makes at most one record.

use custody_ledger::{AHEAD, Answer, Attempt, Fact, Ledger, LedgerError, Ulid, tags};
use custody_wire::build_record;
use custody_wire::messages::journal::v1::RecordHeader;
use custody_wire::messages::v1::{Cursor, SubmitResult, SubmitWithdrawalsResponse};
use prost::Message;

use crate::old::Found;
use crate::outcome;
use crate::prepare::{Item, Prepared};
use crate::refusal::{IntentId, Refusal};
use crate::response;
use crate::rules::Rules;

/// What became of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Submitted {
    /// `SubmitWithdrawalsResponse`; to be sent once the record is durable.
    pub response: Vec<u8>,
    /// The record to append, of kind WITHDRAWALS_SUBMITTED; none when nothing is remembered.
    pub record: Option<Vec<u8>>,
    /// The record's root.
    pub root: [u8; 32],
    /// Policy or keyring changed since it was prepared, or references left memory since they were looked up: nothing
    /// was done, prepare it again.
    pub stale: bool,
    /// Metadata to store beside the journal: the withdrawal, the salt, the pairs as JSON.
    pub metadata: Vec<(Ulid, [u8; 32], Vec<u8>)>,
}

/// Decides and applies requests in order. The records, where there are some, take the sequences from `first_sequence`
/// on, one after the other; `now_ms` is the writer's guarded clock.
///
/// # Errors
/// `Broken` alone: the writer must stop, for part of the group may have been applied.
pub fn submit(
    ledger: &mut Ledger,
    rules: &Rules,
    keyring_version: u64,
    group: &[&Prepared],
    now_ms: u64,
    first_sequence: u64,
) -> Result<Vec<Submitted>, LedgerError> {
    ledger.intact()?;
    let mut sequence = first_sequence;
    let mut answered = Vec::with_capacity(group.len());
    for prepared in group {
        let found = prepared.found();
        let current = prepared.keyring_version == keyring_version
            && prepared.policy_hash == rules.policy_hash
            && prepared.governance_sequence == rules.governance_sequence
            && found.generation == ledger.old_ids().generation();
        if !current {
            answered.push((
                Submitted {
                    stale: true,
                    ..Submitted::default()
                },
                Vec::new(),
            ));
            continue;
        }
        let made = one(ledger, rules, prepared, &found, now_ms, sequence)
            .map_err(|error| stop(ledger, error))?;
        if made.0.record.is_some() {
            sequence = sequence
                .checked_add(1)
                .ok_or_else(|| LedgerError::Broken("the journal is full".to_owned()))?;
        }
        answered.push(made);
    }
    // Sent when all records of the group are durable.
    let as_of = Cursor {
        partition: rules.partition.clone(),
        sequence: sequence.saturating_sub(1),
    };
    let finish = |(submitted, results): (Submitted, Vec<SubmitResult>)| match submitted.stale {
        true => submitted,
        false => {
            let response = SubmitWithdrawalsResponse {
                results,
                as_of: vec![as_of.clone()],
            };
            Submitted {
                response: response.encode_to_vec(),
                ..submitted
            }
        }
    };
    Ok(answered.into_iter().map(finish).collect())
}

fn stop(ledger: &mut Ledger, error: LedgerError) -> LedgerError {
    ledger.poison(&error.to_string());
    error
}

fn one(
    ledger: &mut Ledger,
    rules: &Rules,
    prepared: &Prepared,
    found: &Found,
    now_ms: u64,
    sequence: u64,
) -> Result<(Submitted, Vec<SubmitResult>), LedgerError> {
    let mut submitted = Submitted::default();
    let mut results = Vec::with_capacity(prepared.items.len());
    let mut leaves: Vec<Vec<u8>> = Vec::new();
    let mut charged = outcome::Charged::default();
    for (number, item) in prepared.items.iter().enumerate() {
        if number.is_multiple_of(AHEAD) {
            let next = prepared.items.iter().skip(number).take(AHEAD);
            ledger.look_ahead(next.flatten().map(|item| &item.candidate), now_ms);
        }
        let item = match item
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|item| in_time(item, now_ms))
        {
            Ok(item) => item,
            Err(refusal) => {
                let known = answered_before(ledger, found, &refusal);
                results.push(known.unwrap_or_else(|| response::refused(&refusal)));
                continue;
            }
        };
        let number = leaves
            .len()
            .checked_add(1)
            .and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or_else(|| LedgerError::Broken("too many leaves".to_owned()))?;
        let answer = ledger.decide_submission(
            &item.candidate,
            found.of(&item.candidate.key),
            now_ms,
            sequence,
            number,
        )?;
        results.push(response::answered(&item.candidate.reference, &answer));
        if let Answer::Decided { fact, .. } = answer {
            leaves.push(
                outcome::pack(ledger, &mut charged, &fact, item).map_err(LedgerError::Broken)?,
            );
            if let (Some(id), Some(metadata)) = (fact.id, &item.metadata) {
                submitted
                    .metadata
                    .push((id, metadata.salt, metadata.json.clone()));
            }
            ledger.apply(&Fact::Submitted(fact))?;
        }
    }
    if !leaves.is_empty() {
        let header = header(rules, prepared, now_ms).encode_to_vec();
        let (record, root) = build_record(&header, &leaves)
            .map_err(|error| LedgerError::Broken(error.to_string()))?;
        (submitted.record, submitted.root) = (Some(record), root);
    }
    Ok((submitted, results))
}

/// The first answer to an intent that policy, keys or time would refuse now: whoever lost it and sends the same bytes
/// again must not take them for refused, and pay by another reference. No signature is asked: the answer is the
/// caller's own, and changes nothing.
fn answered_before(ledger: &Ledger, found: &Found, refusal: &Refusal) -> Option<SubmitResult> {
    let id = refusal.id.as_ref()?;
    let known = first_answer(ledger, found, id)?;
    Some(response::answered(&id.reference, &Answer::Before(known)))
}

/// What was answered to this very intent.
pub(crate) fn first_answer(ledger: &Ledger, found: &Found, id: &IntentId) -> Option<Attempt> {
    let known = ledger.answered_before(&id.key, id.attempt, found.of(&id.key))?;
    (known.intent_sha256 == id.intent_sha256).then_some(known)
}

/// A key's time of validity is judged by the writer's clock.
fn in_time(item: &Item, now_ms: u64) -> Result<&Item, Refusal> {
    match item.validity.from_ms <= now_ms && now_ms < item.validity.until_ms {
        true => Ok(item),
        false => Err(Refusal::fix(
            tags::SIGNATURE_KEY_TIME,
            "signatures: a key is not valid now",
        )
        .of(&item.candidate.reference)
        .of_intent(IntentId::of(&item.candidate))),
    }
}

fn header(rules: &Rules, prepared: &Prepared, now_ms: u64) -> RecordHeader {
    RecordHeader {
        recorded_unix_ms: now_ms,
        principal: prepared.principal.clone(),
        request_id: prepared.request_id.clone(),
        policy_hash: rules.policy_hash.to_vec(),
        keyring_version: prepared.keyring_version,
        rules_version: rules.rules_version,
    }
}
