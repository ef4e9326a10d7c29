//! Whole batches: order, records, replay, and that nothing of one item reaches another.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod common;

use common::{NOW, World, intent, request, results, world};
use custody_intake::{MAX_ITEMS, apply_record, prepare, submit};
use custody_ledger::{AccountName, End, Name128, State, Ulid};
use custody_wire::messages::journal::v1::{IntakeOutcome, RecordHeader};
use custody_wire::messages::v1::{Outcome, SubmitItem, SubmitWithdrawalsResponse};
use custody_wire::{record_root, unpack_leaf, unpack_record};
use proptest::prelude::*;
use prost::Message;

const KIND: u32 = 10;

/// Good, badly signed, over the customer's limit, held, unreadable, resent, reused.
fn mixed(world: &World) -> Vec<SubmitItem> {
    let mut bad = world.item(&intent("bad", 1));
    bad.signatures[0].signature[9] ^= 1;
    let mut large = intent("large", 501);
    large.limit_class = "retail".to_owned();
    let mut other = intent("held", 350);
    other.customer = "c2".to_owned();
    vec![
        world.item(&intent("a", 10)),
        bad,
        world.signed(large.encode_to_vec(), &[&world.backend, &world.risk]),
        world.signed(other.encode_to_vec(), &[&world.risk, &world.backend]),
        SubmitItem {
            intent: vec![0xff; 9],
            ..world.item(&intent("x", 1))
        },
        world.item(&intent("a", 10)),
        world.item(&intent("a", 11)),
        world.item(&intent("b", 20)),
    ]
}

#[test]
fn every_item_gets_its_own_answer_and_only_what_is_remembered_is_stored() {
    let mut world = world();
    let (results, submitted) = world.send(mixed(&world), NOW, 5);
    let outcomes: Vec<(&str, i32, &str)> = results
        .iter()
        .map(|each| (each.reference.as_str(), each.outcome, each.tag.as_str()))
        .collect();
    let number = i32::from;
    assert_eq!(
        outcomes,
        [
            ("a", number(Outcome::Accepted), ""),
            ("bad", number(Outcome::Invalid), "signature.invalid"),
            ("large", number(Outcome::Rejected), "limit.customer-day"),
            ("held", number(Outcome::Held), "limit.review"),
            ("", number(Outcome::Invalid), "intent.malformed"),
            ("a", number(Outcome::Duplicate), ""),
            ("a", number(Outcome::Rejected), "id.reused"),
            ("b", number(Outcome::Accepted), ""),
        ]
    );
    assert_eq!(results[5].withdrawal_id, results[0].withdrawal_id);
    let response = SubmitWithdrawalsResponse::decode(submitted.response.as_slice()).unwrap();
    assert_eq!(
        (
            response.as_of[0].partition.as_str(),
            response.as_of[0].sequence
        ),
        ("main", 5)
    );

    let record = submitted.record.unwrap();
    assert_eq!(record_root(&record).unwrap(), submitted.root);
    let parts = unpack_record(&record).unwrap();
    let header = RecordHeader::decode(parts.header).unwrap();
    assert_eq!(
        (
            header.recorded_unix_ms,
            header.principal.as_str(),
            header.request_id.as_str()
        ),
        (NOW, "backend", "trace")
    );
    assert_eq!(
        (header.policy_hash.as_slice(), header.keyring_version),
        (&[0x22; 32][..], 5)
    );
    assert_eq!(parts.leaves.len(), 4, "a, large, held, b");
    let leaf = unpack_leaf(parts.leaves[2]).unwrap();
    assert_eq!(leaf.signatures.len(), 2);
    assert_eq!(leaf.intent, mixed(&world)[3].intent, "as received");
    let outcome = IntakeOutcome::decode(leaf.outcome).unwrap();
    assert_eq!(
        (outcome.hold.as_str(), outcome.charged_limits.len()),
        ("350", 2)
    );
    for bytes in &parts.leaves {
        let stored = unpack_leaf(bytes).unwrap().outcome;
        let outcome = IntakeOutcome::decode(stored).unwrap();
        assert_eq!(
            outcome.encode_to_vec(),
            stored,
            "in the order of its fields"
        );
    }
    let held = world
        .ledger
        .withdrawal(&Ulid::parse(&results[3].withdrawal_id).unwrap())
        .unwrap();
    assert_eq!((held.state, held.sequence, held.leaf), (State::Held, 5, 3));
    assert_eq!(
        world
            .ledger
            .available(common::ETH, &AccountName::Pool("customers".to_owned())),
        10_000 - 10 - 350 - 20
    );
}

#[test]
fn replay_from_the_records_alone_gives_the_same_state() {
    let mut world = world();
    let mut replayed = world.opened();
    let first = world.prepare(mixed(&world));
    let second = world.prepare(vec![
        world.item(&intent("c", 5)),
        world.item(&intent("b", 20)),
    ]);
    let none = world.prepare(vec![world.item(&intent("b", 20))]);
    let submitted = world.submit(&[&first, &none, &second], NOW, 2);
    assert!(submitted[1].record.is_none(), "a duplicate is not stored");
    for (sequence, record) in (2..).zip(submitted.iter().filter_map(|each| each.record.as_ref())) {
        apply_record(&mut replayed, KIND, record, sequence).unwrap();
    }
    assert_eq!(
        replayed.state_hash().unwrap(),
        world.ledger.state_hash().unwrap()
    );
    for each in &submitted {
        let response = SubmitWithdrawalsResponse::decode(each.response.as_slice()).unwrap();
        assert_eq!(
            response.as_of[0].sequence, 3,
            "answered when the whole group is durable"
        );
    }
    // A record twice is no longer history.
    let record = submitted[0].record.as_ref().unwrap();
    assert!(apply_record(&mut replayed, KIND, record, 4).is_err());
    assert!(replayed.state_hash().is_err(), "poisoned");
}

#[test]
fn control_records_replay_their_facts_behind_leaf_1() {
    let world = world();
    let mut ledger = world.opened();
    let fact = ledger
        .decide_open("cold-1", common::ETH, 5, "customers")
        .unwrap();
    let leaves = [b"WalletOpened".to_vec(), fact.encode().unwrap()];
    let header = RecordHeader {
        recorded_unix_ms: NOW,
        ..RecordHeader::default()
    }
    .encode_to_vec();
    let (record, _) = custody_wire::build_record(&header, &leaves).unwrap();
    apply_record(&mut ledger, 60, &record, 9).unwrap();
    assert_eq!(
        ledger.available(common::ETH, &AccountName::Wallet("cold-1".to_owned())),
        5
    );
}

#[test]
fn a_changed_policy_or_keyring_sends_a_batch_back_untouched() {
    let mut world = world();
    let prepared = world.prepare(vec![world.item(&intent("a", 10))]);
    let before = world.ledger.state_hash().unwrap();
    world.keyring.revoke(&world.stranger.id).unwrap();
    let submitted = world.submit(&[&prepared], NOW, 1);
    assert!(
        submitted[0].stale && submitted[0].response.is_empty() && submitted[0].record.is_none()
    );
    assert_eq!(world.ledger.state_hash().unwrap(), before);
    let again = world.prepare(vec![world.item(&intent("a", 10))]);
    world.rules.policy_hash = [9; 32];
    assert!(world.submit(&[&again], NOW, 1)[0].stale);
}

#[test]
fn a_revoked_key_signs_nothing_more() {
    let mut world = world();
    world.keyring.revoke(&world.backend.id).unwrap();
    let answer = world.answer(world.item(&intent("a", 10)));
    assert_eq!(
        (answer.0, answer.1.as_str()),
        (i32::from(Outcome::Invalid), "signature.key")
    );
}

#[test]
fn what_was_answered_is_answered_again_whatever_policy_and_keys_say_now() {
    let mut world = world();
    let item = |world: &World| world.item(&intent("a", 10));
    let (first, _) = world.send(vec![item(&world)], NOW, 1);
    let again = |world: &mut World, now_ms: u64| {
        let (results, submitted) = world.send(vec![item(world)], now_ms, 2);
        assert!(submitted.record.is_none());
        assert_eq!(results[0].withdrawal_id, first[0].withdrawal_id);
        assert_eq!(results[0].outcome, i32::from(Outcome::Duplicate));
    };
    again(&mut world, NOW + 2_000_000); // the key's time is over
    world.keyring.revoke(&world.backend.id).unwrap();
    again(&mut world, NOW);
    let keys = [&world.backend, &world.risk, &world.retired, &world.later];
    let json =
        common::rules_json(keys).replace(r#""limit_classes":["retail"]"#, r#""limit_classes":[]"#);
    world.rules = custody_intake::Rules::from_json(json.as_bytes()).unwrap();
    again(&mut world, NOW);
    // Another body, another attempt and another caller are refused as ever.
    let mut next = intent("a", 10);
    next.attempt = 2;
    for other in [intent("a", 11), next, intent("b", 10)] {
        let answer = world.answer(world.item(&other));
        assert_eq!(
            (answer.0, answer.1.as_str()),
            (i32::from(Outcome::Invalid), "class.not_allowed")
        );
    }
    let mut foreign = intent("a", 10);
    foreign.initiator = "another".to_owned();
    assert_eq!(world.answer(world.item(&foreign)).1, "intent.initiator");
}

#[test]
fn two_requests_of_one_group_with_the_same_reference_have_one_winner() {
    let mut world = world();
    let one = world.prepare(vec![world.item(&intent("a", 10))]);
    let same = world.prepare(vec![world.item(&intent("a", 10))]);
    let other = world.prepare(vec![world.item(&intent("a", 11))]);
    let submitted = world.submit(&[&one, &same, &other], NOW, 1);
    let outcomes: Vec<i32> = submitted
        .iter()
        .map(|each| results(each)[0].outcome)
        .collect();
    assert_eq!(
        outcomes,
        [Outcome::Accepted, Outcome::Duplicate, Outcome::Rejected].map(i32::from)
    );
    assert_eq!(
        submitted
            .iter()
            .filter(|each| each.record.is_some())
            .count(),
        1
    );
}

#[test]
fn the_whole_pool_asked_for_a_thousand_times_in_one_batch_is_paid_once() {
    let mut world = world();
    let items = (0..1_000).map(|n| {
        let mut wanted = intent(&format!("r{n}"), 1_000);
        (wanted.asset, wanted.customer, wanted.limit_class) =
            (common::USD.to_owned(), format!("c{n}"), String::new());
        world.item(&wanted)
    });
    let (results, _) = world.send(items.collect(), NOW, 1);
    let accepted = results
        .iter()
        .filter(|each| each.outcome == i32::from(Outcome::Accepted))
        .count();
    let short = results
        .iter()
        .filter(|each| each.tag == "ledger.insufficient_funds")
        .count();
    assert_eq!((accepted, short), (1, 999));
}

#[test]
fn after_a_void_the_same_bytes_are_answered_and_the_next_attempt_is_taken() {
    let mut world = world();
    let (first, _) = world.send(vec![world.item(&intent("a", 10))], NOW, 1);
    let id = Ulid::parse(&first[0].withdrawal_id).unwrap();
    let fact = world.ledger.decide_void(id, End::Cancelled, NOW).unwrap();
    world.ledger.apply(&fact).unwrap();
    let (again, submitted) = world.send(vec![world.item(&intent("a", 10))], NOW + 5_000, 2);
    assert_eq!(
        (again[0].outcome, again[0].state),
        (i32::from(Outcome::Duplicate), 8),
        "late, and still answered"
    );
    assert!(submitted.record.is_none());
    let mut next = intent("a", 10);
    next.attempt = 2;
    let (taken, _) = world.send(vec![world.item(&next)], NOW + 1, 2);
    assert_eq!(taken[0].outcome, i32::from(Outcome::Accepted));
    assert_ne!(taken[0].withdrawal_id, first[0].withdrawal_id);
    let wallet = |id: &Ulid| {
        let ledger = &world.ledger;
        ledger
            .names(ledger.withdrawal(id).unwrap())
            .wallet
            .to_owned()
    };
    assert_eq!(
        wallet(&id),
        wallet(&Ulid::parse(&taken[0].withdrawal_id).unwrap())
    );
}

#[test]
fn a_rejection_is_remembered_and_says_when_it_would_pass() {
    let mut world = world();
    let mut wanted = intent("a", 90);
    for n in 0..5 {
        wanted.reference = format!("r{n}");
        assert_eq!(
            world.send(vec![world.item(&wanted)], NOW + n, 1 + n).0[0].tag,
            if n < 3 { "" } else { "limit.review" }
        );
    }
    wanted.reference = "last".to_owned();
    let (rejected, _) = world.send(vec![world.item(&wanted)], NOW + 9, 9);
    assert_eq!(
        (
            rejected[0].outcome,
            rejected[0].tag.as_str(),
            rejected[0].remedy
        ),
        (4, "limit.customer-day", 3)
    );
    let at = rejected[0].earliest_pass.unwrap();
    assert_eq!(at.seconds, 1_700_086_400);
    let (again, submitted) = world.send(vec![world.item(&wanted)], NOW + 10, 10);
    assert_eq!(
        (again[0].outcome, &again[0].tag, again[0].earliest_pass),
        (4, &rejected[0].tag, rejected[0].earliest_pass)
    );
    assert!(submitted.record.is_none());
}

#[test]
fn metadata_is_stored_beside_and_only_its_salted_hash_in_the_record() {
    let mut world = world();
    let mut item = world.item(&intent("a", 10));
    item.metadata = [("note", "Zoë"), ("b", "1")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let mut twin = world.item(&intent("b", 10));
    twin.metadata = item.metadata.clone();
    let mut refused = world.item(&intent("c", 10));
    refused.metadata = [("k".to_owned(), "v".repeat(2_048))].into();
    let (results, submitted) = world.send(vec![item, twin, refused], NOW, 1);
    assert_eq!(results[2].tag, "item.metadata");
    let [(id, salt, json), (_, other, _)] = submitted.metadata.as_slice() else {
        unreachable!()
    };
    assert_eq!(id.to_string(), results[0].withdrawal_id);
    assert_eq!(json, "{\"b\":\"1\",\"note\":\"Zoë\"}".as_bytes());
    assert_ne!(salt, other, "equal words must not show");
    let record = submitted.record.unwrap();
    assert!(
        !record
            .windows(3)
            .any(|window| window == "Zo\u{eb}".as_bytes().get(..3).unwrap())
    );
    let leaf = unpack_record(&record).unwrap().leaves[0].to_vec();
    let outcome = IntakeOutcome::decode(unpack_leaf(&leaf).unwrap().outcome).unwrap();
    let parts = [
        custody_wire::Part::Bytes(salt),
        custody_wire::Part::Bytes(json),
    ];
    assert_eq!(
        outcome.metadata_hash,
        custody_wire::tagged_hash("metadata", &parts)
    );
}

#[test]
fn requests_without_form_are_refused_as_a_whole() {
    let world = world();
    let item = world.item(&intent("a", 1));
    let long = vec![item.clone(); MAX_ITEMS + 1];
    let tracing = {
        let request = custody_wire::messages::v1::SubmitWithdrawalsRequest {
            request_id: "x".repeat(65),
            items: vec![item],
        };
        request.encode_to_vec()
    };
    for bytes in [
        vec![],
        vec![0x12, 0xff],
        b"not protobuf".to_vec(),
        request(vec![]),
        request(long),
        tracing,
    ] {
        assert!(prepare(&bytes, "backend", &world.rules, &world.keyring, &[0; 32]).is_err());
    }
}

#[test]
fn a_poisoned_ledger_submits_nothing() {
    let mut world = world();
    let prepared = world.prepare(vec![world.item(&intent("a", 1))]);
    world.ledger.poison("an append failed");
    let version = world.keyring.version();
    assert!(
        submit(
            &mut world.ledger,
            &world.rules,
            version,
            &[&prepared],
            NOW,
            1
        )
        .is_err()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_prepare_or_replay_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..120_u32) {
        let mut world = world();
        let _ = prepare(&bytes, "backend", &world.rules, &world.keyring, &[0; 32]);
        let _ = prepare(&request(vec![SubmitItem { intent: bytes.clone(), ..SubmitItem::default() }]), "backend", &world.rules, &world.keyring, &[0; 32]);
        let _ = apply_record(&mut world.ledger, kind, &bytes, 1);
    }

    #[test]
    fn a_flipped_bit_in_a_request_accepts_nothing_else(index in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut world = world();
        let mut bytes = request(vec![world.item(&intent("a", 10))]);
        let index = index.index(bytes.len());
        bytes[index] ^= 1 << bit;
        if let Ok(prepared) = prepare(&bytes, "backend", &world.rules, &world.keyring, &[0; 32]) {
            let submitted = world.submit(&[&prepared], NOW, 1).remove(0);
            for id in results(&submitted).iter().filter_map(|each| Ulid::parse(&each.withdrawal_id)) {
                let taken = world.ledger.withdrawal(&id).unwrap();
                prop_assert_eq!((taken.amount(), taken.key), (10, Name128::reference("backend", "a")), "only what was signed");
            }
        }
    }
}
