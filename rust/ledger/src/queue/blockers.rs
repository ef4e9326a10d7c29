//! Why a withdrawal waits, for people.

use super::ledger::FeeBudget;
use crate::account::AccountName;
use crate::halts::Scope;
use crate::ledger::Ledger;
use crate::state::State;
use crate::ulid::Ulid;
use crate::withdrawal::{FeeMode, Withdrawal};

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
