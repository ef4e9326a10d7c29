//! Mutated signatures by the ten thousand: batch, single verifier and the libraries agree on every one.
//!
//! CUSTODY_MUTATIONS says how many (20,000 unless told; `make soak` runs a million), CUSTODY_SEED which. A failure prints
//! the item whole: P-256's nonces are the system's, so a seed alone would not repeat it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use custody_crypto::Scheme;

use crate::common::Rng;
use crate::mutators::{Subject, mutate};
use crate::rings::{Item, Rings};

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// By scheme and kind of mutation: how many, and how many of them valid.
type Tally = BTreeMap<(&'static str, &'static str), (u64, u64)>;

#[test]
fn mutated_signatures_have_one_verdict() {
    let seed = from_env("CUSTODY_SEED", 0x5eed);
    let wanted = from_env("CUSTODY_MUTATIONS", 20_000);
    let mut rng = Rng(seed);
    let subjects = Subject::all(&mut rng);
    let mut rings = Rings::default();
    for subject in &subjects {
        rings
            .enrol(&subject.id, subject.scheme, &subject.key)
            .unwrap();
    }
    let tally = Mutex::new(Tally::new());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let workers = u64::try_from(workers).unwrap();
    thread::scope(|scope| {
        for worker in 0..workers {
            let (subjects, rings, tally) = (&subjects, &rings, &tally);
            scope.spawn(move || {
                // Worlds apart: consecutive seeds of splitmix64 would be one stream.
                let mut rng = Rng(seed ^ (worker + 1).wrapping_mul(0xd134_2543_de82_ef95));
                let mut rest = wanted.div_ceil(workers);
                while rest > 0 {
                    let size = [1, 5, 8, 64, 100, 257, 400][rng.below(7)].min(rest);
                    run(subjects, rings, size, &mut rng, tally);
                    rest -= size;
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    report(&tally);
    for scheme in Scheme::ALL {
        let of = |kind: &str| {
            tally
                .get(&(scheme.name(), kind))
                .copied()
                .unwrap_or_default()
        };
        let (sound, valid) = of("untouched");
        assert!(sound > wanted / 200, "{scheme:?}: {sound}");
        assert_eq!(sound, valid, "{scheme:?}");
        let kinds = tally.keys().filter(|(name, _)| *name == scheme.name());
        assert!(kinds.count() >= 14, "{scheme:?}");
    }
    let total: u64 = tally.values().map(|(count, _)| count).sum();
    assert!(total >= wanted);
}

fn run(subjects: &[Subject], rings: &Rings, size: u64, rng: &mut Rng, tally: &Mutex<Tally>) {
    let mut items = Vec::new();
    let mut kinds = Vec::new();
    for _ in 0..size {
        let subject = rng.below(subjects.len());
        let (item, kind): (Item, &str) = mutate(subjects, subject, rng);
        items.push(item);
        kinds.push((subjects[subject].scheme.name(), kind));
    }
    let verdicts = rings.judge(&items);
    let mut tally = tally.lock().unwrap();
    for (kind, verdict) in kinds.into_iter().zip(verdicts) {
        let (count, valid) = tally.entry(kind).or_default();
        *count += 1;
        *valid += u64::from(verdict.is_valid());
    }
}

/// Shown with `--nocapture`, or when something failed.
fn report(tally: &Tally) {
    println!(
        "{:24} {:32} {:>9} {:>9}",
        "scheme", "mutation", "items", "valid"
    );
    for ((scheme, kind), (count, valid)) in tally {
        println!("{scheme:24} {kind:32} {count:9} {valid:9}");
    }
}
