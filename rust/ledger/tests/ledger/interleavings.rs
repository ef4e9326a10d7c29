//! The same random interleavings each time: after every step the books balance and nothing is negative, and together
//! they reach every state and are refused by every rule, so that what no step reaches does not go unnoticed.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};

use crate::common::steps::{Names, act, any_step, limits};
use crate::common::{HOUR, NOW, world};
use custody_ledger::{AccountName, Ledger, LegState, State, tags};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRng, TestRunner};

/// Refusals that these steps do not meet; tables say them.
const NOT_MET: [&str; 12] = [
    // Of its form, before the books are asked; nothing is remembered of it.
    "transfer.amount",
    "transfer.same_pool",
    "transfer.expiry",
    // Pending legs are few here; `pool_properties` has many.
    "transfer.already_posted",
    "transfer.already_voided",
    // All wallets, pools and routes that are named are right, and no deadline has passed.
    "intent.too_late",
    "attempt.routing",
    "attempt.too_many",
    "pool.unknown",
    "ledger.wallet_other",
    "ledger.already_open",
    "ledger.balance_moved",
];

fn balanced(ledger: &Ledger) {
    ledger.conservation().unwrap();
    let mut sums: BTreeMap<String, [u128; 2]> = BTreeMap::new();
    for row in ledger.balances() {
        let is_asset = row.account.is_asset();
        let posted = row.balance.posted(is_asset).unwrap();
        // What will arrive in it is what will leave it.
        if row.account != AccountName::InFlight {
            let available = row.balance.available(is_asset);
            assert_eq!(available, Some(row.available), "{row:?}");
        }
        let sum = &mut sums.entry(row.asset.clone()).or_default()[usize::from(is_asset)];
        *sum = sum.checked_add(posted).unwrap();
    }
    for (asset, [owe, have]) in sums {
        assert_eq!(owe, have, "{asset}");
    }
}

/// The words that say what was reached: tags, and states of withdrawals and of legs.
fn reached(ledger: &Ledger, said: &str, known: &[&'static str], into: &mut BTreeSet<&'static str>) {
    into.extend(
        known
            .iter()
            .filter(|tag| said.contains(&format!("\"{tag}\""))),
    );
    for withdrawal in ledger.withdrawals_before(None) {
        into.insert(match withdrawal.state {
            State::Voided(end) => end.name(),
            state => state.name(),
        });
    }
    for reference in 0..6 {
        let order = ledger.transfer("backend", &format!("o{reference}"));
        let legs = order.iter().flat_map(|order| &order.legs);
        into.extend(legs.map(|leg: &LegState| leg.name()));
        let statuses = order.iter().flat_map(|order| &order.statuses);
        into.extend(statuses.map(|status| status.tag()));
    }
}

#[test]
fn every_rule_is_met_and_the_books_balance_after_every_step() {
    let own = tags::ALL.iter().map(|(tag, _)| *tag);
    let own: Vec<&'static str> = own.skip_while(|tag| *tag != tags::ID_REUSED).collect();
    let limits_of_world = ["limit.hold", "limit.deny"];
    let known = [own.as_slice(), &limits_of_world].concat();
    let rng = TestRng::deterministic_rng(Config::default().rng_algorithm);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let steps = prop::collection::vec(any_step(), 200);
    let mut seen = BTreeSet::new();
    for _ in 0..150 {
        let mut ledger = world(limits(600, HOUR));
        let (mut names, mut now) = (Names::default(), NOW);
        let steps = steps.new_tree(&mut runner).unwrap().current();
        for (number, step) in steps.iter().enumerate() {
            let (said, _) = act(&mut ledger, step, &mut names, &mut now, number);
            balanced(&ledger);
            reached(&ledger, &said, &known, &mut seen);
        }
    }
    let mut wanted: BTreeSet<&str> = known
        .iter()
        .copied()
        .filter(|tag| *tag != tags::LIMIT)
        .collect();
    wanted.extend([
        "HELD",
        "QUEUED",
        "ASSIGNED",
        "POSTED",
        "CANCELLED",
        "EXPIRED",
        "REFUNDED",
    ]);
    wanted.extend(["MOVED", "RESOLVES", "PENDING", "VOIDED"]);
    let missing: Vec<&&str> = wanted.difference(&seen).collect();
    let mut not_met = NOT_MET.to_vec();
    not_met.sort_unstable();
    assert_eq!(missing, not_met.iter().collect::<Vec<_>>());
}
