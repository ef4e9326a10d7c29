//! Published failures of exchanges' books, in the shape that they take at this engine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use crate::common::transfers::{credit, deposit, order, pools, terms, transfer};
use crate::common::{ETH, NOW, USD, candidate, enact, listed, pool, submit, wallet};
use custody_ledger::books::Purpose;
use custody_ledger::{Fact, Ledger, TransferLeg, TransferOrder, TransferStatus};

fn one(reference: &str, from: &str, to: &str, amount: u128) -> TransferOrder {
    order(reference, vec![TransferLeg::Move(terms(from, to, amount))])
}

/// Ten pools in a ring, the first with 100.
fn ring() -> Ledger {
    let mut ledger = Ledger::new();
    let mut listed: Vec<_> = (0..10)
        .map(|n| (format!("pool-{n}"), Purpose::Customers))
        .collect();
    listed.push(("house".to_owned(), Purpose::House));
    ledger.configure(&listed, vec![]).unwrap();
    let opened = ledger.decide_open("hot-1", ETH, 100, "pool-0").unwrap();
    ledger.apply(&opened).unwrap();
    ledger
}

/// Flexcoin, March 2014: thousands of transfers at once overdrew accounts before their balances were updated. All orders
/// are decided on the same state, as concurrent readers would, and every fact but the first no longer fits.
#[test]
fn thousands_of_transfers_of_the_same_coins_move_them_once() {
    let mut ledger = ring();
    for round in 0..50_usize {
        let (from, to) = (
            format!("pool-{}", round % 10),
            format!("pool-{}", (round + 1) % 10),
        );
        // Through the writer: each is decided on what the one before left.
        let words: Vec<TransferStatus> = (0..200)
            .map(|n| {
                transfer(
                    &mut ledger,
                    one(&format!("{round}-{n}"), &from, &to, 100),
                    NOW,
                )
                .statuses[0]
            })
            .collect();
        let done = words.iter().filter(|word| **word == TransferStatus::Done);
        assert_eq!(done.count(), 1);
        assert_eq!(words[0], TransferStatus::Done);
        assert!(
            words[1..]
                .iter()
                .all(|word| *word == TransferStatus::InsufficientFunds)
        );
        let sum: u128 = (0..10)
            .map(|n| ledger.available(ETH, &pool(&format!("pool-{n}"))))
            .sum();
        assert_eq!((sum, ledger.available(ETH, &pool(&to))), (100, 100));
        ledger.conservation().unwrap();
    }
    // Decided beside each other: the second fact stops the ledger rather than overdraw.
    let stale: Vec<Fact> = (0..2)
        .map(|n| {
            *ledger
                .decide_transfer(one(&format!("stale-{n}"), "pool-0", "pool-1", 100), NOW)
                .unwrap()
                .fact
                .unwrap()
        })
        .collect();
    ledger.apply(&stale[0]).unwrap();
    assert!(ledger.apply(&stale[1]).is_err());
    assert_eq!(ledger.available(ETH, &pool("pool-1")), 100);
    assert!(ledger.intact().is_err());
}

/// Poloniex, March 2014: several withdrawals at once, and an audit that took a negative balance for a fine sum.
#[test]
fn five_withdrawals_of_all_that_is_there_are_one() {
    let mut ledger = pools();
    let words: Vec<String> = (0..5)
        .map(|n| submit(&mut ledger, candidate(&format!("w{n}"), 1, 100), NOW).0)
        .collect();
    assert_eq!(words[0], "accepted");
    assert!(
        words[1..]
            .iter()
            .all(|word| word == "ledger.insufficient_funds")
    );
    // A pool in debt by 8 whose sums agree: another owes 8 less.
    let moved = one("minus-8", "customers", "house", 8);
    assert!(
        ledger
            .decide_transfer(moved.clone(), NOW)
            .unwrap()
            .fact
            .is_some_and(|fact| matches!(*fact, Fact::TransferRefused(_)))
    );
    let before: Vec<_> = ledger.balances().collect();
    assert!(ledger.apply(&Fact::Transferred(moved)).is_err());
    assert_eq!(ledger.balances().collect::<Vec<_>>(), before);
    assert!(ledger.conservation().is_err(), "and it says so");
}

/// BitGrail, 2017: the same request sent again and again, some of them altered, was paid each time.
#[test]
fn the_same_request_a_thousand_times_is_one_transfer() {
    let mut ledger = pools();
    let mut facts = 0;
    for n in 0..1_000_u128 {
        let amount = if n % 300 == 7 { 11 } else { 10 };
        let answer = transfer(&mut ledger, one("same", "customers", "house", amount), NOW);
        facts += usize::from(answer.fact.is_some());
        let expected = if amount == 10 {
            TransferStatus::Done
        } else {
            TransferStatus::IdReused
        };
        assert_eq!(answer.statuses, [expected]);
        assert_eq!(
            credit(&mut ledger, deposit(1, 5, "customers")),
            if n == 0 { "ok" } else { "before" }
        );
        assert_eq!(
            credit(&mut ledger, deposit(1, 50, "customers")),
            "deposit.other"
        );
    }
    assert_eq!(facts, 1);
    assert_eq!(ledger.available(ETH, &pool("customers")), 95);
    assert_eq!(ledger.available(ETH, &pool("house")), 60);
    assert_eq!(ledger.available(ETH, &wallet("hot-1")), 175);
}

/// Bithumb, February 2026: 620,000 BTC credited to 695 accounts by an exchange that had 46,000, instead of as many won.
#[test]
fn what_is_not_there_cannot_be_given_away() {
    let mut ledger = Ledger::new();
    ledger.configure(&listed(), vec![]).unwrap();
    for (id, amount, name) in [
        ("hot-1", 1_000, "customers"),
        ("cold-1", 44_000, "customers"),
        ("cold-1", 1_000, "house"),
    ] {
        let opened = ledger.decide_open(id, ETH, amount, name);
        assert_eq!(enact(&mut ledger, opened), "ok");
    }
    let opened = ledger.decide_open("hot-1", USD, 620_000, "house");
    assert_eq!(enact(&mut ledger, opened), "ok");
    let gift = |amount| TransferLeg::Move(terms("house", "customers", amount));
    let mut legs: Vec<TransferLeg> = (0..694).map(|_| gift(892)).collect();
    legs.push(gift(952));
    let before: Vec<_> = ledger.balances().collect();
    let answer = transfer(&mut ledger, order("promotion", legs.clone()), NOW);
    // The first fits what the house has, the second does not, and none is given.
    assert_eq!(answer.statuses[1], TransferStatus::InsufficientFunds);
    assert_eq!(
        answer
            .statuses
            .iter()
            .filter(|word| **word == TransferStatus::Linked)
            .count(),
        694
    );
    assert_eq!(ledger.balances().collect::<Vec<_>>(), before);
    // Not from what is insured, lent or posted as margin either: those pools have nothing of it.
    for name in ["insurance", "margin", "lending", "customers-eu"] {
        let asked = one(&format!("from {name}"), name, "customers", 620_000);
        assert_eq!(
            transfer(&mut ledger, asked, NOW).statuses,
            [TransferStatus::InsufficientFunds]
        );
    }
    // The unit that was meant.
    for leg in &mut legs {
        if let TransferLeg::Move(terms) = leg {
            terms.asset = USD.to_owned();
        }
    }
    let answer = transfer(&mut ledger, order("promotion, again", legs), NOW);
    assert!(
        answer
            .statuses
            .iter()
            .all(|word| *word == TransferStatus::Done)
    );
    assert_eq!(ledger.available(USD, &pool("customers")), 620_000);
    assert_eq!(ledger.available(ETH, &pool("customers")), 45_000);
    // A fact that says it all the same stops everything.
    let forced = Fact::Transferred(one("forced", "house", "customers", 620_000));
    assert!(ledger.apply(&forced).is_err() && ledger.intact().is_err());
}
