//! Answers of long ago: which references of a request may have left memory, and what the journal says was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use custody_ledger::{Attempt, Name128, OldIds, State};
use custody_wire::unpack_leaf;

use crate::outcome;
use crate::prepare::Prepared;
use crate::refusal::Malformed;

/// A leaf of the journal that holds an old attempt, and how that ended.
#[derive(Debug, Clone)]
pub struct OldAttempt {
    /// The record.
    pub sequence: u64,
    /// The leaf there, from 1.
    pub leaf: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// None when it was refused.
    pub state: Option<State>,
}

/// What was looked up for a request.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The filter's generation before it was asked.
    pub generation: u64,
    /// Attempts by reference, the lowest first.
    pub attempts: BTreeMap<Name128, Vec<Attempt>>,
}

impl Found {
    /// Reads what was looked up of the references `asked`.
    ///
    /// # Errors
    /// `Malformed`: a leaf that is none, or of another reference.
    pub fn read(
        generation: u64,
        found: &[OldAttempt],
        asked: &BTreeSet<Name128>,
    ) -> Result<Self, Malformed> {
        let mut attempts: BTreeMap<Name128, Vec<Attempt>> = BTreeMap::new();
        for each in found {
            let refuse = |reason: String| {
                let place = format!("row {}, leaf {}", each.sequence, each.leaf);
                Malformed::new("found", format!("{place}: {reason}"))
            };
            let (key, attempt) = read(each).map_err(refuse)?;
            if !asked.contains(&key) {
                return Err(refuse(
                    "is of a reference that was not asked for".to_owned(),
                ));
            }
            attempts.entry(key).or_default().push(attempt);
        }
        for of_one in attempts.values_mut() {
            of_one.sort_by_key(|attempt| attempt.number);
            of_one.dedup_by_key(|attempt| attempt.number);
        }
        Ok(Self {
            generation,
            attempts,
        })
    }

    pub fn of(&self, key: &Name128) -> &[Attempt] {
        self.attempts.get(key).map_or(&[], Vec::as_slice)
    }
}

impl Prepared {
    /// The filter's generation, and the references of this request that may have left memory: they are to be looked
    /// up, and the answers given to `answer`.
    #[must_use]
    pub fn may_be_old(&self, old: &OldIds) -> (u64, Vec<Name128>) {
        // Read first: what leaves memory from now on makes the request stale.
        let generation = old.generation();
        if generation == 0 {
            return (0, Vec::new());
        }
        let keys = self.keys().into_iter().filter(|key| old.contains(key));
        (generation, keys.collect())
    }

    /// Takes what was looked up; the last word counts. Every leaf must be an attempt of a reference that this request asks about: the
    /// store is believed about where an answer lies, never about what it was.
    ///
    /// # Errors
    /// `Malformed`: a leaf that is none, or of something else; nothing was taken.
    pub fn answer(&self, generation: u64, found: &[OldAttempt]) -> Result<(), Malformed> {
        *self.found() = Found::read(generation, found, &self.keys())?;
        Ok(())
    }

    /// What was last given: changed as a whole, so that one after a panic may be read.
    pub(crate) fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The references that it asks about.
    fn keys(&self) -> BTreeSet<Name128> {
        let keys = self.items.iter().filter_map(|item| match item {
            Ok(item) => Some(item.candidate.key),
            Err(refusal) => refusal.id.as_ref().map(|id| id.key),
        });
        keys.collect()
    }
}

fn read(old: &OldAttempt) -> Result<(Name128, Attempt), String> {
    let leaf = unpack_leaf(&old.bytes).map_err(|error| error.to_string())?;
    let read = outcome::read(&leaf, &mut crate::body::SharedNames::default())?;
    let candidate = &read.candidate;
    if read.id.is_some() != old.state.is_some() {
        return Err("an end and a decision that do not fit".to_owned());
    }
    let attempt = Attempt {
        number: candidate.attempt,
        intent_sha256: candidate.intent_sha256,
        decision: read.decision,
        withdrawal: read.id,
        state: old.state,
        tag: read.outcome.tag,
        remedy: read.remedy,
        earliest_pass_ms: read.outcome.earliest_pass_unix_ms,
        wallet: String::from(&*candidate.names.wallet),
        routing_sequence: candidate.names.routing_sequence,
        queued_since_ms: read.outcome.queued_since_unix_ms,
        waited_ms: 0,
        sequence: old.sequence,
        leaf: old.leaf,
    };
    Ok((candidate.key, attempt))
}
