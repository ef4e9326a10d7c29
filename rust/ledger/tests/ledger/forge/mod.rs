//! A small snapshot of something of everything, taken apart, changed and put together again under a right checksum; and
//! what reading it takes of memory.

#![allow(
    dead_code,
    unsafe_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use custody_ledger::{Ledger, LedgerError, Scope, SweepTerms, TransferLeg};
use sha2::{Digest, Sha256};

use crate::common::steps::limits;
use crate::common::transfers::{credit, deposit, order, terms, transfer};
use crate::common::{ETH, HOUR, NOW, candidate, enact, payout, submit, world};

struct Counting;

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: hands everything on to the system's allocator, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = TAKEN.get().wrapping_add(layout.size());
        TAKEN.set(taken);
        MOST.set(MOST.get().max(taken));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        TAKEN.set(TAKEN.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads, and answers also with the most memory that it took meanwhile.
pub fn read(bytes: &[u8]) -> (Result<Ledger, LedgerError>, usize) {
    TAKEN.set(1 << 40);
    MOST.set(1 << 40);
    let read = Ledger::read_snapshot(bytes);
    (read, MOST.get() - (1 << 40))
}

/// What is taken whatever the size: empty tables, pages, and the filter's first layer.
pub const ALWAYS: usize = 9 << 20;

/// Refused, for this part.
pub fn refuse(bytes: &[u8], part: &str) {
    let (read, most) = read(bytes);
    match read {
        Err(LedgerError::Malformed(field, _)) => assert_eq!(field, format!("snapshot{part}")),
        other => panic!("{part}: {other:?}"),
    }
    assert!(
        most <= ALWAYS + 16 * bytes.len(),
        "{most} of {}",
        bytes.len()
    );
}

/// Something of everything, with one reference that left memory.
pub fn full() -> Ledger {
    let mut ledger = young();
    let decided = ledger.decide_forget(&ledger.forgettable(NOW - HOUR, 5), NOW - HOUR);
    assert_eq!(enact(&mut ledger, decided), "ok");
    ledger
}

/// The same before: it takes no 8 MiB for the filter.
pub fn young() -> Ledger {
    let mut ledger = world(limits(900, HOUR));
    let long_ago = NOW - 9 * HOUR;
    // One that was refused, then taken as its second attempt; one that is gone for good.
    submit(&mut ledger, candidate("again", 1, 950), long_ago);
    submit(&mut ledger, candidate("gone", 1, 950), long_ago);
    submit(&mut ledger, candidate("again", 2, 20), NOW);
    let amounts = [10, 20, 30, 40, 50, 340];
    let ids = (0..).zip(amounts).map(|(n, amount)| {
        let (_, id) = submit(&mut ledger, candidate(&format!("r{n}"), 1, amount), NOW + n);
        id.unwrap()
    });
    let ids: Vec<_> = ids.collect();
    for (name, place, fee) in [("p1", 1, 3), ("p2", 2, 4), ("p3", 3, 5)] {
        let terms = payout(name, ids[place], amounts[place], fee);
        let decided = ledger.decide_assign(terms, NOW + 9);
        assert_eq!(enact(&mut ledger, decided), "ok");
    }
    let departed = SweepTerms {
        leg: "l1".to_owned(),
        from_wallet: "cold-1".to_owned(),
        to_wallet: "hot-1".to_owned(),
        asset: ETH.to_owned(),
        amount: 77,
        fee_asset: ETH.to_owned(),
        fee_cap: 5,
    };
    let frozen = Scope::Customer("c9".to_owned());
    for decided in [
        ledger.decide_post("p3", 2),
        ledger.decide_sweep_depart(departed),
        ledger.decide_halt("h1", &[frozen]),
    ] {
        assert_eq!(enact(&mut ledger, decided), "ok");
    }
    credit(&mut ledger, deposit(1, 60, "customers"));
    let pend = TransferLeg::Pend {
        terms: terms("house", "customers", 9),
        expires_ms: NOW + 2 * HOUR,
    };
    let moved = |from| TransferLeg::Move(terms(from, "lending", 8));
    transfer(
        &mut ledger,
        order("o1", vec![pend, moved("customers")]),
        NOW,
    );
    transfer(&mut ledger, order("o2", vec![moved("insurance")]), NOW);
    ledger
}

/// The sections of a snapshot: number and body.
pub fn sections(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut all) = (&bytes[20..bytes.len() - 32], Vec::new());
    while !rest.is_empty() {
        let length = u64::from_be_bytes(rest[1..9].try_into().unwrap()) as usize;
        all.push((rest[0], rest[9..9 + length].to_vec()));
        rest = &rest[9 + length..];
    }
    all
}

pub fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    bytes
}

pub fn joined(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"custody.snapshot\0\0\0\x01".to_vec();
    for (kind, body) in sections {
        bytes.push(*kind);
        bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
        bytes.extend_from_slice(body);
    }
    sealed(bytes)
}

/// A snapshot with one section changed.
pub fn forged(kind: u8, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut all = sections(&full().snapshot().unwrap());
    change(&mut all.iter_mut().find(|(each, _)| *each == kind).unwrap().1);
    joined(&all)
}

pub const HEAD: u8 = 1;
pub const SYMBOLS: u8 = 2;
pub const ROUTES: u8 = 3;
pub const OF_POOLS: u8 = 4;
pub const BOOKS: u8 = 5;
pub const OPENED: u8 = 6;
pub const HALTS: u8 = 8;
pub const LIMITS: u8 = 9;
pub const QUEUE: u8 = 10;
pub const OLD_IDS: u8 = 11;
pub const FREE: u8 = 12;
pub const PAYOUT_IDS: u8 = 13;
pub const WITHDRAWALS: u8 = 14;
pub const REJECTIONS: u8 = 15;
pub const FOLLOWED: u8 = 16;
pub const PAYOUTS: u8 = 17;
pub const LEGS: u8 = 18;
pub const ORDERS: u8 = 19;
pub const PENDING: u8 = 20;
pub const DEPOSITS: u8 = 21;
