//! The queue's rules once more, for clarity: a vector, sorted and looked through from its beginning.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::Name128;
use crate::queue::lines::Stage;
use crate::queue::place::{MAX_SHARE, PATIENCE_MS, Place, Places, SPACING_MS};
use crate::queue::selection::{Bounds, Funds};
use crate::slab::Slot;
use crate::symbols::Symbol;
use crate::withdrawal::Priority;

const MINUTE: u64 = 60_000;

pub struct Table(pub Vec<Option<Place>>);

impl Places for Table {
    fn place(&self, slot: Slot) -> Option<Place> {
        *self.0.get(slot.number() as usize)?
    }
}

#[derive(Debug, Clone)]
pub struct Item {
    pub slot: Slot,
    pub place: Place,
    pub stage: Stage,
    /// Due, ticket: once it has queued.
    pub seat: Option<(u64, u64)>,
}

pub struct Purse<'a> {
    pub has: &'a BTreeMap<Symbol, u128>,
    pub house: u128,
    pub halted: &'a BTreeSet<Symbol>,
    pub passed_over: &'a BTreeSet<Slot>,
}

impl Funds for Purse<'_> {
    fn available(&self, asset: Symbol) -> u128 {
        self.has.get(&asset).copied().unwrap_or(0)
    }
    fn house(&self) -> u128 {
        self.house
    }
    fn stopped(&self, asset: Symbol) -> bool {
        self.halted.contains(&asset)
    }
    fn passed_over(&self, slot: Slot) -> bool {
        self.passed_over.contains(&slot)
    }
}

#[derive(Default)]
pub struct Plain {
    pub items: Vec<Item>,
    pub tickets: u64,
    pub frozen: BTreeSet<Name128>,
}

impl Plain {
    pub fn frozen(&self, place: &Place) -> bool {
        self.frozen.contains(&place.customer) || self.frozen.contains(&place.destination)
    }

    pub fn to(&mut self, slot: Slot, stage: Stage) {
        let item = self.items.iter().find(|i| i.slot == slot).unwrap();
        let (place, known) = (item.place, item.seat);
        let same = |i: &&Item| {
            i.stage == Stage::Queued
                && (i.place.wallet, i.place.customer) == (place.wallet, place.customer)
        };
        let share = self.items.iter().filter(same).count();
        let item = self.items.iter_mut().find(|i| i.slot == slot).unwrap();
        item.stage = stage;
        if stage == Stage::Queued && known.is_none() {
            let delay = match place.priority {
                Priority::Economy => 60,
                Priority::Standard => 10,
                Priority::Expedited => 0,
            } * MINUTE;
            let later = share.min(usize::from(MAX_SHARE)) as u64 * SPACING_MS;
            item.seat = Some((place.since_ms + delay + later, self.tickets));
            self.tickets += 1;
        }
        if matches!(stage, Stage::Paid | Stage::Gone) {
            self.items.retain(|i| i.slot != slot);
        }
    }

    pub fn queued(&self, wallet: Symbol) -> Vec<&Item> {
        let all = self.items.iter();
        let mut queued: Vec<&Item> = all
            .filter(|i| i.stage == Stage::Queued && i.place.wallet == wallet)
            .collect();
        queued.sort_by_key(|i| i.seat);
        queued
    }

    pub fn select(&self, wallet: Symbol, bounds: &Bounds, purse: &Purse<'_>) -> Vec<Slot> {
        let mut has = purse.has.clone();
        let mut house = purse.house;
        let mut caps: BTreeMap<Symbol, u128> = bounds.amounts.iter().copied().collect();
        let mut weight = bounds.weight.as_ref().map(|w| w.total);
        let (mut kept, mut chosen) = (BTreeSet::new(), Vec::new());
        for item in self.queued(wallet) {
            let place = &item.place;
            let above = place.fee_cap.is_some_and(|cap| cap < bounds.fee_per_item);
            let mut sizes = bounds.sizes.iter();
            let sized =
                sizes.all(|(asset, range)| *asset != place.asset || range.contains(&place.amount));
            if chosen.len() == bounds.count
                || purse.passed_over.contains(&item.slot)
                || self.frozen(place)
                || purse.halted.contains(&place.asset)
                || place.pay_before_ms <= bounds.now_ms
                || above
                || !sized
            {
                continue;
            }
            let weighs = match &bounds.weight {
                None => Some(0),
                Some(w) => {
                    let named = w.per_item.iter().find(|(asset, _)| *asset == place.asset);
                    named.map(|(_, weight)| *weight)
                }
            };
            let Some(weighs) = weighs.filter(|w| weight.is_none_or(|left| *w <= left)) else {
                continue;
            };
            let young = bounds.now_ms < place.since_ms + PATIENCE_MS;
            if young && kept.contains(&place.asset) {
                continue;
            }
            let fee = if place.fee_cap.is_some() {
                0
            } else {
                bounds.fee_per_item
            };
            let mut after = has.clone();
            let mut pay = |asset: Symbol, amount: u128| {
                let left = after.get(&asset).copied().unwrap_or(0).checked_sub(amount);
                left.map(|left| after.insert(asset, left)).is_some()
            };
            let paid = pay(place.asset, place.amount)
                && pay(bounds.fee_asset, fee)
                && house >= bounds.fee_per_item
                && caps
                    .get(&place.asset)
                    .is_none_or(|cap| place.amount <= *cap);
            if paid {
                has = after;
                house -= bounds.fee_per_item;
                caps.entry(place.asset)
                    .and_modify(|cap| *cap -= place.amount);
                weight = weight.map(|left| left - weighs);
                chosen.push(item.slot);
            } else if !young {
                kept.insert(place.asset);
            }
        }
        chosen
    }
}
