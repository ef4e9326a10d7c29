//! Sets of limits by number, so that a withdrawal names all that count it in four bytes.

use std::collections::BTreeMap;

/// A set of limits in one book; the number is never written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charges(u32);

impl Charges {
    /// No limit.
    pub const NONE: Self = Self(0);
}

/// The sets of one book. They stay while their limits go: withdrawals may still name them.
#[derive(Debug, Clone)]
pub(crate) struct Sets {
    lists: Vec<Box<[String]>>,
    numbers: BTreeMap<Box<[String]>, Charges>,
}

impl Default for Sets {
    fn default() -> Self {
        let mut made = Self {
            lists: Vec::new(),
            numbers: BTreeMap::new(),
        };
        made.intern(Vec::new());
        made
    }
}

impl Sets {
    /// The ids of a set, in order.
    pub fn ids(&self, charges: Charges) -> &[String] {
        let index = usize::try_from(charges.0).unwrap_or(usize::MAX);
        self.lists.get(index).map_or(&[], AsRef::as_ref)
    }

    /// The number of a set, if it has one; `ids` in order.
    pub fn find(&self, ids: &[String]) -> Option<Charges> {
        self.numbers.get(ids).copied()
    }

    /// The number of a set.
    pub fn intern(&mut self, mut ids: Vec<String>) -> Option<Charges> {
        ids.sort_unstable();
        ids.dedup();
        let ids = ids.into_boxed_slice();
        if let Some(known) = self.numbers.get(&ids) {
            return Some(*known);
        }
        let charges = Charges(u32::try_from(self.lists.len()).ok()?);
        self.lists.push(ids.clone());
        self.numbers.insert(ids, charges);
        Some(charges)
    }
}
