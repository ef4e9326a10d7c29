//! A bank run on the queue: floods, shortages, halts and a crowd that cannot be paid; the bounds that the queue states.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};

use custody_ledger::queue::{
    Bounds, Funds, MAX_SHARE, PATIENCE_MS, Party, Place, Places, Queue, SPACING_MS, Stage,
};
use custody_ledger::{Name128, Priority, Slot, Symbol, Symbols};
use proptest::prelude::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const START: u64 = 1_700_000_000_000;

struct Table(Vec<Option<Place>>);

impl Places for Table {
    fn place(&self, slot: Slot) -> Option<Place> {
        *self.0.get(slot.number() as usize)?
    }
}

struct Till {
    eth: Symbol,
    has: u128,
    halted: BTreeSet<Symbol>,
}

impl Funds for Till {
    fn available(&self, asset: Symbol) -> u128 {
        if asset == self.eth {
            self.has
        } else {
            u128::MAX
        }
    }
    fn house(&self) -> u128 {
        u128::MAX
    }
    fn stopped(&self, asset: Symbol) -> bool {
        self.halted.contains(&asset)
    }
    fn passed_over(&self, _: Slot) -> bool {
        false
    }
}

/// One hot wallet, its queue and its funds.
struct World {
    hot: Symbol,
    usd: Symbol,
    queue: Queue,
    table: Table,
    till: Till,
    frozen: BTreeSet<Name128>,
    now_ms: u64,
    fee: u128,
}

impl World {
    fn new() -> Self {
        let mut symbols = Symbols::default();
        let [hot, eth, usd] = ["hot", "eth", "usd"].map(|name| symbols.intern(name));
        Self {
            hot,
            usd,
            queue: Queue::default(),
            table: Table(Vec::new()),
            till: Till {
                eth,
                has: 0,
                halted: BTreeSet::new(),
            },
            frozen: BTreeSet::new(),
            now_ms: START,
            fee: 0,
        }
    }

    fn place(&self, customer: u64, amount: u128) -> Place {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&customer.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        name[8..].copy_from_slice(&customer.to_be_bytes());
        Place {
            wallet: self.hot,
            asset: self.till.eth,
            customer: Name128(name),
            destination: Name128(name),
            since_ms: self.now_ms,
            priority: Priority::Standard,
            amount,
            fee_cap: None,
            pay_before_ms: self.now_ms + 10_000 * HOUR,
        }
    }

    fn add(&mut self, place: Place) -> Slot {
        let slot = Slot::from_number(u32::try_from(self.table.0.len()).unwrap());
        self.table.0.push(Some(place));
        self.queue
            .follow(slot, &place, Stage::Queued, false, self.now_ms);
        slot
    }

    fn select(&mut self, count: usize) -> Vec<Slot> {
        let bounds = Bounds {
            now_ms: self.now_ms,
            count,
            fee_asset: self.usd,
            fee_per_item: self.fee,
            amounts: Vec::new(),
            weight: None,
        };
        self.queue
            .select(&self.table, self.hot, &bounds, &self.till)
    }

    /// Selects, and pays at once.
    fn pay(&mut self, count: usize) -> Vec<Slot> {
        let chosen = self.select(count);
        for slot in &chosen {
            let place = self.table.place(*slot).unwrap();
            self.till.has = self.till.has.saturating_sub(place.amount);
            for stage in [Stage::Paying, Stage::Paid] {
                self.queue.follow(*slot, &place, stage, false, self.now_ms);
            }
        }
        chosen
    }

    fn freeze(&mut self, party: Party, on: bool) {
        let (Party::Customer(name) | Party::Destination(name)) = party;
        if on {
            self.frozen.insert(name);
        } else {
            self.frozen.remove(&name);
        }
        let frozen = &self.frozen;
        self.queue.refreeze(&self.table, &party, |place| {
            frozen.contains(&place.customer) || frozen.contains(&place.destination)
        });
    }

    /// What a selection looked at, and what it chose.
    fn looks(&mut self, count: usize) -> (u64, usize) {
        let before = self.queue.looked();
        let chosen = self.select(count).len();
        (self.queue.looked() - before, chosen)
    }
}

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
        if n % 3 > 0 {
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

/// `cargo test --release -p custody-ledger --test queue_run -- --ignored --nocapture`
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
