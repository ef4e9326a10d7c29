//! Everything that an intent's bytes and the policy tell without signatures, clock or ledger.

use std::sync::Arc;

use custody_ledger::{Candidate, FeeMode, Name128, Names, Priority, tags, withdrawal_digest};
use custody_wire::{Intent, parse_intent, sha256};

use crate::clauses::{self, Asked};
use crate::refusal::{IntentId, Refusal};
use crate::rules::{Initiator, Rules};

/// A checked intent, with the initiator that the policy has for it.
pub(crate) struct Body<'a> {
    pub candidate: Candidate,
    pub initiator: &'a Initiator,
}

/// Checks an intent; the refusal carries its reference once that is readable.
pub(crate) fn check<'a>(
    rules: &'a Rules,
    principal: &str,
    bytes: &[u8],
    priority: Priority,
    shared: &mut SharedNames,
) -> Result<Body<'a>, Refusal> {
    let intent = parse(bytes)?;
    let known = |refusal: Refusal| {
        let refusal = refusal.of(intent.reference);
        match intent.initiator == principal {
            true => refusal.of_intent(intent_id(&intent, bytes)),
            false => refusal,
        }
    };
    let asked = owned(rules, principal, &intent).map_err(known)?;
    clauses::check(&asked).map_err(known)?;
    match (asked.wallet, asked.fee_mode()) {
        (Some(wallet), Some(fee_mode)) => Ok(Body {
            candidate: candidate(bytes, &intent, wallet, fee_mode, priority, shared),
            initiator: asked.initiator,
        }),
        // The rules refused it before; whoever takes one out of their table does not let it pass here.
        _ => Err(known(Refusal::fix(tags::INTENT_MALFORMED, "wallet or fee"))),
    }
}

/// Reads an intent.
pub(crate) fn parse(bytes: &[u8]) -> Result<Intent<'_>, Refusal> {
    parse_intent(bytes).map_err(|error| Refusal::fix(tags::INTENT_MALFORMED, error.to_string()))
}

/// The intent with what the policy has for it; refused when it is another initiator's than the caller, or the policy
/// has no such initiator.
pub(crate) fn owned<'r, 'i>(
    rules: &'r Rules,
    principal: &str,
    intent: &'i Intent<'i>,
) -> Result<Asked<'r, 'i>, Refusal> {
    let initiator = rules
        .initiators
        .get(principal)
        .filter(|_| intent.initiator == principal);
    let initiator = initiator.ok_or_else(|| {
        let detail = format!("initiator: the caller is {principal}");
        Refusal::fix(tags::INTENT_INITIATOR, detail)
    })?;
    Ok(Asked::new(rules, intent, initiator))
}

/// Under which id an intent is remembered.
pub(crate) fn intent_id(intent: &Intent<'_>, bytes: &[u8]) -> IntentId {
    IntentId {
        reference: intent.reference.to_owned(),
        key: Name128::reference(intent.initiator, intent.reference),
        attempt: intent.attempt,
        intent_sha256: sha256(bytes),
    }
}

/// The stored candidate of a replayed intent: form alone, no policy.
pub(crate) fn stored(
    bytes: &[u8],
    wallet: &str,
    priority: Priority,
    shared: &mut SharedNames,
) -> Result<Candidate, String> {
    let intent = parse_intent(bytes).map_err(|error| error.to_string())?;
    let fee_mode = clauses::fee_mode(&intent).ok_or("max_network_fee")?;
    Ok(candidate(
        bytes, &intent, wallet, fee_mode, priority, shared,
    ))
}

pub(crate) fn candidate(
    bytes: &[u8],
    intent: &Intent<'_>,
    wallet: &str,
    fee_mode: FeeMode,
    priority: Priority,
    shared: &mut SharedNames,
) -> Candidate {
    Candidate {
        names: shared.get(intent, wallet),
        reference: Box::from(intent.reference),
        key: Name128::reference(intent.initiator, intent.reference),
        attempt: intent.attempt,
        intent_sha256: sha256(bytes),
        customer: Name128::customer(intent.customer),
        destination: Name128::destination(intent.address),
        amount: intent.amount,
        service_fee: intent.service_fee,
        fee_mode,
        submit_before_ms: intent.submit_before_unix_ms,
        pay_before_ms: intent.pay_before_unix_ms,
        priority,
        digest: withdrawal_digest(intent.initiator, intent.reference, intent.attempt),
    }
}

/// The names of one batch: those that occur together are stored once.
#[derive(Debug, Default)]
pub(crate) struct SharedNames(Vec<Arc<Names>>);

/// So many combinations are looked through; more than a batch of one exchange has.
const SHARED: usize = 16;

impl SharedNames {
    fn get(&mut self, intent: &Intent<'_>, wallet: &str) -> Arc<Names> {
        let same = |names: &&Arc<Names>| {
            *names.wallet == *wallet
                && *names.asset == *intent.asset
                && *names.class == *intent.limit_class
                && *names.pool == *intent.pool
                && *names.initiator == *intent.initiator
                && names.routing_sequence == intent.routing_sequence
        };
        if let Some(known) = self.0.iter().find(same) {
            return Arc::clone(known);
        }
        let names = Arc::new(Names {
            asset: Box::from(intent.asset),
            initiator: Box::from(intent.initiator),
            class: Box::from(intent.limit_class),
            wallet: Box::from(wallet),
            pool: Box::from(intent.pool),
            routing_sequence: intent.routing_sequence,
        });
        if self.0.len() < SHARED {
            self.0.push(Arc::clone(&names));
        }
        names
    }
}
