//! One sliding window: what was spent within its length, never too little, and at most 1/1440 of the length too long.
//!
//! Few events are kept exactly. Beyond that they share buckets of ⌈length / 1440⌉ ms, each counted as if all of it
//! came at the bucket's last millisecond: so at most 1,441 slots are alive, and an event is over-counted by less than
//! one bucket.

use std::collections::VecDeque;

use crate::canonical::Canonical;

/// Events kept exactly before they are put into buckets.
const EXACT: usize = 64;
const BUCKETS: u64 = 1_440;

/// What was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Base units.
    pub amount: u128,
    /// Withdrawals.
    pub count: u64,
}

impl Spent {
    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            amount: self.amount.checked_add(other.amount)?,
            count: self.count.checked_add(other.count)?,
        })
    }

    /// Subtracts what is known to be part of it.
    fn less(self, part: Self) -> Self {
        Self {
            amount: self.amount.saturating_sub(part.amount),
            count: self.count.saturating_sub(part.count),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    /// When it is taken to have happened.
    at_ms: u64,
    spent: Spent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    length_ms: u64,
    in_buckets: bool,
    /// In order of time.
    slots: VecDeque<Slot>,
    total: Spent,
}

impl Window {
    pub fn new(length_ms: u64) -> Self {
        Self {
            length_ms,
            in_buckets: false,
            slots: VecDeque::new(),
            total: Spent::default(),
        }
    }

    /// What counts at `now_ms`.
    pub fn spent(&self, now_ms: u64) -> Spent {
        self.slots
            .iter()
            .take_while(|slot| self.is_over(slot.at_ms, now_ms))
            .fold(self.total, |total, slot| total.less(slot.spent))
    }

    /// Counts an event; `now_ms` never goes back. `None` when the sum would exceed its type: nothing changed.
    pub fn charge(&mut self, event: Spent, now_ms: u64) -> Option<()> {
        self.forget(now_ms);
        let total = self.total.plus(event)?;
        if !self.in_buckets && self.slots.len() >= EXACT {
            self.gather();
        }
        let at_ms = self.place(now_ms);
        match self.slots.back_mut() {
            Some(last) if last.at_ms >= at_ms => last.spent = last.spent.plus(event)?,
            _ => self.slots.push_back(Slot {
                at_ms,
                spent: event,
            }),
        }
        self.total = total;
        Some(())
    }

    /// Takes an event back that was charged at `charged_ms`; does nothing once it no longer counts.
    pub fn release(&mut self, event: Spent, charged_ms: u64) {
        let at_ms = self.place(charged_ms);
        let Ok(index) = self.slots.binary_search_by_key(&at_ms, |slot| slot.at_ms) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        // Never more than the slot holds: a wrong release cannot open another time's room.
        let part = Spent {
            amount: event.amount.min(slot.spent.amount),
            count: event.count.min(slot.spent.count),
        };
        slot.spent = slot.spent.less(part);
        self.total = self.total.less(part);
        if slot.spent == Spent::default() {
            self.slots.remove(index);
        }
    }

    /// The earliest time at which what then counts is at most `room`; `None` for never (`room` absent).
    pub fn earliest(&self, fits: impl Fn(Spent) -> bool, now_ms: u64) -> Option<u64> {
        let mut left = self.spent(now_ms);
        if fits(left) {
            return Some(now_ms);
        }
        for slot in self
            .slots
            .iter()
            .skip_while(|slot| self.is_over(slot.at_ms, now_ms))
        {
            left = left.less(slot.spent);
            if fits(left) {
                return slot.at_ms.checked_add(self.length_ms);
            }
        }
        None
    }

    /// Drops what no longer counts.
    pub fn forget(&mut self, now_ms: u64) {
        while let Some(slot) = self.slots.front().copied() {
            if !self.is_over(slot.at_ms, now_ms) {
                return;
            }
            self.slots.pop_front();
            self.total = self.total.less(slot.spent);
        }
        self.in_buckets = false;
    }

    /// The same events under another length. What the old length already forgot stays forgotten.
    pub fn resized(&self, length_ms: u64) -> Option<Self> {
        if length_ms == self.length_ms {
            return Some(self.clone());
        }
        let mut made = Self::new(length_ms);
        for slot in &self.slots {
            // The slot's time is the latest that its events can have.
            made.charge(slot.spent, slot.at_ms)?;
        }
        Some(made)
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn write(&self, out: &mut Canonical) {
        out.number(self.length_ms)
            .flag(self.in_buckets)
            .length(self.slots.len());
        for slot in &self.slots {
            out.number(slot.at_ms)
                .amount(slot.spent.amount)
                .number(slot.spent.count);
        }
    }

    fn is_over(&self, at_ms: u64, now_ms: u64) -> bool {
        at_ms.saturating_add(self.length_ms) <= now_ms
    }

    /// When an event is taken to have happened.
    fn place(&self, at_ms: u64) -> u64 {
        let width = self.length_ms.div_ceil(BUCKETS).max(1);
        match self.in_buckets {
            true => at_ms
                .saturating_sub(at_ms.checked_rem(width).unwrap_or(0))
                .saturating_add(width.saturating_sub(1)),
            false => at_ms,
        }
    }

    /// Puts exact events into buckets.
    fn gather(&mut self) {
        self.in_buckets = true;
        let mut slots: VecDeque<Slot> = VecDeque::new();
        for slot in std::mem::take(&mut self.slots) {
            let at_ms = self.place(slot.at_ms);
            match slots.back_mut() {
                // Parts of `total`, which did not overflow.
                Some(last) if last.at_ms == at_ms => {
                    last.spent = last.spent.plus(slot.spent).unwrap_or(last.spent);
                }
                _ => slots.push_back(Slot { at_ms, ..slot }),
            }
        }
        self.slots = slots;
    }
}
