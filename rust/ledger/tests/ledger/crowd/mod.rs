//! One hot wallet and its queue, as large as wanted.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use custody_ledger::queue::{Bounds, Funds, Party, Place, Places, Queue, Stage};
use custody_ledger::{Name128, Priority, Slot, Symbol, Symbols};

pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;
pub const START: u64 = 1_700_000_000_000;

pub struct Table(pub Vec<Option<Place>>);

impl Places for Table {
    fn place(&self, slot: Slot) -> Option<Place> {
        *self.0.get(slot.number() as usize)?
    }
}

pub struct Till {
    pub eth: Symbol,
    pub has: u128,
    pub halted: BTreeSet<Symbol>,
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
pub struct World {
    pub hot: Symbol,
    pub usd: Symbol,
    pub queue: Queue,
    pub table: Table,
    pub till: Till,
    pub frozen: BTreeSet<Name128>,
    pub now_ms: u64,
    pub fee: u128,
    pub sizes: Option<(Symbol, RangeInclusive<u128>)>,
}

impl World {
    pub fn new() -> Self {
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
            sizes: None,
        }
    }

    pub fn place(&self, customer: u64, amount: u128) -> Place {
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

    pub fn add(&mut self, place: Place) -> Slot {
        let slot = Slot::from_number(u32::try_from(self.table.0.len()).unwrap());
        self.table.0.push(Some(place));
        self.queue
            .follow(slot, &place, Stage::Queued, false, self.now_ms);
        slot
    }

    pub fn select(&mut self, count: usize) -> Vec<Slot> {
        let bounds = Bounds {
            now_ms: self.now_ms,
            count,
            fee_asset: self.usd,
            fee_per_item: self.fee,
            amounts: Vec::new(),
            sizes: self.sizes.iter().cloned().collect(),
            weight: None,
        };
        self.queue
            .select(&self.table, self.hot, &bounds, &self.till)
    }

    /// Selects, and pays at once.
    pub fn pay(&mut self, count: usize) -> Vec<Slot> {
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

    pub fn freeze(&mut self, party: Party, on: bool) {
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
    pub fn looks(&mut self, count: usize) -> (u64, usize) {
        let before = self.queue.looked();
        let chosen = self.select(count).len();
        (self.queue.looked() - before, chosen)
    }
}
