//! Pool transfers, deposits and suspense: one line for each, the last column what the ledger says to it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use crate::common::transfers::{Table, credit, deposit, order, pools, terms, transfer};
use crate::common::{ETH, HOUR, NOW, USD, candidate, enact, limit, pool, submit, wallet};
use custody_ledger::books::Purpose;
use custody_ledger::limits::Over;
use custody_ledger::{LedgerError, MAX_LEGS, Remedy, TransferLeg, TransferStatus};

#[test]
fn at_once() {
    Table::run(
        &mut pools(),
        "
        # id from         to           amount
        t1   customers    house        30            | ok
        has pool:customers                           | 70
        has pool:house                               | 80
        t2   customers    house        71            | ledger.insufficient_funds
        t3   customers    house        70            | ok
        t4   customers    house        1             | ledger.insufficient_funds
        t5   customers    customers    1             | transfer.same_pool
        t6   customers    customers    0             | transfer.amount
        t7   customers    nobody       1             | pool.unknown
        t8   nobody       customers    1             | pool.unknown
        t9   house        customers-eu MAX           | ledger.insufficient_funds
        t10  house        margin       150           | ok
        has pool:margin                              | 150
        has wallet:hot-1                             | 170
    ",
    );
}

#[test]
fn the_first_answer_stands() {
    Table::run(
        &mut pools(),
        "
        t1   customers    house        30            | ok
        t1   customers    house        30            | before ok
        t1   customers    house        31            | id.reused
        t1   customers    margin       30            | id.reused
        # Another initiator's names are another's.
        t1   customers    house        31 by:other   | ok
        t2   customers    house        40            | ledger.insufficient_funds
        # What was refused stays refused when it could pass; under a new reference it does.
        t3   house        customers    100           | ok
        t2   customers    house        40            | before ledger.insufficient_funds
        t2   customers    house        39            | id.reused
        t4   customers    house        40            | ok
        # What consumes nothing may come again, right.
        t5   customers    house        0             | transfer.amount
        t5   customers    house        1             | ok
        clock 3600000                                | ok
        t5   customers    house        1             | before ok
        t6   customers    house        1             | intent.too_late
        t5   customers    house        0             | id.reused
        has pool:customers                           | 98
    ",
    );
}

#[test]
fn pending_is_posted_or_voided_once() {
    Table::run(
        &mut pools(),
        "
        p1   customers    margin       60 pending    | ok
        has pool:customers                           | 40
        has pool:margin                              | 0
        # What is pending is nobody's to spend, on either side.
        t1   customers    house        41            | ledger.insufficient_funds
        t2   margin       house        1             | ledger.insufficient_funds
        r1   -            -            61 post:p1    | transfer.exceeds_pending
        r2   -            -            0 post:p1     | transfer.amount
        r3   -            -            45 post:p1    | ok
        state p1                                     | POSTED
        state r3                                     | RESOLVES
        has pool:customers                           | 55
        has pool:margin                              | 45
        r4   -            -            15 post:p1    | transfer.already_posted
        r5   -            -            - void:p1     | transfer.already_posted
        r3   -            -            45 post:p1    | before ok

        p2   customers    margin       55 pending    | ok
        r6   -            -            - void:p2     | ok
        state p2                                     | VOIDED
        has pool:customers                           | 55
        r7   -            -            - void:p2     | transfer.already_voided
        r8   -            -            1 post:p2     | transfer.already_voided
        r9   -            -            1 post:none   | transfer.pending_unknown
        t3   customers    house        1             | ok
        r10  -            -            1 post:t3     | transfer.not_pending
        r11  -            -            - void:r3     | transfer.not_pending
        r12  -            -            - void:t1     | transfer.pending_unknown

        p3   customers    margin       54 pending    | ok
        r13  -            -            54 post:p3 by:other | transfer.pending_unknown
        r14  -            -            54 post:p3    | ok
        has pool:margin                              | 99
        has pool:customers                           | 0
    ",
    );
}

#[test]
fn what_has_ended_is_not_due() {
    let mut ledger = pools();
    Table::run(
        &mut ledger,
        "
        p1   customers    margin       1 pending until:3600001 | ok
        p2   customers    margin       1 pending until:3600002 | ok
        p3   customers    margin       1 pending until:3600003 | ok
        v1   -            -            - void:p1     | ok
        r2   -            -            1 post:p2     | ok
    ",
    );
    let due = ledger.expired_transfers(NOW + 3_600_003, 1);
    let [(initiator, name)] = &due[..] else {
        panic!("{due:?}")
    };
    assert_eq!(
        (initiator.as_str(), name.reference.as_str()),
        ("backend", "p3")
    );
}

#[test]
fn expiry_is_a_fact() {
    Table::run(
        &mut pools(),
        "
        p0   customers    margin       1 pending until:3600000 | transfer.expiry
        p1   customers    margin       60 pending until:3600001 | ok
        p2   customers    margin       10 pending until:3600002 | ok
        expire p1                                    | ledger.not_expired
        due                                          | 0
        clock 3599999                                | ok
        p3   customers    margin       1 pending until:3600005 | ok
        r1   -            -            1 post:p3     | ok
        # Time alone changes nothing but what may be posted: orders still in time name it.
        clock 3600001                                | ok
        due                                          | 1
        has pool:customers                           | 29
        expire p1                                    | ok
        expire p1                                    | transfer.expired
        state p1                                     | EXPIRED
        due                                          | 0
        has pool:customers                           | 89
        expire p3                                    | transfer.already_posted
        expire r1                                    | transfer.not_pending
    ",
    );
    // A clock behind its own facts: the order's deadline is later than the pending leg's.
    let mut ledger = pools();
    let pend = TransferLeg::Pend {
        terms: terms("customers", "margin", 5),
        expires_ms: NOW + 10,
    };
    let mut first = order("p", vec![pend]);
    first.submit_before_ms = NOW + 5;
    assert_eq!(
        transfer(&mut ledger, first, NOW).statuses,
        [TransferStatus::Done]
    );
    let pending = custody_ledger::PendingName {
        reference: "p".to_owned(),
        leg: 1,
    };
    for (now_ms, reference, status) in [
        (NOW + 10, "late", TransferStatus::Expired),
        (NOW + 9, "late", TransferStatus::Expired),
        (NOW + 9, "in time", TransferStatus::Done),
    ] {
        let post = TransferLeg::Post {
            pending: pending.clone(),
            amount: 5,
        };
        let answer = transfer(&mut ledger, order(reference, vec![post]), now_ms);
        assert_eq!(answer.statuses, [status], "{reference}");
    }
}

#[test]
fn linked_legs_happen_together_or_not_at_all() {
    Table::run(
        &mut pools(),
        "
        # Each sees what those before it did: nothing was in margin or lending.
        a1   customers    margin       100 linked    | ok
        a2   margin       lending      100 linked    | ok
        a3   lending      customers-eu 100           | ok
        has pool:customers-eu                        | 100
        # In another order the first of them has nothing.
        b1   lending      customers    100 linked    | ledger.insufficient_funds
        b2   customers-eu lending      100           | transfer.linked
        c1   customers-eu house        60 linked     | transfer.linked
        c2   customers-eu house        41 linked     | ledger.insufficient_funds
        c3   house        insurance    1             | transfer.linked
        has pool:customers-eu                        | 100
        c1   customers-eu house        60 linked     | before transfer.linked
        c2   customers-eu house        41 linked     | before ledger.insufficient_funds
        c3   house        insurance    1             | before transfer.linked
        c1   customers-eu house        60            | id.reused
        # The form of all legs comes before the funds of any.
        d1   customers    house        1 linked      | transfer.linked
        d2   house        insurance    0             | transfer.amount
        # Pending and posted within one order, once.
        e1   customers-eu house        40 pending linked | ok
        e2   -            -            30 post:e1    | ok
        has pool:customers-eu                        | 70
        has pool:house                               | 80
        f1   customers-eu house        40 pending linked | transfer.linked
        f2   -            -            30 post:f1 linked | transfer.linked
        f3   -            -            10 post:f1    | transfer.already_posted
        g1   customers-eu house        40 pending    | ok
        h1   -            -            - void:g1 linked | transfer.linked
        h2   customers-eu house        71            | ledger.insufficient_funds
        state g1                                     | PENDING
        i1   -            -            - void:g1 linked | ok
        i2   customers-eu house        70            | ok
        state g1                                     | VOIDED
        # A leg of an order that was refused never was.
        j1   -            -            1 post:f1     | transfer.pending_unknown
    ",
    );
}

#[test]
fn halts() {
    Table::run(
        &mut pools(),
        "
        p1   customers    margin       10 pending    | ok
        halt h1 intake                               | ok
        t1   customers    house        1             | halt.intake
        r1   -            -            10 post:p1    | halt.intake
        resume h1                                    | ok
        halt h2 asset:eip155:1/slip44:60             | ok
        t1   customers    house        1             | ledger.halted
        r1   -            -            10 post:p1    | ledger.halted
        # What arrives is credited, and what has run out returns.
        deposit 1 5 customers                        | ok
        clock 7200000                                | ok
        expire p1                                    | ok
        resume h2                                    | ok
        halt h3 payouts                              | ok
        clock 0                                      | ok
        t1   customers    house        1             | ok
        halt h4 all                                  | ok
        # A form that can never pass is said first, and the first answer before all.
        t2   customers    customers    1             | transfer.same_pool
        t3   customers    house        1             | halt.intake
        t1   customers    house        1             | before ok
    ",
    );
}

#[test]
fn deposits_are_credited_once() {
    let mut ledger = pools();
    Table::run(
        &mut ledger,
        "
        deposit 1 5 customers                        | ok
        has pool:customers                           | 105
        has wallet:hot-1                             | 175
        deposit 1 5 customers                        | before
        deposit 1 6 customers                        | deposit.other
        deposit 1 5 house                            | deposit.other
        deposit 1 0 nobody                           | deposit.other
        deposit 2 0 customers                        | ledger.amount
        deposit 2 5 nobody                           | pool.unknown
        deposit 2 MAX customers                      | ledger.overflow
        deposit 2 5 customers                        | ok
        has pool:customers                           | 110
    ",
    );
    // Known by network, transaction and output, and by nothing else.
    let mut of_output = deposit(1, 5, "customers");
    of_output.output = 1;
    let mut of_network = deposit(1, 5, "customers");
    of_network.network = "eip155:10".to_owned();
    let mut of_wallet = deposit(1, 5, "customers");
    of_wallet.wallet = "hot-2".to_owned();
    let mut of_asset = deposit(1, 5, "customers");
    of_asset.asset = USD.to_owned();
    for (deposit, expected) in [
        (of_output, "ok"),
        (of_network, "ok"),
        (of_wallet, "deposit.other"),
        (of_asset, "deposit.other"),
    ] {
        assert_eq!(credit(&mut ledger, deposit.clone()), expected);
        let again = if expected == "ok" { "before" } else { expected };
        assert_eq!(credit(&mut ledger, deposit), again);
    }
    assert_eq!(ledger.available(ETH, &pool("customers")), 120);
    assert_eq!(ledger.available(ETH, &wallet("hot-1")), 190);
    // A wallet and an asset that the ledger never saw.
    let mut new = deposit(9, u128::MAX, "customers");
    new.asset = USD.to_owned();
    new.wallet = "deposit-7".to_owned();
    assert_eq!(credit(&mut ledger, new.clone()), "ok");
    assert_eq!(ledger.available(USD, &wallet("deposit-7")), u128::MAX);
    assert_eq!(ledger.available(USD, &pool("customers")), u128::MAX);
    new.output = 1;
    assert_eq!(credit(&mut ledger, new), "ledger.overflow");
}

#[test]
fn what_nobody_explains_is_nobodys() {
    Table::run(
        &mut pools(),
        "
        surplus 170 170                              | ledger.amount
        surplus 170 169                              | ledger.amount
        surplus 169 175                              | ledger.balance_moved
        surplus 170 175                              | ok
        # Once: the wallet now has what the chain has.
        surplus 170 175                              | ledger.balance_moved
        has wallet:hot-1                             | 175
        has suspense                                 | 5
        has pool:customers                           | 100
        release r1 6 customers                       | ledger.suspense_short
        release r1 0 customers                       | ledger.amount
        release r1 2 nobody                          | pool.unknown
        release r1 2 customers                       | ok
        release r1 2 customers                       | ledger.exists
        has suspense                                 | 3
        # It was a deposit that came late: the wallet counts it already.
        deposit 1 4 customers suspense               | ledger.suspense_short
        deposit 1 3 customers suspense               | ok
        deposit 1 3 customers                        | before
        has suspense                                 | 0
        has wallet:hot-1                             | 175
        has pool:customers                           | 105
        surplus 175 MAX                              | ok
        has wallet:hot-1                             | 340282366920938463463374607431768211455
        deposit 2 1 customers                        | ledger.overflow
    ",
    );
}

#[test]
fn every_status_has_its_remedy() {
    let mut ledger = pools();
    let refused = transfer(
        &mut ledger,
        order(
            "a",
            vec![
                TransferLeg::Move(terms("house", "margin", 1)),
                TransferLeg::Move(terms("margin", "house", 2)),
            ],
        ),
        NOW,
    );
    assert_eq!(
        refused.statuses,
        [TransferStatus::Linked, TransferStatus::InsufficientFunds]
    );
    assert_eq!(refused.remedy(), Remedy::Never);
    let fixable = transfer(
        &mut ledger,
        order("b", vec![TransferLeg::Move(terms("house", "nobody", 1))]),
        NOW,
    );
    assert_eq!((fixable.remedy(), fixable.fact), (Remedy::Fix, None));
    let done = transfer(
        &mut ledger,
        order("c", vec![TransferLeg::Move(terms("house", "margin", 1))]),
        NOW,
    );
    assert_eq!(done.remedy(), Remedy::None);
}

#[test]
fn an_order_has_bounds() {
    let ledger = pools();
    let leg = || TransferLeg::Move(terms("house", "margin", 1));
    for count in [0, MAX_LEGS + 1] {
        let order = order("a", (0..count).map(|_| leg()).collect());
        assert!(matches!(
            ledger.decide_transfer(order, NOW),
            Err(LedgerError::Malformed(..))
        ));
    }
    let most = order("a", (0..MAX_LEGS).map(|_| leg()).collect());
    let answer = ledger.decide_transfer(most, NOW).unwrap();
    assert_eq!(answer.statuses.len(), MAX_LEGS);
    assert_eq!(answer.statuses[50], TransferStatus::InsufficientFunds);
    assert!(matches!(
        ledger.decide_transfer(order("", vec![leg()]), NOW),
        Err(LedgerError::Malformed(..))
    ));
}

#[test]
fn a_pool_that_left_the_policy_still_pays_what_it_owes_and_takes_nothing() {
    let mut ledger = pools();
    Table::run(&mut ledger, "p1 insurance margin 20 pending | ok");
    let listed: Vec<_> = crate::common::transfers::POOLS
        .iter()
        .filter(|(name, _)| *name != "insurance")
        .map(|(name, purpose)| ((*name).to_owned(), *purpose))
        .collect();
    ledger.configure(&listed, vec![]).unwrap();
    Table::run(
        &mut ledger,
        "
        deposit 1 5 insurance                        | pool.unknown
        t1   insurance    house        1             | pool.unknown
        r1   -            -            15 post:p1    | ok
        has pool:margin                              | 15
        has pool:insurance                           | 5
    ",
    );
    // Two houses, one twice, one without a name, none: the policy that was in force stays, its limits too.
    let house = |name: &str| (name.to_owned(), custody_ledger::books::Purpose::House);
    let before = ledger.state_hash().unwrap();
    let tight = limit("new", &[], HOUR, Some(1), Over::Deny);
    for wrong in [
        vec![house("house"), house("margin")],
        vec![house("house"), house("house")],
        vec![house("")],
        vec![],
    ] {
        assert!(ledger.configure(&wrong, vec![tight.clone()]).is_err());
        assert_eq!(ledger.state_hash().unwrap(), before);
    }
    Table::run(&mut ledger, "t1 house margin 1 | ok");
}

#[test]
fn another_house_takes_the_fees_from_now_on_and_every_pool_stays_known() {
    let mut ledger = pools();
    let changed = crate::common::transfers::POOLS.map(|(name, purpose)| match name {
        "house" => (name.to_owned(), Purpose::Customers),
        "margin" => (name.to_owned(), Purpose::House),
        _ => (name.to_owned(), purpose),
    });
    ledger.configure(&changed, vec![]).unwrap();
    Table::run(
        &mut ledger,
        "
        t1   house        margin       7             | ok
        t2   customers    lending      1             | ok
        deposit 1 5 insurance                        | ok
    ",
    );
    let (_, id) = submit(&mut ledger, candidate("a", 1, 10), NOW);
    let assigned = ledger.decide_assign(crate::common::payout("p", id.unwrap(), 10, 8), NOW);
    assert_eq!(enact(&mut ledger, assigned), "ledger.house_empty");
    let assigned = ledger.decide_assign(crate::common::payout("p", id.unwrap(), 10, 7), NOW);
    assert_eq!(enact(&mut ledger, assigned), "ok");
    assert_eq!(ledger.available(ETH, &pool("margin")), 0);
}
