//! What an order does, leg by leg, worked out beside the state: the same for deciding and for applying.

use std::collections::BTreeMap;

use crate::books::{Pool, Posting, Transfer};
use crate::names::Name128;
use crate::symbols::Symbol;
use crate::transfers::book::{LegKey, Pending, TransferBook, order_key};
use crate::transfers::order::{PendingName, TransferLeg, TransferOrder, TransferTerms};
use crate::transfers::status::{LegState, Resolution, TransferStatus};

/// The entries so far, and what became of legs.
pub(crate) struct Walk<'a> {
    book: &'a TransferBook,
    order: &'a TransferOrder,
    key: Name128,
    pub posting: Posting,
    pub legs: Vec<LegState>,
    pub made: BTreeMap<LegKey, Pending>,
    pub resolved: BTreeMap<LegKey, LegState>,
}

/// A leg's names as numbers.
pub(crate) type Find<'a> = &'a mut dyn FnMut(&str) -> Symbol;

impl<'a> Walk<'a> {
    pub fn new(book: &'a TransferBook, order: &'a TransferOrder) -> Self {
        Self {
            book,
            order,
            key: order_key(&order.initiator, &order.reference),
            posting: Posting::default(),
            legs: Vec::new(),
            made: BTreeMap::new(),
            resolved: BTreeMap::new(),
        }
    }

    /// The next leg; with a time, what has expired by then is not posted or voided.
    ///
    /// # Errors
    /// Why there is no such step. Whether the pool has enough is the books' to say.
    pub fn step(
        &mut self,
        leg: &'a TransferLeg,
        now_ms: Option<u64>,
        find: Find<'_>,
    ) -> Result<(), TransferStatus> {
        let state = match leg {
            TransferLeg::Move(terms) => {
                self.posting.moved(transfer(&self.pending(terms, 0, find)?));
                LegState::Moved
            }
            TransferLeg::Pend { terms, expires_ms } => {
                let pending = self.pending(terms, *expires_ms, find)?;
                self.posting.pended(&transfer(&pending));
                let number = u32::try_from(self.legs.len()).unwrap_or(u32::MAX);
                let key = LegKey(self.key, number.saturating_add(1));
                self.made.insert(key, pending);
                LegState::Pending
            }
            TransferLeg::Post { pending, amount } => {
                let taken = self.resolve(pending, Resolution::Post, now_ms)?;
                if *amount == 0 {
                    return Err(TransferStatus::AmountZero);
                }
                self.posting
                    .posted(taken, *amount)
                    .map_err(|_| TransferStatus::ExceedsPending)?;
                LegState::Resolves
            }
            TransferLeg::Void { pending } => {
                let taken = self.resolve(pending, Resolution::Void, now_ms)?;
                self.posting.unpended(taken);
                LegState::Resolves
            }
        };
        self.legs.push(state);
        Ok(())
    }

    fn pending(
        &self,
        terms: &TransferTerms,
        expires_ms: u64,
        find: Find<'_>,
    ) -> Result<Pending, TransferStatus> {
        if terms.amount == 0 {
            return Err(TransferStatus::AmountZero);
        }
        if terms.from == terms.to {
            return Err(TransferStatus::SamePool);
        }
        Ok(Pending {
            initiator: self.order.initiator.clone(),
            reference: self.order.reference.clone(),
            asset: find(&terms.asset),
            from: find(&terms.from),
            to: find(&terms.to),
            amount: terms.amount,
            expires_ms,
        })
    }

    /// Takes a pending leg of the same initiator, of this order or one before, once.
    fn resolve(
        &mut self,
        name: &PendingName,
        resolution: Resolution,
        now_ms: Option<u64>,
    ) -> Result<Transfer, TransferStatus> {
        let key = LegKey(order_key(&self.order.initiator, &name.reference), name.leg);
        let own = (key.0 == self.key)
            .then(|| leg_of(&self.legs, key.1))
            .flatten();
        let state = self.resolved.get(&key).copied().or(own);
        let state = state.or_else(|| self.book.state(&key));
        let after = state
            .ok_or(TransferStatus::PendingUnknown)?
            .after(resolution)?;
        let pending = self.made.get(&key).or_else(|| self.book.pending(&key));
        let pending = pending.ok_or(TransferStatus::PendingUnknown)?;
        if now_ms.is_some_and(|now_ms| pending.expires_ms <= now_ms) {
            return Err(TransferStatus::Expired);
        }
        let taken = transfer(pending);
        self.resolved.insert(key, after);
        Ok(taken)
    }
}

/// A signed transfer: this room alone makes them.
pub(crate) fn transfer(pending: &Pending) -> Transfer {
    Transfer::signed(
        pending.asset,
        Pool(pending.from),
        Pool(pending.to),
        pending.amount,
    )
}

pub(crate) fn leg_of(legs: &[LegState], leg: u32) -> Option<LegState> {
    let index = usize::try_from(leg).ok()?.checked_sub(1)?;
    legs.get(index).copied()
}
