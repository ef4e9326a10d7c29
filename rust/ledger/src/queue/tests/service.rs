//! Estimates from samples made by hand.

use crate::queue::saved::Writer;
use crate::queue::service::{Eta, Service};
use crate::slab::Slot;
use crate::symbols::{Symbol, Symbols};

const SECOND: u64 = 1_000;
const DAY: u64 = 86_400_000;
const START: u64 = 1_700_000_000_000;

struct World {
    service: Service,
    hot: Symbol,
    now_ms: u64,
    slots: u32,
}

impl World {
    fn new() -> Self {
        Self {
            service: Service::default(),
            hot: Symbols::default().intern("hot"),
            now_ms: START,
            slots: 0,
        }
    }

    fn slot(&mut self) -> Slot {
        self.slots += 1;
        Slot::from_number(self.slots)
    }

    fn joined(&mut self) -> Slot {
        let slot = self.slot();
        self.service.joined(slot, self.hot, self.now_ms);
        slot
    }

    fn taken(&mut self, slot: Slot) {
        self.service.taken(slot, self.hot, self.now_ms);
    }

    fn paid(&mut self, slot: Slot) {
        self.service.paid(slot, self.hot, self.now_ms);
    }

    /// One that waited so long with so many before it, and then took so long to be final.
    fn sample(&mut self, ahead: u32, wait_ms: u64, settle_ms: u64) {
        let slot = self.joined();
        for _ in 0..ahead {
            let other = self.slot();
            self.taken(other);
        }
        self.now_ms += wait_ms;
        self.taken(slot);
        self.now_ms += settle_ms;
        self.paid(slot);
    }

    /// Milliseconds from now.
    fn of_queued(&self, ahead: usize) -> Option<(u64, u64)> {
        let eta = self.service.of_queued(self.hot, ahead, self.now_ms)?;
        Some((eta.p50_ms - self.now_ms, eta.p90_ms - self.now_ms))
    }

    fn is_followed(&self, slot: Slot) -> bool {
        let mut out = Writer::default();
        self.service.save_followed(slot, &mut out);
        out.0 != 0_u64.to_be_bytes()
    }
}

#[test]
fn half_and_nine_of_ten() {
    let mut world = World::new();
    for n in [3, 9, 1, 7, 5, 10, 2, 8, 6, 4] {
        world.sample(0, n * SECOND, 0);
    }
    assert_eq!(world.of_queued(0), Some((5 * SECOND, 9 * SECOND)));
    assert_eq!(world.of_queued(1), Some((10 * SECOND, 18 * SECOND)));
    let mut world = World::new();
    for _ in 0..8 {
        world.sample(4, 5 * SECOND, 7 * SECOND);
    }
    assert_eq!(world.of_queued(4), Some((12 * SECOND, 12 * SECOND)));
    assert_eq!(world.of_queued(9), Some((17 * SECOND, 17 * SECOND)));
}

#[test]
fn sixteen_points_stand_for_all_times_to_be_final() {
    let mut world = World::new();
    for n in 1..=32 {
        world.sample(0, 0, n * SECOND);
    }
    assert_eq!(world.of_queued(0), Some((16 * SECOND, 30 * SECOND)));
}

#[test]
fn the_likest_count_whatever_is_newer() {
    // Waits that are not in proportion to what stood before.
    for (like, other, asked) in [(0, 1_023, 0), (1_023, 0, 1_000), (120, 70, 118), (3, 6, 3)] {
        let mut world = World::new();
        for (ahead, per_one) in [(like, 2), (other, 60)] {
            for _ in 0..64 {
                world.sample(ahead, u64::from(ahead + 1) * per_one, 0);
            }
        }
        let expected = (asked as u64 + 1) * 2;
        assert_eq!(
            world.of_queued(asked),
            Some((expected, expected)),
            "{asked}"
        );
    }
}

#[test]
fn a_day_is_the_longest_that_a_sample_counts() {
    let mut world = World::new();
    for _ in 0..8 {
        world.sample(0, SECOND, 0);
    }
    let first_at = START + SECOND;
    world.now_ms = first_at + DAY;
    assert!(world.of_queued(0).is_some());
    world.now_ms += 1;
    assert_eq!(world.of_queued(0), None, "seven are fresh");
    let slot = world.joined();
    world.taken(slot);
    assert_eq!(world.service.of_paying(slot, world.hot, world.now_ms), None);
}

#[test]
fn of_what_a_payout_has_only_what_took_longer_counts() {
    let mut world = World::new();
    for n in 1..=16 {
        world.sample(0, 0, n * SECOND);
    }
    let slot = world.joined();
    world.taken(slot);
    let from_ms = world.now_ms;
    let at = |elapsed| world.service.of_paying(slot, world.hot, from_ms + elapsed);
    let eta = |p50, p90| {
        Some(Eta {
            p50_ms: from_ms + p50 * SECOND,
            p90_ms: from_ms + p90 * SECOND,
        })
    };
    assert_eq!(at(0), eta(8, 15));
    assert_eq!(at(4 * SECOND), eta(10, 15));
    assert_eq!(at(8 * SECOND), eta(12, 16));
    assert_eq!(at(9 * SECOND), None, "seven took longer");
    let unknown = Slot::from_number(9_999);
    assert_eq!(world.service.of_paying(unknown, world.hot, from_ms), None);
}

#[test]
fn as_many_are_followed_as_there_is_room_for() {
    let mut world = World::new();
    let slots: Vec<Slot> = (0..257).map(|_| world.joined()).collect();
    assert!(world.is_followed(slots[255]) && !world.is_followed(slots[256]));
    // One that ends, and one that a payout takes, make room for one each; again does not.
    world.service.gone(slots[0], world.hot);
    world.service.gone(slots[0], world.hot);
    world.taken(slots[1]);
    world.service.gone(slots[1], world.hot);
    let more: Vec<bool> = (0..3)
        .map(|_| {
            let slot = world.joined();
            world.is_followed(slot)
        })
        .collect();
    assert_eq!(more, [true, true, false]);
    assert!(!world.is_followed(slots[0]) && !world.is_followed(slots[1]));
}

#[test]
fn the_last_256_samples_are_kept() {
    let mut world = World::new();
    for _ in 0..64 {
        world.sample(0, 0, 50 * SECOND);
    }
    for _ in 0..255 {
        world.sample(0, 0, SECOND);
    }
    // One of the fifty seconds is left: of 16 points of the sorted times it is none.
    assert_eq!(world.of_queued(0), Some((SECOND, SECOND)));
    for _ in 0..64 {
        world.sample(0, 0, 9 * SECOND);
    }
    assert_eq!(world.of_queued(0), Some((SECOND, 9 * SECOND)));
}
