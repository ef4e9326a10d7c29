//! Withdrawals and rejections in a snapshot, with the queue's part of each, and the filter of what left memory.

use std::sync::Arc;

use super::sections::{Saved, Sections};
use super::world::Counts;
use super::{FOLLOWED, FREE, OLD_IDS, PAYOUT_IDS, REJECTIONS, WITHDRAWALS};
use crate::error::LedgerError;
use crate::ids::{Rejection, Restoring};
use crate::ledger::Ledger;
use crate::old_ids::{self, SharedOldIds};
use crate::payout_ids::PayoutIds;
use crate::queue::Stage;
use crate::slab::Slot;
use crate::state::{End, State};
use crate::symbols::Symbol;
use crate::withdrawal::{LEAST, Withdrawal};

impl Ledger {
    pub(super) fn write_ids(&self, to: &mut Sections<'_>) {
        self.old.0.save(|write| to.item(OLD_IDS, write));
        let [withdrawals, rejections] = self.ids.free();
        let freed = [withdrawals, rejections, self.payout_ids.free()];
        for (of, slots) in (0_u8..).zip(freed) {
            for slot in slots {
                to.item(FREE, |out| {
                    out.byte(of);
                    out.word(slot.number());
                });
            }
        }
        self.payout_ids.save(|write| to.item(PAYOUT_IDS, write));
        for (slot, withdrawal) in self.ids.withdrawals_in_time() {
            let seat = self.queue.seat_bytes(slot);
            to.bytes(WITHDRAWALS, |piece| withdrawal.save(slot, seat, piece));
        }
        for (slot, rejection) in self.ids.rejections_in_time() {
            to.item(REJECTIONS, |out| rejection.save(slot, out));
        }
        for (slot, followed) in self.queue.followed() {
            to.item(FOLLOWED, |out| {
                out.word(slot.number());
                out.length(followed.len());
                (out.0)(&followed);
            });
        }
    }

    pub(super) fn read_ids(
        &mut self,
        from: &mut Saved<'_>,
        counts: &Counts,
    ) -> Result<(), LedgerError> {
        let [references, generation] = counts.old;
        let mut old = old_ids::Restoring::new(references, generation)
            .ok_or_else(|| Saved::refused(OLD_IDS))?;
        from.each(OLD_IDS, |from| old.run(from))?;
        let old = old.finish().ok_or_else(|| Saved::refused(OLD_IDS))?;
        let mut freed: [Vec<Slot>; 3] = Default::default();
        from.each(FREE, |from| {
            let of = freed.get_mut(usize::from(from.byte()?))?;
            of.push(Slot::from_number(from.word()?));
            Some(())
        })?;
        let [free, free_rejected, free_payouts] = freed;
        // Each of them takes at least so many of the bytes that are left.
        let bounded = |count: u64, least: usize| {
            let count = usize::try_from(count).ok()?;
            (count.checked_mul(least)? <= from.left()).then_some(count)
        };
        let places = [
            bounded(counts.withdrawals, LEAST),
            bounded(counts.rejections, Rejection::LENGTH),
            bounded(counts.payout_ids, 1),
        ];
        let [Some(withdrawals), Some(rejections), Some(payout_ids)] = places else {
            return Err(Saved::refused(super::HEAD));
        };
        let mut payouts = PayoutIds::with_free(payout_ids, free_payouts)
            .ok_or_else(|| Saved::refused(PAYOUT_IDS))?;
        from.each(PAYOUT_IDS, |from| payouts.load(from))?;
        if !payouts.is_whole() {
            return Err(Saved::refused(PAYOUT_IDS));
        }
        self.payout_ids = payouts;
        let mut ids = Restoring::new([withdrawals, rejections], [free, free_rejected])
            .ok_or_else(|| Saved::refused(WITHDRAWALS))?;
        from.each(WITHDRAWALS, |from| {
            let (slot, withdrawal, seat) = Withdrawal::load(from)?;
            self.fits(&withdrawal).then_some(())?;
            let (place, stage, frozen) = self.seen(&withdrawal)?;
            self.payout_ids.bind(withdrawal.payout);
            ids.withdrawal(slot, withdrawal)?;
            self.queue.restore(slot, &place, stage, frozen, seat)
        })?;
        if !self.payout_ids.are_named() {
            return Err(Saved::refused(PAYOUT_IDS));
        }
        from.each(REJECTIONS, |from| {
            let (slot, rejection) = Rejection::load(from)?;
            let known = self.routes.get(rejection.route).is_some()
                && self.symbols.named(rejection.tag.number()).is_some();
            known.then(|| ids.rejection(slot, rejection))?
        })?;
        let ids = ids.finish(|key| old.contains(key));
        self.ids = ids.ok_or_else(|| Saved::refused(WITHDRAWALS))?;
        self.old = SharedOldIds(Arc::new(old));
        from.each(FOLLOWED, |from| {
            let slot = Slot::from_number(from.word()?);
            let length = from.length()?;
            self.queue.follow_again(slot, from.bytes(length)?)
        })?;
        match self.queue.follows(|slot| self.stage_at(slot)) {
            true => Ok(()),
            false => Err(Saved::refused(FOLLOWED)),
        }
    }

    /// Whether a withdrawal's numbers are of this ledger, and its state is one that it can be in.
    fn fits(&self, w: &Withdrawal) -> bool {
        let held = self.symbols.named(w.tag.number()).is_some();
        let payout = self.payout_ids.ended_ms(w.payout);
        let ended = payout.is_some();
        let paying = w.payout.is_none() || self.payout_ids.has(w.payout);
        let tagged = held || w.tag == Symbol::NONE;
        let bound = match w.state {
            State::Held => w.payout.is_none() && held,
            State::Queued | State::Voided(End::Cancelled | End::Expired) => w.payout.is_none(),
            State::Assigned => !w.payout.is_none() && !ended,
            State::Posted | State::Voided(End::Refunded) => ended,
        };
        tagged
            && paying
            && bound
            && self.routes.get(w.route).is_some()
            && self.limits.knows(w.charges)
    }

    fn stage_at(&self, slot: Slot) -> Option<(Symbol, Stage)> {
        let withdrawal = self.ids.at(slot)?;
        Some((self.subject(withdrawal).wallet, Stage::of(withdrawal.state)))
    }
}
