//! The policy as intake uses it: looked up by name, every value parsed once.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use custody_chain::{Asset, evm};
use custody_ledger::books::Purpose;
use custody_ledger::limits::{Dimension, LimitRule, Over, Span};
use custody_wire::parse_amount;

use crate::refusal::Malformed;
use crate::rules_json::{InitiatorJson, LimitJson, OverJson, RulesJson, WindowJson};

/// What the policy says about withdrawals.
#[derive(Debug)]
pub struct Rules {
    /// The deployment's id, bound into every signature.
    pub deployment: [u8; 32],
    /// The policy in force.
    pub policy_hash: [u8; 32],
    /// Version of the rules compiled into the writer.
    pub rules_version: u32,
    /// The newest governance record.
    pub governance_sequence: u64,
    /// This server's partition.
    pub partition: String,
    /// The pool that pays network fees and takes service fees.
    pub house_pool: String,
    /// Every pool and what it is for, in the policy's order.
    pub pools: Vec<(String, Purpose)>,
    /// For the ledger.
    pub limits: Vec<LimitRule>,
    pub(crate) assets: BTreeMap<String, AssetRule>,
    pub(crate) initiators: BTreeMap<String, Initiator>,
    /// Our own wallets' addresses; an EVM key is ours on every chain.
    pub(crate) own: BTreeMap<Address, String>,
    /// Tokens' contracts, and what the policy forbids besides, by network.
    pub(crate) forbidden: BTreeSet<(String, Address)>,
}

#[derive(Debug)]
pub(crate) struct AssetRule {
    pub asset: Asset,
    pub network: String,
    pub native: bool,
    /// The network's HOT wallets.
    pub hot: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Initiator {
    pub pools: BTreeSet<String>,
    pub classes: BTreeSet<String>,
    pub role: String,
    pub keys: BTreeMap<String, KeyRule>,
    pub co_sign: Vec<CoSign>,
}

#[derive(Debug)]
pub(crate) struct KeyRule {
    pub role: String,
    pub from_ms: u64,
    pub until_ms: u64,
    pub retired: bool,
}

#[derive(Debug)]
pub(crate) struct CoSign {
    pub asset: String,
    pub above: u128,
    pub role: String,
}

impl Rules {
    /// Reads the JSON that the policy's model writes.
    ///
    /// # Errors
    /// `Malformed`: unknown, missing or repeated fields, and values that do not have their form.
    pub fn from_json(json: &[u8]) -> Result<Self, Malformed> {
        let read: RulesJson = serde_json::from_slice(json)
            .map_err(|error| Malformed::new("rules", error.to_string()))?;
        let pools: BTreeSet<String> = read.pools.iter().map(|pool| pool.name.clone()).collect();
        let house = read.pools.iter().find(|pool| pool.name == read.house_pool);
        if house.is_none_or(|pool| pool.purpose != "house") {
            return Err(Malformed::new(
                "house_pool",
                "must be a pool whose purpose is house",
            ));
        }
        let mut purposes = Vec::new();
        for pool in read.pools {
            let purpose = Purpose::from_name(&pool.purpose);
            let unknown = || Malformed::new("pools", format!("{}: {}", pool.name, pool.purpose));
            purposes.push((pool.name.clone(), purpose.ok_or_else(unknown)?));
        }
        let mut rules = Self {
            pools: purposes,
            deployment: hash("deployment", &read.deployment)?,
            policy_hash: hash("policy_hash", &read.policy_hash)?,
            rules_version: read.rules_version,
            governance_sequence: read.governance_sequence,
            limits: read
                .limits
                .into_iter()
                .map(limit)
                .collect::<Result<_, _>>()?,
            assets: BTreeMap::new(),
            initiators: BTreeMap::new(),
            own: BTreeMap::new(),
            forbidden: BTreeSet::new(),
            partition: read.partition,
            house_pool: read.house_pool,
        };
        for wallet in &read.wallets {
            rules.own.insert(
                address("wallets", &wallet.network, &wallet.address)?,
                wallet.id.clone(),
            );
        }
        for each in &read.forbidden {
            rules.forbidden.insert((
                each.network.clone(),
                address("forbidden", &each.network, &each.address)?,
            ));
        }
        for each in read.assets {
            let asset: Asset = each
                .id
                .parse()
                .map_err(|error| Malformed::new("assets", format!("{}: {error}", each.id)))?;
            let fee_asset = read
                .networks
                .iter()
                .find(|network| network.id == each.network)
                .map(|n| n.fee_asset.as_str());
            let native = matches!(asset, Asset::Native { .. });
            if asset.network().to_string() != each.network
                || fee_asset.is_none()
                || native != each.native
            {
                return Err(Malformed::new(
                    "assets",
                    format!("{}: network or native is wrong", each.id),
                ));
            }
            if let Asset::Erc20 { contract, .. } = asset {
                rules.forbidden.insert((each.network.clone(), contract));
            }
            let on_network = read
                .wallets
                .iter()
                .filter(|wallet| wallet.network == each.network && wallet.kind == "HOT");
            let hot = on_network.map(|wallet| wallet.id.clone()).collect();
            let rule = AssetRule {
                asset,
                network: each.network,
                native,
                hot,
            };
            insert(&mut rules.assets, "assets", each.id, rule)?;
        }
        for each in read.initiators {
            let id = each.id.clone();
            let made = initiator(each, &pools, &rules.assets)?;
            insert(&mut rules.initiators, "initiators", id, made)?;
        }
        for each in &rules.limits {
            each.check()
                .map_err(|error| Malformed::new("limits", error.to_string()))?;
        }
        Ok(rules)
    }
}

fn initiator(
    each: InitiatorJson,
    pools: &BTreeSet<String>,
    assets: &BTreeMap<String, AssetRule>,
) -> Result<Initiator, Malformed> {
    let refuse = |reason: String| Malformed::new("initiators", format!("{}: {reason}", each.id));
    if let Some(pool) = each.pools.iter().find(|pool| !pools.contains(*pool)) {
        return Err(refuse(format!("no pool {pool}")));
    }
    let mut keys = BTreeMap::new();
    for key in each.keys {
        let rule = KeyRule {
            role: key.role,
            from_ms: key.valid_from_ms,
            until_ms: key.valid_until_ms,
            retired: key.retired,
        };
        insert(&mut keys, "initiators.keys", key.key_id, rule)?;
    }
    let mut co_sign = Vec::new();
    for each_role in each.co_sign {
        let above = parse_amount(&each_role.above)
            .ok_or_else(|| refuse("co_sign.above is no amount".to_owned()))?;
        if !assets.contains_key(&each_role.asset) {
            return Err(refuse(format!("co_sign: no asset {}", each_role.asset)));
        }
        co_sign.push(CoSign {
            asset: each_role.asset,
            above,
            role: each_role.role,
        });
    }
    if !keys.values().any(|key| key.role == each.role) {
        return Err(refuse("no key has its own role".to_owned()));
    }
    Ok(Initiator {
        pools: each.pools.into_iter().collect(),
        classes: each.limit_classes.into_iter().collect(),
        role: each.role,
        keys,
        co_sign,
    })
}

fn limit(json: LimitJson) -> Result<LimitRule, Malformed> {
    let refuse = |reason: &str| Malformed::new("limits", format!("{}: {reason}", json.id));
    let amount = match &json.amount {
        None => None,
        Some(text) => Some(parse_amount(text).ok_or_else(|| refuse("amount is no amount"))?),
    };
    let scope = json
        .scope
        .iter()
        .map(|name| Dimension::from_name(name).ok_or_else(|| refuse("unknown scope")));
    Ok(LimitRule {
        scope: scope.collect::<Result<_, _>>()?,
        amount,
        id: json.id,
        asset: json.asset,
        class: json.class,
        span: match json.window {
            WindowJson::SlidingMs(length_ms) => Span::Sliding(length_ms),
            WindowJson::Lifetime => Span::Lifetime,
        },
        count: json.count,
        over: match json.over {
            OverJson::Hold => Over::Hold,
            OverJson::Deny => Over::Deny,
        },
    })
}

fn insert<T>(
    map: &mut BTreeMap<String, T>,
    field: &str,
    id: String,
    value: T,
) -> Result<(), Malformed> {
    let twice = Malformed::new(field, format!("{id} occurs twice"));
    if map.insert(id, value).is_some() {
        Err(twice)
    } else {
        Ok(())
    }
}

fn hash(field: &str, text: &str) -> Result<[u8; 32], Malformed> {
    let mut bytes = [0_u8; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| Malformed::new(field, "must be 64 hex digits"))?;
    Ok(bytes)
}

fn address(field: &str, network: &str, text: &str) -> Result<Address, Malformed> {
    network
        .parse::<custody_chain::Network>()
        .map_err(|error| Malformed::new(field, error.to_string()))?;
    evm::parse_address(text).map_err(|error| Malformed::new(field, format!("{text}: {error}")))
}
