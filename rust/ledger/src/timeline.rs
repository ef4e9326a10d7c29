//! Slots in order of time, in small chunks: appending and removing cost little however many there are, and each entry
//! takes four bytes.

use crate::slab::Slot;

const CHUNK: usize = 1_024;

/// Slots of about the same time, in order of it.
#[derive(Debug, Clone)]
struct Chunk {
    first_ms: u64,
    slots: Vec<Slot>,
}

/// Slots by time; `time` tells a slot's own, which never changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timeline {
    chunks: Vec<Chunk>,
}

impl Timeline {
    /// Adds a slot of `at_ms`: at the end, unless a clock went back.
    pub fn add(&mut self, at_ms: u64, slot: Slot, time: impl Fn(Slot) -> u64) {
        let index = self.chunk_of(at_ms);
        let is_last = index.saturating_add(1) >= self.chunks.len();
        match self.chunks.get_mut(index) {
            Some(chunk) if chunk.slots.len() < CHUNK => {
                let place = match chunk.slots.last() {
                    Some(last) if time(*last) > at_ms => {
                        chunk.slots.partition_point(|slot| time(*slot) <= at_ms)
                    }
                    _ => chunk.slots.len(),
                };
                chunk.slots.insert(place, slot);
                chunk.first_ms = chunk.first_ms.min(at_ms);
            }
            Some(chunk)
                if is_last && chunk.slots.last().is_some_and(|last| time(*last) <= at_ms) =>
            {
                self.chunks.push(Chunk::with(at_ms, slot));
            }
            Some(chunk) => {
                let tail = chunk.slots.split_off(CHUNK >> 1);
                if let Some(first) = tail.first() {
                    let first_ms = time(*first);
                    let mut slots = Vec::with_capacity(CHUNK);
                    slots.extend(tail);
                    self.chunks
                        .insert(index.saturating_add(1), Chunk { first_ms, slots });
                }
                self.add(at_ms, slot, time);
            }
            None => self.chunks.push(Chunk::with(at_ms, slot)),
        }
    }

    /// Takes a slot of `at_ms` out.
    pub fn remove(&mut self, at_ms: u64, slot: Slot) {
        let mut index = self.chunk_of(at_ms);
        // Chunks may begin with the time that the one before ends with.
        while let Some(chunk) = self.chunks.get_mut(index) {
            if let Some(place) = chunk.slots.iter().position(|each| *each == slot) {
                chunk.slots.remove(place);
                if chunk.slots.is_empty() {
                    self.chunks.remove(index);
                }
                return;
            }
            if chunk.first_ms < at_ms || index == 0 {
                return;
            }
            index = index.saturating_sub(1);
        }
    }

    /// Every slot, the latest first; those of one time in no order.
    pub fn latest_first(&self, until_ms: u64) -> impl Iterator<Item = Slot> {
        let end = self
            .chunks
            .partition_point(|chunk| chunk.first_ms <= until_ms);
        let chunks = self.chunks.get(..end).unwrap_or_default();
        chunks
            .iter()
            .rev()
            .flat_map(|chunk| chunk.slots.iter().rev().copied())
    }

    /// Every slot, the earliest first; those of one time in no order.
    pub fn earliest_first(&self) -> impl Iterator<Item = Slot> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.slots.iter().copied())
    }

    /// The same behind the first `skip`: a step for each chunk that is passed over.
    pub fn behind(&self, skip: usize) -> impl Iterator<Item = Slot> {
        let mut left = skip;
        self.chunks.iter().flat_map(move |chunk| {
            let passed = left.min(chunk.slots.len());
            left = left.saturating_sub(passed);
            let slots = chunk.slots.get(passed..).unwrap_or_default();
            slots.iter().copied()
        })
    }

    /// The last chunk that begins at `at_ms` or before; the first when none does.
    fn chunk_of(&self, at_ms: u64) -> usize {
        self.chunks
            .partition_point(|chunk| chunk.first_ms <= at_ms)
            .saturating_sub(1)
    }
}

impl Chunk {
    fn with(first_ms: u64, slot: Slot) -> Self {
        let mut slots = Vec::with_capacity(CHUNK);
        slots.push(slot);
        Self { first_ms, slots }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(slot: Slot) -> u64 {
        // Many of one time, and times that go back.
        u64::from(slot.number().wrapping_mul(2_654_435_761) >> 24)
    }

    proptest! {
        #[test]
        fn slots_come_back_in_order_of_time(count in 0..6_000_u32, every in 1..7_u32, sorted: bool) {
            let mut line = Timeline::default();
            let mut slots: Vec<Slot> = (0..count).map(Slot::from_number).collect();
            if sorted {
                slots.sort_by_key(|slot| time(*slot));
            }
            for slot in &slots {
                line.add(time(*slot), *slot, time);
            }
            for slot in slots.iter().filter(|slot| slot.number() % every == 0) {
                line.remove(time(*slot), *slot);
            }
            slots.retain(|slot| slot.number() % every != 0);
            slots.sort_by_key(|slot| (time(*slot), *slot));
            let mut found: Vec<Slot> = line.earliest_first().collect();
            prop_assert!(found.is_sorted_by_key(|slot| time(*slot)));
            let behind: Vec<Slot> = line.behind(found.len() / 3).collect();
            prop_assert_eq!(&behind, &found[found.len() / 3..]);
            prop_assert_eq!(line.behind(found.len()).count(), 0);
            let mut back: Vec<Slot> = line.latest_first(u64::MAX).collect();
            back.reverse();
            prop_assert_eq!(&back, &found);
            found.sort_by_key(|slot| (time(*slot), *slot));
            prop_assert_eq!(&found, &slots);
            let early: Vec<Slot> = line.latest_first(99).collect();
            prop_assert!(slots.iter().filter(|slot| time(**slot) <= 99).all(|slot| early.contains(slot)));
        }
    }
}
