//! Numbers found by 128-bit keys that lie elsewhere: about eight bytes for each.
//!
//! It is many small tables, so that none is ever moved as a whole while the writer waits. The hash is seeded by the
//! process, for an initiator chooses what it asks under; nothing that is read from here depends on its order.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

const SHARDS: usize = 256;

#[derive(Debug, Clone)]
pub(crate) struct Index {
    hasher: DefaultHashBuilder,
    shards: Vec<HashTable<u32>>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: vec![HashTable::new(); SHARDS],
        }
    }
}

impl Index {
    /// The number that `is` the key's.
    pub fn find(&self, key: &[u8; 16], is: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let shard = self.shards.get(shard_of(hash))?;
        shard.find(hash, |number| is(*number)).copied()
    }

    /// Gives a key its number, in place of the one that `is` its own so far.
    pub fn set(
        &mut self,
        key: &[u8; 16],
        number: u32,
        is: impl Fn(u32) -> bool,
        key_of: impl Fn(u32) -> [u8; 16],
    ) {
        let hash = self.hasher.hash_one(key);
        let hasher = &self.hasher;
        if let Some(shard) = self.shards.get_mut(shard_of(hash)) {
            match shard.find_mut(hash, |each| is(*each)) {
                Some(known) => *known = number,
                None => {
                    shard.insert_unique(hash, number, |each| hasher.hash_one(key_of(*each)));
                }
            }
        }
    }

    /// Adds the number of a key that has none.
    pub fn add(&mut self, key: &[u8; 16], number: u32, key_of: impl Fn(u32) -> [u8; 16]) {
        let hash = self.hasher.hash_one(key);
        let hasher = &self.hasher;
        if let Some(shard) = self.shards.get_mut(shard_of(hash)) {
            shard.insert_unique(hash, number, |each| hasher.hash_one(key_of(*each)));
        }
    }

    /// Fetches where a key's number is or will be, and answers nothing that means anything.
    pub fn fetch(&self, key: &[u8; 16]) -> u32 {
        let hash = self.hasher.hash_one(key);
        let mut seen = 0;
        if let Some(shard) = self.shards.get(shard_of(hash)) {
            shard.find(hash, |number| {
                seen ^= *number;
                false
            });
        }
        seen
    }

    /// Adds the number of a key unless it has one; `None` then.
    pub fn add_new(
        &mut self,
        key: &[u8; 16],
        number: u32,
        key_of: impl Fn(u32) -> [u8; 16],
    ) -> Option<()> {
        let hash = self.hasher.hash_one(key);
        let hasher = &self.hasher;
        let shard = self.shards.get_mut(shard_of(hash))?;
        let entry = shard.entry(
            hash,
            |each| key_of(*each) == *key,
            |each| hasher.hash_one(key_of(*each)),
        );
        match entry {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => {
                place.insert(number);
                Some(())
            }
        }
    }

    /// Makes room in an empty index for so many keys.
    pub fn expect(&mut self, keys: usize) {
        for shard in &mut self.shards {
            shard.reserve(keys.div_ceil(SHARDS), |_| 0);
        }
    }

    /// Takes the key's number out.
    pub fn remove(&mut self, key: &[u8; 16], is: impl Fn(u32) -> bool) {
        let hash = self.hasher.hash_one(key);
        if let Some(shard) = self.shards.get_mut(shard_of(hash))
            && let Ok(found) = shard.find_entry(hash, |number| is(*number))
        {
            found.remove();
        }
    }
}

/// By bits that the tables themselves use least.
fn shard_of(hash: u64) -> usize {
    usize::try_from((hash >> 48) & 0xff).unwrap_or(0)
}
