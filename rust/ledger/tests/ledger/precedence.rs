//! What is said of one thing that breaks two rules: the first one's status. One line for each pair of neighbours in the
//! documented orders, the last column what is said; together the tables say every tag that the ledger has.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;

use crate::common::transfers::{Table, pools};
use crate::common::withdrawals::run;
use crate::common::{HOUR, limit, world};
use custody_ledger::limits::Over;
use custody_ledger::{TransferStatus, tags};

/// In the order of `TransferStatus`. Of those that name a pending leg only one can be true: it is unknown, was never
/// pending, was posted, was voided, or has expired.
fn transfers() -> BTreeSet<String> {
    Table::run(
        &mut pools(),
        "
        a1   customers    house        1             | ok
        a1   customers    house        0             | id.reused
        a2   customers    customers    0             | transfer.amount
        a3   customers    customers    1 pending until:3600000 | transfer.same_pool
        a4   nobody       customers    1 pending until:3600000 | transfer.expiry
        clock 3600000                                | ok
        a5   nobody       customers    1             | pool.unknown
        halt h1 intake                               | ok
        a5   customers    house        1             | intent.too_late
        clock 0                                      | ok
        halt h2 asset:eip155:1/slip44:60             | ok
        a5   customers    house        1             | halt.intake
        resume h1                                    | ok
        # A halt is said of the order before the books are looked at for its first leg.
        a5   -            -            1 post:none linked | transfer.linked
        a6   customers    house        1             | ledger.halted
        a7   customers    house        101           | ledger.halted
        resume h2                                    | ok
        p1   customers    margin       10 pending until:3600001 | ok
        p2   customers    margin       10 pending until:3600001 | ok
        p3   customers    margin       10 pending until:3600001 | ok
        b1   -            -            10 post:p1    | ok
        b2   -            -            - void:p2     | ok
        clock 3600001                                | ok
        b3   -            -            MAX post:none before:9999999 | transfer.pending_unknown
        b4   -            -            MAX post:a1 before:9999999 | transfer.not_pending
        b5   -            -            MAX post:p1 before:9999999 | transfer.already_posted
        b6   -            -            MAX post:p2 before:9999999 | transfer.already_voided
        b7   -            -            MAX post:p3 before:9999999 | transfer.expired
        clock 0                                      | ok
        b8   -            -            11 post:p3    | transfer.exceeds_pending
        # Half of all that fits moves there, and cannot come back: what ever came in would exceed its type.
        deposit 1 170141183460469231731687303715884105728 margin | ok
        c1   margin       lending      170141183460469231731687303715884105728 | ok
        c2   insurance    margin       170141183460469231731687303715884105728 | ledger.insufficient_funds
        c3   lending      margin       170141183460469231731687303715884105728 linked | ledger.overflow
        # The first leg that is refused is told why, the others that they are linked to it.
        c4   insurance    margin       21            | transfer.linked
        has pool:lending                             | 170141183460469231731687303715884105728
    ",
    )
}

#[test]
fn every_status_of_a_transfer_is_said_in_its_order() {
    let all = TransferStatus::ALL.map(|status| match status {
        TransferStatus::Done => "ok",
        _ => status.tag(),
    });
    assert_eq!(transfers(), all.map(str::to_owned).into());
}

/// In the order of `submission`'s list.
fn withdrawals() -> BTreeSet<String> {
    let limits = vec![
        limit("hold", &[], HOUR, Some(50), Over::Hold),
        limit("none", &[], HOUR, Some(6_500), Over::Deny),
    ];
    let mut refused = String::new();
    for attempt in 1..256 {
        refused.push_str(&format!("submit z {attempt} 9000 | limit.none\n"));
    }
    let table = "
        submit z 256 1                    | accepted
        reroute z 257 1                   | attempt.open
        void z CANCELLED                  | ok
        reroute z 257 1                   | attempt.too_many

        submit a 1 10                     | accepted
        halt h1 intake                    | ok
        submit a 1 10 0 3600000           | before
        submit a 1 11 0 3600000           | id.reused
        submit b 1 10 0 3600000           | intent.too_late
        submit b 2 10                     | halt.intake
        resume h1                         | ok
        submit a 3 10                     | attempt.skipped
        reroute a 2 10                    | attempt.open
        assign p1 a 10 0 0                | ok
        post p1 0                         | ok
        reroute a 2 10                    | attempt.spent
        submit c 1 10                     | accepted
        void c CANCELLED                  | ok
        reroute c 2 7000                  | attempt.routing
        # Nothing can be said of a sum that does not fit its type.
        submit d 1 340282366920938463463374607431768211455 1 | intent.overflow
        submit e 1 6491                   | limit.none
        submit f 1 6490                   | ledger.insufficient_funds
        submit g 1 41                     | held limit.hold
        void g CANCELLED                  | ok
        submit h 1 40                     | accepted
    ";
    run(&mut world(limits), &(refused + table))
}

/// In the order of each `decide_…`'s own list.
fn payouts_and_sweeps() -> BTreeSet<String> {
    let big = vec![limit("big", &[], HOUR, Some(50), Over::Hold)];
    run(
        &mut world(big),
        "
        open hot-1 0 customers            | ledger.amount
        open hot-1 340282366920938463463374607431768211455 customers | ledger.already_open
        open hot-2 340282366920938463463374607431768211455 customers | ledger.overflow

        submit a 1 20                     | accepted
        submit b 1 20                     | accepted
        submit h 1 51                     | held limit.big
        assign p1 a 20 0 10               | ok
        assign p1 zzz 0 0 9999            | ledger.exists
        assign p2 zzz 0 0 9999            | ledger.unknown
        assign p2 h 0 0 9999 7200000 hot-2 | ledger.state
        assign p2 b 0 0 9999 7200000 hot-2 | ledger.wallet_other
        halt h1 payouts                   | ok
        assign p2 b 0 0 9999 7200000      | ledger.expired
        assign p2 b 0 0 9999              | ledger.halted
        resume h1                         | ok
        assign p2 b 19 0 9999             | ledger.amount
        assign p2 b 20 0 9999             | ledger.wallet_short
        assign p2 b 20 0 91               | ledger.house_empty
        assign p2 b 20 0 90               | ok

        void zzz EXPIRED                  | ledger.unknown
        void a EXPIRED                    | ledger.state
        void h REFUNDED                   | ledger.state
        void h EXPIRED 7199999            | ledger.not_expired
        post zzz 11                       | ledger.unknown
        post p1 11                        | ledger.fee_above_reserved
        fail p1 11                        | ledger.fee_above_reserved
        unassign zzz                      | ledger.unknown
        unassign p2                       | ok

        depart s1 cold-1 hot-1 10 10      | ok
        depart s1 cold-1 cold-1 0 9999    | ledger.exists
        halt h2 sweeps                    | ok
        halt h2 all                       | ledger.exists
        depart s2 cold-1 cold-1 0 9999    | ledger.amount
        depart s2 cold-1 cold-1 1 9999    | ledger.wallet_other
        depart s2 cold-1 hot-1 1 9999     | ledger.halted
        resume h2                         | ok
        resume h2                         | ledger.unknown
        depart s2 cold-1 hot-1 1 340282366920938463463374607431768211455 | ledger.overflow
        depart s2 cold-1 hot-1 1 9999     | ledger.wallet_short
        depart s2 cold-1 hot-1 1 81       | ledger.house_empty
        depart s2 cold-1 hot-1 1 80       | ok
        arrive zzz 11                     | ledger.unknown
        arrive s1 11                      | ledger.fee_above_reserved
        miss s1 11                        | ledger.fee_above_reserved
        miss s1 10                        | ok
        arrive s2 80                      | ok
        has pool:house                    | 0
    ",
    )
}

/// In the order of each `decide_…`'s own list. The statuses of other lines than transfers.
fn deposits_and_suspense() -> BTreeSet<&'static str> {
    let table = "
        deposit 1 5 customers                        | ok
        deposit 1 0 nobody                           | deposit.other
        deposit 2 0 nobody suspense                  | ledger.amount
        deposit 2 MAX nobody suspense                | pool.unknown
        deposit 2 MAX customers suspense             | ledger.suspense_short
        deposit 2 MAX customers                      | ledger.overflow
        surplus 1 0                                  | ledger.amount
        surplus 1 MAX                                | ledger.balance_moved
        surplus 175 180                              | ok
        release r1 1 customers                       | ok
        release r1 0 nobody                          | ledger.exists
        release r2 0 nobody                          | ledger.amount
        release r2 MAX nobody                        | pool.unknown
        release r2 MAX customers                     | ledger.suspense_short
        p1   customers    margin       1 pending     | ok
        p2   customers    margin       1 pending     | ok
        r3   -            -            - void:p1     | ok
        expire r3                                    | transfer.not_pending
        expire p1                                    | transfer.already_voided
        expire p2                                    | ledger.not_expired
    ";
    Table::run(&mut pools(), table);
    let lines = table.lines().filter_map(|line| line.split_once('|'));
    lines.map(|(_, said)| said.trim()).collect()
}

#[test]
fn every_tag_that_the_ledger_has_is_said_in_its_order() {
    let mut said = transfers();
    said.extend(withdrawals());
    said.extend(payouts_and_sweeps());
    said.extend(deposits_and_suspense().into_iter().map(str::to_owned));
    // What comes before these is said by `prepare`, which sees the bytes.
    let all = tags::ALL.iter().map(|(tag, _)| *tag);
    let own = all.skip_while(|tag| *tag != tags::ID_REUSED);
    let missing: Vec<&str> = own
        .filter(|tag| *tag != tags::LIMIT && !said.contains(*tag))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}
