//! What an open withdrawal takes of memory, with every index, and how long one takes.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    missing_docs
)]

#[path = "ledger/common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use common::{ETH, HOUR, NOW, candidate, limit, listed};
use custody_ledger::limits::{Dimension, LimitRule, Over};
use custody_ledger::{Answer, Assignment, Candidate, Fact, Ledger, Name128, PayoutTerms, Ulid};

struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything on to the system's allocator, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn ledger(limits: Vec<LimitRule>) -> Ledger {
    let mut ledger = Ledger::new();
    ledger.configure(&listed(), limits).unwrap();
    for pool in ["customers", "house"] {
        let fact = ledger.decide_open("hot-1", ETH, 1 << 100, pool).unwrap();
        ledger.apply(&fact).unwrap();
    }
    ledger
}

fn ten() -> Vec<LimitRule> {
    let scopes: [&[Dimension]; 10] = [
        &[],
        &[Dimension::Asset],
        &[Dimension::Initiator],
        &[Dimension::Wallet],
        &[Dimension::Class],
        &[Dimension::Customer],
        &[Dimension::Destination],
        &[Dimension::Customer, Dimension::Class],
        &[Dimension::Asset, Dimension::Wallet],
        &[Dimension::Initiator, Dimension::Asset],
    ];
    let rule = |(n, scope): (usize, &&[Dimension])| {
        limit(
            &format!("l{n}"),
            scope,
            24 * HOUR,
            Some(1 << 90),
            Over::Deny,
        )
    };
    scopes.iter().enumerate().map(rule).collect()
}

/// The n-th of many: a million customers, one destination each.
fn nth(n: usize) -> Arc<Candidate> {
    let mut made = candidate(&format!("reference-{n}"), 1, 1_000);
    made.service_fee = 3;
    made.customer = Name128::customer(&(n % 1_000_000).to_string());
    made.destination = Name128::destination(&(n % 1_000_000).to_string());
    Arc::new(made)
}

fn hold(ledger: &mut Ledger, candidate: &Arc<Candidate>, now_ms: u64) -> Ulid {
    let decided = ledger
        .decide_submission(candidate, &[], now_ms, 7, 1)
        .unwrap();
    let Answer::Decided { fact, .. } = decided else {
        panic!("{decided:?}");
    };
    let id = fact.id.unwrap();
    ledger.apply(&Fact::Submitted(fact)).unwrap();
    id
}

#[test]
fn an_open_withdrawal_is_small() {
    let count = 300_000;
    let candidates: Vec<_> = (0..count).map(nth).collect();
    let mut ledger = ledger(vec![]);
    let before = TAKEN.load(Ordering::Relaxed);
    for (n, candidate) in candidates.iter().enumerate() {
        hold(&mut ledger, candidate, NOW + n as u64 / 1_000);
    }
    let each = (TAKEN.load(Ordering::Relaxed) - before) / count;
    println!("{each} bytes for each of {count} open withdrawals");
    assert!(each <= 360, "{each} bytes");
}

#[test]
#[ignore = "prints times: run it alone"]
fn speed() {
    for (limits, open) in [(0, 10_000), (10, 10_000), (0, 1_000_000), (10, 1_000_000)] {
        let rules = if limits == 0 { vec![] } else { ten() };
        let mut ledger = ledger(rules);
        for n in 0..open {
            hold(&mut ledger, &nth(n), NOW + n as u64 / 1_000);
        }
        let batch = 20_000;
        let candidates: Vec<_> = (open..open + batch).map(nth).collect();
        let now_ms = NOW + (open as u64 + 1_000_000) / 1_000;
        let begin = Instant::now();
        let ids: Vec<Ulid> = candidates
            .iter()
            .map(|candidate| hold(&mut ledger, candidate, now_ms))
            .collect();
        let held = begin.elapsed();
        let begin = Instant::now();
        for (n, some) in ids.chunks(1_000).enumerate() {
            let item = |id: &Ulid| Assignment {
                id: *id,
                net_amount: 1_000,
                fee_charged: 0,
            };
            let terms = PayoutTerms {
                payout: format!("p{n}"),
                wallet: "hot-1".to_owned(),
                items: some.iter().map(item).collect(),
                fee_asset: ETH.to_owned(),
                fee_reserved: 21,
            };
            let fact = ledger.decide_assign(terms, now_ms).unwrap();
            ledger.apply(&fact).unwrap();
            let fact = ledger.decide_post(&format!("p{n}"), 20).unwrap();
            ledger.apply(&fact).unwrap();
        }
        let posted = begin.elapsed();
        let each = |time: std::time::Duration| time.as_nanos() / batch as u128;
        println!(
            "limits {limits}, open {open}: hold {} ns, assign and post {} ns",
            each(held),
            each(posted)
        );
    }
}

#[test]
#[ignore = "prints times: run it alone"]
fn snapshots() {
    for open in [100_000, 1_000_000, 10_000_000] {
        let mut ledger = ledger(ten());
        for n in 0..open {
            hold(&mut ledger, &nth(n), NOW + n as u64 / 1_000);
        }
        let begin = Instant::now();
        let bytes = ledger.snapshot().unwrap();
        let written = begin.elapsed();
        drop(ledger);
        let begin = Instant::now();
        let restored = Ledger::read_snapshot(&bytes).unwrap();
        let read = begin.elapsed();
        assert_eq!(restored.withdrawals_len(), open);
        let each = |time: std::time::Duration| time.as_nanos() / open as u128;
        println!(
            "{open} open: {} bytes, written in {} ns, read in {} ns each",
            bytes.len() / open,
            each(written),
            each(read)
        );
    }
}
