//! The queue itself: lanes of what waits, seats of what is open, deadlines, customers' shares.
//!
//! A lane is what one wallet owes in one asset, paid for by the house or by the destination, frozen or not: so all of
//! a lane has one funding rule, and what a halt of an asset, a wallet or a party stops is passed by as a whole.

use std::collections::BTreeMap;

use super::place::{Deadline, Entry, MAX_SHARE, Place, Places};
use super::reach::{Reach, Terms};
use super::seats::{FROZEN, QUEUED, SEATED, Seat, Seats, WATCHED, tag};
use super::service::{Eta, Service};
use super::shares::Shares;
use super::tree::Tree;
use crate::names::Name128;
use crate::slab::Slot;
use crate::symbols::Symbol;

/// Where a withdrawal is, as the queue sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for a quorum; its deadline is watched.
    Held,
    /// It waits for a payout; its deadline is watched.
    Queued,
    /// A payout has it; it keeps its seat.
    Paying,
    /// It was paid.
    Paid,
    /// It ended unpaid.
    Gone,
}

/// Whom a freeze stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// A customer.
    Customer(Name128),
    /// An address.
    Destination(Name128),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneKey {
    pub wallet: Symbol,
    pub frozen: bool,
    pub asset: Symbol,
    pub deducts: bool,
}

impl LaneKey {
    fn of(place: &Place, frozen: bool) -> Self {
        Self {
            wallet: place.wallet,
            frozen,
            asset: place.asset,
            deducts: place.fee_cap.is_some(),
        }
    }

    fn first_of(wallet: Symbol, frozen: bool) -> Self {
        Self {
            wallet,
            frozen,
            asset: Symbol::NONE,
            deducts: false,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub tree: Tree<Entry, Reach>,
    /// The sum of its amounts, which are all held in pools whose own sum fits.
    demand: u128,
}

/// Queued withdrawals by wallet and order; held and queued ones by deadline.
#[derive(Debug, Clone)]
pub struct Queue {
    pub(super) lanes: BTreeMap<LaneKey, Lane>,
    pub(super) seats: Seats,
    pub(super) shares: Shares,
    pub(super) deadlines: Tree<Deadline, ()>,
    pub(super) service: Service,
    pub(super) ticket: u32,
    /// Entries and summaries that selections looked at; no part of the state.
    pub(super) looked: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            lanes: BTreeMap::new(),
            seats: Seats::default(),
            shares: Shares::default(),
            deadlines: Tree::new(Deadline::least()),
            service: Service::default(),
            ticket: 0,
            looked: 0,
        }
    }
}

impl Queue {
    /// Follows a withdrawal to a stage, from wherever it was. `frozen`: whether a freeze stops its customer or its
    /// destination. `now_ms`: the time of the fact.
    pub fn follow(&mut self, slot: Slot, place: &Place, stage: Stage, frozen: bool, now_ms: u64) {
        let mut seat = self.seats.get(slot);
        seat.tags = [tag(&place.customer), tag(&place.destination)];
        let queues = stage == Stage::Queued;
        match (seat.is(QUEUED), queues) {
            (false, true) => self.join(slot, place, &mut seat, frozen, now_ms),
            (true, false) => self.leave(slot, place, &mut seat),
            _ => {}
        }
        match stage {
            Stage::Paying => self.service.taken(slot, place.wallet, now_ms),
            Stage::Paid => self.service.paid(slot, place.wallet, now_ms),
            Stage::Gone => self.service.gone(slot, place.wallet),
            Stage::Held | Stage::Queued => {}
        }
        let watched = matches!(stage, Stage::Held | Stage::Queued);
        let deadline = Deadline::new(place.pay_before_ms, slot);
        match (seat.is(WATCHED), watched) {
            (false, true) => self.deadlines.insert(deadline, &()),
            (true, false) => {
                self.deadlines.remove(&deadline);
            }
            _ => {}
        }
        seat.set(WATCHED, watched);
        if matches!(stage, Stage::Paid | Stage::Gone) {
            seat = Seat::default();
        }
        self.seats.put(slot, seat);
    }

    /// Takes its seat, the one it had when a payout gave it back.
    fn join(&mut self, slot: Slot, place: &Place, seat: &mut Seat, frozen: bool, now_ms: u64) {
        let before = self.shares.add(place);
        if !seat.is(SEATED) {
            seat.set_share(u16::try_from(before).unwrap_or(MAX_SHARE));
            seat.ticket = self.ticket;
            self.ticket = self.ticket.wrapping_add(1);
        }
        seat.set(SEATED, true);
        seat.set(QUEUED, true);
        seat.set(FROZEN, frozen);
        self.service.joined(slot, place.wallet, now_ms);
        self.enter(slot, place, seat);
    }

    fn leave(&mut self, slot: Slot, place: &Place, seat: &mut Seat) {
        self.shares.remove(place);
        self.exit(slot, place, seat);
        seat.set(QUEUED, false);
    }

    pub(super) fn enter(&mut self, slot: Slot, place: &Place, seat: &Seat) {
        let key = LaneKey::of(place, seat.is(FROZEN));
        let lane = self.lanes.entry(key).or_insert_with(|| Lane {
            tree: Tree::new(Entry::least()),
            demand: 0,
        });
        lane.demand = lane.demand.wrapping_add(place.amount);
        lane.tree
            .insert(entry(slot, place, seat), &Terms::from(place));
    }

    fn exit(&mut self, slot: Slot, place: &Place, seat: &Seat) {
        let key = LaneKey::of(place, seat.is(FROZEN));
        if let Some(lane) = self.lanes.get_mut(&key)
            && lane.tree.remove(&entry(slot, place, seat))
        {
            lane.demand = lane.demand.wrapping_sub(place.amount);
            if lane.tree.len() == 0 {
                self.lanes.remove(&key);
            }
        }
    }

    /// Brings in line with the freezes in force, as `frozen` tells them, what one party has in the queue. It looks at
    /// 12 bytes of every open withdrawal, and at what is the party's.
    pub fn refreeze(
        &mut self,
        places: &impl Places,
        party: &Party,
        frozen: impl Fn(&Place) -> bool,
    ) {
        let (which, name) = match party {
            Party::Customer(name) => (0, name),
            Party::Destination(name) => (1, name),
        };
        for slot in self.seats.tagged(which, tag(name)) {
            let mut seat = self.seats.get(slot);
            let Some(place) = places.place(slot).filter(|_| seat.is(QUEUED)) else {
                continue;
            };
            let frozen = frozen(&place);
            if frozen != seat.is(FROZEN) {
                self.exit(slot, &place, &seat);
                seat.set(FROZEN, frozen);
                self.enter(slot, &place, &seat);
                self.seats.put(slot, seat);
            }
        }
    }

    pub(super) fn lanes_of(
        &self,
        wallet: Symbol,
        frozen: bool,
    ) -> impl Iterator<Item = (&LaneKey, &Lane)> {
        self.lanes
            .range(LaneKey::first_of(wallet, frozen)..)
            .take_while(move |(key, _)| key.wallet == wallet && key.frozen == frozen)
    }

    /// Fetches a customer's share of a wallet; see `Ledger::look_ahead`.
    pub(crate) fn fetch(&self, wallet: Symbol, customer: &Name128) -> u32 {
        self.shares.fetch(wallet, customer)
    }

    /// What a wallet's queue asks for in one asset; frozen withdrawals ask for nothing.
    #[must_use]
    pub fn demand(&self, wallet: Symbol, asset: Symbol) -> u128 {
        [false, true]
            .into_iter()
            .filter_map(|deducts| {
                self.lanes.get(&LaneKey {
                    wallet,
                    frozen: false,
                    asset,
                    deducts,
                })
            })
            .fold(0, |sum, lane| sum.saturating_add(lane.demand))
    }

    /// How many stand before it in its wallet's queue, with and without the frozen; `None` while it is not queued.
    fn ahead(&self, slot: Slot, place: &Place) -> Option<(usize, usize)> {
        let seat = self.seats.get(slot);
        if !seat.is(QUEUED) {
            return None;
        }
        let entry = entry(slot, place, &seat);
        let [free, frozen] = [false, true].map(|frozen| {
            self.lanes_of(place.wallet, frozen)
                .fold(0_usize, |sum, (_, lane)| {
                    sum.saturating_add(lane.tree.rank(&entry))
                })
        });
        Some((free.saturating_add(frozen), free))
    }

    /// A withdrawal's place in its wallet's queue, from 1; `None` while it is not queued.
    #[must_use]
    pub fn position(&self, slot: Slot, place: &Place) -> Option<usize> {
        self.ahead(slot, place)?.0.checked_add(1)
    }

    /// By when it is likely paid; `None` when too little is known to say, when it is frozen, and when it has ended.
    #[must_use]
    pub fn eta(&self, slot: Slot, place: &Place, now_ms: u64) -> Option<Eta> {
        let seat = self.seats.get(slot);
        if seat.is(QUEUED) {
            let (_, ahead) = self.ahead(slot, place).filter(|_| !seat.is(FROZEN))?;
            return self.service.of_queued(place.wallet, ahead, now_ms);
        }
        self.service.of_paying(slot, place.wallet, now_ms)
    }

    /// When it is due: its place in the order. `None` before it ever queued, and when it has ended.
    #[must_use]
    pub fn due_ms(&self, slot: Slot, place: &Place) -> Option<u64> {
        let seat = self.seats.get(slot);
        seat.is(SEATED).then(|| place.due_ms(seat.share()))
    }

    /// Held and queued withdrawals whose pay_before has passed, the longest passed first; at most `most`.
    #[must_use]
    pub fn expired(&self, now_ms: u64, most: usize) -> Vec<Slot> {
        let mut passed = Vec::new();
        if most > 0 {
            self.deadlines.visit(|deadline| {
                let due = deadline.at_ms() <= now_ms;
                if due {
                    passed.push(deadline.slot);
                }
                due && passed.len() < most
            });
        }
        passed
    }

    /// How many queue, frozen or not, in all wallets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lanes
            .values()
            .fold(0, |sum, lane| sum.saturating_add(lane.tree.len()))
    }

    /// Whether none queues.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// What selections have looked at so far: entries and summaries of many. For measuring; no part of the state.
    #[must_use]
    pub fn looked(&self) -> u64 {
        self.looked
    }

    /// The memory of all indexes, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let lanes = self
            .lanes
            .values()
            .fold(0, |sum: usize, lane| sum.saturating_add(lane.tree.bytes()));
        [
            self.seats.bytes(),
            self.shares.bytes(),
            self.deadlines.bytes(),
        ]
        .into_iter()
        .fold(lanes, usize::saturating_add)
    }
}

fn entry(slot: Slot, place: &Place, seat: &Seat) -> Entry {
    Entry {
        due_ms: place.due_ms(seat.share()),
        ticket: seat.ticket,
        slot,
    }
}
