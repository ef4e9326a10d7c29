//! Random interleavings of every operation: the queue answers as the plain one, also after it was saved and loaded.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;

use crate::names::Name128;
use crate::queue::lines::{Party, Queue, Stage};
use crate::queue::place::{Place, Places};
use crate::queue::selection::{Bounds, Weight};
use crate::queue::tests::plain::{Item, Plain, Purse, Table};
use crate::slab::Slot;
use crate::symbols::{Symbol, Symbols};
use crate::withdrawal::Priority;

const MINUTE: u64 = 60_000;

#[derive(Debug, Clone)]
enum Step {
    Add(Box<Added>),
    Move(Index, u8),
    Freeze(u8, bool),
    Halt(u8),
    Clock(i64),
    Select(Box<Asked>),
}

#[derive(Debug, Clone)]
struct Added {
    held: bool,
    wallet: u8,
    token: bool,
    customer: u8,
    destination: u8,
    back_ms: u64,
    priority: u8,
    amount: u128,
    fee_cap: Option<u128>,
    lives_ms: u64,
}

#[derive(Debug, Clone)]
struct Asked {
    has: (u128, u128),
    house: u128,
    fee: u128,
    count: usize,
    passed_over: Vec<Index>,
    cap: Option<u128>,
    sizes: Option<(u128, u128)>,
    weight: Option<(u64, bool)>,
}

fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![6 => 1..50_u128, 3 => Just(20), 2 => 50..500_u128, 1 => Just(u128::MAX)]
}

fn step() -> impl Strategy<Value = Step> {
    let added = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.3),
        0..4_u8,
        0..5_u8,
        prop_oneof![4 => Just(0), 1 => 0..90 * MINUTE],
        0..3_u8,
        amount(),
        prop_oneof![2 => Just(None), 1 => (0..10_u128).prop_map(Some)],
        prop_oneof![1 => 0..40 * MINUTE, 3 => 0..3_000 * MINUTE],
    );
    let added = added.prop_map(
        |(
            held,
            wallet,
            token,
            customer,
            destination,
            back_ms,
            priority,
            amount,
            fee_cap,
            lives_ms,
        )| {
            Step::Add(Box::new(Added {
                held,
                wallet: wallet.into(),
                token,
                customer,
                destination,
                back_ms,
                priority,
                amount,
                fee_cap,
                lives_ms,
            }))
        },
    );
    let asked = (
        (
            prop_oneof![0..100_u128, 0..2_000_u128, Just(u128::MAX)],
            0..400_u128,
        ),
        prop_oneof![0..60_u128, Just(10_000)],
        0..12_u128,
        0..30_usize,
        prop::collection::vec(any::<Index>(), 0..4),
        prop_oneof![3 => Just(None), 1 => (0..300_u128).prop_map(Some)],
        prop_oneof![3 => Just(None), 1 => (0..30_u128, 20..400_u128).prop_map(Some)],
        prop_oneof![3 => Just(None), 1 => (0..30_u64, any::<bool>()).prop_map(Some)],
    );
    let asked = asked.prop_map(
        |(has, house, fee, count, passed_over, cap, sizes, weight)| {
            Step::Select(Box::new(Asked {
                has,
                house,
                fee,
                count,
                passed_over,
                cap,
                sizes,
                weight,
            }))
        },
    );
    prop_oneof![
        12 => added,
        6 => (any::<Index>(), 0..5_u8).prop_map(|(index, to)| Step::Move(index, to)),
        1 => (0..9_u8, any::<bool>()).prop_map(|(party, on)| Step::Freeze(party, on)),
        1 => (0..2_u8).prop_map(Step::Halt),
        3 => prop_oneof![0..3 * MINUTE as i64, -20 * MINUTE as i64..40 * MINUTE as i64].prop_map(Step::Clock),
        4 => asked,
    ]
}

fn name(kind: &str, n: u8) -> Name128 {
    Name128::customer(&format!("{kind}{n}"))
}

fn party(n: u8) -> Party {
    match n.checked_sub(4) {
        None => Party::Customer(name("c", n)),
        Some(n) => Party::Destination(name("d", n)),
    }
}

struct World {
    symbols: Symbols,
    wallets: [Symbol; 2],
    assets: [Symbol; 2],
    queue: Queue,
    plain: Plain,
    table: Table,
    halted: BTreeSet<Symbol>,
    now_ms: u64,
}

impl World {
    fn new() -> Self {
        let mut symbols = Symbols::default();
        Self {
            wallets: ["hot-1", "hot-2"].map(|n| symbols.intern(n)),
            assets: ["eth", "usd"].map(|n| symbols.intern(n)),
            symbols,
            queue: Queue::default(),
            plain: Plain::default(),
            table: Table(Vec::new()),
            halted: BTreeSet::new(),
            now_ms: 1_700_000_000_000,
        }
    }

    fn to(&mut self, slot: Slot, stage: Stage) {
        let place = self.table.place(slot).unwrap();
        let frozen = self.plain.frozen(&place);
        self.queue.follow(slot, &place, stage, frozen, self.now_ms);
        self.plain.to(slot, stage);
        if matches!(stage, Stage::Paid | Stage::Gone) {
            self.table.0[slot.number() as usize] = None;
        }
    }

    fn add(&mut self, added: &Added) {
        let place = Place {
            wallet: self.wallets[usize::from(added.wallet)],
            asset: self.assets[usize::from(added.token)],
            customer: name("c", added.customer),
            destination: name("d", added.destination),
            since_ms: self.now_ms - added.back_ms,
            priority: [Priority::Economy, Priority::Standard, Priority::Expedited]
                [usize::from(added.priority)],
            amount: added.amount,
            fee_cap: added.fee_cap,
            pay_before_ms: self.now_ms + added.lives_ms,
        };
        let free = self.table.0.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.table.0.push(None);
            self.table.0.len() - 1
        });
        self.table.0[slot] = Some(place);
        let (slot, stage) = (
            Slot::from_number(slot as u32),
            if added.held {
                Stage::Held
            } else {
                Stage::Queued
            },
        );
        self.plain.items.push(Item {
            slot,
            place,
            stage: Stage::Held,
            seat: None,
        });
        self.to(slot, stage);
    }

    fn step(&mut self, index: &Index, to: u8) {
        if self.plain.items.is_empty() {
            return;
        }
        let item = &self.plain.items[index.index(self.plain.items.len())];
        let stage = match (item.stage, to) {
            (Stage::Held, 0..3) | (Stage::Paying, 0) => Stage::Queued,
            (Stage::Paying, 1..4) => Stage::Paid,
            (Stage::Queued, 0..3) => Stage::Paying,
            _ => Stage::Gone,
        };
        self.to(item.slot, stage);
    }

    fn select(&mut self, asked: &Asked) {
        let has = BTreeMap::from([(self.assets[0], asked.has.0), (self.assets[1], asked.has.1)]);
        let items = &self.plain.items;
        let passed_over = asked.passed_over.iter().filter(|_| !items.is_empty());
        let purse = Purse {
            has: &has,
            house: asked.house,
            halted: &self.halted,
            passed_over: &passed_over
                .map(|i| items[i.index(items.len())].slot)
                .collect(),
        };
        let bounds = Bounds {
            now_ms: self.now_ms,
            count: asked.count,
            fee_asset: self.assets[0],
            fee_per_item: asked.fee,
            amounts: asked
                .cap
                .map(|cap| (self.assets[0], cap))
                .into_iter()
                .collect(),
            sizes: asked
                .sizes
                .map(|(least, most)| (self.assets[0], least..=most))
                .into_iter()
                .collect(),
            weight: asked.weight.map(|(total, both)| Weight {
                total,
                per_item: [(self.assets[0], 3), (self.assets[1], 7)][..1 + usize::from(both)]
                    .to_vec(),
            }),
        };
        for wallet in self.wallets {
            assert_eq!(
                self.queue.select(&self.table, wallet, &bounds, &purse),
                self.plain.select(wallet, &bounds, &purse),
            );
        }
    }

    fn saved(&self) -> Vec<Vec<u8>> {
        let seats = self
            .plain
            .items
            .iter()
            .map(|item| self.queue.save_seat(item.slot));
        std::iter::once(self.queue.save(&self.symbols))
            .chain(seats)
            .collect()
    }

    fn load(&mut self, saved: &[Vec<u8>]) {
        let mut queue = Queue::load(&saved[0], &self.symbols).unwrap();
        assert!(Queue::load(&saved[0][1..], &self.symbols).is_none());
        for (item, saved) in self.plain.items.iter().zip(&saved[1..]) {
            let frozen = self.plain.frozen(&item.place);
            assert!(
                queue
                    .clone()
                    .load_seat(item.slot, &item.place, item.stage, frozen, &saved[1..])
                    .is_none()
            );
            queue
                .load_seat(item.slot, &item.place, item.stage, frozen, saved)
                .unwrap();
        }
        self.queue = queue;
    }

    fn check(&self) {
        for wallet in self.wallets {
            let queued = self.plain.queued(wallet);
            for (position, item) in queued.iter().enumerate() {
                assert_eq!(
                    self.queue.position(item.slot, &item.place),
                    Some(position + 1)
                );
                assert_eq!(
                    self.queue.due_ms(item.slot, &item.place),
                    item.seat.map(|s| s.0)
                );
            }
            for asset in self.assets {
                let free = queued
                    .iter()
                    .filter(|i| i.place.asset == asset && !self.plain.frozen(&i.place));
                let demand = free.fold(0_u128, |sum, i| sum.saturating_add(i.place.amount));
                if demand < u128::MAX {
                    assert_eq!(self.queue.demand(wallet, asset), demand);
                }
            }
        }
        let open = self.plain.items.iter();
        let mut passed: Vec<(u64, Slot)> = open
            .filter(|i| {
                matches!(i.stage, Stage::Held | Stage::Queued)
                    && i.place.pay_before_ms <= self.now_ms
            })
            .map(|i| (i.place.pay_before_ms, i.slot))
            .collect();
        passed.sort_unstable();
        let passed: Vec<Slot> = passed.into_iter().map(|(_, slot)| slot).collect();
        assert_eq!(self.queue.expired(self.now_ms, usize::MAX), passed);
        assert_eq!(
            self.queue.expired(self.now_ms, 3),
            passed[..passed.len().min(3)]
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_queue_answers_as_a_sorted_vector_would(steps in prop::collection::vec(step(), 1..400)) {
        let mut world = World::new();
        for step in &steps {
            match step {
                Step::Add(added) => world.add(added),
                Step::Move(index, to) => world.step(index, *to),
                Step::Freeze(n, on) => {
                    let party = party(*n);
                    let (Party::Customer(name) | Party::Destination(name)) = party;
                    if *on {
                        world.plain.frozen.insert(name);
                    } else {
                        world.plain.frozen.remove(&name);
                    }
                    let plain = &world.plain;
                    world.queue.refreeze(&world.table, &party, |place| plain.frozen(place));
                }
                Step::Halt(asset) => {
                    let asset = world.assets[usize::from(*asset)];
                    if !world.halted.remove(&asset) {
                        world.halted.insert(asset);
                    }
                }
                Step::Clock(by_ms) => world.now_ms = world.now_ms.saturating_add_signed(*by_ms),
                Step::Select(asked) => world.select(asked),
            }
        }
        world.check();
        // And once more from its bytes, with the same answers and the same bytes.
        let saved = world.saved();
        world.load(&saved);
        prop_assert_eq!(world.saved(), saved);
        world.check();
        for step in &steps {
            if let Step::Select(asked) = step {
                world.select(asked);
            }
        }
    }
}
