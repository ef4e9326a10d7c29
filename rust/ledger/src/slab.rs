//! Values in pages, found by a number that stays theirs until they are removed; removed places are used again.
//!
//! Pages do not move when it grows, and no more than one page lies empty beyond the freed places.

/// A place in a slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// No place.
    pub const NONE: Self = Self(u32::MAX);

    /// The number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// The place of this number.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Whether it is no place.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    fn split(self) -> (usize, usize) {
        let number = usize::try_from(self.0).unwrap_or(usize::MAX);
        (number >> PAGE_BITS, number & MASK)
    }
}

const PAGE_BITS: u32 = 10;
const PAGE: usize = 1 << PAGE_BITS;
const MASK: usize = PAGE - 1;

/// The pages. `T` should have a niche, so that an empty place costs nothing.
#[derive(Debug, Clone)]
pub struct Slab<T> {
    pages: Vec<Vec<Option<T>>>,
    free: Vec<Slot>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Slab<T> {
    /// How many values it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value at a place.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&T> {
        let (page, index) = slot.split();
        self.pages.get(page)?.get(index)?.as_ref()
    }

    /// The value at a place, to change it.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        let (page, index) = slot.split();
        self.pages.get_mut(page)?.get_mut(index)?.as_mut()
    }

    /// Stores a value; `None` once 2^32 - 1 places are taken.
    pub fn insert(&mut self, value: T) -> Option<Slot> {
        if let Some(slot) = self.free.pop() {
            let (page, index) = slot.split();
            *self.pages.get_mut(page)?.get_mut(index)? = Some(value);
            self.len = self.len.saturating_add(1);
            return Some(slot);
        }
        let page = match self.pages.last() {
            Some(last) if last.len() < PAGE => self.pages.len().saturating_sub(1),
            _ => {
                self.pages.push(Vec::with_capacity(PAGE));
                self.pages.len().saturating_sub(1)
            }
        };
        let index = self.pages.get(page)?.len();
        let slot = Slot(u32::try_from((page << PAGE_BITS) | index).ok()?);
        if slot.is_none() {
            return None;
        }
        self.pages.get_mut(page)?.push(Some(value));
        self.len = self.len.saturating_add(1);
        Some(slot)
    }

    /// Takes a value out; its place may be given to another.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        let (page, index) = slot.split();
        let value = self.pages.get_mut(page)?.get_mut(index)?.take()?;
        self.free.push(slot);
        self.len = self.len.saturating_sub(1);
        Some(value)
    }

    /// The places that were freed, in the order in which they are not used again: the last comes first.
    pub(crate) fn free(&self) -> &[Slot] {
        &self.free
    }

    /// Places for so many values, to be `put`, and the freed ones. `None` beyond 2^32 - 1 places.
    pub(crate) fn with_free(values: usize, free: Vec<Slot>) -> Option<Self> {
        let places = values.checked_add(free.len())?;
        u32::try_from(places)
            .ok()
            .filter(|count| *count < u32::MAX)?;
        let mut pages = Vec::new();
        let mut left = places;
        while left > 0 {
            let mut page = Vec::with_capacity(PAGE);
            page.resize_with(left.min(PAGE), || None);
            left = left.saturating_sub(PAGE);
            pages.push(page);
        }
        let len = 0;
        Some(Self { pages, free, len })
    }

    /// Puts a value into its place, which must be there and empty.
    pub(crate) fn put(&mut self, slot: Slot, value: T) -> Option<()> {
        let (page, index) = slot.split();
        let place = self.pages.get_mut(page)?.get_mut(index)?;
        if place.is_some() {
            return None;
        }
        *place = Some(value);
        self.len = self.len.saturating_add(1);
        Some(())
    }

    /// Whether every place has a value or is free, once.
    pub(crate) fn is_whole(&self) -> bool {
        let places = self
            .pages
            .iter()
            .fold(0_usize, |sum, page| sum.saturating_add(page.len()));
        let mut free = self.free.clone();
        free.sort_unstable();
        free.dedup();
        let empty = |slot: &Slot| {
            let (page, index) = slot.split();
            let place = self.pages.get(page).and_then(|page| page.get(index));
            place.is_some_and(Option::is_none)
        };
        free.len() == self.free.len()
            && free.iter().all(empty)
            && self.len.checked_add(free.len()) == Some(places)
    }

    /// Every value with its place, in order of place.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.pages
            .iter()
            .flatten()
            .zip(0_u32..)
            .filter_map(|(value, number)| value.as_ref().map(|value| (Slot(number), value)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn places_stay_and_freed_ones_are_used_again() {
        let mut slab = Slab::default();
        let slots: Vec<Slot> = (0..3_000).map(|n| slab.insert(n).unwrap()).collect();
        assert_eq!(slab.remove(slots[2_000]), Some(2_000));
        assert_eq!(
            (slab.remove(slots[2_000]), slab.get(slots[2_000])),
            (None, None)
        );
        assert_eq!((slab.get(slots[2_999]), slab.len()), (Some(&2_999), 2_999));
        assert_eq!(slab.insert(7), Some(slots[2_000]));
        *slab.get_mut(slots[0]).unwrap() = 9;
        assert_eq!(slab.iter().next(), Some((slots[0], &9)));
        assert_eq!(slab.iter().nth(2_000), Some((slots[2_000], &7)));
        assert_eq!(slab.get(Slot::NONE), None);
    }
}
