//! A small policy, real keys, and requests as an ordinary encoder makes them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs
)]

use custody_crypto::{Keyring, Scheme, key_id};
use custody_intake::{Prepared, Rules, Submitted, prepare, submit};
use custody_ledger::Ledger;
use custody_wire::messages::signed::v1::WithdrawalIntent;
use custody_wire::messages::v1::{
    KeySignature, SubmitItem, SubmitResult, SubmitWithdrawalsRequest, SubmitWithdrawalsResponse,
};
use custody_wire::{SignedType, signed_message};
use ed25519_dalek::{Signer, SigningKey};
use prost::Message;

pub const ETH: &str = "eip155:1/slip44:60";
pub const USD: &str = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
pub const NOW: u64 = 1_700_000_000_000;
pub const DEPLOYMENT: [u8; 32] = [0x11; 32];
pub const GOOD: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
pub const OWN: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
pub const FORBIDDEN: &str = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB";

pub struct Key {
    pub id: String,
    pub secret: SigningKey,
}

impl Key {
    pub fn new(seed: u8) -> Self {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        Self {
            id: key_id(Scheme::Ed25519, secret.verifying_key().as_bytes()).unwrap(),
            secret,
        }
    }

    pub fn sign(&self, body: &[u8]) -> KeySignature {
        self.sign_for(&DEPLOYMENT, SignedType::Intent, body)
    }

    pub fn sign_for(
        &self,
        deployment: &[u8; 32],
        signed_type: SignedType,
        body: &[u8],
    ) -> KeySignature {
        let message = signed_message(signed_type, deployment, body);
        KeySignature {
            key_id: self.id.clone(),
            signature: self.secret.sign(&message).to_bytes().to_vec(),
        }
    }
}

/// The backend's key and the risk engine's, a retired one, one that is valid later, and one that nobody lists.
pub struct World {
    pub backend: Key,
    pub risk: Key,
    pub retired: Key,
    pub later: Key,
    pub stranger: Key,
    pub rules: Rules,
    pub keyring: Keyring,
    pub ledger: Ledger,
}

pub fn world() -> World {
    let [backend, risk, retired, later, stranger] = [1, 2, 3, 4, 5].map(Key::new);
    let mut keyring = Keyring::new();
    for key in [&backend, &risk, &retired, &later, &stranger] {
        keyring
            .enrol(
                &key.id,
                Scheme::Ed25519,
                key.secret.verifying_key().as_bytes(),
            )
            .unwrap();
    }
    let rules =
        Rules::from_json(rules_json([&backend, &risk, &retired, &later]).as_bytes()).unwrap();
    let mut world = World {
        backend,
        risk,
        retired,
        later,
        stranger,
        rules,
        keyring,
        ledger: Ledger::new(),
    };
    world.ledger = world.opened();
    world
}

pub fn rules_json([backend, risk, retired, later]: [&Key; 4]) -> String {
    let key = |key: &Key, role: &str, from: u64, retired: bool| {
        format!(
            r#"{{"key_id":"{}","role":"{role}","valid_from_ms":{from},"valid_until_ms":{},"retired":{retired}}}"#,
            key.id,
            NOW + 1_000_000
        )
    };
    let keys = [
        key(backend, "backend", 0, false),
        key(risk, "risk-engine", 0, false),
        key(retired, "backend", 0, true),
        key(later, "backend", NOW + 10, false),
    ];
    format!(
        r#"{{"deployment":"{}","policy_hash":"{}","rules_version":1,"governance_sequence":1,"partition":"main",
        "house_pool":"house","pools":[{{"name":"customers","purpose":"customers"}},{{"name":"house","purpose":"house"}}],
        "assets":[{{"id":"{ETH}","network":"eip155:1","native":true}},{{"id":"{USD}","network":"eip155:1","native":false}}],
        "networks":[{{"id":"eip155:1","fee_asset":"{ETH}"}}],
        "initiators":[{{"id":"backend","pools":["customers"],"limit_classes":["retail"],"role":"backend",
          "keys":[{}],"co_sign":[{{"asset":"{ETH}","above":"100","role":"risk-engine"}}]}}],
        "limits":[
          {{"id":"customer-day","scope":["asset","customer"],"asset":null,"class":"retail","window":{{"sliding_ms":86400000}},
            "amount":"500","count":null,"over":"deny"}},
          {{"id":"review","scope":["customer"],"asset":"{ETH}","class":null,"window":{{"sliding_ms":3600000}},
            "amount":"300","count":null,"over":"hold"}}],
        "wallets":[{{"id":"hot-1","kind":"HOT","network":"eip155:1","address":"{OWN}"}},
          {{"id":"hot-2","kind":"HOT","network":"eip155:1","address":"0x52908400098527886E0F7030069857D2E4169EE7"}},
          {{"id":"cold-1","kind":"COLD","network":"eip155:1","address":"0x8617E340B3D01FA5F11F306F4090FD50E238070D"}}],
        "forbidden":[{{"network":"eip155:1","address":"{FORBIDDEN}"}}]}}"#,
        "11".repeat(32),
        "22".repeat(32),
        keys.join(",")
    )
}

pub fn intent(reference: &str, amount: u128) -> WithdrawalIntent {
    WithdrawalIntent {
        initiator: "backend".to_owned(),
        reference: reference.to_owned(),
        attempt: 1,
        asset: ETH.to_owned(),
        amount: amount.to_string(),
        address: GOOD.to_owned(),
        memo: String::new(),
        pool: "customers".to_owned(),
        customer: "c1".to_owned(),
        limit_class: "retail".to_owned(),
        fee_mode: 1,
        max_network_fee: String::new(),
        service_fee: "0".to_owned(),
        submit_before_unix_ms: NOW + 1_000,
        pay_before_unix_ms: NOW + 2_000,
        routing_sequence: 1,
    }
}

pub fn request(items: Vec<SubmitItem>) -> Vec<u8> {
    SubmitWithdrawalsRequest {
        request_id: "trace".to_owned(),
        items,
    }
    .encode_to_vec()
}

impl World {
    /// A ledger with 10,000 ETH and 1,000 USD of customers.
    pub fn opened(&self) -> Ledger {
        let mut ledger = Ledger::new();
        ledger
            .configure(&self.rules.pools, self.rules.limits.clone())
            .unwrap();
        for (asset, amount) in [(ETH, 10_000), (USD, 1_000)] {
            let fact = ledger
                .decide_open("hot-1", asset, amount, "customers")
                .unwrap();
            ledger.apply(&fact).unwrap();
        }
        ledger
    }

    pub fn item(&self, intent: &WithdrawalIntent) -> SubmitItem {
        self.signed(intent.encode_to_vec(), &[&self.backend])
    }

    pub fn signed(&self, body: Vec<u8>, keys: &[&Key]) -> SubmitItem {
        let signatures = keys.iter().map(|key| key.sign(&body)).collect();
        SubmitItem {
            intent: body,
            signatures,
            priority: 0,
            metadata: Default::default(),
        }
    }

    pub fn prepare(&self, items: Vec<SubmitItem>) -> Prepared {
        prepare(
            &request(items),
            "backend",
            &self.rules,
            &self.keyring,
            &[7; 32],
        )
        .unwrap()
    }

    pub fn submit(&mut self, group: &[&Prepared], now_ms: u64, first: u64) -> Vec<Submitted> {
        submit(
            &mut self.ledger,
            &self.rules,
            self.keyring.version(),
            group,
            now_ms,
            first,
        )
        .unwrap()
    }

    /// One request of these items, alone in its group.
    pub fn send(
        &mut self,
        items: Vec<SubmitItem>,
        now_ms: u64,
        sequence: u64,
    ) -> (Vec<SubmitResult>, Submitted) {
        let prepared = self.prepare(items);
        let submitted = self.submit(&[&prepared], now_ms, sequence).remove(0);
        (results(&submitted), submitted)
    }

    /// One item's answer: outcome, tag, remedy.
    pub fn answer(&mut self, item: SubmitItem) -> (i32, String, i32) {
        let (results, _) = self.send(vec![item], NOW, 1);
        let result = results.first().unwrap();
        (result.outcome, result.tag.clone(), result.remedy)
    }
}

pub fn results(submitted: &Submitted) -> Vec<SubmitResult> {
    SubmitWithdrawalsResponse::decode(submitted.response.as_slice())
        .unwrap()
        .results
}
