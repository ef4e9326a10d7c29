//! What the policy says of an intent's body: rules in order of precedence, each asked by itself.

use alloy_primitives::Address;
use custody_ledger::{FeeMode, tags};
use custody_wire::{Intent, route};

use crate::destination;
use crate::refusal::Refusal;
use crate::rules::{AssetRule, Initiator, Rules};

/// An initiator's own intent, and what the policy has under its names.
#[derive(Debug)]
pub(crate) struct Asked<'r, 'i> {
    pub rules: &'r Rules,
    pub intent: &'i Intent<'i>,
    pub initiator: &'r Initiator,
    pub asset: Option<&'r AssetRule>,
    pub wallet: Option<&'r str>,
    /// Read once, for the checksum costs a hash.
    destination: Result<Address, String>,
}

impl<'r, 'i> Asked<'r, 'i> {
    pub fn new(rules: &'r Rules, intent: &'i Intent<'i>, initiator: &'r Initiator) -> Self {
        let asset = rules.assets.get(intent.asset);
        Self {
            rules,
            intent,
            initiator,
            asset,
            wallet: asset.and_then(|asset| wallet(asset, intent)),
            destination: destination::parse(intent.address),
        }
    }

    /// Whether the initiator may name the intent's class.
    pub fn class_allowed(&self) -> bool {
        let class = self.intent.limit_class;
        class.is_empty() || self.initiator.classes.contains(class)
    }

    /// Who pays the network; `None` when the intent's fields do not say.
    pub fn fee_mode(&self) -> Option<FeeMode> {
        fee_mode(self.intent)
    }
}

fn wallet<'a>(asset: &'a AssetRule, intent: &Intent<'_>) -> Option<&'a str> {
    let hot: Vec<&str> = asset.hot.iter().map(String::as_str).collect();
    let index = route(intent.initiator, intent.reference, &hot)?;
    hot.get(index).copied()
}

/// Who pays the network; `None` when the fields do not say.
pub(crate) fn fee_mode(intent: &Intent<'_>) -> Option<FeeMode> {
    match (intent.fee_mode, intent.max_network_fee) {
        (custody_wire::FeeMode::House, None) => Some(FeeMode::House),
        (custody_wire::FeeMode::Deduct, Some(max_network_fee)) => {
            Some(FeeMode::Deduct { max_network_fee })
        }
        _ => None,
    }
}

/// What one rule says.
#[derive(Debug)]
pub(crate) enum Said {
    Passes,
    /// The detail names the field.
    Fails(String),
    /// An earlier rule found missing what it asks about.
    NotAsked,
}

impl Said {
    fn unless(passes: bool, detail: impl FnOnce() -> String) -> Self {
        match passes {
            true => Self::Passes,
            false => Self::Fails(detail()),
        }
    }

    fn of(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Fails, |()| Self::Passes)
    }
}

type Ask = fn(&Asked<'_, '_>) -> Said;

/// The rules, the first to decide first.
pub(crate) const RULES: [(&str, Ask); 12] = [
    (tags::ASSET_UNKNOWN, asset_unknown),
    (tags::POOL_NOT_ALLOWED, pool_not_allowed),
    (tags::CLASS_NOT_ALLOWED, class_not_allowed),
    (tags::INTENT_MEMO, memo),
    (tags::INTENT_ROUTING, routing),
    (tags::INTENT_DEADLINES, deadlines),
    (tags::INTENT_OVERFLOW, overflow),
    (tags::INTENT_MALFORMED, fee),
    (tags::FEE_DEDUCT_NATIVE_ONLY, deduct_native_only),
    (tags::DESTINATION_MALFORMED, destination_malformed),
    (tags::DESTINATION_FORBIDDEN, destination_forbidden),
    (tags::ASSET_NO_HOT_WALLET, no_hot_wallet),
];

/// The first rule that fails.
pub(crate) fn check(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    for (tag, ask) in RULES {
        if let Said::Fails(detail) = ask(asked) {
            return Err(Refusal::fix(tag, detail));
        }
    }
    Ok(())
}

fn asset_unknown(asked: &Asked<'_, '_>) -> Said {
    Said::unless(asked.asset.is_some(), || {
        format!("asset: {}", asked.intent.asset)
    })
}

fn pool_not_allowed(asked: &Asked<'_, '_>) -> Said {
    let pool = asked.intent.pool;
    Said::unless(asked.initiator.pools.contains(pool), || {
        format!("pool: {pool}")
    })
}

fn class_not_allowed(asked: &Asked<'_, '_>) -> Said {
    Said::unless(asked.class_allowed(), || {
        format!("limit_class: {}", asked.intent.limit_class)
    })
}

fn memo(asked: &Asked<'_, '_>) -> Said {
    Said::unless(asked.intent.memo.is_empty(), || {
        "memo: must be absent".to_owned()
    })
}

fn routing(asked: &Asked<'_, '_>) -> Said {
    let newest = asked.rules.governance_sequence;
    Said::unless(
        (1..=newest).contains(&asked.intent.routing_sequence),
        || format!("routing_sequence: must be from 1 to {newest}"),
    )
}

fn deadlines(asked: &Asked<'_, '_>) -> Said {
    let intent = asked.intent;
    Said::unless(
        intent.submit_before_unix_ms <= intent.pay_before_unix_ms,
        || "pay_before_unix_ms: lies before submit_before_unix_ms".to_owned(),
    )
}

fn overflow(asked: &Asked<'_, '_>) -> Said {
    let sum = asked.intent.amount.checked_add(asked.intent.service_fee);
    Said::unless(sum.is_some(), || {
        "service_fee: the sum with amount exceeds 2^128 - 1".to_owned()
    })
}

fn fee(asked: &Asked<'_, '_>) -> Said {
    Said::unless(asked.fee_mode().is_some(), || {
        "max_network_fee: required under DEDUCT, absent under HOUSE".to_owned()
    })
}

fn deduct_native_only(asked: &Asked<'_, '_>) -> Said {
    let (Some(asset), Some(mode)) = (asked.asset, asked.fee_mode()) else {
        return Said::NotAsked;
    };
    Said::unless(asset.native || mode == FeeMode::House, || {
        "fee_mode: the asset is not the network's own".to_owned()
    })
}

fn destination_malformed(asked: &Asked<'_, '_>) -> Said {
    Said::of(asked.destination.clone().map(|_| ()))
}

fn destination_forbidden(asked: &Asked<'_, '_>) -> Said {
    match (asked.asset, &asked.destination) {
        (Some(asset), Ok(address)) => {
            Said::of(destination::may_be_paid(asked.rules, asset, address))
        }
        _ => Said::NotAsked,
    }
}

fn no_hot_wallet(asked: &Asked<'_, '_>) -> Said {
    let Some(asset) = asked.asset else {
        return Said::NotAsked;
    };
    Said::unless(asked.wallet.is_some(), || asset.network.clone())
}
