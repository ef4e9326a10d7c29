//! A submission to and from its packed leaf: the outcome, the intent as received, the signatures.

use std::sync::Arc;

use custody_ledger::limits::Charges;
use custody_ledger::{Candidate, Decision, Ledger, Names, Priority, Remedy, Submission, Ulid};
use custody_wire::messages::journal::v1::IntakeOutcome;
use custody_wire::{Leaf, pack_leaf, parse_amount, unpack_leaf};
use prost::Message;

use crate::body::{self, SharedNames};
use crate::prepare::Item;

/// The stored names of the limits that were charged last: those of most of a batch, which have the same asset and class.
#[derive(Default)]
pub(crate) struct Charged {
    by: Option<(Arc<Names>, Charges)>,
    stored: Vec<u8>,
}

impl Charged {
    /// The field `charged_limits` of an outcome. No limit changes while a request is decided.
    fn stored(&mut self, ledger: &Ledger, fact: &Submission) -> &[u8] {
        let names = &fact.candidate.names;
        let known = self
            .by
            .as_ref()
            .is_some_and(|(known, charges)| Arc::ptr_eq(known, names) && *charges == fact.charges);
        if !known {
            let limits = ledger.charged_limits(fact).into_iter();
            let outcome = IntakeOutcome {
                charged_limits: limits.map(str::to_owned).collect(),
                ..IntakeOutcome::default()
            };
            self.stored = outcome.encode_to_vec();
            self.by = Some((Arc::clone(names), fact.charges));
        }
        &self.stored
    }
}

/// The leaf of a submission.
pub(crate) fn pack(
    ledger: &Ledger,
    charged: &mut Charged,
    fact: &Submission,
    item: &Item,
) -> Result<Vec<u8>, String> {
    let hold = fact
        .candidate
        .amount
        .checked_add(fact.candidate.service_fee)
        .ok_or("the hold exceeds 2^128")?;
    let outcome = IntakeOutcome {
        decision: i32::from(fact.decision.number()),
        withdrawal_id: fact.id.map(|id| id.0.to_vec()).unwrap_or_default(),
        tag: fact.tag.clone(),
        remedy: u32::from(fact.remedy.number()),
        earliest_pass_unix_ms: fact.earliest_pass_ms,
        wallet: String::from(&*fact.candidate.names.wallet),
        hold: hold.to_string(),
        priority: fact.candidate.priority.number(),
        metadata_hash: item
            .metadata
            .as_ref()
            .map(|metadata| metadata.hash.to_vec())
            .unwrap_or_default(),
        charged_limits: Vec::new(),
        queued_since_unix_ms: 0,
    };
    // The fields in their order: these are the last two.
    let mut stored = outcome.encode_to_vec();
    stored.extend_from_slice(charged.stored(ledger, fact));
    let last = IntakeOutcome {
        queued_since_unix_ms: fact.queued_since_ms,
        ..IntakeOutcome::default()
    };
    last.encode(&mut stored)
        .map_err(|error| error.to_string())?;
    let signatures: Vec<(&str, &[u8])> = item
        .signatures
        .iter()
        .map(|(key_id, signature)| (key_id.as_str(), signature.as_slice()))
        .collect();
    // Each part after its length; the key id and the signature of most.
    let size = stored.len().saturating_add(item.intent.len());
    let mut leaf = Vec::with_capacity(size.saturating_add(128));
    pack_leaf(&mut leaf, &stored, &item.intent, &signatures).map_err(|error| error.to_string())?;
    Ok(leaf)
}

/// What a stored leaf says.
pub(crate) struct Read {
    pub candidate: Candidate,
    pub decision: Decision,
    pub id: Option<Ulid>,
    pub remedy: Remedy,
    pub outcome: IntakeOutcome,
}

/// Reads a leaf, from its bytes alone.
pub(crate) fn read(leaf: &Leaf<'_>, shared: &mut SharedNames) -> Result<Read, String> {
    let outcome = IntakeOutcome::decode(leaf.outcome).map_err(|error| error.to_string())?;
    let decision = Decision::from_number(outcome.decision).ok_or("an unknown decision")?;
    let priority = i32::try_from(outcome.priority)
        .ok()
        .filter(|number| *number != 0);
    let priority = priority
        .and_then(Priority::from_number)
        .ok_or("an unknown priority")?;
    let candidate = body::stored(leaf.intent, &outcome.wallet, priority, shared)?;
    if parse_amount(&outcome.hold) != candidate.amount.checked_add(candidate.service_fee) {
        return Err("the hold is not the intent's amount and service fee".to_owned());
    }
    let id = match outcome.withdrawal_id.as_slice() {
        [] => None,
        bytes => Some(Ulid::from_slice(bytes).ok_or("a withdrawal id without 16 bytes")?),
    };
    if id.is_some() == (decision == Decision::Rejected) {
        return Err("a withdrawal id and a rejection, or neither".to_owned());
    }
    Ok(Read {
        candidate,
        decision,
        id,
        remedy: Remedy::from_number(outcome.remedy).ok_or("an unknown remedy")?,
        outcome,
    })
}

/// The submission of a leaf, from its bytes alone; the ledger knows the sets of limits.
pub(crate) fn unpack(
    ledger: &mut Ledger,
    shared: &mut SharedNames,
    leaf: &[u8],
    recorded_ms: u64,
    sequence: u64,
    number: u32,
) -> Result<Submission, String> {
    let leaf = unpack_leaf(leaf).map_err(|error| error.to_string())?;
    let read = read(&leaf, shared)?;
    let charges = match read.decision {
        Decision::Rejected if read.outcome.charged_limits.is_empty() => Ok(Charges::NONE),
        _ => ledger.stored_charges(&read.candidate, &read.outcome.charged_limits),
    };
    Ok(Submission {
        candidate: Arc::new(read.candidate),
        decision: read.decision,
        id: read.id,
        tag: read.outcome.tag,
        remedy: read.remedy,
        earliest_pass_ms: read.outcome.earliest_pass_unix_ms,
        charges: charges.map_err(|error| error.to_string())?,
        queued_since_ms: read.outcome.queued_since_unix_ms,
        recorded_ms,
        sequence,
        leaf: number,
    })
}
