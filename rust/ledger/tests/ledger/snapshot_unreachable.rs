//! States that no sequence of decisions leads to, under a right checksum or in a crafted fact: each would be harmless
//! until a later step paid twice by it, could not be entered, or took memory without bound.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use crate::common::{ETH, NOW, accepted, candidate, enact, payout, submit, world};
use crate::forge::{
    FREE, HALTS, HEAD, LEGS, LIMITS, ORDERS, PAYOUT_IDS, PAYOUTS, WITHDRAWALS, forged, joined,
    refuse, sections,
};
use custody_ledger::{
    End, Fact, Ledger, LedgerError, MAX_LEGS, MOST_SCOPES, Scope, SweepTerms, TransferRefusal,
    TransferStatus, Ulid,
};

const POSTED: u8 = 3;
const REFUNDED: u8 = 6;
const STATE: usize = 167;
const PAYOUT: usize = 156;

fn at(body: &[u8], wanted: &[u8]) -> usize {
    let mut found = body
        .windows(wanted.len())
        .enumerate()
        .filter(|(_, part)| *part == wanted);
    let (first, _) = found.next().unwrap();
    assert!(found.next().is_none(), "{wanted:?} is there twice");
    first
}

fn with(ledger: &Ledger, kind: u8, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut all = sections(&ledger.snapshot().unwrap());
    change(&mut all.iter_mut().find(|(each, _)| *each == kind).unwrap().1);
    joined(&all)
}

/// One that was paid, and the second attempt of one that was cancelled.
fn two_attempts() -> (Ledger, Ulid, Ulid) {
    let mut ledger = world(vec![]);
    let paid = accepted(&mut ledger, "paid", 10);
    for decided in [
        ledger.decide_assign(payout("p1", paid, 10, 0), NOW),
        Ok(Fact::Posted {
            payout: "p1".to_owned(),
            fee_paid: 0,
        }),
    ] {
        assert_eq!(enact(&mut ledger, decided), "ok");
    }
    let first = accepted(&mut ledger, "again", 20);
    let decided = ledger.decide_void(first, End::Cancelled, NOW);
    assert_eq!(enact(&mut ledger, decided), "ok");
    let (_, second) = submit(&mut ledger, candidate("again", 2, 20), NOW + 1);
    (ledger, first, second.unwrap())
}

#[test]
fn an_attempt_follows_only_one_that_ended_unsigned() {
    let (ledger, first, _) = two_attempts();
    let slot = 0_u32.to_be_bytes();
    for state in [POSTED, REFUNDED] {
        // As if the payout that is final had paid, or tried to pay, the first attempt too.
        let changed = with(&ledger, WITHDRAWALS, |body| {
            let record = at(body, &first.0) - 4;
            body[record + PAYOUT..record + PAYOUT + 4].copy_from_slice(&slot);
            body[record + STATE] = state;
        });
        refuse(&changed, ".withdrawals");
    }
    let same = with(&ledger, WITHDRAWALS, |_| {});
    assert!(Ledger::read_snapshot(&same).is_ok());
}

#[test]
fn a_crafted_attempt_beside_an_open_one_poisons() {
    let mut open = world(vec![]);
    let first = accepted(&mut open, "again", 20);
    let mut ended = open.clone();
    let decided = ended.decide_void(first, End::Cancelled, NOW);
    assert_eq!(enact(&mut ended, decided), "ok");
    let asked = candidate("again", 2, 20).into();
    let Ok(custody_ledger::Answer::Decided { fact, .. }) =
        ended.decide_submission(&asked, &[], NOW + 1, 9, 1)
    else {
        panic!("not decided")
    };
    let fact = Fact::Submitted(fact);
    assert!(matches!(open.apply(&fact), Err(LedgerError::Broken(_))));
    ended.apply(&fact).unwrap();
    let decided = ended.decide_assign(payout("p1", first, 20, 0), NOW + 2);
    assert_eq!(enact(&mut ended, decided), "ledger.state");
}

#[test]
fn what_a_payout_or_a_leg_ends_under_is_a_name_that_is_known() {
    let mut ledger = world(vec![]);
    let id = accepted(&mut ledger, "r", 10);
    // Nothing is reserved of the house or of the fee's asset, so the books do not speak of them.
    let leg = SweepTerms {
        leg: "l1".to_owned(),
        from_wallet: "cold-1".to_owned(),
        to_wallet: "hot-1".to_owned(),
        asset: ETH.to_owned(),
        amount: 77,
        fee_asset: ETH.to_owned(),
        fee_cap: 0,
    };
    for decided in [
        ledger.decide_assign(payout("p1", id, 10, 0), NOW),
        ledger.decide_sweep_depart(leg),
    ] {
        assert_eq!(enact(&mut ledger, decided), "ok");
    }
    let other = |kind: u8, name: &str| {
        with(&ledger, kind, |body| {
            let last = body
                .windows(name.len())
                .rposition(|part| part == name.as_bytes());
            body[last.unwrap()] ^= 0x20;
        })
    };
    for name in ["house", ETH, "hot-1"] {
        refuse(&other(PAYOUTS, name), ".payouts");
    }
    for name in ["house", ETH, "hot-1", "cold-1"] {
        refuse(&other(LEGS, name), ".legs");
    }
}

#[test]
fn every_payout_that_is_remembered_is_some_withdrawals() {
    let (ledger, ..) = two_attempts();
    let mut all = sections(&ledger.snapshot().unwrap());
    for (kind, body) in &mut all {
        match *kind {
            HEAD => {
                let place = body.len() - 40 + 16 + 7;
                assert_eq!(body[place], 1);
                body[place] = 2;
            }
            PAYOUT_IDS => {
                body.extend(1_u32.to_be_bytes());
                body.extend(1_u64.to_be_bytes());
                body.extend(*b"x\0");
            }
            _ => {}
        }
    }
    refuse(&joined(&all), ".payout_ids");
}

/// Where the first order that was refused says how many legs it had: behind key, digest and kind.
fn refused_order(body: &[u8]) -> usize {
    let mut place = 48;
    while body[place] == 0 {
        let legs = u64::from_be_bytes(body[place + 1..place + 9].try_into().unwrap());
        place += 9 + legs as usize + 48;
    }
    place + 1
}

#[test]
fn an_order_that_was_refused_has_no_more_legs_than_an_order() {
    for legs in [MAX_LEGS as u32 + 1, u32::MAX] {
        let changed = forged(ORDERS, |body| {
            let place = refused_order(body);
            body[place..place + 4].copy_from_slice(&legs.to_be_bytes());
        });
        refuse(&changed, ".orders");
    }
    let refusal = |legs: usize| {
        Fact::TransferRefused(TransferRefusal {
            initiator: "backend".to_owned(),
            reference: "r".to_owned(),
            body_sha256: [3; 32],
            legs: legs as u32,
            leg: 1,
            status: TransferStatus::InsufficientFunds,
        })
    };
    world(vec![]).apply(&refusal(MAX_LEGS)).unwrap();
    assert!(world(vec![]).apply(&refusal(MAX_LEGS + 1)).is_err());
}

#[test]
fn a_halt_stops_no_more_than_a_statement_says() {
    let scopes = |count: usize| vec![Scope::Sweeps; count];
    let halted = |count: usize| Fact::Halted {
        halt: "h".to_owned(),
        scopes: scopes(count),
    };
    let ledger = world(vec![]);
    assert!(ledger.decide_halt("h", &scopes(MOST_SCOPES)).is_ok());
    let refused = ledger.decide_halt("h", &scopes(MOST_SCOPES + 1));
    assert!(matches!(refused, Err(LedgerError::Malformed(..))));
    for (count, taken) in [(0, false), (MOST_SCOPES, true), (MOST_SCOPES + 1, false)] {
        assert_eq!(ledger.clone().apply(&halted(count)).is_ok(), taken);
    }
    // One byte each in a snapshot, a hundred in memory.
    let changed = forged(HALTS, |body| {
        let many = 1_000_000_u64;
        body.extend(2_u64.to_be_bytes());
        body.extend(*b"h2");
        body.extend(many.to_be_bytes());
        body.extend(vec![3; many as usize]);
    });
    refuse(&changed, ".halts");
}

#[test]
fn tallies_that_are_gone_take_bounded_memory() {
    let ledger = world(vec![]);
    let many = 1_000_000_usize;
    let changed = with(&ledger, LIMITS, |body| {
        // Behind the version, two times and the number of rules.
        assert_eq!(body[17..33], [0; 16]);
        body[25..33].copy_from_slice(&(many as u64).to_be_bytes());
        body.splice(33..33, vec![0; many]);
    });
    refuse(&changed, ".limits");
}

#[test]
fn freed_places_take_what_they_take_in_memory_and_no_more() {
    let ledger = crate::forge::full();
    let first = ledger.withdrawals_len() as u32;
    let changed = forged(FREE, |body| {
        // In order: withdrawals' places come before rejections'.
        let mut freed = Vec::new();
        for place in first..first + 200_000 {
            freed.push(0);
            freed.extend(place.to_be_bytes());
        }
        body.splice(0..0, freed);
    });
    let changed = cut(&changed, FREE);
    let (read, most) = crate::forge::read(&changed);
    assert_eq!(read.unwrap().snapshot().unwrap(), changed);
    assert!(
        most <= crate::forge::ALWAYS + 45 * changed.len(),
        "{most} of {}",
        changed.len()
    );
}

/// A section cut into pieces as they are written: after the item, here of five bytes, that reaches 64 KiB.
fn cut(bytes: &[u8], kind: u8) -> Vec<u8> {
    let all = sections(bytes).into_iter().flat_map(|(each, body)| {
        let most = if each == kind {
            (1 << 16) / 5 * 5 + 5
        } else {
            usize::MAX
        };
        let pieces: Vec<_> = body
            .chunks(most)
            .map(|piece| (each, piece.to_vec()))
            .collect();
        pieces
    });
    joined(&all.collect::<Vec<_>>())
}

#[test]
fn a_fact_that_forgets_nothing_is_none() {
    let mut ledger = world(vec![]);
    let before = ledger.snapshot().unwrap();
    assert!(ledger.clone().apply(&Fact::IdsForgotten(vec![])).is_err());
    assert!(Ledger::read_snapshot(&before).is_ok());
    ledger.see(NOW);
    assert!(Ledger::read_snapshot(&ledger.snapshot().unwrap()).is_ok());
}
