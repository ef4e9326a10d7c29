//! What is paid next: each lane's first that can be paid, the earliest due of all lanes first, for as long as the
//! funds and the bounds of a payout allow.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::lines::{Lane, LaneKey, Queue};
use super::place::{Entry, Places};
use super::reach::{Found, Moment, Search, Terms, Want};
use crate::slab::Slot;
use crate::symbols::Symbol;

/// The bounds of one selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The moment.
    pub now_ms: u64,
    /// How many at most.
    pub count: usize,
    /// The network's fee asset.
    pub fee_asset: Symbol,
    /// The most that the network may take for one, base units.
    pub fee_per_item: u128,
    /// How much at most, for the assets that have a bound.
    pub amounts: Vec<(Symbol, u128)>,
    /// From how much to how much one may have, for the assets that have such bounds: what has less or more is passed
    /// over, and nothing is kept for it.
    pub sizes: Vec<(Symbol, RangeInclusive<u128>)>,
    /// How heavy at most, if there is a bound.
    pub weight: Option<Weight>,
}

/// A bound on vbytes or gas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// Of all together.
    pub total: u64,
    /// The most that one withdrawal of an asset weighs; an asset that is not named is not selected.
    pub per_item: Vec<(Symbol, u64)>,
}

/// What a selection may spend.
pub trait Funds {
    /// What a wallet has of an asset.
    fn available(&self, asset: Symbol) -> u128;
    /// What the house has for fees.
    fn house(&self) -> u128;
    /// Whether a halt stops an asset.
    fn stopped(&self, asset: Symbol) -> bool;
    /// Whether the caller wants this one passed over: it takes no place and no funds from those behind it.
    fn passed_over(&self, slot: Slot) -> bool;
}

/// What is left to spend.
struct Purse<'a, F> {
    funds: &'a F,
    bounds: &'a Bounds,
    left: BTreeMap<Symbol, u128>,
    house: u128,
    weight: u64,
    amounts: BTreeMap<Symbol, u128>,
}

impl<'a, F: Funds> Purse<'a, F> {
    fn new(funds: &'a F, bounds: &'a Bounds) -> Self {
        Self {
            funds,
            bounds,
            left: BTreeMap::new(),
            house: funds.house(),
            weight: bounds.weight.as_ref().map_or(u64::MAX, |w| w.total),
            amounts: bounds.amounts.iter().copied().collect(),
        }
    }

    fn left(&mut self, asset: Symbol) -> &mut u128 {
        let funds = self.funds;
        self.left
            .entry(asset)
            .or_insert_with(|| funds.available(asset))
    }

    /// What one of a lane takes of the fee asset besides its amount. A deducted fee is part of the amount.
    fn fee(&self, lane: &LaneKey) -> u128 {
        if lane.deducts {
            0
        } else {
            self.bounds.fee_per_item
        }
    }

    fn weight_of(&self, lane: &LaneKey) -> Option<u64> {
        let Some(weight) = &self.bounds.weight else {
            return Some(0);
        };
        let mut named = weight.per_item.iter();
        named
            .find(|(asset, _)| *asset == lane.asset)
            .map(|(_, weight)| *weight)
    }

    /// What one of a lane may have, however much there is.
    fn sizes(&self, lane: &LaneKey) -> (u128, u128) {
        let mut named = self.bounds.sizes.iter();
        named
            .find(|(asset, _)| *asset == lane.asset)
            .map_or((0, u128::MAX), |(_, sizes)| (*sizes.start(), *sizes.end()))
    }

    /// The largest amount that one of a lane can still have; `None` when none can be paid.
    fn most(&mut self, lane: &LaneKey) -> Option<u128> {
        self.house.checked_sub(self.bounds.fee_per_item)?;
        let fee = self.fee(lane);
        let for_fees = self.left(self.bounds.fee_asset).checked_sub(fee)?;
        let left = if lane.asset == self.bounds.fee_asset {
            for_fees
        } else {
            *self.left(lane.asset)
        };
        let bound = self.amounts.get(&lane.asset).copied();
        Some(bound.map_or(left, |bound| bound.min(left)))
    }

    /// Spends what `most` said there is.
    fn take(&mut self, lane: &LaneKey, amount: u128) {
        let fee = self.fee(lane);
        self.house = self.house.saturating_sub(self.bounds.fee_per_item);
        let left = self.left(lane.asset);
        *left = left.saturating_sub(amount);
        let left = self.left(self.bounds.fee_asset);
        *left = left.saturating_sub(fee);
        if let Some(left) = self.amounts.get_mut(&lane.asset) {
            *left = left.saturating_sub(amount);
        }
        let weight = self.weight_of(lane).unwrap_or(0);
        self.weight = self.weight.saturating_sub(weight);
    }
}

/// How far a lane has been looked through.
struct Cursor<'a> {
    key: LaneKey,
    lane: &'a mut Lane,
    after: Option<Entry>,
    head: Option<Found>,
}

impl Queue {
    /// The next withdrawals of a wallet that can be paid now, in order; reserves nothing.
    ///
    /// One that cannot be paid is passed over. Once one has queued for `PATIENCE_MS`, what there is of its asset is
    /// kept for it from those behind it that have queued for less.
    ///
    /// It looks at O(log n) summaries for each that it takes or that the caller wants passed over, and at each leaf
    /// in which something changed its standing since the last time: never at what is frozen, halted, late, above its
    /// fee cap, too small or too large for the funds, one by one.
    pub fn select(
        &mut self,
        places: &impl Places,
        wallet: Symbol,
        bounds: &Bounds,
        funds: &impl Funds,
    ) -> Vec<Slot> {
        let mut purse = Purse::new(funds, bounds);
        let mut looked = 0;
        let mut search = Search {
            moment: Moment {
                now_ms: bounds.now_ms,
                fee: bounds.fee_per_item,
                least: 0,
            },
            terms: |slot: Slot| places.place(slot).as_ref().map(Terms::from),
            looked: &mut looked,
        };
        // From where on each asset's funds are kept for one that waits for them.
        let mut kept: BTreeMap<Symbol, Entry> = BTreeMap::new();
        let from = LaneKey {
            wallet,
            frozen: false,
            asset: Symbol::NONE,
            deducts: false,
        };
        let mut cursors: Vec<Cursor<'_>> = self
            .lanes
            .range_mut(from..)
            .take_while(|(key, _)| key.wallet == wallet && !key.frozen)
            .filter(|(key, _)| !funds.stopped(key.asset))
            .map(|(key, lane)| Cursor {
                key: *key,
                lane,
                after: None,
                head: None,
            })
            .collect();
        let mut chosen = Vec::new();
        if bounds.count > 0 {
            for cursor in &mut cursors {
                advance(cursor, &mut search, &mut purse, &mut kept);
            }
        }
        while chosen.len() < bounds.count {
            let heads = cursors.iter_mut().filter(|cursor| cursor.head.is_some());
            let Some(cursor) = heads.min_by_key(|cursor| cursor.head.map(|head| head.entry)) else {
                break;
            };
            let Some(head) = cursor.head else { break };
            let is_kept = kept
                .get(&cursor.key.asset)
                .is_some_and(|kept| *kept < head.entry && !head.old);
            let fits = purse
                .weight_of(&cursor.key)
                .is_some_and(|weight| weight <= purse.weight);
            if fits && !is_kept && purse.most(&cursor.key).is_some_and(|m| head.amount <= m) {
                purse.take(&cursor.key, head.amount);
                chosen.push(head.entry.slot);
                cursor.after = Some(head.entry);
            }
            advance(cursor, &mut search, &mut purse, &mut kept);
        }
        self.looked = self.looked.saturating_add(looked);
        chosen
    }
}

/// Finds a lane's next that can be paid with what is left, and keeps the funds for the first that waits before it.
fn advance<T: Fn(Slot) -> Option<Terms>, F: Funds>(
    cursor: &mut Cursor<'_>,
    search: &mut Search<'_, T>,
    purse: &mut Purse<'_, F>,
    kept: &mut BTreeMap<Symbol, Entry>,
) {
    cursor.head = None;
    let fits = purse.weight_of(&cursor.key);
    if fits.is_none_or(|weight| weight > purse.weight) {
        return;
    }
    let (least, largest) = purse.sizes(&cursor.key);
    search.moment.least = least;
    let funds = purse.funds;
    let after = cursor.after;
    let mut next = |want: Want, before: Option<Entry>| {
        let mut after = after;
        loop {
            let found = search.next(&mut cursor.lane.tree, after.as_ref(), want)?;
            if before.is_some_and(|before| found.entry >= before) {
                return None;
            }
            if !funds.passed_over(found.entry.slot) {
                return Some(found);
            }
            after = Some(found.entry);
        }
    };
    let most = purse.most(&cursor.key);
    let want = |old| {
        let most = most?.min(largest);
        Some(Want { most, old })
    };
    let head = want(false).and_then(|want| next(want, None));
    // One whose patience ended, before the first that can be paid: it is too large, and waits for funds.
    let any = Want {
        most: largest,
        old: true,
    };
    let asset = cursor.key.asset;
    if let Some(waits) = next(any, head.map(|head| head.entry)) {
        let kept = kept.entry(asset).or_insert(waits.entry);
        *kept = waits.entry.min(*kept);
    }
    cursor.head = match head {
        Some(head) if !head.old && kept.get(&asset).is_some_and(|kept| *kept < head.entry) => {
            want(true).and_then(|want| next(want, None))
        }
        head => head,
    };
}
