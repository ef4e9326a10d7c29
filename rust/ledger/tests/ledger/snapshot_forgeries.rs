//! Snapshots that contradict themselves under a right checksum: each contradiction is found, and told by its place.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::ops::Range;

use crate::forge::{
    BOOKS, DEPOSITS, FOLLOWED, FREE, HALTS, LEGS, LIMITS, OF_POOLS, OLD_IDS, OPENED, ORDERS,
    PAYOUT_IDS, PAYOUTS, PENDING, QUEUE, REJECTIONS, ROUTES, SYMBOLS, WITHDRAWALS, forged, full,
    refuse, sections,
};
use custody_ledger::Ledger;

/// All of a section a second time.
fn twice(kind: u8, part: &str) {
    let changed = forged(kind, |body| {
        let same = body.clone();
        body.extend(same);
    });
    refuse(&changed, part);
}

fn put(at: usize, bytes: &[u8]) -> impl FnOnce(&mut Vec<u8>) {
    move |body| body[at..at + bytes.len()].copy_from_slice(bytes)
}

/// Of the n-th withdrawal's record in the sample: the first is a second attempt, and has the longer form.
fn record(n: usize) -> usize {
    match n {
        0 => 0,
        n => 170 + 65 + 170 * (n - 1),
    }
}

const POSTED: u8 = 3;
const REFUNDED: u8 = 6;
const ID: Range<usize> = 4..20;

#[test]
fn contradictions_are_refused_under_a_right_checksum() {
    let all = sections(&full().snapshot().unwrap());
    let of = |kind: u8| {
        all.iter()
            .find(|(each, _)| *each == kind)
            .unwrap()
            .1
            .clone()
    };
    let withdrawals = of(WITHDRAWALS);
    assert_eq!(
        withdrawals.len(),
        record(7) + 65,
        "seven, of which the first and the last, held one have the longer form"
    );
    let word = |at: usize, value: u32| forged(WITHDRAWALS, put(at, &value.to_be_bytes()));
    let second = record(1);

    // Places: of another, of none, of no place.
    refuse(&word(second, 0), ".withdrawals");
    refuse(&word(second, 77), ".withdrawals");
    refuse(&word(second, u32::MAX), ".withdrawals");
    refuse(
        &forged(FREE, |body| body.extend([0, 0, 0, 0, 3])),
        ".withdrawals",
    );
    twice(FREE, ".withdrawals");
    // The same id, and the same reference.
    let first = withdrawals[record(2)..][ID].to_vec();
    refuse(
        &forged(WITHDRAWALS, put(record(3) + ID.start, &first)),
        ".withdrawals",
    );
    let key = withdrawals[record(2) + 52..record(2) + 68].to_vec();
    refuse(
        &forged(WITHDRAWALS, put(record(3) + 52, &key)),
        ".withdrawals",
    );
    // Numbers of nothing: route, charges, tag, payout.
    for at in [144, 148, 152, 156] {
        refuse(&word(second + at, 0x00ff_ffff), ".withdrawals");
    }
    // States, priorities and forms that there are not.
    for at in [167, 168, 169] {
        refuse(&forged(WITHDRAWALS, put(second + at, &[9])), ".withdrawals");
    }
    // Every other state: a seat, a payout or a reservation is then wrong.
    for n in 0..7 {
        let at = record(n) + 167;
        // What has ended is in no account any more: whether it was paid or refunded the books cannot tell.
        let ended = |state: u8| matches!(state, POSTED | REFUNDED);
        let same = |state: u8| ended(state) && ended(withdrawals[at]);
        for state in (0..7).filter(|state| *state != withdrawals[at] && !same(*state)) {
            let changed = forged(WITHDRAWALS, put(at, &[state]));
            assert!(Ledger::read_snapshot(&changed).is_err(), "{n}: {state}");
        }
    }
    // Another amount than its pool reserves, and one beyond the type.
    for amount in [0_u128, 1, 11, u128::MAX] {
        let changed = forged(WITHDRAWALS, put(second + 100, &amount.to_be_bytes()));
        assert!(Ledger::read_snapshot(&changed).is_err(), "{amount}");
    }
    // A chain that goes round, to another reference, or nowhere.
    let previous = 170 + 33 + 4;
    let own = withdrawals[..4].to_vec();
    refuse(&forged(WITHDRAWALS, put(previous, &own)), ".withdrawals");
    for to in [1_u32, 2, 99, (1 << 31) | 9, u32::MAX] {
        refuse(&word(previous, to), ".withdrawals");
    }
    refuse(&word(previous - 4, 1), ".rejections");
    refuse(&word(previous - 4, 3), ".withdrawals");

    // Books: not in balance, negative, reserved for nothing, twice.
    let row = 4 + 1 + 4;
    for (number, part) in (0..4).zip([".books", ".books", ".books", ".books"]) {
        let at = row + 16 * number + 15;
        refuse(&forged(BOOKS, |body| body[at] ^= 1), part);
        refuse(
            &forged(BOOKS, put(row + 16 * number, &u128::MAX.to_be_bytes())),
            part,
        );
    }
    refuse(
        &forged(BOOKS, |body| {
            let row = body[..73].to_vec();
            body.extend(row)
        }),
        ".books",
    );
    refuse(&forged(BOOKS, put(0, &[0; 4])), ".books");
    refuse(&forged(BOOKS, put(5, &0xffff_u32.to_be_bytes())), ".books");

    // Names: twice, empty, of no text; pools without a house.
    twice(SYMBOLS, ".symbols");
    refuse(&forged(SYMBOLS, |body| body.extend([0; 8])), ".symbols");
    refuse(
        &forged(SYMBOLS, |body| {
            let at = body.len() - 1;
            body[at] = 0xff
        }),
        ".symbols",
    );
    twice(ROUTES, ".routes");
    refuse(&forged(ROUTES, put(0, &[1; 4])), ".routes");
    let house = of(OF_POOLS)
        .chunks(5)
        .position(|pool| pool[4] == 1)
        .unwrap();
    refuse(
        &forged(OF_POOLS, |body| drop(body.drain(5 * house..5 * house + 5))),
        ".pools",
    );
    refuse(
        &forged(OF_POOLS, |body| {
            let same = body[..5].to_vec();
            body.extend(same)
        }),
        ".pools",
    );
    twice(OPENED, ".opened");
    twice(HALTS, ".halts");
    refuse(&forged(HALTS, |body| body.extend([0; 8 + 8])), ".halts");

    // What is open, twice or of nothing.
    for (kind, part) in [
        (PAYOUTS, ".payouts"),
        (LEGS, ".legs"),
        (ORDERS, ".orders"),
        (PENDING, ".pending"),
        (DEPOSITS, ".deposits"),
        (REJECTIONS, ".rejections"),
        (FOLLOWED, ".followed"),
        (PAYOUT_IDS, ".payout_ids"),
    ] {
        twice(kind, part);
    }
    refuse(
        &forged(LEGS, |body| {
            let at = body.len() - 1;
            body[at] ^= 1
        }),
        ".books",
    );
    refuse(
        &forged(PAYOUTS, |body| {
            let at = body.len() - 17;
            body[at] ^= 1
        }),
        ".books",
    );
    refuse(
        &forged(PENDING, |body| {
            let at = body.len() - 9;
            body[at] ^= 1
        }),
        ".books",
    );
    refuse(&forged(PAYOUT_IDS, |body| body[4 + 8] ^= 1), ".books");

    // The queue: followed nowhere, a seat of none.
    refuse(&forged(FOLLOWED, put(0, &[0, 0, 0, 88])), ".followed");
    refuse(&forged(FOLLOWED, |body| body.truncate(0)), ".followed");
    refuse(
        &forged(WITHDRAWALS, put(second + 164, &[0xff, 0xff])),
        ".withdrawals",
    );
    refuse(
        &forged(WITHDRAWALS, |body| body[second + 166] ^= 1),
        ".withdrawals",
    );
    refuse(&forged(QUEUE, |body| body.push(0)), ".queue");
    refuse(&forged(LIMITS, |body| body.push(0)), ".limits");
    refuse(&forged(LIMITS, put(1, &[0; 8])), ".limits");
    // The filter: nothing in it, a block twice, a layer beyond.
    refuse(&forged(OLD_IDS, |body| body.clear()), ".old_ids");
    twice(OLD_IDS, ".old_ids");
    refuse(&forged(OLD_IDS, put(0, &[1])), ".old_ids");
}
