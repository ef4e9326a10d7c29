//! Who must have signed an intent; whether they did is the batch's to find.

use std::collections::BTreeSet;

use custody_crypto::MAX_KEY_ID_LEN;
use custody_ledger::{Candidate, tags};

use crate::refusal::Refusal;
use crate::rules::Initiator;

/// As the proto says; each costs a verification.
const MAX_SIGNATURES: usize = 8;

/// The time in which all keys of an item are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub from_ms: u64,
    pub until_ms: u64,
}

/// Checks that exactly the policy's keys claim to have signed, of every role that the amount needs. The clock is the
/// writer's, so the keys' time is handed on.
pub(crate) fn check(
    initiator: &Initiator,
    candidate: &Candidate,
    signatures: &[(String, Vec<u8>)],
) -> Result<Validity, Refusal> {
    if !(1..=MAX_SIGNATURES).contains(&signatures.len()) {
        return Err(Refusal::fix(
            tags::SIGNATURE_MISSING,
            format!("signatures: {} of 1 to {MAX_SIGNATURES}", signatures.len()),
        ));
    }
    let mut validity = Validity {
        from_ms: 0,
        until_ms: u64::MAX,
    };
    let (mut ids, mut roles) = (BTreeSet::new(), BTreeSet::new());
    for (key_id, _) in signatures {
        let key = initiator.keys.get(key_id).filter(|key| !key.retired);
        let key = key.ok_or_else(|| Refusal::fix(tags::SIGNATURE_KEY, unknown(key_id)))?;
        if !ids.insert(key_id.as_str()) {
            return Err(Refusal::fix(
                tags::SIGNATURE_REPEATED,
                format!("signatures: key {key_id:?}"),
            ));
        }
        roles.insert(key.role.as_str());
        validity.from_ms = validity.from_ms.max(key.from_ms);
        validity.until_ms = validity.until_ms.min(key.until_ms);
    }
    if !roles.contains(initiator.role.as_str()) {
        return Err(Refusal::fix(
            tags::SIGNATURE_ROLE,
            format!("signatures: none by a key of role {}", initiator.role),
        ));
    }
    let needed = initiator
        .co_sign
        .iter()
        .filter(|rule| *rule.asset == *candidate.names.asset && candidate.amount > rule.above);
    if let Some(rule) = needed
        .into_iter()
        .find(|rule| !roles.contains(rule.role.as_str()))
    {
        let detail = format!(
            "signatures: above {} a key of role {} must sign",
            rule.above, rule.role
        );
        return Err(Refusal::fix(tags::SIGNATURE_COSIGN_MISSING, detail));
    }
    Ok(validity)
}

/// Names a key that the policy has not. One that it cannot have is not repeated: an answer several times as long as the
/// request would not be sent, and the other items' answers with it.
fn unknown(key_id: &str) -> String {
    match key_id.len() {
        0..=MAX_KEY_ID_LEN => format!("signatures: key {key_id:?}"),
        len => format!("signatures: a key id of {len} bytes"),
    }
}
