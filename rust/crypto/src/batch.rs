//! A batch's way: each item to its engine in chunks, over one or several threads; every verdict back to its item's place.

use std::ops::RangeInclusive;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::enrolled::Enrolled;
use crate::fixed_base::{Answer, Backend, curve25519, secp256k1};
use crate::task::{Made, Task};
use crate::threads::Threads;
use crate::verdict::Verdict;

/// Checks that an engine gets at once: enough to share an inversion among, few enough for its sums to stay in L2.
const CHUNK: usize = 256;
/// A thread's start costs about ten signatures' time, so none is started for fewer items than this.
const FEWEST_FOR_A_THREAD: usize = 64;
/// Items that a thread takes at once: fewer would share an inversion among too few, more leave the others idle at the end.
const PIECE: RangeInclusive<usize> = 64..=512;

/// One item, its key already looked up.
pub(crate) struct Item<'a> {
    pub(crate) key: &'a Enrolled,
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// Gives the item of a place, or the verdict where there is no such item.
pub(crate) trait Items<'a>: Fn(usize) -> Result<Item<'a>, Verdict> + Sync {}

impl<'a, F: Fn(usize) -> Result<Item<'a>, Verdict> + Sync> Items<'a> for F {}

/// Writes one verdict for each place of `verdicts`. The calling thread works too.
///
/// A panic of any thread goes on in the caller, which then has no verdicts.
pub(crate) fn verify<'a>(
    backend: Backend,
    threads: Threads,
    items: &impl Items<'a>,
    verdicts: &mut [Verdict],
) {
    let worth = verdicts.len() / FEWEST_FOR_A_THREAD;
    let threads = threads.get().min(worth);
    if threads <= 1 {
        return verify_from(backend, items, 0, verdicts);
    }
    let left = Mutex::new((0, verdicts));
    let work = || {
        // Bound in the head: the lock is not held while verifying.
        while let Some((start, piece)) = next_piece(&left, threads) {
            verify_from(backend, items, start, piece);
        }
    };
    thread::scope(|scope| {
        let others = (1..threads)
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect::<Vec<_>>();
        // Where the system gives no thread, the caller does their part.
        work();
        for other in others {
            if let Err(panic) = other.join() {
                resume_unwind(panic);
            }
        }
    });
}

/// The next piece and the place where it starts: a thread's half share of what is left, so that a late one holds up nobody.
fn next_piece<'v>(
    left: &Mutex<(usize, &'v mut [Verdict])>,
    threads: usize,
) -> Option<(usize, &'v mut [Verdict])> {
    let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
    let (start, rest) = &mut *left;
    let share = rest.len().div_ceil(threads.saturating_mul(2));
    let size = share.clamp(*PIECE.start(), *PIECE.end()).min(rest.len());
    let piece = rest
        .split_off_mut(..size)
        .filter(|piece| !piece.is_empty())?;
    let first = *start;
    *start = first.saturating_add(size);
    Some((first, piece))
}

/// Verifies the items from `start` on, one for each place of `verdicts`, in this thread.
fn verify_from<'a>(
    backend: Backend,
    items: &impl Items<'a>,
    start: usize,
    verdicts: &mut [Verdict],
) {
    let mut desk = Desk {
        backend,
        items,
        start,
        verdicts,
        answers: Vec::new(),
    };
    let mut secp256k1 = Group::new();
    let mut curve25519 = Group::new();
    let mut made = Group::new();
    for place in 0..desk.verdicts.len() {
        let item = match desk.item(place) {
            Ok(item) => item,
            Err(verdict) => {
                desk.give(place, verdict);
                continue;
            }
        };
        match item.key.task(item.message, item.signature) {
            Task::Done(verdict) => desk.give(place, verdict),
            Task::Single => desk.give(
                place,
                item.key.verify_and_learn(item.message, item.signature),
            ),
            Task::Secp256k1(check) => {
                if secp256k1.add(place, check) {
                    desk.decide(&mut secp256k1, secp256k1::decide);
                }
            }
            Task::Curve25519(check) => {
                if curve25519.add(place, check) {
                    desk.decide(&mut curve25519, curve25519::decide);
                }
            }
            Task::Made(check) => {
                if made.add(place, check) {
                    desk.decide(&mut made, decide_made);
                }
            }
        }
    }
    desk.decide(&mut secp256k1, secp256k1::decide);
    desk.decide(&mut curve25519, curve25519::decide);
    desk.decide(&mut made, decide_made);
}

fn decide_made(backend: Backend, made: &[Made<'_>], answers: &mut Vec<Answer>) {
    let checks = made.iter().map(Made::check).collect::<Vec<_>>();
    curve25519::decide(backend, &checks, answers);
}

/// Checks for one engine, with the places of their items.
struct Group<C> {
    places: Vec<usize>,
    checks: Vec<C>,
}

impl<C> Group<C> {
    const fn new() -> Self {
        Self {
            places: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Whether the engine's chunk is full now.
    fn add(&mut self, place: usize, check: C) -> bool {
        self.places.push(place);
        self.checks.push(check);
        self.checks.len() >= CHUNK
    }
}

/// Where verdicts are given out, each to its place.
struct Desk<'v, 'i, I> {
    backend: Backend,
    items: &'i I,
    start: usize,
    verdicts: &'v mut [Verdict],
    answers: Vec<Answer>,
}

impl<'a, I: Items<'a>> Desk<'_, '_, I> {
    fn item(&self, place: usize) -> Result<Item<'a>, Verdict> {
        (self.items)(self.start.saturating_add(place))
    }

    fn give(&mut self, place: usize, verdict: Verdict) {
        if let Some(given) = self.verdicts.get_mut(place) {
            *given = verdict;
        }
    }

    /// Lets an engine decide a group, which is empty then. What it leaves undecided, the single verifier decides.
    fn decide<C>(
        &mut self,
        group: &mut Group<C>,
        decide: impl Fn(Backend, &[C], &mut Vec<Answer>),
    ) {
        if group.checks.is_empty() {
            return;
        }
        self.answers.clear();
        decide(self.backend, &group.checks, &mut self.answers);
        group.checks.clear();
        // An answer too few would leave its item with the single verifier, not with another item's answer.
        let answers = std::mem::take(&mut self.answers);
        let answered = answers.len() == group.places.len();
        for (index, place) in group.places.drain(..).enumerate() {
            let answer = answers.get(index).filter(|_| answered);
            let verdict = answer.and_then(|answer| answer.verdict());
            let verdict = verdict.unwrap_or_else(|| match self.item(place) {
                Ok(item) => item.key.verify_single(item.message, item.signature),
                Err(verdict) => verdict,
            });
            self.give(place, verdict);
        }
        self.answers = answers;
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
