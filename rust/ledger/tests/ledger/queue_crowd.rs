//! A crowd that cannot be paid stands in the queue: what a selection looks at, and what ten million cost.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use crate::crowd::{START, World};
use custody_ledger::queue::{PATIENCE_MS, Party, Place, Places};
use custody_ledger::{Name128, Priority, Slot};

/// A million withdrawals that cannot be paid stand before a hundred that can; what a selection looks at.
fn crowd(change: impl Fn(u64, &mut Place), count: u64) -> World {
    let mut world = World::new();
    world.till.has = 1_000;
    world.fee = 5;
    for n in 0..count {
        let mut place = world.place(n, 1);
        change(n, &mut place);
        world.add(place);
    }
    world.now_ms += 1;
    for n in 0..100 {
        world.add(world.place(u64::MAX - n, 1));
    }
    world
}

/// Looks at few summaries for each that it chooses, once those that changed were looked at.
fn assert_cheap(name: &str, mut world: World) {
    let first = world.looks(100);
    let again = world.looks(100);
    world.now_ms += 1;
    let later = world.looks(100);
    assert_eq!([first.1, again.1, later.1], [100; 3], "{name}");
    assert!(
        again.0 < 60_000 && later.0 < 60_000,
        "{name}: {first:?} {again:?} {later:?}"
    );
}

const CROWD: u64 = 300_000;

#[test]
fn what_is_stopped_is_not_looked_at_one_by_one() {
    let frozen = |n: u64, place: &mut Place| {
        if !n.is_multiple_of(3) {
            place.customer = Name128([9; 16]);
        } else {
            place.destination = Name128([8; 16]);
        }
    };
    let mut world = crowd(frozen, CROWD);
    assert_eq!(
        world.queue.demand(world.hot, world.till.eth),
        u128::from(CROWD) + 100
    );
    world.freeze(Party::Customer(Name128([9; 16])), true);
    world.freeze(Party::Destination(Name128([8; 16])), true);
    assert_eq!(world.queue.demand(world.hot, world.till.eth), 100);
    let (looked, chosen) = world.looks(100);
    assert!(chosen == 100 && looked < 60_000, "{looked}");
    world.freeze(Party::Customer(Name128([9; 16])), false);
    assert_eq!(
        world.queue.demand(world.hot, world.till.eth),
        100 + u128::from(CROWD / 3 * 2)
    );

    let usd = world.usd;
    let mut world = crowd(move |_, place| place.asset = usd, CROWD);
    world.till.halted.insert(usd);
    let (looked, chosen) = world.looks(100);
    assert!(chosen == 100 && looked < 60_000, "{looked}");
}

#[test]
fn what_cannot_be_paid_is_not_looked_at_one_by_one() {
    assert_cheap("too large", crowd(|_, place| place.amount = 2_000, CROWD));
    assert_cheap(
        "late",
        crowd(|n, place| place.pay_before_ms = START + n % 2, CROWD),
    );
    assert_cheap(
        "above its cap",
        crowd(|n, place| place.fee_cap = Some(u128::from(n % 5)), CROWD),
    );
    let mixed = |n: u64, place: &mut Place| match n % 4 {
        0 => place.amount = 2_000,
        1 => place.pay_before_ms = START + 1,
        2 => place.fee_cap = Some(4),
        _ => (place.amount, place.fee_cap) = (2_000, Some(9)),
    };
    assert_cheap("each for its own reason", crowd(mixed, CROWD));
    // Too small, and too large for the funds or to be paid at all; more so when the least that pays rises and falls.
    for least in [20, 5, 20] {
        let amounts = [1, 4, 2_001, 1_000_000];
        let mut world = crowd(|n, place| place.amount = amounts[n as usize % 4], CROWD / 3);
        world.sizes = Some((world.till.eth, 5..=100_000));
        world.till.has = 2_000;
        for n in 0..100 {
            world.add(world.place(u64::MAX - n, 20));
        }
        let first = world.looks(100);
        world.sizes = Some((world.till.eth, least..=100_000));
        world.looks(100);
        let (looked, chosen) = world.looks(100);
        assert_eq!((first.1, chosen), (100, 100), "{least}");
        assert!(looked < 30_000, "{least}: {looked}");
    }
    // Half an hour later all are old: funds are kept, and only old ones may have them.
    let mut world = crowd(
        |n, place| place.amount = 1 + 2_000 * u128::from(n % 2),
        CROWD,
    );
    world.till.has = 0;
    assert_eq!(world.looks(100).1, 0);
    world.now_ms += PATIENCE_MS;
    world.till.has = 100;
    assert_eq!(world.looks(100).1, 100);
    let (looked, chosen) = world.looks(100);
    assert!(chosen == 100 && looked < 60_000, "{looked}");
}

#[test]
fn one_customer_of_one_class_at_one_moment_may_have_a_million() {
    let mut world = World::new();
    world.till.has = u128::MAX;
    for _ in 0..1_000_000 {
        world.add(world.place(1, 1));
    }
    let last = Slot::from_number(999_999);
    let place = world.table.place(last).unwrap();
    assert_eq!(world.queue.position(last, &place), Some(1_000_000));
    let chosen = world.pay(5_000);
    assert!(
        chosen.iter().map(|slot| slot.number()).eq(0..5_000),
        "first come, first served"
    );
    assert_eq!(world.queue.position(last, &place), Some(995_000));
    world.freeze(Party::Customer(place.customer), true);
    assert!(world.select(10).is_empty());
    assert_eq!(world.queue.len(), 995_000);
    world.freeze(Party::Customer(place.customer), false);
    let rest = world.pay(1_000_000);
    assert!(rest.iter().map(|slot| slot.number()).eq(5_000..1_000_000));
    assert!(world.queue.is_empty());
}

/// `cargo test --release -p custody-ledger --test queue_crowd -- --ignored --nocapture`
#[test]
#[ignore = "ten million withdrawals take 3 GB and half a minute"]
fn ten_million() {
    use std::time::Instant;
    const MANY: u64 = 10_000_000;
    let mut world = World::new();
    world.till.has = 1_000_000;
    world.table.0.reserve(MANY as usize + 1);
    let start = Instant::now();
    for n in 0..MANY {
        world.now_ms = START + n / 100;
        let mut place = world.place(n.wrapping_mul(7_919) % 1_000_000, u128::from(n % 1_000) + 1);
        place.priority = [
            Priority::Economy,
            Priority::Standard,
            Priority::Standard,
            Priority::Expedited,
        ][(n % 4) as usize];
        if n % 2 == 0 {
            place.customer = Name128([9; 16]);
        }
        world.add(place);
    }
    println!(
        "enqueue: {} ns each",
        start.elapsed().as_nanos() / u128::from(MANY)
    );
    println!(
        "memory: {} bytes each",
        world.queue.bytes() as f64 / MANY as f64
    );
    for round in 0..3 {
        world.now_ms += 1;
        let start = Instant::now();
        let (looked, chosen) = world.looks(100);
        println!(
            "select {chosen} ({round}): {} us, looked at {looked}",
            start.elapsed().as_micros()
        );
    }
    let start = Instant::now();
    world.freeze(Party::Customer(Name128([9; 16])), true);
    println!("freeze half: {} ms", start.elapsed().as_millis());
    let start = Instant::now();
    world.freeze(Party::Destination(Name128([1; 16])), true);
    println!("freeze none: {} ms", start.elapsed().as_millis());
    for round in 0..3 {
        world.now_ms += PATIENCE_MS;
        let start = Instant::now();
        let (looked, chosen) = world.looks(100);
        println!(
            "select {chosen}, half frozen ({round}): {} us, looked at {looked}",
            start.elapsed().as_micros()
        );
    }
    world.till.has = 0;
    for round in 0..3 {
        let start = Instant::now();
        let (looked, chosen) = world.looks(100);
        println!(
            "select {chosen}, no funds ({round}): {} us, looked at {looked}",
            start.elapsed().as_micros()
        );
    }
    let start = Instant::now();
    let asked = 100_000_u64;
    for n in 0..asked {
        let slot = Slot::from_number((n * 97 + 1) as u32 | 1);
        let place = world.table.place(slot).unwrap();
        assert!(world.queue.position(slot, &place).is_some());
    }
    println!(
        "position: {} ns",
        start.elapsed().as_nanos() / u128::from(asked)
    );
    let start = Instant::now();
    world.till.has = u128::MAX;
    let paid = world.pay(1_000_000).len();
    println!(
        "select and dequeue {paid}: {} ns each",
        start.elapsed().as_nanos() / paid as u128
    );
}
