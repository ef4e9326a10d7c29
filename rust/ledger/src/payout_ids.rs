//! The ids of payouts as withdrawals name them: each text once, for as long as a withdrawal in memory has it.

use crate::slab::{Slab, Slot};

mod saved;

#[derive(Debug, Clone)]
struct PayoutId {
    text: Box<str>,
    withdrawals: u32,
    /// When it ended, unix ms; none before.
    ended_ms: Option<u64>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct PayoutIds(Slab<PayoutId>);

impl PayoutIds {
    /// A payout that no withdrawal has yet.
    pub fn add(&mut self, text: &str) -> Option<Slot> {
        self.0.insert(PayoutId {
            text: Box::from(text),
            withdrawals: 0,
            ended_ms: None,
        })
    }

    /// The id; empty for NONE.
    pub fn name(&self, payout: Slot) -> &str {
        self.0.get(payout).map_or("", |payout| &payout.text)
    }

    /// It ended: paid or not.
    pub fn end(&mut self, payout: Slot, now_ms: u64) {
        if let Some(payout) = self.0.get_mut(payout) {
            payout.ended_ms = Some(now_ms);
        }
    }

    /// When it ended; none for no payout.
    pub fn ended_ms(&self, payout: Slot) -> Option<u64> {
        self.0.get(payout)?.ended_ms
    }

    /// One more withdrawal has it.
    pub fn bind(&mut self, payout: Slot) {
        if let Some(payout) = self.0.get_mut(payout) {
            payout.withdrawals = payout.withdrawals.saturating_add(1);
        }
    }

    /// One less; the last takes the text with it.
    pub fn unbind(&mut self, payout: Slot) {
        if let Some(found) = self.0.get_mut(payout) {
            found.withdrawals = found.withdrawals.saturating_sub(1);
            if found.withdrawals == 0 {
                self.0.remove(payout);
            }
        }
    }
}
