//! Every order that was answered for good, and what is pending.

use std::collections::{BTreeMap, BTreeSet};

use custody_wire::Part::Bytes;
use custody_wire::tagged_hash;

use crate::books::Posting;
use crate::canonical::Canonical;
use crate::names::Name128;
use crate::symbols::{Symbol, Symbols};
use crate::transfers::order::{
    MAX_LEGS, PendingName, TransferOrder, TransferRefusal, TransferTerms,
};
use crate::transfers::status::{LegState, Resolution, TransferStatus};
use crate::transfers::walk::{Walk, leg_of, transfer};

mod saved;

/// An order, and its leg from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LegKey(pub Name128, pub u32);

/// What is reserved between two pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    pub initiator: String,
    pub reference: String,
    pub asset: Symbol,
    pub from: Symbol,
    pub to: Symbol,
    pub amount: u128,
    pub expires_ms: u64,
}

/// What was answered to an order for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub body_sha256: [u8; 32],
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What became of each leg.
    Taken(Box<[LegState]>),
    /// Of so many legs, one was refused.
    Refused {
        legs: u32,
        leg: u32,
        status: TransferStatus,
    },
}

/// An order for readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferView {
    /// SHA-256 of the signed body.
    pub body_sha256: [u8; 32],
    /// What was answered, one status for each leg.
    pub statuses: Vec<TransferStatus>,
    /// What became of each leg; empty when the order was refused.
    pub legs: Vec<LegState>,
    /// What is still pending: leg, terms, and when it expires, unix ms.
    pub pending: Vec<(u32, TransferTerms, u64)>,
}

/// Orders and pending legs.
#[derive(Debug, Clone, Default)]
pub(crate) struct TransferBook {
    answered: BTreeMap<Name128, Answered>,
    pending: BTreeMap<LegKey, Pending>,
    deadlines: BTreeSet<(u64, LegKey)>,
}

/// What an order is known by.
pub(crate) fn order_key(initiator: &str, reference: &str) -> Name128 {
    let parts = [Bytes(initiator.as_bytes()), Bytes(reference.as_bytes())];
    Name128::first(&tagged_hash("name-transfer", &parts))
}

impl TransferBook {
    pub fn answered(&self, key: &Name128) -> Option<&Answered> {
        self.answered.get(key)
    }

    pub fn state(&self, key: &LegKey) -> Option<LegState> {
        match &self.answered.get(&key.0)?.outcome {
            Outcome::Taken(legs) => leg_of(legs, key.1),
            Outcome::Refused { .. } => None,
        }
    }

    pub fn pending(&self, key: &LegKey) -> Option<&Pending> {
        self.pending.get(key)
    }

    /// What is pending under this name.
    pub fn pending_named(&self, initiator: &str, name: &PendingName) -> Option<&Pending> {
        self.pending(&LegKey(order_key(initiator, &name.reference), name.leg))
    }

    /// Pending legs whose time has passed, the longest passed first.
    pub fn expired(&self, now_ms: u64, most: usize) -> Vec<(String, PendingName)> {
        let due = self.deadlines.iter();
        let due = due.take_while(|(expires_ms, _)| *expires_ms <= now_ms);
        due.take(most)
            .filter_map(|(_, key)| {
                let pending = self.pending.get(key)?;
                let name = PendingName {
                    reference: pending.reference.clone(),
                    leg: key.1,
                };
                Some((pending.initiator.clone(), name))
            })
            .collect()
    }

    pub fn view(
        &self,
        symbols: &Symbols,
        initiator: &str,
        reference: &str,
    ) -> Option<TransferView> {
        let key = order_key(initiator, reference);
        let answered = self.answered.get(&key)?;
        let of_order = self.pending.range(LegKey(key, 0)..=LegKey(key, u32::MAX));
        let pending = of_order.map(|(leg, p)| {
            let name = |symbol| symbols.name(symbol).to_owned();
            let terms = TransferTerms {
                asset: name(p.asset),
                from: name(p.from),
                to: name(p.to),
                amount: p.amount,
            };
            (leg.1, terms, p.expires_ms)
        });
        Some(TransferView {
            body_sha256: answered.body_sha256,
            statuses: answered.outcome.statuses(),
            legs: match &answered.outcome {
                Outcome::Taken(legs) => legs.to_vec(),
                Outcome::Refused { .. } => Vec::new(),
            },
            pending: pending.collect(),
        })
    }

    /// The entries of an order that was taken, and what then becomes of the book.
    ///
    /// # Errors
    /// What does not fit.
    pub fn taken(
        &self,
        order: &TransferOrder,
        find: &mut dyn FnMut(&str) -> Symbol,
    ) -> Result<(Posting, Taken), String> {
        let key = order_key(&order.initiator, &order.reference);
        if self.answered.contains_key(&key) || order.legs.is_empty() {
            return Err(format!(
                "order {} was answered before, or is empty",
                order.reference
            ));
        }
        let mut walk = Walk::new(self, order);
        for leg in &order.legs {
            walk.step(leg, None, find)
                .map_err(|status| format!("{}: {}", order.reference, status.tag()))?;
        }
        let answered = Answered {
            body_sha256: order.body_sha256,
            outcome: Outcome::Taken(walk.legs.into_boxed_slice()),
        };
        let taken = Taken {
            key,
            answered,
            made: walk.made,
            resolved: walk.resolved,
        };
        Ok((walk.posting, taken))
    }

    /// Enters an order that was taken.
    pub fn take(&mut self, taken: Taken) -> Result<(), String> {
        self.answered.insert(taken.key, taken.answered);
        for (key, pending) in taken.made {
            self.deadlines.insert((pending.expires_ms, key));
            self.pending.insert(key, pending);
        }
        for (key, state) in taken.resolved {
            self.resolve(key, state)?;
        }
        Ok(())
    }

    /// The entries of a pending leg that returns by time.
    ///
    /// # Errors
    /// It is not pending.
    pub fn expiring(
        &self,
        initiator: &str,
        name: &PendingName,
    ) -> Result<(Posting, LegKey), TransferStatus> {
        let key = LegKey(order_key(initiator, &name.reference), name.leg);
        let state = self.state(&key).ok_or(TransferStatus::PendingUnknown)?;
        state.after(Resolution::Expire)?;
        let pending = self
            .pending
            .get(&key)
            .ok_or(TransferStatus::PendingUnknown)?;
        let mut posting = Posting::default();
        posting.unpended(transfer(pending));
        Ok((posting, key))
    }

    /// Ends a pending leg.
    pub fn resolve(&mut self, key: LegKey, state: LegState) -> Result<(), String> {
        let pending = self.pending.remove(&key).ok_or("a leg is not pending")?;
        self.deadlines.remove(&(pending.expires_ms, key));
        let index = usize::try_from(key.1)
            .ok()
            .and_then(|leg| leg.checked_sub(1));
        let legs = match self.answered.get_mut(&key.0).map(|each| &mut each.outcome) {
            Some(Outcome::Taken(legs)) => legs,
            _ => return Err("a leg of no order".to_owned()),
        };
        let slot = index
            .and_then(|index| legs.get_mut(index))
            .ok_or("no such leg")?;
        *slot = state;
        Ok(())
    }

    /// Remembers an order that was refused for good.
    pub fn refuse(&mut self, refusal: &TransferRefusal) -> Result<(), String> {
        let key = order_key(&refusal.initiator, &refusal.reference);
        let within = is_leg_of(refusal.leg, refusal.legs);
        if self.answered.contains_key(&key) || !within || !refusal.status.is_remembered() {
            return Err(format!("order {} is not to be refused", refusal.reference));
        }
        let answered = Answered {
            body_sha256: refusal.body_sha256,
            outcome: Outcome::Refused {
                legs: refusal.legs,
                leg: refusal.leg,
                status: refusal.status,
            },
        };
        self.answered.insert(key, answered);
        Ok(())
    }

    pub fn write(&self, symbols: &Symbols, out: &mut Canonical) {
        out.length(self.answered.len());
        for (key, answered) in &self.answered {
            out.bytes(&key.0).bytes(&answered.body_sha256);
            match &answered.outcome {
                Outcome::Taken(legs) => {
                    out.length(legs.len());
                    legs.iter().for_each(|leg| {
                        out.text(leg.name());
                    });
                }
                Outcome::Refused { legs, leg, status } => {
                    out.length(0).number(u64::from(*legs));
                    out.number(u64::from(*leg)).text(status.tag());
                }
            }
        }
        out.length(self.pending.len());
        for (key, p) in &self.pending {
            out.bytes(&key.0.0).number(u64::from(key.1));
            out.text(&p.initiator).text(&p.reference);
            for symbol in [p.asset, p.from, p.to] {
                out.text(symbols.name(symbol));
            }
            out.amount(p.amount).number(p.expires_ms);
        }
    }
}

/// What an order changes in the book.
pub(crate) struct Taken {
    key: Name128,
    answered: Answered,
    made: BTreeMap<LegKey, Pending>,
    resolved: BTreeMap<LegKey, LegState>,
}

impl Outcome {
    /// One for each leg.
    pub fn statuses(&self) -> Vec<TransferStatus> {
        match self {
            Self::Taken(legs) => vec![TransferStatus::Done; legs.len()],
            Self::Refused { legs, leg, status } => refused(*legs, *leg, *status),
        }
    }
}

/// Whether an order that was refused can have had so many legs, and this one: an answer has a status for each of them.
fn is_leg_of(leg: u32, legs: u32) -> bool {
    (1..=legs).contains(&leg) && usize::try_from(legs).is_ok_and(|legs| legs <= MAX_LEGS)
}

/// The refused leg's own status; of the others, that it was linked.
pub(crate) fn refused(legs: u32, leg: u32, status: TransferStatus) -> Vec<TransferStatus> {
    (1..=legs)
        .map(|each| match each == leg {
            true => status,
            false => TransferStatus::Linked,
        })
        .collect()
}
