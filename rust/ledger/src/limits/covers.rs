//! Which tallies count a withdrawal, looked up by asset and class; and sets of tallies under small numbers, so that a
//! withdrawal stores four bytes for all that it was charged to.

use hashbrown::HashMap;

use crate::limits::tally::Counted;
use crate::subject::Subject;
use crate::symbols::Symbol;

/// What a withdrawal was charged to; a number of one book.
///
/// Nearly always it is [`Charges::COVERING`], which stays right when rules change: a tally that stays has counted the
/// withdrawal, and a new one counts all that is in memory. Other sets come from records alone that name other limits
/// than those which cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Charges(u32);

impl Charges {
    /// Nothing is charged.
    pub const NONE: Self = Self(0);
    /// All limits that cover the withdrawal.
    pub const COVERING: Self = Self(u32::MAX);

    pub(crate) fn number(self) -> u32 {
        self.0
    }

    pub(crate) fn from_number(number: u32) -> Self {
        Self(number)
    }

    fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Tallies by what they count alone: thousands cost nothing where they do not apply.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    by_names: HashMap<(Option<Symbol>, Option<Symbol>), Vec<u32>>,
    /// What covers an asset and class, once charged: one look-up instead of four.
    pairs: HashMap<(Symbol, Symbol), Box<[u32]>>,
}

/// Pairs are remembered for no more assets and classes than this; all others take four look-ups.
const PAIRS: usize = 4_096;

impl Filters {
    pub fn add(&mut self, counted: &Counted, number: u32) {
        self.pairs.clear();
        self.by_names
            .entry((counted.asset, counted.class))
            .or_default()
            .push(number);
    }

    /// The tallies that count a withdrawal of this asset and class, each once.
    pub fn covering(&self, subject: &Subject) -> impl Iterator<Item = u32> + '_ {
        let pair = self.pairs.get(&(subject.asset, subject.class));
        let (asset, class) = (Some(subject.asset), Some(subject.class));
        let names = [(None, None), (asset, None), (None, class), (asset, class)];
        let found = names
            .into_iter()
            .take(if pair.is_some() { 0 } else { names.len() })
            .filter_map(|names| self.by_names.get(&names))
            .flatten();
        pair.into_iter().flatten().chain(found).copied()
    }

    /// The same, remembered.
    pub fn covering_from_now(&mut self, subject: &Subject) -> &[u32] {
        let pair = (subject.asset, subject.class);
        if !self.pairs.contains_key(&pair) {
            let covering: Box<[u32]> = self.covering(subject).collect();
            if self.pairs.len() >= PAIRS {
                self.pairs.clear();
            }
            self.pairs.insert(pair, covering);
        }
        self.pairs.get(&pair).map_or(&[], AsRef::as_ref)
    }
}

/// Sets of tallies under numbers, in the order of their first use by records.
#[derive(Debug, Clone)]
pub(crate) struct Sets {
    /// Each ascending.
    sets: Vec<Box<[u32]>>,
    numbers: HashMap<Box<[u32]>, Charges>,
}

impl Default for Sets {
    fn default() -> Self {
        let none: Box<[u32]> = Box::default();
        Self {
            sets: vec![none.clone()],
            numbers: HashMap::from_iter([(none, Charges::NONE)]),
        }
    }
}

impl Sets {
    /// The tallies of a set, ascending.
    pub fn get(&self, charges: Charges) -> &[u32] {
        self.sets.get(charges.index()).map_or(&[], AsRef::as_ref)
    }

    /// The set's number, new if need be. `None` once 2^32 - 1 sets exist.
    pub fn intern(&mut self, mut tallies: Vec<u32>) -> Option<Charges> {
        tallies.sort_unstable();
        tallies.dedup();
        if let Some(known) = self.numbers.get(tallies.as_slice()) {
            return Some(*known);
        }
        let number = u32::try_from(self.sets.len()).ok();
        let charges = number
            .map(Charges)
            .filter(|new| *new != Charges::COVERING)?;
        let set = tallies.into_boxed_slice();
        self.sets.push(set.clone());
        self.numbers.insert(set, charges);
        Some(charges)
    }

    /// Whether there is such a set.
    pub fn has(&self, charges: Charges) -> bool {
        charges == Charges::COVERING || charges.index() < self.sets.len()
    }

    /// Every set, by number.
    pub fn all(&self) -> &[Box<[u32]>] {
        &self.sets
    }
}
