//! Two initiators who share pools and limits, a journal, and a store of old ids: what explanations are tried on.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;

use custody_crypto::{Keyring, Scheme};
use custody_intake::{OldAttempt, Question, Rules, explain, prepare, submit};
use custody_ledger::{End, Ledger, LedgerError, Name128, Scope, State, Ulid};
use custody_wire::messages::signed::v1::WithdrawalIntent;
use custody_wire::messages::v1::{ExplainWithdrawalResponse, SubmitItem, SubmitResult};
use custody_wire::unpack_record;
use proptest::prelude::*;
use prost::Message;

use crate::common::{ETH, FORBIDDEN, GOOD, Key, NOW, OWN, USD, intent, request, results};

/// Ended so long ago, references leave memory.
const AGE: u64 = 5_000;
const SECOND: &str = "0x52908400098527886E0F7030069857D2E4169EE7";

#[derive(Clone)]
pub struct World {
    pub ledger: Ledger,
    pub now_ms: u64,
    rows: Vec<Vec<u8>>,
    store: BTreeMap<Name128, Vec<(u64, u32, Option<State>)>>,
    halts: u32,
}

pub struct Policy {
    pub rules: Rules,
    keys: BTreeMap<&'static str, [Key; 2]>,
    keyring: Keyring,
}

/// One withdrawal in numbers; most of what they say is in order.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub initiator: bool,
    pub reference: u8,
    pub attempt: u32,
    pub amount: u128,
    pub usd: bool,
    pub customer: u8,
    pub odd: u8,
    pub in_ms: u64,
}

#[derive(Debug, Clone)]
pub enum Act {
    Submit(Wanted),
    Pass(u64),
    Void(u8),
    Halt(u8),
    Resume(u8),
    Forget,
}

pub fn wanted() -> impl Strategy<Value = Wanted> {
    (
        any::<bool>(),
        0..6_u8,
        prop_oneof![4 => Just(1_u32), 2 => Just(2), 1 => Just(3)],
        prop_oneof![8 => 1..220_u128, 1 => 1_000..3_000_u128, 1 => Just(u128::MAX)],
        any::<bool>(),
        0..3_u8,
        0..60_u8,
        prop_oneof![1 => Just(0_u64), 9 => 500..400_000_u64],
    )
        .prop_map(
            |(initiator, reference, attempt, amount, usd, customer, odd, in_ms)| Wanted {
                initiator,
                reference,
                attempt,
                amount,
                usd,
                customer,
                odd,
                in_ms,
            },
        )
}

pub fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        10 => wanted().prop_map(Act::Submit),
        3 => (1..9_000_u64).prop_map(Act::Pass),
        3 => any::<u8>().prop_map(Act::Void),
        1 => (0..7_u8).prop_map(Act::Halt),
        1 => any::<u8>().prop_map(Act::Resume),
        2 => Just(Act::Forget),
    ]
}

fn rules_json(keys: &BTreeMap<&'static str, [Key; 2]>) -> String {
    let initiators = keys.iter().map(|(id, [own, risk])| {
        let key = |key: &Key, role: &str| {
            format!(
                r#"{{"key_id":"{}","role":"{role}","valid_from_ms":0,"valid_until_ms":{},"retired":false}}"#,
                key.id,
                NOW * 2
            )
        };
        format!(
            r#"{{"id":"{id}","pools":["customers"],"limit_classes":["retail"],"role":"backend","keys":[{},{}],
               "co_sign":[{{"asset":"{ETH}","above":"100","role":"risk-engine"}}]}}"#,
            key(own, "backend"),
            key(risk, "risk-engine")
        )
    });
    let limit = |id: &str, scope: &str, asset: &str, window: u64, bound: &str, over: &str| {
        let window = match window {
            0 => r#""lifetime""#.to_owned(),
            ms => format!(r#"{{"sliding_ms":{ms}}}"#),
        };
        format!(
            r#"{{"id":"{id}","scope":[{scope}],"asset":{asset},"class":null,"window":{window},{bound},"over":"{over}"}}"#
        )
    };
    let (eth, none) = (format!("\"{ETH}\""), "null".to_owned());
    let amount = |most: u64| format!(r#""amount":"{most}","count":null"#);
    let count = |most: u64| format!(r#""amount":null,"count":{most}"#);
    let limits = [
        limit(
            "a-own",
            r#""initiator","asset""#,
            &none,
            20_000,
            &amount(700),
            "deny",
        ),
        limit(
            "b-shared",
            r#""asset""#,
            &none,
            30_000,
            &amount(1_000),
            "deny",
        ),
        limit(
            "c-own-hold",
            r#""initiator""#,
            &eth,
            10_000,
            &amount(260),
            "hold",
        ),
        limit(
            "d-customer",
            r#""customer""#,
            &none,
            15_000,
            &count(3),
            "deny",
        ),
        limit("e-shared-hold", "", &eth, 25_000, &amount(500), "hold"),
        limit("f-ever", r#""destination""#, &none, 0, &count(40), "deny"),
        limit("g-usd", "", &format!("\"{USD}\""), 9_000, &count(4), "hold"),
    ];
    format!(
        r#"{{"deployment":"{}","policy_hash":"{}","rules_version":1,"governance_sequence":2,"partition":"main",
        "house_pool":"house","pools":[{{"name":"customers","purpose":"customers"}},{{"name":"house","purpose":"house"}}],
        "assets":[{{"id":"{ETH}","network":"eip155:1","native":true}},{{"id":"{USD}","network":"eip155:1","native":false}}],
        "networks":[{{"id":"eip155:1","fee_asset":"{ETH}"}}],
        "initiators":[{}],"limits":[{}],
        "wallets":[{{"id":"hot-1","kind":"HOT","network":"eip155:1","address":"{OWN}"}}],
        "forbidden":[{{"network":"eip155:1","address":"{FORBIDDEN}"}}]}}"#,
        "11".repeat(32),
        "22".repeat(32),
        initiators.collect::<Vec<_>>().join(","),
        limits.join(",")
    )
}

impl Policy {
    pub fn new() -> Self {
        let keys = BTreeMap::from([
            ("east", [Key::new(1), Key::new(2)]),
            ("west", [Key::new(3), Key::new(4)]),
        ]);
        let mut keyring = Keyring::new();
        for key in keys.values().flatten() {
            let public = *key.secret.verifying_key().as_bytes();
            keyring.enrol(&key.id, Scheme::Ed25519, &public).unwrap();
        }
        let rules = Rules::from_json(rules_json(&keys).as_bytes()).unwrap();
        Self {
            rules,
            keys,
            keyring,
        }
    }

    pub fn world(&self) -> World {
        let mut ledger = Ledger::new();
        ledger
            .configure(&self.rules.pools, self.rules.limits.clone())
            .unwrap();
        for (asset, amount) in [(ETH, 1_500), (USD, 900)] {
            let fact = ledger
                .decide_open("hot-1", asset, amount, "customers")
                .unwrap();
            ledger.apply(&fact).unwrap();
        }
        World {
            ledger,
            now_ms: NOW,
            rows: Vec::new(),
            store: BTreeMap::new(),
            halts: 0,
        }
    }
}

pub fn initiator(wanted: &Wanted) -> &'static str {
    if wanted.initiator { "east" } else { "west" }
}

/// The intent's bytes; one in four has something odd.
pub fn body(wanted: &Wanted, now_ms: u64) -> Vec<u8> {
    let mut made: WithdrawalIntent = intent(&format!("r{}", wanted.reference), wanted.amount);
    initiator(wanted).clone_into(&mut made.initiator);
    made.attempt = wanted.attempt;
    made.customer = format!("c{}", wanted.customer);
    if wanted.usd {
        USD.clone_into(&mut made.asset);
    }
    made.submit_before_unix_ms = now_ms + wanted.in_ms;
    made.pay_before_unix_ms = now_ms + wanted.in_ms + 1_000;
    match wanted.odd {
        0 => {
            "eip155:1/erc20:0x1111111111111111111111111111111111111111".clone_into(&mut made.asset)
        }
        1 => "house".clone_into(&mut made.pool),
        2 => "vip".clone_into(&mut made.limit_class),
        3 => "memo".clone_into(&mut made.memo),
        4 => made.routing_sequence = 3,
        5 => made.pay_before_unix_ms = now_ms,
        6 => "7".clone_into(&mut made.service_fee),
        7 => (made.fee_mode, made.max_network_fee) = (2, "1".to_owned()),
        8 => made.max_network_fee = "1".to_owned(),
        9 => OWN.clone_into(&mut made.address),
        10 => FORBIDDEN.clone_into(&mut made.address),
        11 => made.address = GOOD.to_lowercase(),
        12 => made.routing_sequence = 2,
        13 => "north".clone_into(&mut made.initiator),
        14 => made.limit_class = String::new(),
        15 => SECOND.clone_into(&mut made.address),
        _ => {}
    }
    made.encode_to_vec()
}

impl World {
    fn look_up(&self, key: &Name128) -> Vec<OldAttempt> {
        let places = self.store.get(key).into_iter().flatten();
        places
            .map(|(sequence, leaf, state)| {
                let row = &self.rows[usize::try_from(*sequence).unwrap() - 1];
                let parts = unpack_record(row).unwrap();
                OldAttempt {
                    sequence: *sequence,
                    leaf: *leaf,
                    bytes: parts.leaves[usize::try_from(*leaf).unwrap() - 1].to_vec(),
                    state: *state,
                }
            })
            .collect()
    }

    pub fn submit(&mut self, policy: &Policy, who: &str, body: Vec<u8>) -> SubmitResult {
        let keys = &policy.keys[who];
        let item = SubmitItem {
            signatures: keys.iter().map(|key| key.sign(&body)).collect(),
            intent: body,
            priority: 0,
            metadata: Default::default(),
        };
        let prepared = prepare(
            &request(vec![item]),
            who,
            &policy.rules,
            &policy.keyring,
            &[7; 32],
        )
        .unwrap();
        let (generation, keys) = prepared.may_be_old(&self.ledger.old_ids());
        let found: Vec<OldAttempt> = keys.iter().flat_map(|key| self.look_up(key)).collect();
        prepared.answer(generation, &found).unwrap();
        let submitted = submit(
            &mut self.ledger,
            &policy.rules,
            policy.keyring.version(),
            &[&prepared],
            self.now_ms,
            u64::try_from(self.rows.len()).unwrap() + 1,
        )
        .unwrap()
        .remove(0);
        assert!(!submitted.stale);
        self.rows.extend(submitted.record.clone());
        results(&submitted).remove(0)
    }

    pub fn ask(
        &self,
        policy: &Policy,
        who: &str,
        body: &[u8],
        everything: bool,
        now_ms: u64,
    ) -> ExplainWithdrawalResponse {
        let wanted = WithdrawalIntent::decode(body).unwrap();
        let found = self.look_up(&Name128::reference(who, &wanted.reference));
        let question = Question {
            principal: who,
            intent: body,
            everything,
            generation: self.ledger.old_ids().generation(),
            found: if wanted.initiator == who { &found } else { &[] },
            now_ms,
        };
        let bytes = explain(&self.ledger, &policy.rules, &question).unwrap();
        ExplainWithdrawalResponse::decode(bytes.unwrap().as_slice()).unwrap()
    }

    /// The answer, of a submission.
    pub fn act(&mut self, policy: &Policy, act: &Act) -> Option<SubmitResult> {
        self.ledger.see(self.now_ms);
        match act {
            Act::Submit(wanted) => {
                let body = body(wanted, self.now_ms);
                return Some(self.submit(policy, initiator(wanted), body));
            }
            Act::Pass(ms) => self.now_ms += ms,
            Act::Void(which) => {
                let all: Vec<Ulid> = self.ledger.withdrawals_before(None).map(|w| w.id).collect();
                if let Some(id) = all.get(usize::from(*which) % all.len().max(1)) {
                    self.enact(|ledger, now_ms| ledger.decide_void(*id, End::Cancelled, now_ms));
                }
            }
            Act::Halt(which) => {
                let scope = match which {
                    0 => Scope::All,
                    1 | 2 => Scope::Intake,
                    3 => Scope::Payouts,
                    4 => Scope::Asset(ETH.to_owned()),
                    5 => Scope::Customer("c1".to_owned()),
                    _ => Scope::Destination(GOOD.to_owned()),
                };
                self.halts += 1;
                let halt = format!("h{}", self.halts);
                self.enact(|ledger, _| ledger.decide_halt(&halt, &[scope, Scope::Sweeps]));
            }
            Act::Resume(_) => {
                let first = self.ledger.halts().next().map(|(halt, _)| halt.to_owned());
                if let Some(halt) = first {
                    self.enact(|ledger, _| ledger.decide_resume(&halt));
                }
            }
            Act::Forget => {
                let before_ms = self.now_ms - AGE;
                let leaving = self.ledger.forgettable(before_ms, 100);
                for each in &leaving {
                    let places = each.attempts.iter().map(|a| (a.sequence, a.leaf, a.state));
                    self.store.entry(each.key).or_default().extend(places);
                }
                if !leaving.is_empty() {
                    self.enact(|ledger, _| ledger.decide_forget(&leaving, before_ms));
                }
            }
        }
        None
    }

    fn enact(
        &mut self,
        decide: impl FnOnce(&Ledger, u64) -> Result<custody_ledger::Fact, LedgerError>,
    ) {
        if let Ok(fact) = decide(&self.ledger, self.now_ms) {
            self.ledger.apply(&fact).unwrap();
        }
    }
}
