//! How many withdrawals each customer has queued in each wallet.
//!
//! Many small tables, so that none is ever moved as a whole while the writer waits. Customers are named by the
//! exchange, and names are digests; no order of a table is ever seen.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Bucket;

use super::place::Place;
use crate::names::Name128;
use crate::symbols::Symbol;

const SHARDS: usize = 256;
/// Odd, with bits everywhere: 2^64 by the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The first 64 bits of a key and a count.
type Count = [u32; 3];

/// Counts by 64 bits of wallet and customer: a collision, one in 2^64, shares a count and nothing else.
#[derive(Debug, Clone)]
pub(super) struct Shares(Vec<HashTable<Count>>);

impl Default for Shares {
    fn default() -> Self {
        Self(vec![HashTable::new(); SHARDS])
    }
}

fn key(wallet: Symbol, customer: &Name128) -> u64 {
    let [_, _, _, _, a, b, c, d, e, f, g, h, ..] = customer.0;
    let name = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    name ^ u64::from(wallet.number()).wrapping_mul(MIX)
}

/// The tables look at the lowest and the highest bits.
fn hash(key: u64) -> u64 {
    key.wrapping_mul(MIX).rotate_left(32).wrapping_mul(MIX)
}

fn halves(key: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = key.to_be_bytes();
    [
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    ]
}

fn key_of([high, low, _]: &Count) -> u64 {
    (u64::from(*high) << 32) | u64::from(*low)
}

impl Shares {
    fn shard(&mut self, key: u64) -> Option<&mut HashTable<Count>> {
        let index = usize::try_from((hash(key) >> 40) & 0xff).unwrap_or(0);
        self.0.get_mut(index)
    }

    /// Fetches where a count is or will be, and answers nothing that means anything.
    pub fn fetch(&self, wallet: Symbol, customer: &Name128) -> u32 {
        let key = key(wallet, customer);
        let index = usize::try_from((hash(key) >> 40) & 0xff).unwrap_or(0);
        let mut seen = 0;
        if let Some(shard) = self.0.get(index) {
            shard.find(hash(key), |[high, ..]| {
                seen ^= *high;
                false
            });
        }
        seen
    }

    /// One more; how many there were.
    pub fn add(&mut self, place: &Place) -> u32 {
        let key = key(place.wallet, &place.customer);
        let [high, low] = halves(key);
        let Some(shard) = self.shard(key) else {
            return 0;
        };
        match shard.entry(
            hash(key),
            |known| key_of(known) == key,
            |known| hash(key_of(known)),
        ) {
            Bucket::Occupied(mut known) => {
                let [_, _, count] = known.get_mut();
                let before = *count;
                *count = count.saturating_add(1);
                before
            }
            Bucket::Vacant(place) => {
                place.insert([high, low, 1]);
                0
            }
        }
    }

    /// One less.
    pub fn remove(&mut self, place: &Place) {
        let key = key(place.wallet, &place.customer);
        let shard = self.shard(key);
        let Some(Ok(mut known)) =
            shard.map(|s| s.find_entry(hash(key), |known| key_of(known) == key))
        else {
            return;
        };
        let [_, _, count] = known.get_mut();
        *count = count.saturating_sub(1);
        if *count == 0 {
            known.remove();
        }
    }

    pub fn bytes(&self) -> usize {
        self.0
            .iter()
            .fold(0, |sum, table| sum.saturating_add(table.allocation_size()))
    }
}
