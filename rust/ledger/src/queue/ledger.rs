//! The ledger's queue: its withdrawals as places, its books as funds, its halts.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::lines::{Party, Stage};
use super::place::{Place, Places};
use super::selection::{Bounds, Funds, Weight};
use super::service::Eta;
use crate::account::AccountName;
use crate::books::{Account, Books};
use crate::halts::{Halts, Scope};
use crate::ids::Ids;
use crate::ledger::Ledger;
use crate::names::Name128;
use crate::routes::Routes;
use crate::slab::Slot;
use crate::state::State;
use crate::symbols::Symbol;
use crate::ulid::Ulid;
use crate::withdrawal::{FeeMode, Withdrawal};

/// What one payout's network fee may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeBudget {
    /// The network's fee asset.
    pub asset: String,
    /// The most for one payout, base units.
    pub per_item: u128,
}

/// What one payout may carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayoutBounds {
    /// How many withdrawals at most.
    pub count: usize,
    /// How much at most of each of these assets; of others as much as there is.
    pub amounts: Vec<(String, u128)>,
    /// From how much to how much one withdrawal of these assets may have. What has less or more is passed over, and
    /// nothing is kept for it: the planner would refuse it however much there is.
    pub sizes: Vec<(String, RangeInclusive<u128>)>,
    /// How many vbytes or how much gas at most.
    pub weight: Option<u64>,
    /// The most that one withdrawal of an asset weighs. With a bound, an asset that is not named is not selected.
    pub weights: Vec<(String, u64)>,
}

/// The ledger's withdrawals, as the queue reads them.
struct View<'a> {
    ids: &'a Ids,
    routes: &'a Routes,
}

impl Places for View<'_> {
    fn place(&self, slot: Slot) -> Option<Place> {
        place(self.routes, self.ids.at(slot)?)
    }
}

fn place(routes: &Routes, withdrawal: &Withdrawal) -> Option<Place> {
    let route = routes.get(withdrawal.route)?;
    Some(Place {
        wallet: route.wallet,
        asset: route.asset,
        customer: withdrawal.customer,
        destination: withdrawal.destination,
        since_ms: withdrawal.queued_since_ms(),
        priority: withdrawal.priority,
        amount: withdrawal.amount(),
        fee_cap: match withdrawal.fee_mode() {
            FeeMode::House => None,
            FeeMode::Deduct { max_network_fee } => Some(max_network_fee),
        },
        pay_before_ms: withdrawal.pay_before_ms,
    })
}

/// What a wallet has, for a selection.
struct Till<'a> {
    books: &'a Books,
    halts: &'a Halts,
    wallet: Account,
    house: u128,
    passed_over: BTreeSet<Slot>,
}

impl Funds for Till<'_> {
    fn available(&self, asset: Symbol) -> u128 {
        self.books.available(asset, self.wallet)
    }

    fn house(&self) -> u128 {
        self.house
    }

    fn stopped(&self, asset: Symbol) -> bool {
        self.halts.stops_asset(asset)
    }

    fn passed_over(&self, slot: Slot) -> bool {
        self.passed_over.contains(&slot)
    }
}

impl Stage {
    /// Of a withdrawal in this state.
    pub(crate) fn of(state: State) -> Self {
        match state {
            State::Held => Self::Held,
            State::Queued => Self::Queued,
            State::Assigned => Self::Paying,
            State::Posted => Self::Paid,
            State::Voided(_) => Self::Gone,
        }
    }
}

impl Ledger {
    /// The next withdrawals of a wallet that can be paid now, at most `most`, none of `passed_over`; reserves nothing.
    /// What is passed over takes no place and no funds from those behind it.
    #[must_use]
    pub fn select(
        &mut self,
        wallet: &str,
        now_ms: u64,
        most: usize,
        fee: &FeeBudget,
        passed_over: &BTreeSet<Ulid>,
    ) -> Vec<Ulid> {
        let bounds = PayoutBounds {
            count: most,
            ..PayoutBounds::default()
        };
        self.select_within(wallet, now_ms, &bounds, fee, passed_over)
    }

    /// The same, within all the bounds of one payout. It changes nothing but what the queue remembers of where it
    /// looked in vain.
    #[must_use]
    pub fn select_within(
        &mut self,
        wallet: &str,
        now_ms: u64,
        bounds: &PayoutBounds,
        fee: &FeeBudget,
        passed_over: &BTreeSet<Ulid>,
    ) -> Vec<Ulid> {
        let symbol = self.symbols.find(wallet);
        if self.halts.stops_wallet(symbol) {
            return Vec::new();
        }
        let house = self.available(&fee.asset, &AccountName::Pool(self.house.clone()));
        let find = |name: &str| self.symbols.find(name);
        let bounds = Bounds {
            now_ms,
            count: bounds.count,
            fee_asset: find(&fee.asset),
            fee_per_item: fee.per_item,
            amounts: bounds.amounts.iter().map(|(a, n)| (find(a), *n)).collect(),
            sizes: bounds
                .sizes
                .iter()
                .map(|(asset, sizes)| (find(asset), sizes.clone()))
                .collect(),
            weight: bounds.weight.map(|total| Weight {
                total,
                per_item: bounds.weights.iter().map(|(a, n)| (find(a), *n)).collect(),
            }),
        };
        let till = Till {
            books: &self.books,
            halts: &self.halts,
            wallet: Account::Wallet(symbol),
            house,
            passed_over: passed_over
                .iter()
                .filter_map(|id| self.ids.slot(id))
                .collect(),
        };
        let (ids, routes) = (&self.ids, &self.routes);
        let chosen = self
            .queue
            .select(&View { ids, routes }, symbol, &bounds, &till);
        let ids = chosen.into_iter().filter_map(|slot| self.ids.at(slot));
        ids.map(|withdrawal| withdrawal.id).collect()
    }

    /// Held and queued withdrawals whose pay_before has passed, the longest passed first; at most `most`.
    #[must_use]
    pub fn expired(&self, now_ms: u64, most: usize) -> Vec<Ulid> {
        let slots = self.queue.expired(now_ms, most).into_iter();
        slots
            .filter_map(|slot| self.ids.at(slot))
            .map(|withdrawal| withdrawal.id)
            .collect()
    }

    /// What a wallet's queue asks for in one asset; frozen withdrawals ask for nothing.
    #[must_use]
    pub fn queued_demand(&self, wallet: &str, asset: &str) -> u128 {
        let find = |name| self.symbols.find(name);
        self.queue.demand(find(wallet), find(asset))
    }

    /// A withdrawal's place in its wallet's queue, from 1; `None` while it is not queued.
    #[must_use]
    pub fn position(&self, id: &Ulid) -> Option<usize> {
        let (slot, place) = self.seat(id)?;
        self.queue.position(slot, &place)
    }

    /// By when a withdrawal is likely paid, from how long others in its wallet took lately; `None` when too little is
    /// known to say, when it is held, halted or frozen, and when it has ended.
    #[must_use]
    pub fn eta(&self, id: &Ulid, now_ms: u64) -> Option<Eta> {
        let (slot, place) = self.seat(id)?;
        let withdrawal = self.ids.at(slot)?;
        let stopped = withdrawal.state == State::Queued && self.stop_of(withdrawal).is_some();
        let eta = self.queue.eta(slot, &place, now_ms);
        eta.filter(|_| !stopped)
    }

    fn seat(&self, id: &Ulid) -> Option<(Slot, Place)> {
        let slot = self.ids.slot(id)?;
        Some((slot, place(&self.routes, self.ids.at(slot)?)?))
    }

    /// Keeps the queue in step with a withdrawal's state.
    pub(crate) fn follow(&mut self, slot: Slot) -> Result<(), String> {
        let withdrawal = self.ids.at(slot).ok_or("no such slot")?;
        let (place, stage, frozen) = self.seen(withdrawal).ok_or("no such route")?;
        self.queue.follow(slot, &place, stage, frozen, self.time_ms);
        Ok(())
    }

    /// How the queue sees a withdrawal: its place, its stage, and whether it is frozen.
    pub(crate) fn seen(&self, withdrawal: &Withdrawal) -> Option<(Place, Stage, bool)> {
        let place = place(&self.routes, withdrawal)?;
        let frozen = self.halts.freezes(&place.customer, &place.destination);
        Some((place, Stage::of(withdrawal.state), frozen))
    }

    /// Keeps the queue in step with the freezes among these scopes, which came or went.
    pub(crate) fn refreeze(&mut self, scopes: &[Scope]) {
        for scope in scopes {
            let party = match scope {
                Scope::Customer(customer) => Party::Customer(Name128::customer(customer)),
                Scope::Destination(address) => Party::Destination(Name128::destination(address)),
                _ => continue,
            };
            let (ids, routes, halts) = (&self.ids, &self.routes, &self.halts);
            let frozen = |place: &Place| halts.freezes(&place.customer, &place.destination);
            self.queue.refreeze(&View { ids, routes }, &party, frozen);
        }
    }
}
