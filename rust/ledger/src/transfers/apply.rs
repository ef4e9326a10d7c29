//! What the room's facts change besides the books, and the names that any fact brings.

use crate::fact::Fact;
use crate::ledger::Ledger;
use crate::symbols::Symbols;
use crate::transfers::book::{LegKey, Taken};
use crate::transfers::order::TransferLeg;
use crate::transfers::status::LegState;

/// Gives every name that a fact's entries speak of its number, in the order of the fact.
pub(crate) fn learn(fact: &Fact, symbols: &mut Symbols) {
    let mut learn = |names: &[&str]| {
        for name in names {
            symbols.intern(name);
        }
    };
    match fact {
        Fact::Opened {
            wallet,
            asset,
            pool,
            ..
        } => learn(&[wallet, asset, pool]),
        Fact::Assigned(terms) => learn(&[&terms.wallet, &terms.fee_asset]),
        Fact::SweepDeparted(terms) => learn(&[
            &terms.from_wallet,
            &terms.to_wallet,
            &terms.asset,
            &terms.fee_asset,
        ]),
        Fact::Deposited(deposit) => learn(&[&deposit.wallet, &deposit.asset, &deposit.pool]),
        Fact::Transferred(order) => order.legs.iter().for_each(|leg| match leg {
            TransferLeg::Move(terms) | TransferLeg::Pend { terms, .. } => {
                learn(&[&terms.asset, &terms.from, &terms.to]);
            }
            TransferLeg::Post { .. } | TransferLeg::Void { .. } => {}
        }),
        Fact::SurplusFound(surplus) => learn(&[&surplus.wallet, &surplus.asset]),
        Fact::SuspenseReleased(release) => learn(&[&release.asset, &release.pool]),
        // These bring none, name what came before them, or (intake's) are learnt with their route.
        Fact::Submitted(_)
        | Fact::Released(_)
        | Fact::Voided { .. }
        | Fact::Unassigned { .. }
        | Fact::Posted { .. }
        | Fact::Failed { .. }
        | Fact::SweepArrived { .. }
        | Fact::SweepFailed { .. }
        | Fact::TransferRefused(_)
        | Fact::TransferExpired { .. }
        | Fact::Halted { .. }
        | Fact::Resumed { .. }
        | Fact::IdsForgotten(_) => {}
    }
}

/// What the room is to remember of a fact: worked out with its entries, and entered after them, so that a fact that does
/// not fit changes neither.
#[derive(Default)]
pub(crate) enum Remembered {
    /// Nothing.
    #[default]
    Nothing,
    /// An order that was taken.
    Taken(Taken),
    /// A leg that returned by time.
    Expired(LegKey),
}

impl Ledger {
    /// Remembers it.
    pub(crate) fn remember(&mut self, fact: &Fact, remembered: Remembered) -> Result<(), String> {
        match remembered {
            Remembered::Taken(taken) => return self.transfers.take(taken),
            Remembered::Expired(key) => return self.transfers.resolve(key, LegState::Expired),
            Remembered::Nothing => {}
        }
        match fact {
            Fact::Deposited(deposit) => {
                let symbols = &self.symbols;
                self.deposits.add(deposit, &mut |name| symbols.find(name));
                Ok(())
            }
            Fact::TransferRefused(refusal) => self.transfers.refuse(refusal),
            Fact::SuspenseReleased(release) => match self.releases.insert(release.id.clone()) {
                true => Ok(()),
                false => Err(format!("release {} was made before", release.id)),
            },
            _ => Ok(()),
        }
    }
}
