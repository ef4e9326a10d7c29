//! Estimates of the time to payment: absent when too little is known, and kept more often than not when it is.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::collections::VecDeque;

use custody_ledger::queue::{Eta, Place, Queue, Stage};
use custody_ledger::{Name128, Priority, Slot, Symbol, Symbols};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60_000;
const START: u64 = 1_700_000_000_000;

struct World {
    hot: Symbol,
    queue: Queue,
    places: Vec<Place>,
    waiting: VecDeque<Slot>,
    paying: Vec<(u64, Slot)>,
    now_ms: u64,
    chance: u64,
}

impl World {
    fn new() -> Self {
        Self {
            hot: Symbols::default().intern("hot"),
            queue: Queue::default(),
            places: Vec::new(),
            waiting: VecDeque::new(),
            paying: Vec::new(),
            now_ms: START,
            chance: 1,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        (self.chance >> 33) % below
    }

    fn follow(&mut self, slot: Slot, stage: Stage) {
        let place = self.places[slot.number() as usize];
        self.queue.follow(slot, &place, stage, false, self.now_ms);
    }

    fn eta(&self, slot: Slot) -> Option<Eta> {
        let place = &self.places[slot.number() as usize];
        self.queue.eta(slot, place, self.now_ms)
    }

    fn come(&mut self) -> Slot {
        let n = self.places.len() as u64;
        let mut name = [0; 16];
        name[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        self.places.push(Place {
            wallet: self.hot,
            asset: self.hot,
            customer: Name128(name),
            destination: Name128(name),
            since_ms: self.now_ms,
            priority: Priority::Standard,
            amount: 1,
            fee_cap: None,
            pay_before_ms: u64::MAX,
        });
        let slot = Slot::from_number(n as u32);
        self.follow(slot, Stage::Queued);
        self.waiting.push_back(slot);
        slot
    }

    /// The oldest are taken, to be final `settle_ms` later.
    fn take(&mut self, count: u64, settle_ms: u64) {
        for _ in 0..count {
            let Some(slot) = self.waiting.pop_front() else {
                return;
            };
            self.follow(slot, Stage::Paying);
            self.paying.push((self.now_ms + settle_ms, slot));
        }
    }

    /// Those that became final meanwhile.
    fn settle(&mut self) -> Vec<Slot> {
        let now_ms = self.now_ms;
        let (done, paying) = self.paying.drain(..).partition(|(at, _)| *at <= now_ms);
        self.paying = paying;
        let done: Vec<(u64, Slot)> = done;
        for (_, slot) in &done {
            self.follow(*slot, Stage::Paid);
        }
        done.into_iter().map(|(_, slot)| slot).collect()
    }
}

#[test]
fn too_little_says_nothing_and_so_does_what_is_a_day_old() {
    let mut world = World::new();
    for n in 1..=8 {
        world.come();
        world.take(1, 0);
        world.now_ms += MINUTE;
        world.settle();
        let asked = world.come();
        assert_eq!(world.eta(asked).is_some(), n == 8, "after {n}");
        world.waiting.pop_back();
        world.follow(asked, Stage::Gone);
    }
    let asked = world.come();
    let eta = world.eta(asked).unwrap();
    assert_eq!(
        (eta.p50_ms, eta.p90_ms),
        (world.now_ms + MINUTE, world.now_ms + MINUTE)
    );
    world.now_ms += 25 * 60 * MINUTE;
    assert_eq!(world.eta(asked), None);
    // Frozen, ended or unknown: nothing is said.
    world.now_ms -= 25 * 60 * MINUTE;
    let place = world.places[asked.number() as usize];
    let other = world.come();
    assert!(world.eta(other).is_some());
    world.follow(other, Stage::Gone);
    assert_eq!(world.eta(other), None);
    world.follow(asked, Stage::Gone);
    world
        .queue
        .follow(asked, &place, Stage::Queued, true, world.now_ms);
    assert_eq!(world.eta(asked), None);
}

#[test]
fn what_stands_far_behind_waits_longer() {
    let mut world = World::new();
    for _ in 0..3_000 {
        world.come();
    }
    // Ten a minute, final two minutes later.
    for _ in 0..200 {
        world.take(10, 2 * MINUTE);
        world.now_ms += MINUTE;
        world.settle();
    }
    let left: Vec<Slot> = world.waiting.iter().copied().collect();
    let minutes = |slot: Slot| (world.eta(slot).unwrap().p50_ms - world.now_ms) / MINUTE;
    for (index, low, high) in [(0, 2, 3), (100, 10, 14), (500, 45, 58), (999, 90, 115)] {
        let found = minutes(left[index]);
        assert!((low..=high).contains(&found), "{index}: {found}");
    }
    // One that is being paid: from when it was taken; unknown once it takes longer than any before.
    world.take(1, 90 * MINUTE);
    let paying = left[0];
    let taken_ms = world.now_ms;
    if let Some(eta) = world.eta(paying) {
        assert_eq!(eta.p50_ms, taken_ms + 2 * MINUTE);
        world.now_ms += 3 * MINUTE;
        assert_eq!(world.eta(paying), None);
    }
}

#[test]
fn estimates_are_kept_as_often_as_they_say_and_are_the_same_each_time() {
    let run = |crowds: bool| {
        let mut world = World::new();
        let mut told: Vec<Option<(u64, Eta)>> = Vec::new();
        let (mut early, mut late, mut known) = (0, 0, 0);
        for second in 0..30_000_u64 {
            world.now_ms = START + second * SECOND;
            // Arrivals come in crowds; the wallet pays in batches, now and then nothing; blocks differ.
            let busy = crowds && (second / 1_500) % 2 == 0;
            if world.random(match (crowds, busy) {
                (false, _) => 7,
                (true, true) => 5,
                (true, false) => 12,
            }) == 0
            {
                let slot = world.come();
                told.push(world.eta(slot).map(|eta| (world.now_ms, eta)));
            }
            if second % 12 == 0 && world.random(10) > 0 {
                let (count, settle) = (world.random(5), 120 + world.random(90));
                world.take(count, settle * SECOND);
            }
            for slot in world.settle() {
                if let Some((_, eta)) = told[slot.number() as usize] {
                    known += 1;
                    early += usize::from(world.now_ms <= eta.p50_ms);
                    late += usize::from(world.now_ms > eta.p90_ms);
                }
            }
        }
        (told, known, early, late)
    };
    for (crowds, most_late) in [(false, 15), (true, 25)] {
        let (told, known, early, late) = run(crowds);
        let percent = |count: usize| count * 100 / known;
        println!(
            "{known}: {}% by p50, {}% after p90",
            percent(early),
            percent(late)
        );
        assert!(known > 2_000, "{known}");
        assert!((35..=75).contains(&percent(early)));
        assert!(percent(late) <= most_late);
        assert_eq!(run(crowds).0, told);
    }
}
