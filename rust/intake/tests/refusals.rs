//! One line for each way an item is INVALID, the last column its tag; and none of them consumes its id.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod common;

use common::{ETH, FORBIDDEN, GOOD, NOW, OWN, USD, World, intent, world};
use custody_intake::{Question, explain};
use custody_ledger::tags;
use custody_wire::SignedType;
use custody_wire::messages::signed::v1::WithdrawalIntent;
use custody_wire::messages::v1::{ExplainWithdrawalResponse, SubmitItem};
use prost::Message;

type Edit = fn(&mut WithdrawalIntent);

const BODIES: &[(&str, Edit, &str)] = &[
    (
        "another initiator",
        |i| i.initiator = "other".to_owned(),
        "intent.initiator",
    ),
    ("zero", |i| i.amount = "0".to_owned(), "intent.malformed"),
    (
        "negative",
        |i| i.amount = "-1".to_owned(),
        "intent.malformed",
    ),
    (
        "79 digits",
        |i| i.amount = "9".repeat(79),
        "intent.malformed",
    ),
    (
        "a leading zero",
        |i| i.amount = "01".to_owned(),
        "intent.malformed",
    ),
    (
        "2^128",
        |i| i.amount = "340282366920938463463374607431768211456".to_owned(),
        "intent.malformed",
    ),
    ("attempt 0", |i| i.attempt = 0, "intent.malformed"),
    (
        "an unknown enum value",
        |i| i.fee_mode = 9,
        "intent.malformed",
    ),
    ("no fee mode", |i| i.fee_mode = 0, "intent.malformed"),
    (
        "an asset nobody enrolled",
        |i| i.asset = "eip155:5/slip44:60".to_owned(),
        "asset.unknown",
    ),
    (
        "a pool of another",
        |i| i.pool = "house".to_owned(),
        "pool.not_allowed",
    ),
    (
        "a class of another",
        |i| i.limit_class = "vip".to_owned(),
        "class.not_allowed",
    ),
    ("a memo", |i| i.memo = "7".to_owned(), "intent.memo"),
    (
        "a policy to come",
        |i| i.routing_sequence = 2,
        "intent.routing",
    ),
    (
        "a token's fee deducted",
        |i| {
            (i.asset, i.fee_mode, i.max_network_fee) = (USD.to_owned(), 2, "5".to_owned());
        },
        "fee.deduct_native_only",
    ),
    (
        "lower case",
        |i| i.address = GOOD.to_lowercase(),
        "destination.malformed",
    ),
    (
        "a wrong checksum",
        |i| i.address = GOOD.replace("fB", "Fb"),
        "destination.malformed",
    ),
    (
        "too short",
        |i| i.address = GOOD[..41].to_owned(),
        "destination.malformed",
    ),
    (
        "our own hot wallet",
        |i| i.address = OWN.to_owned(),
        "destination.forbidden",
    ),
    (
        "our own cold wallet",
        |i| i.address = "0x8617E340B3D01FA5F11F306F4090FD50E238070D".to_owned(),
        "destination.forbidden",
    ),
    (
        "zero address",
        |i| i.address = "0x0000000000000000000000000000000000000000".to_owned(),
        "destination.forbidden",
    ),
    (
        "a precompile",
        |i| i.address = "0x0000000000000000000000000000000000000009".to_owned(),
        "destination.forbidden",
    ),
    (
        "the policy's",
        |i| i.address = FORBIDDEN.to_owned(),
        "destination.forbidden",
    ),
    (
        "a token's contract",
        |i| i.address = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48".to_owned(),
        "destination.forbidden",
    ),
    (
        "its own token's contract",
        |i| {
            (i.asset, i.address) = (
                USD.to_owned(),
                "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48".to_owned(),
            );
        },
        "destination.forbidden",
    ),
    (
        "a small amount without co-signature",
        |i| i.amount = "100".to_owned(),
        "",
    ),
    (
        "a larger one",
        |i| i.amount = "101".to_owned(),
        "signature.cosign_missing",
    ),
    (
        "too late",
        |i| i.submit_before_unix_ms = NOW,
        "intent.too_late",
    ),
];

#[test]
fn bodies() {
    for (name, edit, tag) in BODIES {
        let mut world = world();
        let before = world.ledger.state_hash().unwrap();
        let mut wanted = intent("a", 10);
        edit(&mut wanted);
        let (outcome, answered, remedy) = world.answer(world.item(&wanted));
        assert_eq!(answered, *tag, "{name}");
        if tag.is_empty() {
            assert_eq!(outcome, 1, "{name}");
            continue;
        }
        assert_eq!((outcome, remedy), (5, 4), "{name}: INVALID, FIX");
        assert_eq!(
            world.ledger.state_hash().unwrap(),
            before,
            "{name}: nothing is consumed"
        );
        assert_eq!(
            world.answer(world.item(&intent("a", 10))).0,
            1,
            "{name}: the id is free"
        );
    }
}

type Sign = fn(&World, &mut SubmitItem);

const SIGNATURES: &[(&str, Sign, &str)] = &[
    (
        "none",
        |_, item| item.signatures.clear(),
        "signature.missing",
    ),
    (
        "nine",
        |_, item| item.signatures = vec![item.signatures[0].clone(); 9],
        "signature.missing",
    ),
    (
        "one key twice",
        |_, item| item.signatures.push(item.signatures[0].clone()),
        "signature.repeated",
    ),
    (
        "a stranger, validly",
        |w, item| item.signatures = vec![w.stranger.sign(&item.intent)],
        "signature.key",
    ),
    (
        "a stranger besides",
        |w, item| item.signatures.push(w.stranger.sign(&item.intent)),
        "signature.key",
    ),
    (
        "a retired key",
        |w, item| item.signatures = vec![w.retired.sign(&item.intent)],
        "signature.key",
    ),
    (
        "a key of later",
        |w, item| item.signatures = vec![w.later.sign(&item.intent)],
        "signature.key_time",
    ),
    (
        "the risk engine alone",
        |w, item| item.signatures = vec![w.risk.sign(&item.intent)],
        "signature.role",
    ),
    (
        "a flipped bit",
        |_, item| item.signatures[0].signature[3] ^= 1,
        "signature.invalid",
    ),
    (
        "a byte too few",
        |_, item| item.signatures[0].signature.truncate(63),
        "signature.invalid",
    ),
    (
        "another's signature",
        |w, item| item.signatures[0].signature = w.risk.sign(&item.intent).signature,
        "signature.invalid",
    ),
    (
        "another deployment",
        |w, item| {
            item.signatures = vec![
                w.backend
                    .sign_for(&[9; 32], SignedType::Intent, &item.intent),
            ];
        },
        "signature.invalid",
    ),
    (
        "another type",
        |w, item| {
            item.signatures =
                vec![
                    w.backend
                        .sign_for(&common::DEPLOYMENT, SignedType::Cancel, &item.intent),
                ];
        },
        "signature.invalid",
    ),
    (
        "another body",
        |w, item| item.signatures = vec![w.backend.sign(&intent("a", 11).encode_to_vec())],
        "signature.invalid",
    ),
    (
        "one good, one bad",
        |w, item| {
            let mut bad = w.risk.sign(&item.intent);
            bad.signature[0] ^= 1;
            item.signatures.push(bad);
        },
        "signature.invalid",
    ),
    (
        "an unknown priority",
        |_, item| item.priority = 9,
        "item.priority",
    ),
    (
        "both",
        |w, item| item.signatures.push(w.risk.sign(&item.intent)),
        "",
    ),
];

#[test]
fn signatures() {
    for (name, sign, tag) in SIGNATURES {
        let mut world = world();
        let before = world.ledger.state_hash().unwrap();
        let mut item = world.item(&intent("a", 10));
        sign(&world, &mut item);
        let (results, submitted) = world.send(vec![item], NOW, 1);
        assert_eq!(results[0].tag, *tag, "{name}");
        assert_eq!(results[0].reference, "a");
        assert_eq!(
            submitted.record.is_none(),
            !tag.is_empty(),
            "{name}: an unverified item is never stored"
        );
        assert_eq!(
            world.ledger.state_hash().unwrap() == before,
            !tag.is_empty(),
            "{name}"
        );
    }
}

#[test]
fn an_endless_key_id_is_not_repeated_in_the_answer() {
    let mut world = world();
    let mut item = world.item(&intent("a", 10));
    // As the answer writes it, each of these bytes is six.
    item.signatures[0].key_id = "\u{7f}".repeat(1 << 20);
    let (results, _) = world.send(vec![item], NOW, 1);
    assert_eq!(results[0].tag, "signature.key");
    assert!(results[0].detail.len() < 200, "{}", results[0].detail.len());
}

#[test]
fn an_address_without_checksum_is_answered_with_it() {
    let mut world = world();
    let mut wanted = intent("a", 10);
    wanted.address = GOOD.to_lowercase();
    let (results, _) = world.send(vec![world.item(&wanted)], NOW, 1);
    assert!(results[0].detail.contains(GOOD), "{}", results[0].detail);
}

#[test]
fn intake_halted_answers_busy_and_consumes_nothing() {
    let mut world = world();
    let fact = world
        .ledger
        .decide_halt("h", &[custody_ledger::Scope::Intake])
        .unwrap();
    world.ledger.apply(&fact).unwrap();
    assert_eq!(
        world.answer(world.item(&intent("a", 10))),
        (6, "halt.intake".to_owned(), 2)
    );
    let fact = world.ledger.decide_resume("h").unwrap();
    world.ledger.apply(&fact).unwrap();
    assert_eq!(world.answer(world.item(&intent("a", 10))).0, 1);
}

#[test]
fn a_body_that_is_not_canonical_is_refused_even_when_signed() {
    let mut world = world();
    let good = intent("a", 10).encode_to_vec();
    let mut unknown = good.clone();
    unknown.extend_from_slice(&[0x98, 0x06, 0x01]);
    let mut twice = good.clone();
    twice.extend_from_slice(&good);
    for body in [unknown, twice, good[1..].to_vec(), vec![0; 5_000]] {
        let item = world.signed(body, &[&world.backend]);
        assert_eq!(world.answer(item).1, "intent.malformed");
    }
}

fn explained(world: &common::World, wanted: &WithdrawalIntent) -> ExplainWithdrawalResponse {
    let body = wanted.encode_to_vec();
    let question = Question {
        principal: "backend",
        intent: &body,
        everything: false,
        generation: 0,
        found: &[],
        now_ms: NOW,
    };
    let bytes = explain(&world.ledger, &world.rules, &question).unwrap();
    ExplainWithdrawalResponse::decode(bytes.unwrap().as_slice()).unwrap()
}

#[test]
fn explain_says_what_submit_would_and_changes_nothing() {
    for (name, edit, tag) in BODIES
        .iter()
        .filter(|(_, _, tag)| !tag.starts_with("signature"))
    {
        let world = world();
        let before = world.ledger.state_hash().unwrap();
        let mut wanted = intent("a", 10);
        edit(&mut wanted);
        let said = explained(&world, &wanted);
        assert_eq!(said.tag, *tag, "{name}");
        let decides: Vec<&str> = said
            .rules
            .iter()
            .filter(|rule| rule.decides)
            .map(|rule| rule.tag.as_str())
            .collect();
        let expected: &[&str] = if tag.is_empty() { &[] } else { &[tag] };
        assert!(decides == expected || tag.starts_with("limit."), "{name}");
        assert_eq!(world.ledger.state_hash().unwrap(), before);
    }
    let said = explained(&world(), &intent("a", 600));
    assert_eq!(
        (said.outcome, said.tag.as_str(), said.earliest_pass),
        (4, "limit.customer-day", None),
        "never"
    );
    let cosign = said
        .rules
        .iter()
        .find(|rule| rule.tag == "signature.cosign_missing")
        .unwrap();
    assert!(cosign.detail.contains("risk-engine") && !cosign.decides);
}

#[test]
fn every_tag_that_is_answered_is_in_the_table() {
    let listed = |tag: &str| tags::ALL.iter().any(|(known, _)| *known == tag);
    for tag in BODIES
        .iter()
        .map(|(_, _, tag)| tag)
        .chain(SIGNATURES.iter().map(|(_, _, tag)| tag))
    {
        assert!(tag.is_empty() || listed(tag), "{tag}");
    }
    assert!(listed(tags::LIMIT) && !listed("limit.customer-day"));
}

#[test]
fn rules_with_anything_unknown_missing_or_wrong_are_refused() {
    let world = world();
    let good = common::rules_json([&world.backend, &world.risk, &world.retired, &world.later]);
    assert!(custody_intake::Rules::from_json(good.as_bytes()).is_ok());
    for (from, to) in [
        ("\"rules_version\":1,", ""),
        ("\"rules_version\":1,", "\"rules_version\":1,\"more\":1,"),
        ("\"house_pool\":\"house\"", "\"house_pool\":\"customers\""),
        ("\"native\":true", "\"native\":false"),
        (OWN, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
        ("\"over\":\"deny\"", "\"over\":\"allow\""),
        (
            "\"scope\":[\"asset\",\"customer\"]",
            "\"scope\":[\"asset\",\"costumer\"]",
        ),
        (
            "\"scope\":[\"asset\",\"customer\"]",
            "\"scope\":[\"customer\"]",
        ),
        ("\"amount\":\"500\"", "\"amount\":500"),
        ("\"amount\":\"500\"", "\"amount\":null"),
        ("\"pools\":[\"customers\"]", "\"pools\":[\"lending\"]"),
        (
            "\"role\":\"backend\",\"valid_from_ms\":0,\"valid_until_ms\":1700001000000,\"retired\":false",
            "\"role\":\"backend\"",
        ),
        (&"11".repeat(32), "11"),
        (
            "\"network\":\"eip155:1\",\"native\":true",
            "\"network\":\"eip155:5\",\"native\":true",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(
            custody_intake::Rules::from_json(good.replace(from, to).as_bytes()).is_err(),
            "{from} → {to}"
        );
    }
    assert_eq!(ETH, "eip155:1/slip44:60");
}
