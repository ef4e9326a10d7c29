//! Where a key's record lies: a hash table that grows a few cells at a time, so that no charge waits for all the others
//! to move.
//!
//! Each cell holds 32 bits of the key's hash and the place. Lookups ask both tables while one grows into the other.

use crate::slab::Slot;

const EMPTY: u64 = 0;
/// Something was here: a search goes on.
const DEAD: u64 = 1;
/// Cells moved by each insertion while it grows. Twelve are enough: the new table takes at least a quarter of the old
/// one's cells before it must grow itself.
const MOVED: usize = 16;
const LEAST: usize = 8;

#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// A power of two of them, or none.
    cells: Vec<u64>,
    /// Cells of `cells` that are not empty.
    used: usize,
    /// What has not moved yet, from `moved` on.
    old: Vec<u64>,
    moved: usize,
    len: usize,
}

impl Index {
    /// The place under a hash that `same` says is the one.
    pub fn find(&self, hash: u32, same: impl Fn(Slot) -> bool) -> Option<Slot> {
        let at = search(&self.cells, hash, &same).or_else(|| search(&self.old, hash, &same))?;
        slot(at.1)
    }

    /// Reads the first cell of a hash, and answers nothing that means anything: no branch waits for what it reads.
    pub fn fetch(&self, hash: u32) -> u64 {
        let first = |cells: &[u64]| {
            let at = usize::try_from(hash).unwrap_or(0) & cells.len().wrapping_sub(1);
            cells.get(at).copied().unwrap_or(EMPTY)
        };
        first(&self.cells) ^ first(&self.old)
    }

    /// Adds a place that is not there yet.
    pub fn insert(&mut self, hash: u32, slot: Slot) {
        self.grow();
        self.used = self
            .used
            .saturating_add(put(&mut self.cells, cell(hash, slot)));
        self.len = self.len.saturating_add(1);
    }

    /// Takes a place out.
    pub fn remove(&mut self, hash: u32, slot: Slot) {
        for cells in [&mut self.cells, &mut self.old] {
            let Some((at, _)) = search(cells, hash, &|found| found == slot) else {
                continue;
            };
            if let Some(cell) = cells.get_mut(at) {
                *cell = DEAD;
                self.len = self.len.saturating_sub(1);
                return;
            }
        }
    }

    /// Makes room for one more, and moves some of what still has to.
    fn grow(&mut self) {
        if self.old.is_empty() && full(self.used.saturating_add(1), self.cells.len()) {
            let crowded = self.len.saturating_mul(2) >= self.cells.len();
            let cells = self.cells.len().max(LEAST / 2);
            let cells = if crowded {
                cells.saturating_mul(2)
            } else {
                cells
            };
            self.old = std::mem::replace(&mut self.cells, vec![EMPTY; cells.max(LEAST)]);
            (self.used, self.moved) = (0, 0);
        }
        for _ in 0..MOVED {
            let Some(place) = self.old.get_mut(self.moved) else {
                self.old = Vec::new();
                return;
            };
            self.moved = self.moved.saturating_add(1);
            // What is empty stays so: there every search of the old table ends.
            if *place != EMPTY {
                let cell = std::mem::replace(place, DEAD);
                if cell != DEAD {
                    self.used = self.used.saturating_add(put(&mut self.cells, cell));
                }
            }
        }
    }
}

fn full(used: usize, cells: usize) -> bool {
    used.saturating_mul(4) > cells.saturating_mul(3)
}

fn cell(hash: u32, slot: Slot) -> u64 {
    (u64::from(hash) << 32) | u64::from(slot.number()).saturating_add(2)
}

fn slot(cell: u64) -> Option<Slot> {
    let low = u32::try_from(cell & u64::from(u32::MAX)).ok()?;
    low.checked_sub(2).map(Slot::from_number)
}

fn hash_of(cell: u64) -> u32 {
    u32::try_from(cell >> 32).unwrap_or(0)
}

/// The cells from a hash's own on, once round.
fn walk(length: usize, hash: u32) -> impl Iterator<Item = usize> {
    let mask = length.wrapping_sub(1);
    let from = usize::try_from(hash).unwrap_or(0);
    (0..length).map(move |step| from.wrapping_add(step) & mask)
}

fn search(cells: &[u64], hash: u32, same: &impl Fn(Slot) -> bool) -> Option<(usize, u64)> {
    for at in walk(cells.len(), hash) {
        let cell = cells.get(at).copied().unwrap_or(EMPTY);
        if cell == EMPTY {
            return None;
        }
        if cell != DEAD && hash_of(cell) == hash && slot(cell).is_some_and(same) {
            return Some((at, cell));
        }
    }
    None
}

/// Puts a cell into the first empty place; answers how many places are no longer empty.
fn put(cells: &mut [u64], cell: u64) -> usize {
    for at in walk(cells.len(), hash_of(cell)) {
        if let Some(place) = cells.get_mut(at)
            && *place == EMPTY
        {
            *place = cell;
            return 1;
        }
    }
    0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_finds_what_was_put_in_and_nothing_else_while_it_grows_and_shrinks() {
        let mut index = Index::default();
        let mut model: BTreeMap<u32, u32> = BTreeMap::new();
        let mut random = 1_u64;
        for step in 0..60_000_u32 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Few hashes, so that many share one.
            let hash = u32::try_from(random >> 33).unwrap() & 0xff_0fff;
            let wave = (step / 10_000) % 2 == 0;
            if model.len() > 100 && (random & 7 < if wave { 2 } else { 6 }) {
                let (slot, hash) = model.pop_first().unwrap();
                index.remove(hash, Slot::from_number(slot));
            } else {
                index.insert(hash, Slot::from_number(step));
                model.insert(step, hash);
            }
            assert_eq!(index.len, model.len());
            if step % 97 == 0 {
                for (slot, hash) in &model {
                    let slot = Slot::from_number(*slot);
                    assert_eq!(index.find(*hash, |found| found == slot), Some(slot));
                }
            }
            assert_eq!(index.find(hash, |_| false), None);
        }
        assert!(
            index.cells.len() <= 4 * 8_192 * 4,
            "removed places are used again"
        );
    }

    /// The longest way that a search can go: cells in a row that do not end it.
    fn longest_run(cells: &[u64]) -> usize {
        let runs = cells.split(|cell| *cell == EMPTY).map(<[u64]>::len);
        runs.max().unwrap_or(0)
    }

    #[test]
    fn no_search_is_long_while_it_grows() {
        let mut index = Index::default();
        let mut moving = 0;
        for number in 0..50_000_u32 {
            index.insert(
                number.wrapping_mul(2_654_435_761),
                Slot::from_number(number),
            );
            if index.moved % 4_096 == 0 && index.moved > 0 && !index.old.is_empty() {
                moving += 1;
                let longest = longest_run(&index.old).max(longest_run(&index.cells));
                assert!(longest < 2_000, "{longest} of {}", index.old.len());
            }
        }
        assert!(moving > 10, "{moving}");
    }
}
