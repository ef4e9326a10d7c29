//! The queue: which withdrawals are paid next, and why the others wait.
//!
//! Order is by age, a STANDARD one counting as 10 minutes and an ECONOMY one as 60 minutes younger than an EXPEDITED
//! one: so a class goes first, and none waits behind another for ever. A withdrawal that its wallet cannot pay now is
//! passed over, but once it has queued for `PATIENCE_MS` the funds that there are are kept for it, from those that
//! have queued for less. So a large one gets whatever arrives within `PATIENCE_MS`, and a small one never waits longer
//! than that because of a large one.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::AccountName;
use crate::canonical::Canonical;
use crate::halts::Scope;
use crate::ledger::Ledger;
use crate::state::State;
use crate::symbols::{Symbol, Symbols};
use crate::ulid::Ulid;
use crate::withdrawal::{FeeMode, Withdrawal};

/// How long small withdrawals pass a large one that cannot be paid.
pub const PATIENCE_MS: u64 = 600_000;

/// Queued withdrawals by wallet and order; held and queued ones by deadline.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    by_wallet: BTreeMap<Symbol, BTreeSet<(u64, Ulid)>>,
    by_deadline: BTreeSet<(u64, Ulid)>,
}

impl Queue {
    /// Follows a withdrawal's state: in the queue while QUEUED, watched for its deadline while HELD or QUEUED.
    pub fn follow(&mut self, withdrawal: &Withdrawal, wallet: Symbol) {
        let place = (withdrawal.due_ms(), withdrawal.id);
        if withdrawal.state == State::Queued {
            self.by_wallet.entry(wallet).or_default().insert(place);
        } else if let Some(queue) = self.by_wallet.get_mut(&wallet) {
            queue.remove(&place);
            if queue.is_empty() {
                self.by_wallet.remove(&wallet);
            }
        }
        let deadline = (withdrawal.pay_before_ms, withdrawal.id);
        match withdrawal.state {
            State::Held | State::Queued => self.by_deadline.insert(deadline),
            _ => self.by_deadline.remove(&deadline),
        };
    }

    pub fn write(&self, out: &mut Canonical, symbols: &Symbols) {
        let by_name = self
            .by_wallet
            .iter()
            .map(|(wallet, places)| (symbols.name(*wallet), places));
        let by_name: BTreeMap<&str, _> = by_name.collect();
        out.length(by_name.len());
        for (wallet, places) in by_name {
            out.text(wallet).length(places.len());
            for (due_ms, id) in places {
                out.number(*due_ms).bytes(&id.0);
            }
        }
        out.length(self.by_deadline.len());
        for (deadline, id) in &self.by_deadline {
            out.number(*deadline).bytes(&id.0);
        }
    }
}

/// What one payout's network fee may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeBudget {
    /// The network's fee asset.
    pub asset: String,
    /// The most for one payout, base units.
    pub per_item: u128,
}

/// Why a withdrawal waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocker {
    /// For a quorum; the rule that held it.
    Quorum(String),
    /// A halt and its scope.
    Halt(String, Scope),
    /// A frozen customer or destination.
    Freeze(String, Scope),
    /// Its wallet has not enough for it.
    Liquidity,
    /// The house pool has not enough for the network's fee.
    House,
    /// The network asks more than the intent lets it deduct.
    FeeAboveCap,
}

/// What a selection may still spend.
struct Budget<'a> {
    ledger: &'a Ledger,
    wallet: &'a str,
    fee: &'a FeeBudget,
    left: BTreeMap<&'a str, u128>,
    house: u128,
}

impl<'a> Budget<'a> {
    fn left(&mut self, asset: &'a str) -> &mut u128 {
        let (ledger, wallet) = (self.ledger, self.wallet);
        self.left
            .entry(asset)
            .or_insert_with(|| ledger.available(asset, &AccountName::Wallet(wallet.to_owned())))
    }

    /// Spends what a withdrawal needs, or nothing.
    fn take(&mut self, withdrawal: &'a Withdrawal) -> bool {
        let (amount, fee) = need(withdrawal, self.fee);
        let ledger = self.ledger;
        let fee_asset = self.fee.asset.as_str();
        let asset = ledger.names(withdrawal).asset;
        let Some(house) = self.house.checked_sub(self.fee.per_item) else {
            return false;
        };
        let Some(left) = self.left(asset).checked_sub(amount) else {
            return false;
        };
        let before = std::mem::replace(self.left(asset), left);
        let Some(left) = self.left(fee_asset).checked_sub(fee) else {
            *self.left(asset) = before;
            return false;
        };
        *self.left(fee_asset) = left;
        self.house = house;
        true
    }
}

/// What leaves the wallet in the withdrawal's asset, and in the fee asset besides. A deducted fee is part of the amount.
fn need(withdrawal: &Withdrawal, fee: &FeeBudget) -> (u128, u128) {
    match withdrawal.fee_mode() {
        FeeMode::House => (withdrawal.amount(), fee.per_item),
        FeeMode::Deduct { .. } => (withdrawal.amount(), 0),
    }
}

fn fee_above_cap(withdrawal: &Withdrawal, fee: &FeeBudget) -> bool {
    matches!(withdrawal.fee_mode(), FeeMode::Deduct { max_network_fee } if fee.per_item > max_network_fee)
}

impl Ledger {
    /// The next withdrawals of a wallet that can be paid now, at most `most`, none of `passed_over`; reserves nothing.
    /// What is passed over takes no place and no funds from those behind it.
    #[must_use]
    pub fn select(
        &self,
        wallet: &str,
        now_ms: u64,
        most: usize,
        fee: &FeeBudget,
        passed_over: &BTreeSet<Ulid>,
    ) -> Vec<Ulid> {
        let house = self.available(&fee.asset, &AccountName::Pool(self.house.clone()));
        let mut budget = Budget {
            ledger: self,
            wallet,
            fee,
            left: BTreeMap::new(),
            house,
        };
        // Assets whose funds are kept for the first that cannot be paid.
        let mut kept: BTreeSet<&str> = BTreeSet::new();
        let mut chosen = Vec::new();
        for withdrawal in self.queued(wallet) {
            if chosen.len() >= most {
                break;
            }
            if passed_over.contains(&withdrawal.id) {
                continue;
            }
            let stopped = self.stop_of(withdrawal).is_some();
            if stopped || withdrawal.pay_before_ms <= now_ms || fee_above_cap(withdrawal, fee) {
                continue;
            }
            let asset = self.names(withdrawal).asset;
            let patient = now_ms.saturating_sub(withdrawal.queued_since_ms()) < PATIENCE_MS;
            if patient && kept.contains(asset) {
                continue;
            }
            if budget.take(withdrawal) {
                chosen.push(withdrawal.id);
            } else if !patient {
                kept.insert(asset);
            }
        }
        chosen
    }

    /// A wallet's queue, in order.
    pub(crate) fn queued(&self, wallet: &str) -> impl Iterator<Item = &Withdrawal> {
        let places = self.queue.by_wallet.get(&self.symbols.find(wallet));
        places
            .into_iter()
            .flatten()
            .filter_map(|(_, id)| self.ids.get(id))
    }

    /// Held and queued withdrawals whose pay_before has passed, the longest passed first; at most `most`.
    #[must_use]
    pub fn expired(&self, now_ms: u64, most: usize) -> Vec<Ulid> {
        let passed = self
            .queue
            .by_deadline
            .iter()
            .take_while(|(deadline, _)| *deadline <= now_ms);
        passed.take(most).map(|(_, id)| *id).collect()
    }

    /// What a wallet's queue asks for in one asset; frozen withdrawals ask for nothing.
    #[must_use]
    pub fn queued_demand(&self, wallet: &str, asset: &str) -> u128 {
        self.queued(wallet)
            .filter(|w| self.names(w).asset == asset)
            .filter(|w| !self.stop_of(w).is_some_and(|(_, scope)| scope.is_freeze()))
            .fold(0, |sum, w| sum.saturating_add(w.amount()))
    }

    /// A withdrawal's place in its wallet's queue, from 1; `None` while it is not queued.
    #[must_use]
    pub fn position(&self, id: &Ulid) -> Option<usize> {
        let withdrawal = self.ids.get(id).filter(|w| w.state == State::Queued)?;
        let queue = self.queue.by_wallet.get(&self.subject(withdrawal).wallet)?;
        queue
            .range(..(withdrawal.due_ms(), *id))
            .count()
            .checked_add(1)
    }

    /// Why a withdrawal waits, most telling first; empty when it does not.
    #[must_use]
    pub fn blockers(&self, id: &Ulid, fee: Option<&FeeBudget>) -> Vec<Blocker> {
        let Some(withdrawal) = self.ids.get(id) else {
            return Vec::new();
        };
        let names = self.names(withdrawal);
        let mut blockers = Vec::new();
        if !matches!(withdrawal.state, State::Held | State::Queued) {
            return blockers;
        }
        if withdrawal.state == State::Held {
            blockers.push(Blocker::Quorum(names.tag.to_owned()));
        }
        if let Some((halt, scope)) = self.stop_of(withdrawal) {
            blockers.push(match scope.is_freeze() {
                true => Blocker::Freeze(halt.to_owned(), scope.clone()),
                false => Blocker::Halt(halt.to_owned(), scope.clone()),
            });
        }
        let wallet = AccountName::Wallet(names.wallet.to_owned());
        let none = FeeBudget {
            asset: names.asset.to_owned(),
            per_item: 0,
        };
        let fee = fee.unwrap_or(&none);
        let (amount, gas) = need(withdrawal, fee);
        let in_asset = if fee.asset == names.asset {
            amount.saturating_add(gas)
        } else {
            amount
        };
        if self.available(names.asset, &wallet) < in_asset
            || self.available(&fee.asset, &wallet) < gas
        {
            blockers.push(Blocker::Liquidity);
        }
        if fee_above_cap(withdrawal, fee) {
            blockers.push(Blocker::FeeAboveCap);
        }
        if self.available(&fee.asset, &AccountName::Pool(self.house.clone())) < fee.per_item {
            blockers.push(Blocker::House);
        }
        blockers
    }
}
