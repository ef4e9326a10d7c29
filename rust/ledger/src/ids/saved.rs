//! Ids in a snapshot: in order of time, as the timelines have them, each with its place. What is found by id and by
//! reference is made anew, and every chain of attempts is followed to its end.

use super::{Answered, IdRef, Ids, Rejection};
use crate::limits::stored::{Reader, Writer};
use crate::names::Name128;
use crate::routes::RouteId;
use crate::slab::{Slab, Slot};
use crate::symbols::Symbol;
use crate::withdrawal::Withdrawal;

impl Ids {
    /// Every withdrawal with its place, in the order of the timeline.
    pub fn withdrawals_in_time(&self) -> impl Iterator<Item = (Slot, &Withdrawal)> {
        let slots = self.by_time.earliest_first();
        slots.filter_map(|slot| Some((slot, self.withdrawals.get(slot)?)))
    }

    /// Every rejection with its place, in the order of the timeline.
    pub fn rejections_in_time(&self) -> impl Iterator<Item = (Slot, &Rejection)> {
        let slots = self.rejected_by_time.earliest_first();
        slots.filter_map(|slot| Some((slot, self.rejections.get(slot)?)))
    }

    /// The freed places of withdrawals and of rejections.
    pub fn free(&self) -> [&[Slot]; 2] {
        [self.withdrawals.free(), self.rejections.free()]
    }

    /// How many rejections there are.
    pub fn rejections_len(&self) -> usize {
        self.rejections.len()
    }
}

/// Ids that are put together.
pub(crate) struct Restoring {
    ids: Ids,
    last_ms: u64,
    last_rejected_ms: u64,
    keys: usize,
    /// Attempts that others in memory came before, or should have come before.
    later: Vec<IdRef>,
}

impl Restoring {
    /// Places for so many withdrawals and rejections, and the freed ones.
    pub fn new(counts: [usize; 2], free: [Vec<Slot>; 2]) -> Option<Self> {
        let ([withdrawals, rejections], [free, free_rejected]) = (counts, free);
        let mut ids = Ids {
            withdrawals: Slab::with_free(withdrawals, free)?,
            rejections: Slab::with_free(rejections, free_rejected)?,
            ..Ids::default()
        };
        ids.by_id.expect(withdrawals);
        ids.by_key.expect(withdrawals);
        Some(Self {
            ids,
            last_ms: 0,
            last_rejected_ms: 0,
            keys: 0,
            later: Vec::new(),
        })
    }

    /// The next withdrawal. `None` for a place or an id that is taken, and out of order.
    pub fn withdrawal(&mut self, slot: Slot, withdrawal: Withdrawal) -> Option<()> {
        let (id, key, attempt) = (withdrawal.id, withdrawal.key, withdrawal.attempt());
        let previous = withdrawal.previous();
        let at = IdRef::withdrawal(slot)?;
        let ids = &mut self.ids;
        ids.withdrawals.put(slot, withdrawal)?;
        let withdrawals = &ids.withdrawals;
        let id_at = |number| super::id_in(withdrawals, number);
        ids.by_id.add_new(&id.0, slot.number(), id_at)?;
        (id.unix_ms() >= self.last_ms).then_some(())?;
        self.last_ms = id.unix_ms();
        let time = |slot| withdrawals.get(slot).map_or(0, Withdrawal::accepted_ms);
        ids.by_time.add(id.unix_ms(), slot, time);
        self.answer(&key, attempt, previous, at)
    }

    /// The next rejection. `None` for a place that is taken, and out of order.
    pub fn rejection(&mut self, slot: Slot, rejection: Rejection) -> Option<()> {
        let (key, attempt) = (rejection.key, rejection.attempt);
        let (previous, recorded_ms) = (rejection.previous, rejection.recorded_ms);
        let at = IdRef::rejection(slot)?;
        let ids = &mut self.ids;
        ids.rejections.put(slot, rejection)?;
        (recorded_ms >= self.last_rejected_ms).then_some(())?;
        self.last_rejected_ms = recorded_ms;
        let rejections = &ids.rejections;
        let time = |slot| rejections.get(slot).map_or(0, |each| each.recorded_ms);
        ids.rejected_by_time.add(recorded_ms, slot, time);
        self.answer(&key, attempt, previous, at)
    }

    /// The newest attempt is what a reference is found by.
    fn answer(&mut self, key: &Name128, attempt: u32, previous: IdRef, at: IdRef) -> Option<()> {
        if attempt != 1 || previous != IdRef::NONE {
            self.later.push(at);
        }
        let ids = &mut self.ids;
        let (withdrawals, rejections) = (&ids.withdrawals, &ids.rejections);
        let key_at = |number| super::key_in(withdrawals, rejections, number);
        if ids.by_key.add_new(&key.0, at.0, key_at).is_some() {
            self.keys = self.keys.saturating_add(1);
            return Some(());
        }
        let known = ids.attempts(key).next()?.attempt();
        if known < attempt {
            ids.answer(key, at);
        }
        (known != attempt).then_some(())
    }

    /// The ids, when every attempt is in the one chain of its reference; `is_old` says of a reference whose chain begins
    /// later than with the first attempt that the others may have left.
    pub fn finish(self, is_old: impl Fn(&Name128) -> bool) -> Option<Ids> {
        let Self {
            ids, keys, later, ..
        } = self;
        let whole = ids.withdrawals.is_whole() && ids.rejections.is_whole();
        whole.then_some(())?;
        let mut reached = keys;
        for at in &later {
            let answered = ids.answered(*at)?;
            let begins = answered.previous() == IdRef::NONE;
            let follows = match ids.answered(answered.previous()) {
                None => begins && answered.attempt() > 1 && is_old(&answered.key()),
                Some(before) => {
                    before.key() == answered.key()
                        && before.lets_another()
                        && before.attempt() >= 1
                        && before.attempt().checked_add(1) == Some(answered.attempt())
                }
            };
            follows.then_some(())?;
        }
        // Attempts fall along every chain, so each has an end; none is in two, since keys differ.
        for at in later.iter().filter(|at| ids.is_newest(**at)) {
            let mut answered = ids.answered(*at)?;
            while let Some(before) = ids.answered(answered.previous()) {
                reached = reached.checked_add(1)?;
                answered = before;
            }
        }
        let all = ids.withdrawals.len().checked_add(ids.rejections.len())?;
        (reached == all).then_some(ids)
    }
}

impl Ids {
    fn is_newest(&self, at: IdRef) -> bool {
        let answered: Option<Answered<'_>> = self.answered(at);
        answered.is_some_and(|answered| self.newest(&answered.key()) == at)
    }
}

impl Rejection {
    /// Of its record, bytes.
    pub const LENGTH: usize = 104;

    /// Writes it, with its place.
    pub fn save(&self, slot: Slot, out: &mut Writer<'_>) {
        out.word(slot.number());
        (out.0)(&self.key.0);
        (out.0)(&self.intent_sha256);
        for word in [
            self.route.number(),
            self.tag.number(),
            self.attempt,
            self.previous.0,
            self.leaf,
        ] {
            out.word(word);
        }
        for number in [
            self.earliest_pass_ms,
            self.queued_since_ms,
            self.recorded_ms,
            self.sequence,
        ] {
            out.number(number);
        }
    }

    /// Reads it, with its place.
    pub fn load(from: &mut Reader<'_>) -> Option<(Slot, Self)> {
        let slot = Slot::from_number(from.word()?);
        let (key, intent_sha256) = (Name128(from.array()?), from.array()?);
        let route = RouteId::from_number(from.word()?);
        let tag = Symbol::from_number(from.word()?);
        let (attempt, previous, leaf) = (from.word()?, IdRef(from.word()?), from.word()?);
        let rejection = Self {
            key,
            intent_sha256,
            route,
            tag,
            attempt,
            previous,
            leaf,
            earliest_pass_ms: from.number()?,
            queued_since_ms: from.number()?,
            recorded_ms: from.number()?,
            sequence: from.number()?,
        };
        Some((slot, rejection))
    }
}
