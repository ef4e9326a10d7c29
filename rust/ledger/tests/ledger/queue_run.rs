//! A bank run on the queue: floods and shortages, and the bounds that the queue states.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};

use crate::crowd::{HOUR, MINUTE, START, World};
use custody_ledger::queue::{MAX_SHARE, PATIENCE_MS, Place, Places, SPACING_MS, Stage};
use custody_ledger::{Priority, Slot};
use proptest::prelude::*;

#[test]
fn a_flood_delays_others_by_one_a_minute_at_most() {
    let mut world = World::new();
    world.till.has = u128::MAX;
    let flooder = 1_000_000;
    let mut flood = BTreeSet::new();
    let mut came: BTreeMap<Slot, (u64, usize)> = BTreeMap::new();
    let mut paid_of_flood = 0;
    let (mut served, mut worst) = (0, 0);
    for minute in 0..8 * 60_u64 {
        world.now_ms = START + minute * MINUTE;
        // It floods at once with the fastest class, and goes on flooding.
        for _ in 0..if minute == 0 { 50_000 } else { 100 } {
            let mut place = world.place(flooder, 1);
            place.priority = Priority::Expedited;
            flood.insert(world.add(place));
        }
        for n in 0..3 {
            let slot = world.add(world.place(minute * 3 + n, 1));
            came.insert(slot, (minute, paid_of_flood));
        }
        for slot in world.pay(4) {
            if flood.contains(&slot) {
                paid_of_flood += 1;
                continue;
            }
            let (since, before) = came[&slot];
            // Ten minutes: the class that the flooder took, and another did not.
            let bound = since as usize + 10 + 1;
            assert!(
                paid_of_flood - before <= bound,
                "{since}: {paid_of_flood} - {before}"
            );
            worst = worst.max(minute - since);
            served += 1;
        }
    }
    assert!(served >= 3 * (8 * 60 - 15), "{served} were served");
    assert!(worst <= 12, "none of the others waited {worst} minutes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// At any moment, before one that is due at T there stand at most 1 + (T - s) / 60 s of any other customer, where s
    /// is the age by class of the last of them that came: however that customer floods, and whatever is paid between.
    #[test]
    fn however_one_floods_the_bound_holds(
        steps in prop::collection::vec((0..60_u64, 0..5_usize, 0..3_u8, 0..40 * MINUTE), 1..250),
    ) {
        let mut world = World::new();
        world.till.has = u128::MAX;
        let mut queued: Vec<Slot> = Vec::new();
        for (what, count, class, wait) in steps {
            let class = [Priority::Economy, Priority::Standard, Priority::Expedited][usize::from(class)];
            match what {
                0..30 => for _ in 0..=count * 4 {
                    let mut place = world.place(7, 1);
                    place.priority = class;
                    queued.push(world.add(place));
                },
                30..50 => {
                    let paid = world.pay(count * 3);
                    queued.retain(|slot| !paid.contains(slot));
                }
                _ => world.now_ms += wait,
            }
            let mut other = world.place(8, 1);
            other.priority = class;
            let due = other.due_ms(0);
            let ahead = queued.iter().map(|slot| (*slot, world.table.place(*slot).unwrap()));
            let ahead: Vec<(Slot, Place)> =
                ahead.filter(|(slot, place)| world.queue.due_ms(*slot, place).unwrap() <= due).collect();
            if let Some((_, last)) = ahead.last() {
                let bound = 1 + due.saturating_sub(last.due_ms(0)) / SPACING_MS;
                prop_assert!(ahead.len() as u64 <= bound, "{} of {bound}", ahead.len());
            }
        }
    }
}

#[test]
fn nothing_is_overtaken_by_what_came_25_hours_later() {
    let longest = HOUR + u64::from(MAX_SHARE) * SPACING_MS;
    assert_eq!(longest, 25 * HOUR);
    let mut world = World::new();
    world.till.has = u128::MAX;
    // The slowest class, of one who floods, against a crowd of others who are always more than can be paid.
    let last = (0..2_000).map(|_| {
        let mut place = world.place(0, 1);
        place.priority = Priority::Economy;
        world.add(place)
    });
    let last = last.last().unwrap();
    let place = world.table.place(last).unwrap();
    assert_eq!(world.queue.due_ms(last, &place), Some(START + longest));
    for minute in 0.. {
        world.now_ms = START + minute * MINUTE;
        for n in 0..6 {
            let mut crowd = world.place(1 + minute * 6 + n, 1);
            crowd.priority = Priority::Expedited;
            world.add(crowd);
        }
        let paid = world.pay(5);
        for slot in &paid {
            let since = world.table.place(*slot).unwrap().since_ms;
            assert!(since <= START + longest, "it came later and overtook");
        }
        if paid.contains(&last) {
            assert!(minute > 25 * 60);
            return;
        }
    }
}

#[test]
fn a_large_one_delays_small_ones_by_ten_minutes_at_most() {
    let run = |large: bool| {
        let mut world = World::new();
        if large {
            world.add(world.place(0, 1_000_000));
        }
        let mut paid = BTreeMap::new();
        let mut names = BTreeMap::new();
        for minute in 0..600_u64 {
            world.now_ms = START + minute * MINUTE;
            // Short for hours, then not: it never has enough for the large one.
            world.till.has += if minute % 120 < 90 { 3 } else { 20 };
            for n in 0..5 {
                let customer = 1 + minute * 5 + n;
                names.insert(world.add(world.place(customer, 1)), customer);
            }
            for slot in world.pay(50) {
                paid.insert(names[&slot], world.now_ms);
            }
        }
        paid
    };
    let (without, with) = (run(false), run(true));
    let mut delayed = 0;
    for (customer, at) in &without {
        let patience = START + (customer - 1) / 5 * MINUTE + PATIENCE_MS;
        let then = with.get(customer).copied();
        assert!(
            then.unwrap_or(u64::MAX) <= (*at).max(patience) || START + 600 * MINUTE <= patience
        );
        delayed += usize::from(then != Some(*at));
    }
    assert!(delayed > 0, "the funds were kept for a while");
}

#[test]
fn a_large_one_takes_the_first_funds_that_suffice() {
    // A stream of small ones takes every trickle; a refill of what stands before it and its own amount pays it at once.
    for refill_at in [11, 37, 240, 1_000_u64] {
        let mut world = World::new();
        let large = world.add(world.place(0, 5_000));
        for minute in 0..=refill_at {
            world.now_ms = START + minute * MINUTE;
            for n in 0..10 {
                world.add(world.place(1 + minute * 10 + n, 1));
            }
            world.till.has += 8;
            if minute == refill_at {
                let place = world.table.place(large).unwrap();
                let before = world.queue.position(large, &place).unwrap() - 1;
                world.till.has += before as u128 + 5_000;
                assert!(world.pay(1_000).contains(&large), "at {refill_at}");
            } else {
                assert!(!world.pay(1_000).contains(&large));
            }
        }
    }
    // What arrives within ten minutes is kept for it, though it comes bit by bit and others want it.
    let mut world = World::new();
    let large = world.add(world.place(0, 1_000));
    for minute in 10..=20 {
        world.now_ms = START + minute * MINUTE;
        world.till.has += 120;
        for n in 0..10 {
            world.add(world.place(1 + minute * 10 + n, 10));
        }
        if world.pay(100).contains(&large) {
            assert_eq!(minute, 18, "nine times 120 is enough");
            return;
        }
    }
    panic!("it was starved");
}

#[test]
fn the_first_that_can_be_paid_is_found_behind_any_number_that_cannot() {
    let mut world = World::new();
    world.till.has = 100;
    for n in 0..5_000_u64 {
        let small = world.add(world.place(n, 1));
        if n < 400 || n.is_multiple_of(61) {
            assert_eq!(world.select(9), [small], "{n}");
        }
        let place = world.table.place(small).unwrap();
        world.queue.follow(small, &place, Stage::Gone, false, START);
        if n < 400 {
            assert!(world.select(9).is_empty(), "looked through in vain, {n}");
        }
        world.add(world.place(n, 2_000));
    }
}

#[test]
fn what_was_late_is_not_when_the_clock_went_back() {
    for count in [1, 300, 5_000] {
        let mut world = World::new();
        world.till.has = u128::MAX;
        for n in 0..count {
            let mut place = world.place(n, 1);
            place.pay_before_ms = START + 5;
            world.add(place);
        }
        world.now_ms = START + 5;
        assert!(world.select(9_999).is_empty());
        world.now_ms = START + 4;
        assert_eq!(world.select(9_999).len() as u64, count);
    }
}

#[test]
fn funds_are_kept_for_old_ones_that_were_young_when_last_looked_at() {
    for count in [100, 300, 5_000_u64] {
        let mut world = World::new();
        world.till.has = 100;
        for n in 0..count {
            // One of a hundred could be paid and is late, so that all of them are looked at.
            let mut place = world.place(n, if n.is_multiple_of(100) { 1 } else { 2_000 });
            if n.is_multiple_of(100) {
                place.pay_before_ms = START + 5;
            }
            world.add(place);
        }
        world.now_ms = START + 6;
        assert!(world.select(9).is_empty());
        world.now_ms = START + 9 * MINUTE;
        let young = world.add(world.place(count, 1));
        assert_eq!(world.select(9), [young]);
        world.now_ms = START + 11 * MINUTE;
        assert!(world.select(9).is_empty(), "{count}");
        world.now_ms = START + 19 * MINUTE;
        assert_eq!(world.select(9), [young]);
    }
}
