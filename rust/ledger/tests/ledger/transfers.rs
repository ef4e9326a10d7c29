//! One line for each transfer, the last column what the ledger says to it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use crate::common::withdrawals::run;
use crate::common::{ETH, HOUR, NOW, USD, candidate, limit, pool, submit, wallet, world};
use custody_ledger::limits::Over;
use custody_ledger::{Answer, Fact, Ledger, Scope};

#[test]
fn opening() {
    run(
        &mut world(vec![]),
        "
        has wallet:hot-1                  | 1100
        has pool:customers                | 6000
        open hot-1 5 customers            | ledger.already_open
        open hot-1 0 lending              | ledger.amount
        open hot-2 5 nobody               | pool.unknown
        open hot-2 5 customers            | ok
        open hot-3 340282366920938463463374607431768211455 customers | ledger.overflow
        has pool:customers                | 6005
    ",
    );
}

#[test]
fn a_payout_moves_exactly_the_amount_and_the_fees() {
    run(
        &mut world(vec![]),
        "
        submit a 1 100 7                  | accepted
        has pool:customers                | 5893
        assign p1 a 99 0 21               | ledger.amount
        assign p1 a 100 1 21              | ledger.amount
        assign p1 a 100 0 21              | ok
        has wallet:hot-1                  | 979
        has pool:house                    | 79
        state a                           | ASSIGNED
        assign p1 a 100 0 21              | ledger.exists
        assign p2 a 100 0 21              | ledger.state
        void a CANCELLED                  | ledger.state
        release a                         | ledger.state
        post p1 22                        | ledger.fee_above_reserved
        post p1 20                        | ok
        state a                           | POSTED
        has wallet:hot-1                  | 980
        # 100 + 7 of the service fee - 20 of the network's
        has pool:house                    | 87
        has pool:customers                | 5893
        post p1 20                        | ledger.unknown
        fail p1 20                        | ledger.unknown
        unassign p1                       | ledger.unknown
        void a CANCELLED                  | ledger.state
    ",
    );
}

#[test]
fn a_deducted_fee_is_the_destinations_and_the_house_keeps_the_difference() {
    run(
        &mut world(vec![]),
        "
        deduct a 100 30                   | accepted
        assign p1 a 100 0 25              | ok
        unassign p1                       | ok
        assign p1 a 69 31 31              | ledger.amount
        assign p1 a 75 24 25              | ledger.amount
        assign p1 a 75 25 25              | ok
        post p1 20                        | ok
        has wallet:hot-1                  | 1005
        has pool:house                    | 105
        has pool:customers                | 5900
    ",
    );
}

#[test]
fn what_did_not_pay_returns_but_the_fee_and_is_never_paid_under_the_same_reference() {
    run(
        &mut world(vec![limit("day", &[], 24 * HOUR, Some(100), Over::Deny)]),
        "
        submit a 1 100 0                  | accepted
        submit b 1 1                      | limit.day
        assign p1 a 100 0 21              | ok
        fail p1 21                        | ok
        state a                           | REFUNDED
        has wallet:hot-1                  | 1079
        has pool:house                    | 79
        has pool:customers                | 6000
        # The limit was given back; b was answered for good, a may not be paid again.
        submit b 1 1                      | before limit.day
        submit b 2 1                      | accepted
        submit a 2 100                    | attempt.spent
        submit a 1 100                    | before
        submit a 1 99                     | id.reused
    ",
    );
}

#[test]
fn attempts_come_in_order_and_only_after_an_unsigned_end() {
    run(
        &mut world(vec![]),
        "
        submit a 2 10                     | attempt.skipped
        submit a 1 10                     | accepted
        submit a 2 10                     | attempt.open
        assign p1 a 10 0 1                | ok
        submit a 2 10                     | attempt.open
        unassign p1                       | ok
        void a EXPIRED                    | ledger.not_expired
        void a CANCELLED                  | ok
        void a CANCELLED                  | ledger.state
        submit a 1 10                     | before
        submit a 3 10                     | attempt.skipped
        submit a 2 10                     | accepted
        submit b 1 7000                   | ledger.insufficient_funds
        submit b 1 7000                   | before ledger.insufficient_funds
        submit b 2 7                      | accepted
        void zzz CANCELLED                | ledger.unknown
        has pool:customers                | 5983
    ",
    );
}

#[test]
fn deadlines() {
    run(
        &mut world(vec![]),
        "
        submit a 1 10 0 3600000           | intent.too_late
        submit a 1 10 0 3599999           | accepted
        # The first answer stands, late or not.
        submit a 1 10 0 99999999          | before
        void a EXPIRED 7199999            | ledger.not_expired
        assign p1 a 10 0 1 7200000        | ledger.expired
        void a EXPIRED 7200000            | ok
        state a                           | EXPIRED
    ",
    );
}

#[test]
fn held_withdrawals_are_not_paid_until_released() {
    run(
        &mut world(vec![limit("big", &[], HOUR, Some(50), Over::Hold)]),
        "
        submit a 1 51                     | held limit.big
        assign p1 a 51 0 1                | ledger.state
        release a                         | ok
        release a                         | ledger.state
        assign p1 a 51 0 1                | ok
        submit b 1 1                      | held limit.big
        void b CANCELLED                  | ok
        release b                         | ledger.state
    ",
    );
}

#[test]
fn reservations_stop_what_is_not_there() {
    run(
        &mut world(vec![]),
        "
        submit a 1 1090                   | accepted
        submit b 1 1095                   | accepted
        submit c 1 10                     | accepted
        assign p1 b 1095 0 6              | ledger.wallet_short
        assign p1 a 1090 0 10             | ok
        assign p2 c 10 0 0                | ledger.wallet_short
        unassign p1                       | ok
        assign p2 c 10 0 101              | ledger.house_empty
        assign p2 c 10 0 100              | ok
        assign p3 a 1 0 1 0 hot-2         | ledger.wallet_other
        submit d 1 1                      | accepted
        assign p3 d 1 0 1                 | ledger.house_empty
        post p2 100                       | ok
        assign p3 d 1 0 0                 | ok
    ",
    );
}

#[test]
fn sweeps_go_through_in_flight() {
    run(
        &mut world(vec![]),
        "
        depart s1 cold-1 hot-1 5000 1     | ledger.wallet_short
        depart s1 cold-1 cold-1 10 1      | ledger.wallet_other
        depart s1 cold-1 hot-1 0 1        | ledger.amount
        depart s1 cold-1 hot-1 10 101     | ledger.house_empty
        depart s1 cold-1 hot-1 4000 50    | ok
        depart s1 cold-1 hot-1 1 1        | ledger.exists
        has wallet:cold-1                 | 950
        has wallet:hot-1                  | 1100
        has pool:house                    | 50
        arrive s1 51                      | ledger.fee_above_reserved
        arrive s1 30                      | ok
        has wallet:cold-1                 | 970
        has wallet:hot-1                  | 5100
        has in_flight                     | 0
        has pool:house                    | 70
        arrive s1 30                      | ledger.unknown
        depart s2 hot-1 cold-1 100 20     | ok
        miss s2 20                        | ok
        has wallet:hot-1                  | 5080
        has wallet:cold-1                 | 970
        has pool:house                    | 50
        miss s2 0                         | ledger.unknown
    ",
    );
}

#[test]
fn halts_stop_their_scopes_and_nothing_else() {
    run(
        &mut world(vec![]),
        "
        submit a 1 10                     | accepted
        token t 10                        | accepted
        halt h1 customer:c1               | ok
        halt h1 all                       | ledger.exists
        assign p1 a 10 0 1                | ledger.halted
        submit b 1 10                     | accepted
        resume h1                         | ok
        resume h1                         | ledger.unknown
        halt h2 destination:0xFB6916095CA1DF60BB79CE92CE3EA74C37C5D359 | ok
        assign p1 a 10 0 1                | ledger.halted
        resume h2                         | ok
        halt h3 asset:eip155:1/slip44:60  | ok
        assign p1 a 10 0 1                | ledger.halted
        depart s1 cold-1 hot-1 1 1        | ledger.halted
        assign p9 t 10 0 1                | ok
        resume h3                         | ok
        halt h4 wallet:hot-1              | ok
        assign p1 a 10 0 1                | ledger.halted
        depart s1 cold-1 hot-1 1 1        | ledger.halted
        resume h4                         | ok
        halt h5 sweeps                    | ok
        depart s1 cold-1 hot-1 1 1        | ledger.halted
        assign p1 a 10 0 1                | ok
        halt h6 payouts                   | ok
        assign p2 b 10 0 1                | ledger.halted
        # What may already be signed is still posted.
        post p1 1                         | ok
        halt h7 intake                    | ok
        submit c 1 10                     | halt.intake
        submit a 1 10                     | before
        resume h7                         | ok
        submit c 1 10                     | accepted
        halt h8 all                       | ok
        submit d 1 10                     | halt.intake
    ",
    );
}

#[test]
fn tokens_pay_their_fee_in_the_networks_asset() {
    let mut ledger = world(vec![]);
    run(
        &mut ledger,
        "
        token t 500                       | accepted
        token u 1                         | ledger.insufficient_funds
        assign p1 t 500 0 21              | ok
        has wallet:hot-1                  | 1079
        post p1 21                        | ok
        has wallet:hot-1                  | 1079
        has pool:house                    | 79
    ",
    );
    assert_eq!(ledger.available(USD, &wallet("hot-1")), 0);
    assert_eq!(ledger.available(USD, &pool("customers")), 0);
}

#[test]
fn amounts_at_the_edge_of_their_type() {
    run(
        &mut world(vec![]),
        "
        submit a 1 340282366920938463463374607431768211455   | ledger.insufficient_funds
        submit b 1 340282366920938463463374607431768211455 1 | intent.overflow
        submit c 1 1 340282366920938463463374607431768211455 | intent.overflow
        depart s cold-1 hot-1 340282366920938463463374607431768211455 1 | ledger.overflow
    ",
    );
}

#[test]
fn the_whole_pool_asked_for_a_thousand_times_is_paid_once() {
    let mut ledger = world(vec![]);
    let statuses: Vec<String> = (0..1_000)
        .map(|n| submit(&mut ledger, candidate(&format!("r{n}"), 1, 6_000), NOW).0)
        .collect();
    assert_eq!(
        statuses
            .iter()
            .filter(|status| *status == "accepted")
            .count(),
        1
    );
    assert!(
        statuses[1..]
            .iter()
            .all(|status| status == "ledger.insufficient_funds")
    );
    assert_eq!(ledger.available(ETH, &pool("customers")), 0);
    ledger.conservation().unwrap();
}

#[test]
fn a_fact_that_does_not_fit_poisons_the_ledger() {
    let mut ledger = world(vec![]);
    let hash = ledger.state_hash().unwrap();
    let fact = custody_ledger::Fact::Posted {
        payout: "none".to_owned(),
        fee_paid: 0,
    };
    assert!(ledger.apply(&fact).is_err());
    assert!(ledger.state_hash().is_err() && ledger.conservation().is_err());
    assert!(ledger.decide_halt("h", &[Scope::All]).is_err());
    assert!(
        ledger
            .decide_submission(&candidate("a", 1, 1).into(), &[], NOW, 1, 1)
            .is_err()
    );
    assert_eq!(
        world(vec![]).state_hash().unwrap(),
        hash,
        "the same facts, the same hash"
    );
}

#[test]
fn ids_made_to_collide_stop_nothing() {
    let mut ledger = world(vec![]);
    // As if `b` had been searched for until its id is that of `a`: the fact for `a` is entered under `b`'s id.
    let decided = |ledger: &Ledger, reference: &str| match ledger
        .decide_submission(&candidate(reference, 1, 5).into(), &[], NOW, 7, 1)
        .unwrap()
    {
        Answer::Decided { fact, .. } => fact,
        other => panic!("{other:?}"),
    };
    let taken = decided(&ledger, "b").id;
    let mut first = decided(&ledger, "a");
    first.id = taken;
    ledger.apply(&Fact::Submitted(first)).unwrap();
    let (word, id) = submit(&mut ledger, candidate("b", 1, 5), NOW);
    assert_eq!(word, "accepted");
    assert_ne!(id, taken);
    ledger.conservation().unwrap();
}
