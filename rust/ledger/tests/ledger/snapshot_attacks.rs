//! Snapshots that are damaged, cut off, or changed anywhere under a right checksum: refused as a whole, without a panic,
//! and without more memory than their own size explains; what is taken is whole.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use crate::common::steps::{Names, act, any_step, limits};
use crate::common::{HOUR, NOW, world};
use crate::forge::{
    ALWAYS, DEPOSITS, FREE, HALTS, HEAD, OPENED, WITHDRAWALS, forged, full, joined, read, refuse,
    sealed, sections, young,
};
use custody_ledger::{Ledger, LedgerError};
use proptest::prelude::*;
use proptest::sample::Index;

#[test]
fn the_sample_has_every_section_but_one_and_comes_back() {
    let bytes = full().snapshot().unwrap();
    let kinds: Vec<u8> = sections(&bytes).iter().map(|(kind, _)| *kind).collect();
    // None of these: releases take a quorum's proposal, and are as OPENED is.
    let all: Vec<u8> = (1..=21).filter(|kind| *kind != 7).collect();
    assert_eq!(kinds, all);
    assert_eq!(joined(&sections(&bytes)), bytes);
    let (read, most) = read(&bytes);
    assert_eq!(read.unwrap().snapshot().unwrap(), bytes);
    assert!(most <= ALWAYS + 16 * bytes.len(), "{most}");
}

#[test]
fn every_byte_counts() {
    let bytes = full().snapshot().unwrap();
    for place in 0..bytes.len() {
        for bits in [1, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[place] ^= bits;
            let part = match place {
                0..16 => ".magic",
                16..20 => ".version",
                _ => ".checksum",
            };
            refuse(&changed, part);
        }
        let (read, _) = read(&bytes[..place]);
        assert!(
            matches!(read, Err(LedgerError::Malformed(..))),
            "cut at {place}"
        );
    }
    refuse(&[&bytes[..], &[0]].concat(), ".checksum");
    let mut other = bytes[..bytes.len() - 32].to_vec();
    other[19] = 2;
    refuse(&sealed(other), ".version");
}

#[test]
fn sections_come_once_and_in_order() {
    let all = sections(&full().snapshot().unwrap());
    for place in 0..all.len() {
        let mut fewer = all.clone();
        fewer.remove(place);
        // These stand alone: no other section speaks of what they hold.
        let alone = [OPENED, HALTS, FREE, DEPOSITS].contains(&all[place].0);
        let read = Ledger::read_snapshot(&joined(&fewer));
        assert_eq!(read.is_ok(), alone, "without {}", all[place].0);
        let mut more = all.clone();
        more.push(all[place].clone());
        assert!(
            Ledger::read_snapshot(&joined(&more)).is_err(),
            "{} at the end",
            all[place].0
        );
        let mut twice = all.clone();
        twice.insert(place, all[place].clone());
        assert!(
            Ledger::read_snapshot(&joined(&twice)).is_err(),
            "{} twice",
            all[place].0
        );
        if place > 0 {
            let mut swapped = all.clone();
            swapped.swap(place, place - 1);
            assert!(Ledger::read_snapshot(&joined(&swapped)).is_err());
        }
        let mut empty = all.clone();
        empty[place].1.clear();
        assert!(Ledger::read_snapshot(&joined(&empty)).is_err());
    }
    // An item in two pieces is not as it is written.
    let mut halves = all.clone();
    let place = halves
        .iter()
        .position(|(kind, _)| *kind == WITHDRAWALS)
        .unwrap();
    let tail = halves[place].1.split_off(235);
    halves.insert(place + 1, (WITHDRAWALS, tail));
    refuse(&joined(&halves), "");
}

#[test]
fn a_length_or_a_count_that_is_forged_reserves_nothing() {
    let bytes = full().snapshot().unwrap();
    // Of a section.
    for length in [u64::MAX, 1 << 40, bytes.len() as u64] {
        let mut changed = bytes[..bytes.len() - 32].to_vec();
        changed[21..29].copy_from_slice(&length.to_be_bytes());
        refuse(&sealed(changed), ".head");
    }
    // Of the head: withdrawals, rejections, payouts; each is behind the house, the time and a digest.
    for (number, part) in [".head", ".head", ".head", ".old_ids", ".old_ids"]
        .iter()
        .enumerate()
    {
        for value in [1 << 62, 1 << 36, 1 << 31] {
            let change = |head: &mut Vec<u8>| {
                let at = head.len() - 40 + 8 * number;
                head[at..at + 8].copy_from_slice(&u64::to_be_bytes(value));
            };
            refuse(&forged(HEAD, change), part);
        }
    }
    // Wherever eight bytes may be a length.
    let all = sections(&young().snapshot().unwrap());
    for place in 0..all.len() {
        for at in 0..all[place].1.len().saturating_sub(7) {
            for value in [u64::MAX, 1 << 34] {
                let mut changed = all.clone();
                changed[place].1[at..at + 8].copy_from_slice(&value.to_be_bytes());
                let changed = joined(&changed);
                let (read, most) = read(&changed);
                assert!(
                    most <= ALWAYS + 16 * changed.len(),
                    "{place} at {at}: {most}"
                );
                if let Ok(ledger) = read {
                    assert_eq!(ledger.snapshot().unwrap(), changed);
                }
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Mutation {
    Byte(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Copy(Index, Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let bytes = prop::collection::vec(any::<u8>(), 1..9);
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        1 => (any::<Index>(), bytes).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        1 => (any::<Index>(), 1..60_usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        2 => (any::<Index>(), any::<Index>(), 1..40_usize).prop_map(|(from, to, count)| Mutation::Copy(from, to, count)),
    ]
}

fn mutate(body: &mut Vec<u8>, mutation: &Mutation) {
    if body.is_empty() {
        return;
    }
    let length = body.len();
    match mutation {
        Mutation::Byte(at, byte) => body[at.index(length)] = *byte,
        Mutation::Insert(at, bytes) => {
            let at = at.index(length);
            body.splice(at..at, bytes.iter().copied());
        }
        Mutation::Remove(at, count) => {
            let at = at.index(length);
            body.drain(at..length.min(at + count));
        }
        Mutation::Copy(from, to, count) => {
            let (from, to) = (from.index(length), to.index(length));
            let count = (*count).min(length - from).min(length - to);
            body.copy_within(from..from + count, to);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_taken_is_whole(
        steps in prop::collection::vec(any_step(), 0..60),
        changes in prop::collection::vec((any::<Index>(), prop::collection::vec(mutation(), 1..3)), 12),
    ) {
        let mut ledger = world(limits(600, HOUR));
        let (mut names, mut now) = (Names::default(), NOW);
        for (number, step) in steps.iter().enumerate() {
            act(&mut ledger, step, &mut names, &mut now, number);
        }
        let all = sections(&ledger.snapshot().unwrap());
        for (section, mutations) in &changes {
            let mut all = all.clone();
            let place = section.index(all.len());
            mutations.iter().for_each(|each| mutate(&mut all[place].1, each));
            let changed = joined(&all);
            let (read, most) = read(&changed);
            prop_assert!(most <= ALWAYS + 16 * changed.len());
            match read {
                Err(error) => prop_assert!(matches!(error, LedgerError::Malformed(..)), "{error}"),
                Ok(other) => {
                    other.conservation().unwrap();
                    prop_assert_eq!(other.snapshot().unwrap(), changed);
                    other.state_hash().unwrap();
                }
            }
        }
    }
}
