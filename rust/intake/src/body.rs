//! Everything that an intent's bytes and the policy tell without signatures, clock or ledger.

use std::sync::Arc;

use custody_ledger::{Candidate, FeeMode, Name128, Names, Priority, tags, withdrawal_digest};
use custody_wire::{Intent, parse_intent, route, sha256};

use crate::destination;
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
    let intent = parse_intent(bytes)
        .map_err(|error| Refusal::fix(tags::INTENT_MALFORMED, error.to_string()))?;
    check_intent(rules, principal, bytes, &intent, priority, shared).map_err(|refusal| {
        let refusal = refusal.of(intent.reference);
        match intent.initiator == principal {
            true => refusal.of_intent(IntentId {
                reference: intent.reference.to_owned(),
                key: Name128::reference(intent.initiator, intent.reference),
                attempt: intent.attempt,
                intent_sha256: sha256(bytes),
            }),
            false => refusal,
        }
    })
}

fn check_intent<'a>(
    rules: &'a Rules,
    principal: &str,
    bytes: &[u8],
    intent: &Intent<'_>,
    priority: Priority,
    shared: &mut SharedNames,
) -> Result<Body<'a>, Refusal> {
    let initiator = rules
        .initiators
        .get(principal)
        .filter(|_| intent.initiator == principal);
    let initiator = initiator.ok_or_else(|| {
        Refusal::fix(
            tags::INTENT_INITIATOR,
            format!("initiator: the caller is {principal}"),
        )
    })?;
    let asset = rules.assets.get(intent.asset);
    let asset = asset
        .ok_or_else(|| Refusal::fix(tags::ASSET_UNKNOWN, format!("asset: {}", intent.asset)))?;
    if !initiator.pools.contains(intent.pool) {
        return Err(Refusal::fix(
            tags::POOL_NOT_ALLOWED,
            format!("pool: {}", intent.pool),
        ));
    }
    if !intent.limit_class.is_empty() && !initiator.classes.contains(intent.limit_class) {
        return Err(Refusal::fix(
            tags::CLASS_NOT_ALLOWED,
            format!("limit_class: {}", intent.limit_class),
        ));
    }
    if !intent.memo.is_empty() {
        return Err(Refusal::fix(tags::INTENT_MEMO, "memo: must be absent"));
    }
    if intent.routing_sequence == 0 || intent.routing_sequence > rules.governance_sequence {
        let detail = format!(
            "routing_sequence: must be from 1 to {}",
            rules.governance_sequence
        );
        return Err(Refusal::fix(tags::INTENT_ROUTING, detail));
    }
    if intent.pay_before_unix_ms < intent.submit_before_unix_ms {
        return Err(Refusal::fix(
            tags::INTENT_DEADLINES,
            "pay_before_unix_ms: lies before submit_before_unix_ms",
        ));
    }
    if intent.amount.checked_add(intent.service_fee).is_none() {
        return Err(Refusal::fix(
            tags::INTENT_OVERFLOW,
            "service_fee: the sum with amount exceeds 2^128 - 1",
        ));
    }
    let fee_mode = fee_mode(intent, asset.native)?;
    destination::check(rules, asset, intent.address)?;
    let hot: Vec<&str> = asset.hot.iter().map(String::as_str).collect();
    let wallet = route(intent.initiator, intent.reference, &hot).and_then(|index| hot.get(index));
    let wallet =
        wallet.ok_or_else(|| Refusal::fix(tags::ASSET_NO_HOT_WALLET, asset.network.clone()))?;
    let candidate = candidate(bytes, intent, wallet, fee_mode, priority, shared);
    Ok(Body {
        candidate,
        initiator,
    })
}

fn fee_mode(intent: &Intent<'_>, native: bool) -> Result<FeeMode, Refusal> {
    match (intent.fee_mode, intent.max_network_fee) {
        (custody_wire::FeeMode::House, None) => Ok(FeeMode::House),
        (custody_wire::FeeMode::Deduct, Some(_)) if !native => Err(Refusal::fix(
            tags::FEE_DEDUCT_NATIVE_ONLY,
            "fee_mode: the asset is not the network's own",
        )),
        (custody_wire::FeeMode::Deduct, Some(max_network_fee)) => {
            Ok(FeeMode::Deduct { max_network_fee })
        }
        _ => Err(Refusal::fix(
            tags::INTENT_MALFORMED,
            "max_network_fee: required under DEDUCT, absent under HOUSE",
        )),
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
    let fee_mode = fee_mode(&intent, true).map_err(|refusal| refusal.detail)?;
    Ok(candidate(
        bytes, &intent, wallet, fee_mode, priority, shared,
    ))
}

fn candidate(
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
