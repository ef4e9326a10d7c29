//! One sliding window of one busy key: what was spent within its length, never too little, and at most 1/1440 of the
//! length too long.
//!
//! The newest 64 are kept exactly: up to so many events in a window (and one bucket more) it is exact. Older ones share
//! buckets of ⌈length / 1440⌉ ms, each counted as if all of it came at the bucket's last millisecond: so at most 1,441
//! buckets are alive, and an event is over-counted by less than one bucket.

use std::collections::VecDeque;

/// Times kept exactly before the older ones are put into buckets.
pub(crate) const EXACT: usize = 64;
const BUCKETS: u64 = 1_440;

/// What was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Base units; 0 where amounts of several assets are counted together.
    pub amount: u128,
    /// Withdrawals.
    pub count: u64,
}

impl Spent {
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            amount: self.amount.checked_add(other.amount)?,
            count: self.count.checked_add(other.count)?,
        })
    }

    /// Subtracts what is known to be part of it.
    pub(crate) fn less(self, part: Self) -> Self {
        Self {
            amount: self.amount.saturating_sub(part.amount),
            count: self.count.saturating_sub(part.count),
        }
    }

    /// What can be taken out of it for `event`.
    pub(crate) fn part(self, event: Self) -> Self {
        Self {
            amount: self.amount.min(event.amount),
            count: self.count.min(event.count),
        }
    }
}

/// What happened at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// When it is taken to have happened.
    pub at_ms: u64,
    pub spent: Spent,
}

/// Whether an event counts no longer. A slot of the future counts.
pub(crate) fn is_over(at_ms: u64, length_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(at_ms) >= length_ms
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    length_ms: u64,
    /// The older events, by their buckets' last ms.
    buckets: VecDeque<Slot>,
    /// The newest, at most `EXACT` slots.
    exact: VecDeque<Slot>,
    /// Of both.
    total: Spent,
    /// No slot is older: before it is over nothing is, and no slot has to be looked at.
    oldest_ms: u64,
}

impl Window {
    pub fn new(length_ms: u64) -> Self {
        Self {
            length_ms,
            buckets: VecDeque::new(),
            exact: VecDeque::new(),
            total: Spent::default(),
            oldest_ms: u64::MAX,
        }
    }

    /// The window of these slots, each list in order of time; `None` when their sum exceeds its type.
    pub fn of_slots(
        length_ms: u64,
        buckets: VecDeque<Slot>,
        exact: VecDeque<Slot>,
    ) -> Option<Self> {
        let mut total = Spent::default();
        for slot in buckets.iter().chain(&exact) {
            total = total.plus(slot.spent)?;
        }
        let mut made = Self {
            length_ms,
            buckets,
            exact,
            total,
            oldest_ms: u64::MAX,
        };
        made.look();
        Some(made)
    }

    pub fn length_ms(&self) -> u64 {
        self.length_ms
    }

    /// The slots that still count: buckets, and exact ones.
    pub fn alive(&self, now_ms: u64) -> (impl Iterator<Item = &Slot>, impl Iterator<Item = &Slot>) {
        let over = move |slot: &&Slot| is_over(slot.at_ms, self.length_ms, now_ms);
        (
            self.buckets.iter().skip_while(over),
            self.exact.iter().skip_while(over),
        )
    }

    /// The slots that still count, in order of time.
    pub fn in_order(&self, now_ms: u64) -> impl Iterator<Item = &Slot> {
        let (buckets, exact) = self.alive(now_ms);
        let (mut buckets, mut exact) = (buckets.peekable(), exact.peekable());
        std::iter::from_fn(move || match (buckets.peek(), exact.peek()) {
            (Some(bucket), Some(slot)) if slot.at_ms < bucket.at_ms => exact.next(),
            (Some(_), _) => buckets.next(),
            _ => exact.next(),
        })
    }

    /// What counts at `now_ms`.
    pub fn spent(&self, now_ms: u64) -> Spent {
        if !is_over(self.oldest_ms, self.length_ms, now_ms) {
            return self.total;
        }
        let over = |slot: &&Slot| is_over(slot.at_ms, self.length_ms, now_ms);
        let less = |total: Spent, slot: &Slot| total.less(slot.spent);
        let total = self.buckets.iter().take_while(over).fold(self.total, less);
        self.exact.iter().take_while(over).fold(total, less)
    }

    /// Whether nothing counts any more.
    pub fn is_idle(&self, now_ms: u64) -> bool {
        let over = |slot: &Slot| is_over(slot.at_ms, self.length_ms, now_ms);
        self.buckets.back().is_none_or(over) && self.exact.back().is_none_or(over)
    }

    /// Counts an event; `now_ms` never goes back. `None` when the sum would exceed its type: nothing counts more.
    pub fn charge(&mut self, event: Spent, now_ms: u64) -> Option<()> {
        self.forget(now_ms);
        let total = self.total.plus(event)?;
        match self.exact.back_mut() {
            // A part of `total`.
            Some(last) if last.at_ms >= now_ms => last.spent = last.spent.plus(event)?,
            _ => self.exact.push_back(Slot {
                at_ms: now_ms,
                spent: event,
            }),
        }
        self.total = total;
        self.oldest_ms = self.oldest_ms.min(now_ms);
        if self.exact.len() > EXACT {
            self.gather();
        }
        Some(())
    }

    /// Takes an event back that was charged at `charged_ms`; does nothing once it no longer counts, since others may
    /// share its bucket for a little longer.
    pub fn release(&mut self, event: Spent, charged_ms: u64, now_ms: u64) {
        if is_over(charged_ms, self.length_ms, now_ms) {
            return;
        }
        let in_buckets = match self.exact.front() {
            Some(first) => charged_ms < first.at_ms,
            None => true,
        };
        let (slots, at_ms) = match in_buckets {
            true => (&mut self.buckets, bucket(self.length_ms, charged_ms)),
            false => (&mut self.exact, charged_ms),
        };
        let Ok(index) = slots.binary_search_by_key(&at_ms, |slot| slot.at_ms) else {
            return;
        };
        let Some(slot) = slots.get_mut(index) else {
            return;
        };
        // Never more than the slot holds: a wrong release cannot open another time's room.
        let part = slot.spent.part(event);
        slot.spent = slot.spent.less(part);
        self.total = self.total.less(part);
        if slot.spent == Spent::default() {
            slots.remove(index);
        }
    }

    /// Drops what no longer counts.
    pub fn forget(&mut self, now_ms: u64) {
        if !is_over(self.oldest_ms, self.length_ms, now_ms) {
            return;
        }
        for slots in [&mut self.buckets, &mut self.exact] {
            while let Some(slot) = slots.front().copied() {
                if !is_over(slot.at_ms, self.length_ms, now_ms) {
                    break;
                }
                slots.pop_front();
                self.total = self.total.less(slot.spent);
            }
        }
        self.look();
    }

    fn look(&mut self) {
        let oldest = |slots: &VecDeque<Slot>| slots.front().map_or(u64::MAX, |slot| slot.at_ms);
        self.oldest_ms = oldest(&self.buckets).min(oldest(&self.exact));
    }

    /// The same events under another length: as coarse as they were. What the old length already forgot stays
    /// forgotten.
    pub fn resized(&self, length_ms: u64) -> Option<Self> {
        let mut made = Self::new(length_ms);
        for slot in self.in_order(0) {
            // The slot's time is the latest that its events can have.
            made.charge(slot.spent, slot.at_ms)?;
        }
        Some(made)
    }

    /// Puts the oldest exact slot into its bucket.
    fn gather(&mut self) {
        let Some(slot) = self.exact.pop_front() else {
            return;
        };
        let at_ms = bucket(self.length_ms, slot.at_ms);
        match self.buckets.back_mut() {
            // Parts of `total`, which did not overflow.
            Some(last) if last.at_ms == at_ms => {
                last.spent = last.spent.plus(slot.spent).unwrap_or(last.spent);
            }
            _ => self.buckets.push_back(Slot { at_ms, ..slot }),
        }
    }
}

/// The last ms of the bucket that a time falls into.
fn bucket(length_ms: u64, at_ms: u64) -> u64 {
    let width = length_ms.div_ceil(BUCKETS).max(1);
    at_ms
        .saturating_sub(at_ms.checked_rem(width).unwrap_or(0))
        .saturating_add(width.saturating_sub(1))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(amount: u128) -> Spent {
        Spent { amount, count: 1 }
    }

    #[test]
    fn the_ends_of_time_open_nothing() {
        let mut window = Window::new(1_000);
        window.charge(event(5), u64::MAX).unwrap();
        assert_eq!(window.spent(u64::MAX), event(5));
        assert!(!window.is_idle(u64::MAX));
        let mut window = Window::new(1_000);
        window.charge(event(5), 0).unwrap();
        assert_eq!(window.spent(999), event(5));
        assert_eq!(window.spent(1_000), Spent::default());
    }

    #[test]
    fn the_newest_are_exact_and_one_more_puts_the_oldest_into_its_bucket() {
        let mut window = Window::new(1_440_000);
        for at in 0..64 {
            window.charge(event(1), at).unwrap();
        }
        assert_eq!((window.exact.len(), window.buckets.len()), (64, 0));
        window.charge(event(1), 64).unwrap();
        assert_eq!((window.exact.len(), window.buckets.len()), (64, 1));
        assert_eq!(window.spent(1_440_000).amount, 65, "the bucket ends at 999");
    }

    #[test]
    fn a_late_release_takes_nothing_from_what_shares_its_bucket() {
        // Buckets of 1 s.
        let mut window = Window::new(1_440_000);
        for at in 0..=66 {
            window.charge(event(1), at * 10).unwrap();
        }
        assert_eq!(window.buckets.len(), 1);
        let spent = |window: &Window| window.spent(1_440_015).amount;
        assert_eq!(spent(&window), 67, "three share a bucket, two are over");
        window.release(event(1), 10, 1_440_015);
        assert_eq!(spent(&window), 67, "it counts no longer");
        window.release(event(1), 20, 1_440_015);
        assert_eq!(spent(&window), 66);
        window.release(event(1), 30, 1_440_015);
        assert_eq!(spent(&window), 65);
    }

    proptest! {
        #[test]
        fn any_length_counts_every_event_and_hardly_longer(
            length in prop_oneof![1_u64..5, 1_430_u64..1_450, 2_870_u64..2_890, 100_000_u64..200_000],
            steps in prop::collection::vec((0_u64..2_000, 0_u128..9, any::<bool>()), 1..300),
        ) {
            let mut window = Window::new(length);
            let (mut now, mut events) = (0, Vec::new());
            for (ms, amount, release) in steps {
                now += ms % (length / 20 + 2);
                window.charge(event(amount), now).unwrap();
                events.push((now, amount));
                if release {
                    let index = usize::try_from(ms).unwrap() % events.len();
                    let (at, amount) = events[index];
                    window.release(event(amount), at, now);
                    // What was over already may go on to count to its bucket's end.
                    if now - at < length {
                        events.remove(index);
                    }
                }
                let count = |longer: u64| events.iter().filter(|(at, _)| at + length + longer > now)
                    .fold(Spent::default(), |sum, (_, amount)| sum.plus(event(*amount)).unwrap());
                let (least, most) = (count(0), count(length.div_ceil(1_440) - 1));
                let spent = window.spent(now);
                prop_assert!(least.amount <= spent.amount && spent.amount <= most.amount);
                prop_assert!(least.count <= spent.count && spent.count <= most.count);
            }
        }
    }
}
