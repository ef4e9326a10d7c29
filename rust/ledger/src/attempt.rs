//! Intake's answers, remembered for good: every attempt of every reference.

use std::collections::BTreeMap;

use crate::canonical::Canonical;
use crate::submission::{Decision, Remedy};
use crate::ulid::Ulid;

/// What was answered to one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// SHA-256 of the intent's body.
    pub intent_sha256: [u8; 32],
    /// The answer.
    pub decision: Decision,
    /// The withdrawal that it made; none when it was rejected.
    pub withdrawal: Option<Ulid>,
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
    /// The age that later attempts inherit.
    pub queued_since_ms: u64,
}

/// Attempts by initiator and reference; attempt n stands at index n - 1.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts(BTreeMap<String, BTreeMap<String, Vec<Attempt>>>);

impl Attempts {
    pub fn of(&self, initiator: &str, reference: &str) -> &[Attempt] {
        self.0
            .get(initiator)
            .and_then(|of| of.get(reference))
            .map_or(&[], Vec::as_slice)
    }

    /// Remembers the next attempt; `None` when `number` is not the next.
    pub fn add(
        &mut self,
        initiator: &str,
        reference: &str,
        number: u32,
        attempt: Attempt,
    ) -> Option<()> {
        let next = self.of(initiator, reference).len().checked_add(1)?;
        if usize::try_from(number).ok()? != next {
            return None;
        }
        self.0
            .entry(initiator.to_owned())
            .or_default()
            .entry(reference.to_owned())
            .or_default()
            .push(attempt);
        Some(())
    }

    pub fn write(&self, out: &mut Canonical) {
        out.length(self.0.len());
        for (initiator, references) in &self.0 {
            out.text(initiator).length(references.len());
            for (reference, attempts) in references {
                out.text(reference).length(attempts.len());
                attempts.iter().for_each(|attempt| attempt.write(out));
            }
        }
    }
}

impl Attempt {
    fn write(&self, out: &mut Canonical) {
        out.bytes(&self.intent_sha256)
            .number(u64::from(self.decision.number()))
            .bytes(self.withdrawal.as_ref().map_or(&[], |id| &id.0))
            .text(&self.tag)
            .number(u64::from(self.remedy.number()))
            .number(self.earliest_pass_ms)
            .text(&self.wallet)
            .number(self.routing_sequence)
            .number(self.queued_since_ms);
    }
}
