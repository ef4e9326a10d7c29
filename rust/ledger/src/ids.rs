//! Every withdrawal and rejection in memory, found by withdrawal id, by (initiator, reference), and by time.

use crate::canonical::Canonical;
use crate::index::Index;
use crate::names::Name128;
use crate::routes::RouteId;
use crate::slab::{Slab, Slot};
use crate::state::{End, State};
use crate::symbols::Symbol;
use crate::timeline::Timeline;
use crate::ulid::Ulid;
use crate::withdrawal::Withdrawal;

/// A place among the withdrawals or among the rejections, in four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdRef(u32);

const REJECTED: u32 = 1 << 31;

mod saved;

pub(crate) use saved::Restoring;

impl IdRef {
    pub const NONE: Self = Self(u32::MAX);

    pub fn number(self) -> u32 {
        self.0
    }

    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    fn withdrawal(slot: Slot) -> Option<Self> {
        (slot.number() < REJECTED).then_some(Self(slot.number()))
    }

    fn rejection(slot: Slot) -> Option<Self> {
        // The last one is NONE's.
        let number = Some(slot.number()).filter(|number| *number < REJECTED.saturating_sub(1))?;
        Some(Self(number | REJECTED))
    }
}

/// What the ledger remembers of an attempt that was refused for good.
#[derive(Debug, Clone)]
pub(crate) struct Rejection {
    pub key: Name128,
    pub intent_sha256: [u8; 32],
    pub route: RouteId,
    pub tag: Symbol,
    pub attempt: u32,
    pub previous: IdRef,
    pub earliest_pass_ms: u64,
    pub queued_since_ms: u64,
    pub recorded_ms: u64,
    pub sequence: u64,
    pub leaf: u32,
}

/// One attempt in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answered<'a> {
    Withdrawal(&'a Withdrawal),
    Rejection(&'a Rejection),
}

impl Answered<'_> {
    pub fn attempt(&self) -> u32 {
        match self {
            Self::Withdrawal(withdrawal) => withdrawal.attempt(),
            Self::Rejection(rejection) => rejection.attempt,
        }
    }

    /// Whether it ended before it could be signed: another attempt may pay then, and only then.
    pub fn lets_another(&self) -> bool {
        match self {
            Self::Withdrawal(withdrawal) => matches!(
                withdrawal.state,
                State::Voided(End::Cancelled | End::Expired)
            ),
            Self::Rejection(_) => true,
        }
    }

    fn key(&self) -> Name128 {
        match self {
            Self::Withdrawal(withdrawal) => withdrawal.key,
            Self::Rejection(rejection) => rejection.key,
        }
    }

    fn previous(&self) -> IdRef {
        match self {
            Self::Withdrawal(withdrawal) => withdrawal.previous(),
            Self::Rejection(rejection) => rejection.previous,
        }
    }
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    withdrawals: Slab<Withdrawal>,
    rejections: Slab<Rejection>,
    by_id: Index,
    by_key: Index,
    by_time: Timeline,
    rejected_by_time: Timeline,
}

impl Ids {
    pub fn len(&self) -> usize {
        self.withdrawals.len()
    }

    pub fn slot(&self, id: &Ulid) -> Option<Slot> {
        let found = self
            .by_id
            .find(&id.0, |number| self.id_at(number) == id.0)?;
        Some(Slot::from_number(found))
    }

    pub fn get(&self, id: &Ulid) -> Option<&Withdrawal> {
        self.withdrawals.get(self.slot(id)?)
    }

    pub fn at(&self, slot: Slot) -> Option<&Withdrawal> {
        self.withdrawals.get(slot)
    }

    pub fn at_mut(&mut self, slot: Slot) -> Option<&mut Withdrawal> {
        self.withdrawals.get_mut(slot)
    }

    /// The newest attempt in memory under a key, and the ones before it.
    pub fn attempts(&self, key: &Name128) -> impl Iterator<Item = Answered<'_>> {
        let is = |number| self.key_at(number) == key.0;
        let newest = self.by_key.find(&key.0, is).map(IdRef);
        std::iter::successors(newest.and_then(|found| self.answered(found)), |answered| {
            self.answered(answered.previous())
        })
    }

    /// Fetches what a new withdrawal's id and key are looked up by.
    pub fn fetch(&self, id: &Ulid, key: &Name128) -> u32 {
        self.by_id.fetch(&id.0) ^ self.by_key.fetch(&key.0)
    }

    /// The place of the newest attempt under a key; NONE when there is none in memory.
    pub fn newest(&self, key: &Name128) -> IdRef {
        let is = |number| self.key_at(number) == key.0;
        self.by_key.find(&key.0, is).map_or(IdRef::NONE, IdRef)
    }

    /// Every withdrawal older than `before`, newest first.
    pub fn newest_first(&self, before: Option<Ulid>) -> impl Iterator<Item = &Withdrawal> {
        let until_ms = before.map_or(u64::MAX, Ulid::unix_ms);
        let slots = self.by_time.latest_first(until_ms);
        in_order(slots.filter_map(|slot| self.at(slot)), true)
            .filter(move |withdrawal| before.is_none_or(|before| withdrawal.id < before))
    }

    /// Every withdrawal with its place, oldest first.
    pub fn oldest_first(&self) -> impl Iterator<Item = &Withdrawal> {
        let slots = self.by_time.earliest_first();
        in_order(slots.filter_map(|slot| self.at(slot)), false)
    }

    /// Every withdrawal's place, in no order that tells anything.
    pub fn slots(&self) -> Vec<Slot> {
        self.withdrawals.iter().map(|(slot, _)| slot).collect()
    }

    pub fn rejections(&self) -> impl Iterator<Item = &Rejection> {
        self.rejections.iter().map(|(_, rejection)| rejection)
    }

    /// Stores a withdrawal whose id nobody has; `None` when there is no place.
    pub fn add(&mut self, withdrawal: Withdrawal) -> Option<Slot> {
        let (id, key) = (withdrawal.id, withdrawal.key);
        let slot = self.withdrawals.insert(withdrawal)?;
        let answered = IdRef::withdrawal(slot)?;
        let withdrawals = &self.withdrawals;
        let id_at = |number| id_in(withdrawals, number);
        self.by_id.add(&id.0, slot.number(), id_at);
        let time = |slot| withdrawals.get(slot).map_or(0, Withdrawal::accepted_ms);
        self.by_time.add(id.unix_ms(), slot, time);
        self.answer(&key, answered);
        Some(slot)
    }

    /// Stores a rejection; `None` when there is no place.
    pub fn reject(&mut self, rejection: Rejection) -> Option<()> {
        let (key, recorded_ms) = (rejection.key, rejection.recorded_ms);
        let slot = self.rejections.insert(rejection)?;
        let answered = IdRef::rejection(slot)?;
        let rejections = &self.rejections;
        let time = |slot| rejections.get(slot).map_or(0, |each| each.recorded_ms);
        self.rejected_by_time.add(recorded_ms, slot, time);
        self.answer(&key, answered);
        Some(())
    }

    /// The references of rejections of before `before_ms`, the oldest first, behind the first `skip`.
    pub fn rejected_keys(&self, before_ms: u64, skip: usize) -> impl Iterator<Item = Name128> {
        let rejected = self.rejected_by_time.behind(skip);
        let rejected = rejected.filter_map(|slot| self.rejections.get(slot));
        let old = rejected.take_while(move |each| each.recorded_ms < before_ms);
        old.map(|each| each.key)
    }

    /// The references of withdrawals of before `before_ms`, the oldest first, behind the first `skip`.
    pub fn taken_keys(&self, before_ms: u64, skip: usize) -> impl Iterator<Item = Name128> {
        let taken = self.by_time.behind(skip);
        let taken = taken.filter_map(|slot| self.at(slot));
        let old = taken.take_while(move |each| each.accepted_ms() < before_ms);
        old.map(|each| each.key)
    }

    /// Takes all attempts under a key out; answers with the payouts that they name.
    pub fn forget(&mut self, key: &Name128) -> Vec<Slot> {
        let mut at = self.newest(key);
        let newest = at;
        self.by_key.remove(&key.0, |number| number == newest.0);
        let mut payouts = Vec::new();
        while let Some(answered) = self.answered(at) {
            let previous = answered.previous();
            match answered {
                Answered::Withdrawal(withdrawal) => {
                    let (id, slot) = (withdrawal.id, Slot::from_number(at.0));
                    payouts.push(withdrawal.payout);
                    self.by_id.remove(&id.0, |number| number == slot.number());
                    self.by_time.remove(id.unix_ms(), slot);
                    self.withdrawals.remove(slot);
                }
                Answered::Rejection(rejection) => {
                    let slot = Slot::from_number(at.0 & !REJECTED);
                    self.rejected_by_time.remove(rejection.recorded_ms, slot);
                    self.rejections.remove(slot);
                }
            }
            at = previous;
        }
        payouts
    }

    fn answer(&mut self, key: &Name128, answered: IdRef) {
        let (withdrawals, rejections) = (&self.withdrawals, &self.rejections);
        let key_at = |number| key_in(withdrawals, rejections, number);
        let is = |number| number != answered.0 && key_at(number) == key.0;
        self.by_key.set(&key.0, answered.0, is, key_at);
    }

    pub fn answered(&self, at: IdRef) -> Option<Answered<'_>> {
        answered_in(&self.withdrawals, &self.rejections, at)
    }

    fn id_at(&self, number: u32) -> [u8; 16] {
        id_in(&self.withdrawals, number)
    }

    fn key_at(&self, number: u32) -> [u8; 16] {
        key_in(&self.withdrawals, &self.rejections, number)
    }

    pub fn write_rejections(&self, out: &mut Canonical, name: impl Fn(&Rejection) -> Vec<String>) {
        let mut all: Vec<&Rejection> = self.rejections().collect();
        all.sort_unstable_by_key(|each| (each.key, each.attempt));
        out.length(all.len());
        for each in all {
            out.bytes(&each.key.0)
                .number(u64::from(each.attempt))
                .bytes(&each.intent_sha256);
            for text in name(each) {
                out.text(&text);
            }
            for number in [
                each.earliest_pass_ms,
                each.queued_since_ms,
                each.recorded_ms,
                each.sequence,
                u64::from(each.leaf),
            ] {
                out.number(number);
            }
        }
    }
}

fn answered_in<'a>(
    withdrawals: &'a Slab<Withdrawal>,
    rejections: &'a Slab<Rejection>,
    at: IdRef,
) -> Option<Answered<'a>> {
    if at == IdRef::NONE {
        None
    } else if at.0 & REJECTED == 0 {
        withdrawals
            .get(Slot::from_number(at.0))
            .map(Answered::Withdrawal)
    } else {
        rejections
            .get(Slot::from_number(at.0 & !REJECTED))
            .map(Answered::Rejection)
    }
}

fn id_in(withdrawals: &Slab<Withdrawal>, number: u32) -> [u8; 16] {
    withdrawals
        .get(Slot::from_number(number))
        .map_or([0; 16], |withdrawal| withdrawal.id.0)
}

fn key_in(withdrawals: &Slab<Withdrawal>, rejections: &Slab<Rejection>, number: u32) -> [u8; 16] {
    answered_in(withdrawals, rejections, IdRef(number)).map_or([0; 16], |found| found.key().0)
}

/// Withdrawals in order of id, from ones in order of time: those of one moment are sorted.
fn in_order<'a>(
    in_time: impl Iterator<Item = &'a Withdrawal>,
    newest_first: bool,
) -> impl Iterator<Item = &'a Withdrawal> {
    let mut in_time = in_time.peekable();
    let mut moment = Vec::new().into_iter();
    std::iter::from_fn(move || {
        if let Some(next) = moment.next() {
            return Some(next);
        }
        let first = in_time.next()?;
        let mut all = vec![first];
        while let Some(next) = in_time.next_if(|next| next.accepted_ms() == first.accepted_ms()) {
            all.push(next);
        }
        all.sort_unstable_by_key(|withdrawal| withdrawal.id);
        if newest_first {
            all.reverse();
        }
        moment = all.into_iter();
        moment.next()
    })
}
