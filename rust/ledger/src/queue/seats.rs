//! What the queue remembers of each open withdrawal: 12 bytes by slot.

use super::place::MAX_SHARE;
use crate::names::Name128;
use crate::slab::Slot;

/// The part of a withdrawal's place that no intent says. It keeps it while a payout has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seat {
    /// Earlier of those that are due at one moment; counts up, and from 0 again after 2^32.
    pub ticket: u32,
    /// The share and, in the highest bits, the flags.
    packed: u16,
    /// The first bits of its customer's and its destination's name.
    pub tags: [u16; 2],
}

pub(super) const SEATED: u16 = 1 << 12;
pub(super) const QUEUED: u16 = 1 << 13;
pub(super) const WATCHED: u16 = 1 << 14;
pub(super) const FROZEN: u16 = 1 << 15;
const SHARE: u16 = SEATED - 1;

impl Seat {
    /// How many its customer had queued in the wallet before it, at most `MAX_SHARE`.
    pub fn share(self) -> u16 {
        self.packed & SHARE
    }

    /// Sets the share, which fits since `MAX_SHARE` does.
    pub fn set_share(&mut self, share: u16) {
        self.packed = (self.packed & !SHARE) | share.min(MAX_SHARE);
    }

    pub fn is(self, flag: u16) -> bool {
        self.packed & flag != 0
    }

    pub fn set(&mut self, flag: u16, on: bool) {
        if on {
            self.packed |= flag;
        } else {
            self.packed &= !flag;
        }
    }

    fn is_free(self) -> bool {
        self.packed & !SHARE == 0
    }
}

const _: () = assert!(MAX_SHARE <= SHARE && size_of::<Seat>() == 12);

pub(super) fn tag(name: &Name128) -> u16 {
    let [a, b, ..] = name.0;
    u16::from_be_bytes([a, b])
}

const PAGE_BITS: u32 = 12;
const PAGE: usize = 1 << PAGE_BITS;

/// Seats by slot, in pages that never move.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Vec<Box<[Seat]>>);

impl Seats {
    fn place_of(slot: Slot) -> (usize, usize) {
        let number = usize::try_from(slot.number()).unwrap_or(usize::MAX);
        (number >> PAGE_BITS, number & (PAGE - 1))
    }

    pub fn get(&self, slot: Slot) -> Seat {
        let (page, index) = Self::place_of(slot);
        let seat = self.0.get(page).and_then(|page| page.get(index));
        seat.copied().unwrap_or_default()
    }

    pub fn put(&mut self, slot: Slot, seat: Seat) {
        let (page, index) = Self::place_of(slot);
        while self.0.len() <= page {
            self.0.push(vec![Seat::default(); PAGE].into_boxed_slice());
        }
        if let Some(place) = self.0.get_mut(page).and_then(|page| page.get_mut(index)) {
            *place = seat;
        }
    }

    /// The slots whose seat has this tag in this place: of a withdrawal that is followed, perhaps of another name.
    pub fn tagged(&self, which: usize, tag: u16) -> Vec<Slot> {
        let all = self.0.iter().flat_map(|page| page.iter());
        all.zip(0_u32..)
            .filter(|(seat, _)| !seat.is_free() && seat.tags.get(which) == Some(&tag))
            .map(|(_, number)| Slot::from_number(number))
            .collect()
    }

    pub fn bytes(&self) -> usize {
        self.0
            .len()
            .saturating_mul(PAGE)
            .saturating_mul(size_of::<Seat>())
    }
}
