//! Who must have signed an intent, and whether they did.

use std::collections::BTreeSet;

use custody_crypto::{Keyring, Verdict};
use custody_ledger::{Candidate, tags};
use custody_wire::{SignedType, signed_message, signing_input};

use crate::refusal::Refusal;
use crate::rules::{Initiator, Rules};

/// As the proto says; each costs a verification.
const MAX_SIGNATURES: usize = 8;

/// The time in which all keys of an item are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub from_ms: u64,
    pub until_ms: u64,
}

/// Checks that exactly the policy's keys signed, of every role that the amount needs, and that each signature verifies.
/// The clock is the writer's, so the keys' time is handed on.
pub(crate) fn check(
    rules: &Rules,
    initiator: &Initiator,
    candidate: &Candidate,
    intent: &[u8],
    signatures: &[(String, Vec<u8>)],
    keyring: &Keyring,
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
        let key = key.ok_or_else(|| {
            Refusal::fix(tags::SIGNATURE_KEY, format!("signatures: key {key_id:?}"))
        })?;
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
        .filter(|rule| rule.asset == candidate.subject.asset && candidate.amount > rule.above);
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
    let message = signed_message(SignedType::Intent, &rules.deployment, intent);
    for (key_id, signature) in signatures {
        verify(keyring, key_id, &message, signature)?;
    }
    Ok(validity)
}

fn verify(
    keyring: &Keyring,
    key_id: &str,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Refusal> {
    let unknown = || Refusal::fix(tags::SIGNATURE_KEY, format!("signatures: key {key_id:?}"));
    let scheme = keyring.scheme(key_id).ok_or_else(unknown)?;
    let input = signing_input(scheme.name(), message).map_err(|_| unknown())?;
    match keyring.verify(key_id, &input, signature) {
        Verdict::Valid => Ok(()),
        Verdict::UnknownKey => Err(unknown()),
        Verdict::Invalid | Verdict::Malformed => Err(Refusal::fix(
            tags::SIGNATURE_INVALID,
            format!("signatures: by key {key_id:?}"),
        )),
    }
}
