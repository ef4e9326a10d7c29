//! How long a wallet's withdrawals took lately, and so how long one may take: from the times of facts alone.
//!
//! A sample of those that queue is followed: what was paid before it since it came, how long it waited for its payout,
//! and how long that took to be final. The estimate for another takes the samples that had about as many before them.

use std::collections::{BTreeMap, VecDeque};

use super::lines::Stage;
use super::saved::{Reader, Writer};
use crate::slab::Slot;
use crate::symbols::{Symbol, Symbols};

/// How many samples of each kind a wallet keeps, and follows at once.
const SAMPLES: usize = 256;
/// Fewer say nothing.
const LEAST: usize = 8;
/// How many of the likest waits are taken.
const LIKE: usize = 64;
/// How many of the sorted times to be final stand for all.
const POINTS: usize = 16;
/// Older ones say nothing of today.
const FRESH_MS: u64 = 86_400_000;

/// By when a withdrawal is paid, unix ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eta {
    /// Half of the like are paid by then.
    pub p50_ms: u64,
    /// Nine of ten of the like are paid by then.
    pub p90_ms: u64,
}

/// One that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Followed {
    /// Since when, and what had been taken before.
    Waits { from_ms: u64, taken: u64 },
    /// A payout took it then.
    Pays { from_ms: u64 },
}

/// How long one waited for its payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wait {
    at_ms: u64,
    /// How many were taken before it.
    ahead: u64,
    ms: u64,
}

/// How long one payout took to be final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settle {
    at_ms: u64,
    ms: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Record {
    taken: u64,
    waiting: usize,
    waits: VecDeque<Wait>,
    settles: VecDeque<Settle>,
}

/// All wallets' records.
#[derive(Debug, Clone, Default)]
pub(super) struct Service {
    wallets: BTreeMap<Symbol, Record>,
    followed: BTreeMap<Slot, Followed>,
}

fn push<T>(ring: &mut VecDeque<T>, sample: T) {
    if ring.len() >= SAMPLES {
        ring.pop_front();
    }
    ring.push_back(sample);
}

impl Service {
    pub fn joined(&mut self, slot: Slot, wallet: Symbol, now_ms: u64) {
        self.followed.remove(&slot);
        let record = self.wallets.entry(wallet).or_default();
        if record.waiting < SAMPLES {
            record.waiting = record.waiting.saturating_add(1);
            let taken = record.taken;
            let waits = Followed::Waits {
                from_ms: now_ms,
                taken,
            };
            self.followed.insert(slot, waits);
        }
    }

    /// A payout took it.
    pub fn taken(&mut self, slot: Slot, wallet: Symbol, now_ms: u64) {
        let record = self.wallets.entry(wallet).or_default();
        let before = record.taken;
        record.taken = record.taken.saturating_add(1);
        let Some(Followed::Waits { from_ms, taken }) = self.followed.get(&slot).copied() else {
            return;
        };
        record.waiting = record.waiting.saturating_sub(1);
        push(
            &mut record.waits,
            Wait {
                at_ms: now_ms,
                ahead: before.saturating_sub(taken),
                ms: now_ms.saturating_sub(from_ms),
            },
        );
        self.followed
            .insert(slot, Followed::Pays { from_ms: now_ms });
    }

    pub fn paid(&mut self, slot: Slot, wallet: Symbol, now_ms: u64) {
        if let Some(Followed::Pays { from_ms }) = self.followed.remove(&slot) {
            let settle = Settle {
                at_ms: now_ms,
                ms: now_ms.saturating_sub(from_ms),
            };
            push(&mut self.wallets.entry(wallet).or_default().settles, settle);
        }
    }

    /// It ended unpaid, or its payout was given up.
    pub fn gone(&mut self, slot: Slot, wallet: Symbol) {
        if let Some(Followed::Waits { .. }) = self.followed.remove(&slot) {
            let record = self.wallets.entry(wallet).or_default();
            record.waiting = record.waiting.saturating_sub(1);
        }
    }

    /// For one that queues with so many before it.
    pub fn of_queued(&self, wallet: Symbol, ahead: usize, now_ms: u64) -> Option<Eta> {
        let record = self.wallets.get(&wallet)?;
        let ahead = u64::try_from(ahead).ok()?;
        let mut like: Vec<(u32, u64, &Wait)> = record
            .waits
            .iter()
            .filter(|wait| wait.at_ms.saturating_add(FRESH_MS) >= now_ms)
            .map(|wait| {
                (
                    unlike(wait.ahead, ahead),
                    u64::MAX.saturating_sub(wait.at_ms),
                    wait,
                )
            })
            .collect();
        like.sort_by_key(|(unlike, age, wait)| (*unlike, *age, wait.ms));
        let mut waits: Vec<u64> = like
            .iter()
            .take(LIKE)
            .map(|(_, _, wait)| scaled(wait.ms, wait.ahead, ahead))
            .collect();
        let settles = record.settled(now_ms);
        if waits.len() < LEAST || settles.len() < LEAST {
            return None;
        }
        waits.sort_unstable();
        let every = settles.len().div_ceil(POINTS).max(1);
        let points = settles.iter().skip(every >> 1).step_by(every);
        let mut sums: Vec<u64> = points
            .flat_map(|settle| waits.iter().map(|wait| wait.saturating_add(*settle)))
            .collect();
        sums.sort_unstable();
        eta(now_ms, &sums)
    }

    /// For one that a payout has.
    pub fn of_paying(&self, slot: Slot, wallet: Symbol, now_ms: u64) -> Option<Eta> {
        let Some(Followed::Pays { from_ms }) = self.followed.get(&slot).copied() else {
            return None;
        };
        let elapsed = now_ms.saturating_sub(from_ms);
        let mut settles = self.wallets.get(&wallet)?.settled(now_ms);
        settles.retain(|ms| *ms > elapsed);
        (settles.len() >= LEAST)
            .then(|| eta(from_ms, &settles))
            .flatten()
    }

    pub fn save(&self, out: &mut Writer, symbols: &Symbols) {
        let named = |(wallet, record): (&Symbol, _)| (symbols.name(*wallet).to_owned(), record);
        let wallets: BTreeMap<String, &Record> = self.wallets.iter().map(named).collect();
        out.length(wallets.len());
        for (name, record) in wallets {
            out.text(&name).number(record.taken).length(record.waiting);
            out.length(record.waits.len());
            for wait in &record.waits {
                out.number(wait.at_ms).number(wait.ahead).number(wait.ms);
            }
            out.length(record.settles.len());
            for settle in &record.settles {
                out.number(settle.at_ms).number(settle.ms);
            }
        }
    }

    pub fn load(from: &mut Reader<'_>, symbols: &Symbols) -> Option<Self> {
        let mut loaded = Self::default();
        for _ in 0..from.length()? {
            let wallet = from.symbol(symbols)?;
            let mut record = Record {
                taken: from.number()?,
                waiting: usize::try_from(from.number()?).ok()?,
                ..Record::default()
            };
            for _ in 0..from.length().filter(|count| *count <= SAMPLES)? {
                record.waits.push_back(Wait {
                    at_ms: from.number()?,
                    ahead: from.number()?,
                    ms: from.number()?,
                });
            }
            for _ in 0..from.length().filter(|count| *count <= SAMPLES)? {
                record.settles.push_back(Settle {
                    at_ms: from.number()?,
                    ms: from.number()?,
                });
            }
            loaded.wallets.insert(wallet, record);
        }
        Some(loaded)
    }

    /// Those that are followed.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.followed.keys().copied()
    }

    /// Whether those that are followed are where `of` has them, and each wallet's record counts its own.
    pub fn fits(&self, of: impl Fn(Slot) -> Option<(Symbol, Stage)>) -> bool {
        let mut waiting: BTreeMap<Symbol, usize> = BTreeMap::new();
        for (slot, followed) in &self.followed {
            match (followed, of(*slot)) {
                (Followed::Waits { .. }, Some((wallet, Stage::Queued))) => {
                    let count = waiting.entry(wallet).or_default();
                    *count = count.saturating_add(1);
                }
                (Followed::Pays { .. }, Some((_, Stage::Paying))) => {}
                _ => return false,
            }
        }
        let counts = |(wallet, record): (&Symbol, &Record)| {
            waiting.remove(wallet).unwrap_or(0) == record.waiting && record.waiting <= SAMPLES
        };
        self.wallets.iter().all(counts) && waiting.is_empty()
    }

    /// Whether and how one is followed.
    pub fn save_followed(&self, slot: Slot, out: &mut Writer) {
        match self.followed.get(&slot) {
            None => out.number(0),
            Some(Followed::Waits { from_ms, taken }) => {
                out.number(1).number(*from_ms).number(*taken)
            }
            Some(Followed::Pays { from_ms }) => out.number(2).number(*from_ms),
        };
    }

    pub fn load_followed(&mut self, slot: Slot, from: &mut Reader<'_>) -> Option<()> {
        let followed = match from.number()? {
            0 => return Some(()),
            1 => Followed::Waits {
                from_ms: from.number()?,
                taken: from.number()?,
            },
            2 => Followed::Pays {
                from_ms: from.number()?,
            },
            _ => return None,
        };
        self.followed.insert(slot, followed).is_none().then_some(())
    }
}

impl Record {
    /// The fresh times, sorted.
    fn settled(&self, now_ms: u64) -> Vec<u64> {
        let mut all: Vec<u64> = self
            .settles
            .iter()
            .filter(|settle| settle.at_ms.saturating_add(FRESH_MS) >= now_ms)
            .map(|settle| settle.ms)
            .collect();
        all.sort_unstable();
        all
    }
}

/// How far two counts are from one another, as a ratio: in sixteenths of a doubling.
fn unlike(one: u64, other: u64) -> u32 {
    let scale = |count: u64| {
        let count = count.saturating_add(1);
        let doublings = count.ilog2();
        let rest = (count.saturating_sub(1 << doublings) << 4) >> doublings.min(63);
        doublings
            .saturating_mul(16)
            .saturating_add(u32::try_from(rest).unwrap_or(15))
    };
    scale(one.min(u64::MAX >> 8)).abs_diff(scale(other.min(u64::MAX >> 8)))
}

/// A wait with so many ahead, for one with so many.
fn scaled(ms: u64, ahead: u64, wanted: u64) -> u64 {
    let product = u128::from(ms).saturating_mul(u128::from(wanted).saturating_add(1));
    let scaled = product
        .checked_div(u128::from(ahead).saturating_add(1))
        .unwrap_or(0);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

fn eta(from_ms: u64, sorted: &[u64]) -> Option<Eta> {
    let at = |percent: usize| {
        let index = sorted.len().saturating_mul(percent).div_ceil(100);
        sorted.get(index.saturating_sub(1)).copied()
    };
    Some(Eta {
        p50_ms: from_ms.saturating_add(at(50)?),
        p90_ms: from_ms.saturating_add(at(90)?),
    })
}
