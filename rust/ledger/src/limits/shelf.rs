//! The records of one tally's keys, found by the exact key; those under which nothing counts any more are forgotten a
//! few at a time.

use crate::limits::index::Index;
use crate::limits::key::{Key, hash};
use crate::limits::track::{Horizon, Track};
use crate::limits::window::{Slot as Event, Spent};
use std::hash::{BuildHasher, RandomState};

use crate::slab::{Slab, Slot};

/// Records looked at by each charge. Two for each new key keep what is idle below what is in use.
const LOOKED_AT: usize = 2;
/// The index needs two numbers for itself.
const MOST: u32 = u32::MAX - 2;

#[derive(Debug, Clone)]
struct Record<const W: usize> {
    key: [u32; W],
    track: Track,
}

#[derive(Debug, Clone)]
struct Records<const W: usize> {
    index: Index,
    records: Slab<Record<W>>,
    seed: u64,
    /// The record that is looked at next.
    hand: u32,
    /// One more than the largest place ever used.
    places: u32,
}

impl<const W: usize> Default for Records<W> {
    fn default() -> Self {
        Self {
            index: Index::default(),
            records: Slab::default(),
            seed: RandomState::new().hash_one(W),
            hand: 0,
            places: 0,
        }
    }
}

impl<const W: usize> Records<W> {
    fn find(&self, key: &[u32; W]) -> Option<Slot> {
        self.index.find(hash(key, self.seed), |slot| {
            self.records
                .get(slot)
                .is_some_and(|record| record.key == *key)
        })
    }

    fn words(&self, key: &Key) -> [u32; W] {
        key.first()
    }

    fn get(&self, key: &Key) -> Option<&Track> {
        Some(&self.records.get(self.find(&key.first())?)?.track)
    }

    fn charge(&mut self, key: &Key, horizon: &Horizon, event: Spent, now_ms: u64) -> Option<()> {
        let key = key.first();
        if let Some(slot) = self.find(&key) {
            self.records
                .get_mut(slot)?
                .track
                .charge(horizon, event, now_ms)?;
        } else {
            self.insert(
                key,
                Track::one(Event {
                    at_ms: now_ms,
                    spent: event,
                }),
            )?;
        }
        // The only one there is was just charged.
        if self.records.len() > 1 {
            for _ in 0..LOOKED_AT {
                self.look(horizon, now_ms);
            }
        }
        Some(())
    }

    fn insert(&mut self, key: [u32; W], track: Track) -> Option<()> {
        let slot = self.records.insert(Record { key, track })?;
        if slot.number() >= MOST {
            self.records.remove(slot);
            return None;
        }
        self.places = self.places.max(slot.number().saturating_add(1));
        self.index.insert(hash(&key, self.seed), slot);
        Some(())
    }

    fn release(
        &mut self,
        key: &Key,
        horizon: &Horizon,
        event: Spent,
        charged_ms: u64,
        now_ms: u64,
    ) {
        let Some(slot) = self.find(&key.first()) else {
            return;
        };
        if let Some(record) = self.records.get_mut(slot)
            && !record.track.release(horizon, event, charged_ms, now_ms)
        {
            self.remove(slot);
        }
    }

    fn remove(&mut self, slot: Slot) {
        if let Some(record) = self.records.remove(slot) {
            self.index.remove(hash(&record.key, self.seed), slot);
        }
    }

    /// Forgets one record if it is idle.
    fn look(&mut self, horizon: &Horizon, now_ms: u64) {
        let slot = Slot::from_number(self.hand);
        self.hand = self.hand.saturating_add(1);
        if self.hand >= self.places {
            self.hand = 0;
        }
        if self
            .records
            .get(slot)
            .is_some_and(|record| record.track.is_idle(horizon, now_ms))
        {
            self.remove(slot);
        }
    }
}

/// The records, by the size of their keys.
#[derive(Debug, Clone)]
pub(crate) struct Shelf(Sized);

#[derive(Debug, Clone)]
enum Sized {
    Narrow(Records<4>),
    Wide(Records<8>),
    Full(Records<12>),
}

macro_rules! each {
    ($shelf:expr, $records:ident => $answer:expr) => {
        match $shelf {
            Sized::Narrow($records) => $answer,
            Sized::Wide($records) => $answer,
            Sized::Full($records) => $answer,
        }
    };
}

impl Shelf {
    /// Room for keys of so many words.
    pub fn new(words: usize) -> Self {
        Self(match words {
            0..=4 => Sized::Narrow(Records::default()),
            5..=8 => Sized::Wide(Records::default()),
            _ => Sized::Full(Records::default()),
        })
    }

    pub fn get(&self, key: &Key) -> Option<&Track> {
        each!(&self.0, records => records.get(key))
    }

    /// Fetches where a key is looked up, and answers nothing that means anything.
    pub fn fetch(&self, key: &Key) -> u64 {
        each!(&self.0, records => records.index.fetch(hash(&records.words(key), records.seed)))
    }

    /// Counts an event. `None` when a sum would exceed its type, or no place is left: nothing counts more.
    pub fn charge(
        &mut self,
        key: &Key,
        horizon: &Horizon,
        event: Spent,
        now_ms: u64,
    ) -> Option<()> {
        each!(&mut self.0, records => records.charge(key, horizon, event, now_ms))
    }

    /// Takes an event back that was charged at `charged_ms`.
    pub fn release(
        &mut self,
        key: &Key,
        horizon: &Horizon,
        event: Spent,
        charged_ms: u64,
        now_ms: u64,
    ) {
        each!(&mut self.0, records => records.release(key, horizon, event, charged_ms, now_ms));
    }

    /// Puts a record that was stored.
    pub fn restore(&mut self, key: &Key, track: Track) -> Option<()> {
        each!(&mut self.0, records => {
            if records.get(key).is_some() {
                return None;
            }
            records.insert(key.first(), track)
        })
    }

    /// Every record, in no order that means anything.
    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(&[u32], &'a Track)) {
        each!(&self.0, records => records.records.iter().for_each(|(_, record)| visit(&record.key, &record.track)));
    }

    /// Changes every record.
    pub fn try_for_each_mut(
        &mut self,
        mut change: impl FnMut(&mut Track) -> Option<()>,
    ) -> Option<()> {
        each!(&mut self.0, records => {
            (0..records.places).try_for_each(|number| {
                match records.records.get_mut(Slot::from_number(number)) {
                    Some(record) => change(&mut record.track),
                    None => Some(()),
                }
            })
        })
    }

    /// How many keys it knows.
    pub fn len(&self) -> usize {
        each!(&self.0, records => records.records.len())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn key(number: u32) -> Key {
        let mut words = [0; 12];
        words.iter_mut().for_each(|word| *word = number);
        Key(words)
    }

    #[test]
    fn a_record_of_one_event_is_forty_eight_bytes() {
        assert_eq!(size_of::<Option<Record<4>>>(), 48);
    }

    #[test]
    fn idle_keys_go_a_few_at_a_time_and_no_other_key_does() {
        let horizon = Horizon::Sliding(vec![1_000]);
        let event = Spent {
            amount: 1,
            count: 1,
        };
        for words in [4, 8, 12] {
            let mut shelf = Shelf::new(words);
            let mut most = 0;
            for number in 0..100_000_u32 {
                // Ten new keys each ms: 10,000 are alive.
                let now = 5_000 + u64::from(number) / 10;
                shelf.charge(&key(number), &horizon, event, now).unwrap();
                most = most.max(shelf.len());
                let old = number.saturating_sub(9_990);
                assert_eq!(
                    shelf
                        .get(&key(old))
                        .map(|track| track.spent(0, Some(1_000), now)),
                    Some(event),
                    "{old}"
                );
            }
            assert!(most <= 20_000, "{most}");
            // One busy key forgets the others.
            for _ in 0..10_000 {
                shelf.charge(&key(7), &horizon, event, 50_000).unwrap();
            }
            assert_eq!(shelf.len(), 1);
        }
    }
}
