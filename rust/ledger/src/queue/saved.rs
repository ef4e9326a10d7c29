//! The queue in bytes, for the state hash and for snapshots: what no intent and no other part of the ledger says.
//!
//! Lanes, customers' counts and deadlines are not in them: they follow from the seats, and are made anew.

use super::lines::{Queue, Stage};
use super::place::{Deadline, MAX_SHARE, Place};
use super::seats::{FROZEN, QUEUED, SEATED, Seat, WATCHED, tag};
use super::service::Service;
use crate::slab::Slot;
use crate::symbols::{Symbol, Symbols};
use crate::withdrawal::SeatBytes;

/// Writes numbers big-endian and texts behind their lengths.
#[derive(Debug, Default)]
pub(super) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn number(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub fn length(&mut self, value: usize) -> &mut Self {
        self.number(u64::try_from(value).unwrap_or(u64::MAX))
    }

    pub fn text(&mut self, value: &str) -> &mut Self {
        self.length(value.len());
        self.0.extend_from_slice(value.as_bytes());
        self
    }
}

/// Reads what `Writer` wrote; `None` for anything else.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn number(&mut self) -> Option<u64> {
        let (value, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*value))
    }

    /// A count of what follows, each of at least eight bytes: so that a forged one reserves no memory.
    pub fn length(&mut self) -> Option<usize> {
        let value = usize::try_from(self.number()?).ok()?;
        (value <= self.0.len()).then_some(value)
    }

    pub fn symbol(&mut self, symbols: &Symbols) -> Option<Symbol> {
        let length = self.length()?;
        let (text, rest): (&'a [u8], _) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let found = symbols.find(std::str::from_utf8(text).ok()?);
        (found != Symbol::UNKNOWN).then_some(found)
    }

    /// At the end.
    pub fn done(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

impl Queue {
    /// What the queue alone knows; what it knows of one withdrawal is `save_seat`'s.
    #[must_use]
    pub fn save(&self, symbols: &Symbols) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(u64::from(self.ticket));
        self.service.save(&mut out, symbols);
        out.0
    }

    /// A queue of what `save` wrote, empty of withdrawals: `load_seat` brings each of them back. `None` for anything
    /// else, and where a wallet's name is not known.
    #[must_use]
    pub fn load(saved: &[u8], symbols: &Symbols) -> Option<Self> {
        let from = &mut Reader(saved);
        let loaded = Self {
            ticket: u32::try_from(from.number()?).ok()?,
            service: Service::load(from, symbols)?,
            ..Self::default()
        };
        from.done().map(|()| loaded)
    }

    /// What the queue alone knows of one withdrawal.
    #[must_use]
    pub fn save_seat(&self, slot: Slot) -> Vec<u8> {
        let (seat, mut out) = (self.seats.get(slot), Writer::default());
        out.number(u64::from(seat.is(SEATED)))
            .number(u64::from(seat.ticket))
            .number(u64::from(seat.share()));
        self.service.save_followed(slot, &mut out);
        out.0
    }

    /// Brings one withdrawal back, with what `save_seat` wrote of it. `None` for anything else.
    #[must_use]
    pub fn load_seat(
        &mut self,
        slot: Slot,
        place: &Place,
        stage: Stage,
        frozen: bool,
        saved: &[u8],
    ) -> Option<()> {
        let from = &mut Reader(saved);
        let mut seat = Seat::default();
        seat.set(SEATED, from.number()? == 1);
        seat.ticket = u32::try_from(from.number()?).ok()?;
        seat.set_share(u16::try_from(from.number()?).ok()?);
        self.service.load_followed(slot, from)?;
        from.done()?;
        self.sit(slot, place, stage, frozen, seat)
    }

    /// What a seat has that follows from nothing else, packed.
    pub(crate) fn seat_bytes(&self, slot: Slot) -> SeatBytes {
        let seat = self.seats.get(slot);
        let ([a, b, c, d], [e, f]) = (seat.ticket.to_be_bytes(), seat.share().to_be_bytes());
        [a, b, c, d, e, f, u8::from(seat.is(SEATED))]
    }

    /// Brings one withdrawal back with its packed seat. `None` for a seat that it cannot have.
    pub(crate) fn restore(
        &mut self,
        slot: Slot,
        place: &Place,
        stage: Stage,
        frozen: bool,
        seat: SeatBytes,
    ) -> Option<()> {
        let [a, b, c, d, e, f, seated] = seat;
        let share = u16::from_be_bytes([e, f]);
        let is_seated = matches!(stage, Stage::Queued | Stage::Paying);
        let fits = share <= MAX_SHARE && seated == u8::from(is_seated);
        if !fits || (!is_seated && seat != SeatBytes::default()) {
            return None;
        }
        let mut seat = Seat::default();
        seat.set(SEATED, is_seated);
        seat.ticket = u32::from_be_bytes([a, b, c, d]);
        seat.set_share(share);
        self.sit(slot, place, stage, frozen, seat)
    }

    /// Each that is followed, as `follow_again` takes it.
    pub(crate) fn followed(&self) -> impl Iterator<Item = (Slot, Vec<u8>)> {
        self.service.slots().map(|slot| {
            let mut out = Writer::default();
            self.service.save_followed(slot, &mut out);
            (slot, out.0)
        })
    }

    /// Follows one again, once.
    pub(crate) fn follow_again(&mut self, slot: Slot, saved: &[u8]) -> Option<()> {
        let from = &mut Reader(saved);
        self.service.load_followed(slot, from)?;
        from.done()
    }

    /// Whether those that are followed are where `of` has them, and each wallet's record counts its own.
    pub(crate) fn follows(&self, of: impl Fn(Slot) -> Option<(Symbol, Stage)>) -> bool {
        self.service.fits(of)
    }

    fn sit(
        &mut self,
        slot: Slot,
        place: &Place,
        stage: Stage,
        frozen: bool,
        mut seat: Seat,
    ) -> Option<()> {
        seat.tags = [tag(&place.customer), tag(&place.destination)];
        if matches!(stage, Stage::Paid | Stage::Gone) {
            return Some(());
        }
        if stage == Stage::Queued {
            self.shares.add(place);
            seat.set(QUEUED, true);
            seat.set(FROZEN, frozen);
            self.enter(slot, place, &seat);
        }
        if matches!(stage, Stage::Held | Stage::Queued) {
            seat.set(WATCHED, true);
            let deadline = Deadline::new(place.pay_before_ms, slot);
            self.deadlines.insert(deadline, &());
        }
        self.seats.put(slot, seat);
        Some(())
    }
}
