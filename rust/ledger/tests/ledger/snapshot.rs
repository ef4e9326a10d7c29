//! A ledger that was read from a snapshot is the one that was written: in its bytes, in its hash, and in all that it
//! says and does from then on.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;

use crate::common::steps::{Entry, Names, Step, act, any_step, limits};
use crate::common::{ETH, HOUR, NOW, USD, candidate, listed, world};
use custody_ledger::books::Purpose;
use custody_ledger::{FeeBudget, Ledger, Name128, Scope};
use proptest::prelude::*;

fn start() -> Ledger {
    world(limits(600, HOUR))
}

/// All that a ledger says, in one text.
fn said(ledger: &mut Ledger, names: &Names, now: u64) -> String {
    let mut all = Vec::new();
    let fee = FeeBudget {
        asset: ETH.to_owned(),
        per_item: 3,
    };
    for (most, later) in [(1, 0), (3, 700_000), (100, 90_000_000)] {
        let chosen = ledger.select("hot-1", now + later, most, &fee, &BTreeSet::new());
        all.push(format!("{chosen:?}"));
        all.push(format!("{:?}", ledger.expired(now + later, most)));
        all.push(format!("{:?}", ledger.expired_transfers(now + later, most)));
        all.push(format!("{:?}", ledger.forgettable(now + later, most)));
    }
    for id in &names.withdrawals {
        let known = ledger.withdrawal(id);
        all.push(format!(
            "{known:?} {:?} {:?} {:?} {:?}",
            ledger.position(id),
            ledger.eta(id, now),
            known.map(|known| ledger.names(known)),
            known.map(|known| ledger.stop_of(known).is_some()),
        ));
    }
    for reference in 0..12 {
        let key = Name128::reference("backend", &format!("r{reference}"));
        all.push(format!(
            "{:?} {}",
            ledger.attempts(&key),
            ledger.old_ids().contains(&key)
        ));
        let order = ledger.transfer("backend", &format!("o{reference}"));
        all.push(format!("{order:?}"));
    }
    let clauses = ledger.explain_submission(&candidate("new", 1, 30).into(), &[], now);
    all.push(format!("{clauses:?} {}", ledger.old_ids().generation()));
    for asset in [ETH, USD] {
        all.push(ledger.queued_demand("hot-1", asset).to_string());
    }
    let newest: Vec<_> = ledger
        .withdrawals_before(None)
        .map(|each| each.id)
        .collect();
    all.push(format!(
        "{newest:?} {:?}",
        ledger.balances().collect::<Vec<_>>()
    ));
    all.push(format!("{:?}", ledger.halts().collect::<Vec<_>>()));
    all.push(format!("{:?}", ledger.state_hash().unwrap()));
    all.join("\n")
}

fn restored(ledger: &Ledger) -> Ledger {
    let bytes = ledger.snapshot().unwrap();
    let restored = Ledger::read_snapshot(&bytes).unwrap();
    assert_eq!(restored.snapshot().unwrap(), bytes);
    restored
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_was_read_is_and_does_what_was_written(
        before in prop::collection::vec(any_step(), 0..160),
        after in prop::collection::vec(any_step(), 0..60),
    ) {
        let mut live = start();
        let (mut names, mut now, mut journal) = (Names::default(), NOW, Vec::new());
        for (number, step) in before.iter().enumerate() {
            journal.extend(act(&mut live, step, &mut names, &mut now, number).1);
        }
        let mut other = restored(&live);
        prop_assert_eq!(said(&mut other, &names, now), said(&mut live, &names, now));
        let (mut others, mut tail_now) = (names.clone(), now);
        for (number, step) in after.iter().enumerate() {
            let number = number + before.len();
            let (one, entry) = act(&mut live, step, &mut names, &mut now, number);
            let (two, _) = act(&mut other, step, &mut others, &mut tail_now, number);
            prop_assert_eq!(one, two);
            journal.extend(entry);
        }
        prop_assert_eq!(said(&mut other, &names, now), said(&mut live, &names, now));
        prop_assert_eq!(other.snapshot().unwrap(), live.snapshot().unwrap());

        // All of the journal from the start gives the same bytes as the snapshot and what came after it.
        let mut replayed = start();
        journal.iter().for_each(|entry: &Entry| entry.replay(&mut replayed));
        prop_assert_eq!(replayed.snapshot().unwrap(), live.snapshot().unwrap());
    }
}

#[test]
fn an_empty_ledger_and_one_without_policy_come_back() {
    let new = restored(&Ledger::new());
    assert_eq!(
        new.state_hash().unwrap(),
        Ledger::new().state_hash().unwrap()
    );
    let mut ledger = Ledger::new();
    assert!(ledger.decide_open("hot-1", ETH, 5, "customers").is_err());
    let fact = ledger.decide_halt("h1", &[Scope::All]).unwrap();
    ledger.apply(&fact).unwrap();
    assert_eq!(
        restored(&ledger).state_hash().unwrap(),
        ledger.state_hash().unwrap()
    );
}

#[test]
fn a_broken_ledger_writes_none() {
    let mut ledger = start();
    ledger.poison("a test");
    assert!(ledger.snapshot().is_err());
    let mut written = 0;
    let failed = ledger.write_snapshot(&mut |part| written += part.len());
    assert!(failed.is_err() && written == 0);
}

#[test]
fn the_same_policy_again_changes_nothing() {
    let mut ledger = start();
    let (mut names, mut now) = (Names::default(), NOW);
    for (number, reference) in (0..6).zip(0..) {
        let step = Step::Submit {
            reference,
            attempt: 1,
            amount: 40,
            fee: 1,
            customer: 1,
            token: false,
            deduct: false,
            priority: 2,
        };
        act(&mut ledger, &step, &mut names, &mut now, number);
    }
    let bytes = ledger.snapshot().unwrap();
    let mut other = restored(&ledger);
    other.configure(&listed(), limits(600, HOUR)).unwrap();
    assert_eq!(other.snapshot().unwrap(), bytes);
    // Another one does what it does live: new windows count what is in memory.
    for each in [&mut ledger, &mut other] {
        let two = [
            ("house".to_owned(), Purpose::House),
            ("customers".to_owned(), Purpose::Customers),
        ];
        each.configure(&two, limits(90, 2 * HOUR)).unwrap();
    }
    assert_eq!(other.snapshot().unwrap(), ledger.snapshot().unwrap());
    assert_ne!(other.snapshot().unwrap(), bytes);
    // A list of pools that is refused leaves no name behind.
    let before = ledger.snapshot().unwrap();
    let no_house = [("other".to_owned(), Purpose::Customers)];
    assert!(ledger.configure(&no_house, limits(1, HOUR)).is_err());
    assert_eq!(ledger.snapshot().unwrap(), before);
}

#[test]
fn a_freeze_is_a_freeze_after_it() {
    let mut ledger = start();
    crate::common::accepted(&mut ledger, "r1", 10);
    let halt = ledger
        .decide_halt("h1", &[Scope::Customer("c1".to_owned())])
        .unwrap();
    ledger.apply(&halt).unwrap();
    let mut other = restored(&ledger);
    assert_eq!(other.queued_demand("hot-1", ETH), 0);
    let resume = other.decide_resume("h1").unwrap();
    other.apply(&resume).unwrap();
    assert_eq!(other.queued_demand("hot-1", ETH), 10);
}
