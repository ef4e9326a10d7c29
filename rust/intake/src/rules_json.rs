//! The policy as intake needs it, in the JSON that the policy's model writes: unknown and missing fields refuse.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesJson {
    pub deployment: String,
    pub policy_hash: String,
    pub rules_version: u32,
    pub governance_sequence: u64,
    pub partition: String,
    pub house_pool: String,
    pub pools: Vec<PoolJson>,
    pub assets: Vec<AssetJson>,
    pub networks: Vec<NetworkJson>,
    pub initiators: Vec<InitiatorJson>,
    pub limits: Vec<LimitJson>,
    pub wallets: Vec<WalletJson>,
    pub forbidden: Vec<AddressJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolJson {
    pub name: String,
    pub purpose: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssetJson {
    pub id: String,
    pub network: String,
    pub native: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkJson {
    pub id: String,
    pub fee_asset: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InitiatorJson {
    pub id: String,
    pub pools: Vec<String>,
    pub limit_classes: Vec<String>,
    pub role: String,
    pub keys: Vec<KeyJson>,
    pub co_sign: Vec<CoSignJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyJson {
    pub key_id: String,
    pub role: String,
    pub valid_from_ms: u64,
    pub valid_until_ms: u64,
    pub retired: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CoSignJson {
    pub asset: String,
    pub above: String,
    pub role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitJson {
    pub id: String,
    pub scope: Vec<String>,
    pub asset: Option<String>,
    pub class: Option<String>,
    pub window: WindowJson,
    pub amount: Option<String>,
    pub count: Option<u64>,
    pub over: OverJson,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum WindowJson {
    /// So many ms.
    SlidingMs(u64),
    /// For ever.
    Lifetime,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OverJson {
    Hold,
    Deny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WalletJson {
    pub id: String,
    pub kind: String,
    pub network: String,
    pub address: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressJson {
    pub network: String,
    pub address: String,
}
