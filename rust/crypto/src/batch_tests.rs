//! How verdicts find their places, over threads, panics and engines that do not decide.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::current;

use ed25519_dalek::{Signer as _, SigningKey};

use super::*;
use crate::scheme::Scheme;

struct World {
    key: Enrolled,
    message: Vec<u8>,
    good: Vec<u8>,
    bad: Vec<u8>,
}

fn world() -> World {
    let signer = SigningKey::from_bytes(&[3; 32]);
    let message = b"a message".to_vec();
    let good = signer.sign(&message).to_bytes().to_vec();
    let mut bad = good.clone();
    bad[40] ^= 1;
    World {
        key: Enrolled::new(Scheme::Ed25519, signer.verifying_key().as_bytes()).unwrap(),
        message,
        good,
        bad,
    }
}

impl World {
    /// Every third item is invalid, every seventh malformed, every eleventh nobody's.
    fn item(&self, place: usize) -> Result<Item<'_>, Verdict> {
        if place.is_multiple_of(11) {
            return Err(Verdict::UnknownKey);
        }
        Ok(Item {
            key: &self.key,
            message: &self.message,
            signature: match place {
                _ if place.is_multiple_of(7) => &self.good[..63],
                _ if place.is_multiple_of(3) => &self.bad,
                _ => &self.good,
            },
        })
    }

    fn expected(count: usize) -> Vec<Verdict> {
        let of = |place: usize| match place {
            _ if place.is_multiple_of(11) => Verdict::UnknownKey,
            _ if place.is_multiple_of(7) => Verdict::Malformed,
            _ if place.is_multiple_of(3) => Verdict::Invalid,
            _ => Verdict::Valid,
        };
        (0..count).map(of).collect()
    }
}

#[test]
fn every_verdict_is_in_its_place_over_any_number_of_threads() {
    let world = world();
    for backend in Backend::available() {
        for count in [0, 1, 7, 8, 63, 64, 65, 128, 129, 255, 256, 257, 1100] {
            for threads in [1, 2, 3, 7, 64] {
                let mut verdicts = vec![Verdict::Malformed; count];
                let threads = Threads::new(threads).unwrap();
                verify(*backend, threads, &|place| world.item(place), &mut verdicts);
                assert_eq!(verdicts, World::expected(count), "{count} {threads:?}");
            }
        }
    }
}

#[test]
fn two_threads_share_the_work_and_the_caller_is_one_of_them() {
    let world = world();
    let (mine, others) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let caller = current().id();
    let item = |place| {
        let counter = if current().id() == caller {
            &mine
        } else {
            &others
        };
        counter.fetch_add(1, Ordering::Relaxed);
        world.item(place)
    };
    // Who takes which piece is the system's to say: over some batches each gets one.
    for _ in 0..50 {
        let mut verdicts = vec![Verdict::Malformed; 2048];
        verify(
            Backend::Portable,
            Threads::new(2).unwrap(),
            &item,
            &mut verdicts,
        );
        if mine.load(Ordering::Relaxed) > 0 && others.load(Ordering::Relaxed) > 0 {
            return;
        }
    }
    panic!("{mine:?} items here, {others:?} elsewhere");
}

#[test]
fn few_items_start_no_thread() {
    let world = world();
    let caller = current().id();
    let item = |place| {
        assert_eq!(current().id(), caller);
        world.item(place)
    };
    let count = 2 * FEWEST_FOR_A_THREAD - 1;
    let mut verdicts = vec![Verdict::Malformed; count];
    verify(
        Backend::Portable,
        Threads::new(64).unwrap(),
        &item,
        &mut verdicts,
    );
    assert_eq!(verdicts, World::expected(count));
}

#[test]
fn a_panic_in_any_thread_reaches_the_caller() {
    let world = world();
    for threads in [1, 2, 5] {
        for bad in [0, 300, 700, 999] {
            let item = |place| {
                assert_ne!(place, bad, "as the test wants");
                world.item(place)
            };
            let mut verdicts = vec![Verdict::Malformed; 1000];
            let threads = Threads::new(threads).unwrap();
            let caught = catch_unwind(AssertUnwindSafe(|| {
                verify(Backend::Portable, threads, &item, &mut verdicts);
            }));
            assert!(caught.is_err(), "{threads:?} {bad}");
        }
    }
}

/// The verdicts where the engine answers so, whatever it is asked.
fn decided_by(decide: impl Fn(Backend, &[usize], &mut Vec<Answer>)) -> Vec<Verdict> {
    let world = world();
    let mut verdicts = vec![Verdict::Malformed; 12];
    let mut desk = Desk {
        backend: Backend::Portable,
        items: &|place| world.item(place),
        start: 0,
        verdicts: &mut verdicts,
        answers: Vec::new(),
    };
    let mut group = Group::new();
    for place in 0..12 {
        assert!(!group.add(place, place));
    }
    desk.decide(&mut group, decide);
    assert!(group.checks.is_empty() && group.places.is_empty());
    verdicts
}

#[test]
fn what_an_engine_leaves_undecided_the_single_verifier_decides() {
    let undecided = decided_by(|_, checks, answers| {
        answers.extend(checks.iter().map(|_| Answer::Undecided));
    });
    assert_eq!(undecided, World::expected(12));
    let mixed = decided_by(|_, checks, answers| {
        answers.extend(checks.iter().map(|place| match place % 3 {
            0 => Answer::Accept,
            1 => Answer::Reject,
            _ => Answer::Undecided,
        }));
    });
    for (place, verdict) in mixed.into_iter().enumerate() {
        let expected = match place % 3 {
            0 => Verdict::Valid,
            1 => Verdict::Invalid,
            _ => World::expected(12)[place],
        };
        assert_eq!(verdict, expected, "{place}");
    }
}

#[test]
fn an_engine_with_an_answer_too_few_or_too_many_is_not_believed() {
    for count in [0, 11, 13] {
        let verdicts = decided_by(|_, _, answers| answers.resize(count, Answer::Accept));
        assert_eq!(verdicts, World::expected(12), "{count} answers");
    }
}
