//! Payouts' ids in a snapshot; who has them is counted again.

use super::{PayoutId, PayoutIds};
use crate::limits::stored::{Reader, Writer};
use crate::slab::{Slab, Slot};

impl PayoutIds {
    /// Places for so many, to be read, and the freed ones.
    pub fn with_free(count: usize, free: Vec<Slot>) -> Option<Self> {
        Slab::with_free(count, free).map(Self)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The freed places.
    pub fn free(&self) -> &[Slot] {
        self.0.free()
    }

    /// Gives each to `item`.
    pub fn save(&self, mut item: impl FnMut(&dyn Fn(&mut Writer<'_>))) {
        for (slot, payout) in self.0.iter() {
            item(&|out| {
                out.word(slot.number());
                out.text(&payout.text);
                out.option(payout.ended_ms, Writer::number);
            });
        }
    }

    /// Reads one.
    pub fn load(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let slot = Slot::from_number(from.word()?);
        let payout = PayoutId {
            text: from.text()?.into_boxed_str(),
            withdrawals: 0,
            ended_ms: from.option(Reader::number)?,
        };
        self.0.put(slot, payout)
    }

    /// Whether there is such a payout.
    pub fn has(&self, payout: Slot) -> bool {
        self.0.get(payout).is_some()
    }

    /// Whether each is some withdrawal's.
    pub fn are_named(&self) -> bool {
        self.0.iter().all(|(_, payout)| payout.withdrawals > 0)
    }

    /// Whether every place is a payout's, or free.
    pub fn is_whole(&self) -> bool {
        self.0.is_whole()
    }
}
