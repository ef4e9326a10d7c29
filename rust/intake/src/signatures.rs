//! Who must have signed an intent; whether they did is the batch's to find.

use std::collections::BTreeSet;

use custody_crypto::MAX_KEY_ID_LEN;
use custody_ledger::{Candidate, tags};
use custody_wire::Intent;

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

/// Whose signatures an intent needs: of the initiator's own role, and of further ones. The error: nobody could make them
/// so that they are taken now.
pub(crate) fn needed(
    initiator: &Initiator,
    intent: &Intent<'_>,
    now_ms: u64,
) -> [(&'static str, Result<String, String>); 2] {
    let usable = |role: &str| {
        let mut keys = initiator.keys.values().filter(|key| !key.retired);
        keys.any(|key| key.role == role && (key.from_ms..key.until_ms).contains(&now_ms))
    };
    let own = match usable(&initiator.role) {
        true => Ok(format!(
            "signatures: one by a key of role {}",
            initiator.role
        )),
        false => Err(format!(
            "signatures: no key of role {} is valid now",
            initiator.role
        )),
    };
    let further = initiator
        .co_sign
        .iter()
        .filter(|rule| *rule.asset == *intent.asset && intent.amount > rule.above);
    let (mut asked, mut missing) = (Vec::new(), false);
    for rule in further {
        let there = usable(&rule.role);
        missing |= !there;
        asked.push(format!(
            "signatures: above {} a key of role {} must sign{}",
            rule.above,
            rule.role,
            if there { "" } else { ", and none is valid now" }
        ));
    }
    let further = match missing {
        true => Err(asked.join("; ")),
        false => Ok(asked.join("; ")),
    };
    [
        (tags::SIGNATURE_ROLE, own),
        (tags::SIGNATURE_COSIGN_MISSING, further),
    ]
}

/// Names a key that the policy has not. One that it cannot have is not repeated: an answer several times as long as the
/// request would not be sent, and the other items' answers with it.
fn unknown(key_id: &str) -> String {
    match key_id.len() {
        0..=MAX_KEY_ID_LEN => format!("signatures: key {key_id:?}"),
        len => format!("signatures: a key id of {len} bytes"),
    }
}
