//! Ids and limits against an initiator who chooses references, attempts and moments to wear the ledger out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::sync::Arc;

use crate::common::{ETH, HOUR, NOW, candidate, limit, listed, submit};
use custody_ledger::limits::Over;
use custody_ledger::{
    Answer, Attempt, Candidate, Decision, End, Fact, Hand, Ledger, MOST_ATTEMPTS, Name128, Remedy,
};

const LATE: u64 = NOW + 100 * HOUR;

/// One pool with a great deal, and nothing above 10 at once.
fn rich() -> Ledger {
    let mut ledger = Ledger::new();
    let most = limit(
        "most",
        &[custody_ledger::limits::Dimension::Customer],
        HOUR,
        Some(10),
        Over::Deny,
    );
    ledger.configure(&listed(), vec![most]).unwrap();
    let fact = ledger
        .decide_open("hot-1", ETH, 1 << 60, "customers")
        .unwrap();
    ledger.apply(&fact).unwrap();
    ledger
}

fn asked(reference: &str, attempt: u32, amount: u128) -> Candidate {
    Candidate {
        customer: Name128::customer(&format!("{reference} {attempt}")),
        submit_before_ms: LATE * 2,
        pay_before_ms: LATE * 2,
        ..candidate(reference, attempt, amount)
    }
}

fn decide(ledger: &Ledger, asked: Candidate, old: &[Attempt], now_ms: u64) -> Answer {
    ledger
        .decide_submission(&Arc::new(asked), old, now_ms, 9, 1)
        .unwrap()
}

#[test]
fn what_may_not_leave_memory_hides_nothing_behind_it() {
    let mut ledger = rich();
    // Cheap ones that stay open for as long as their initiator likes: a rejected attempt and an open one each.
    for number in 0..12_000 {
        let reference = format!("open {number}");
        assert_eq!(
            submit(&mut ledger, asked(&reference, 1, 11), NOW).0,
            "limit.most"
        );
        assert_eq!(
            submit(&mut ledger, asked(&reference, 2, 1), NOW).0,
            "accepted"
        );
    }
    let (_, ended) = submit(&mut ledger, asked("ended", 1, 1), NOW + 1);
    let fact = ledger
        .decide_void(ended.unwrap(), End::Cancelled, NOW + 2)
        .unwrap();
    ledger.apply(&fact).unwrap();
    submit(&mut ledger, asked("denied", 1, 11), NOW + 1);
    let mut hand = Hand::default();
    let mut found = Vec::new();
    for _ in 0..4 {
        found.extend(ledger.forgettable_from(&mut hand, LATE, 100));
    }
    let mut keys: Vec<Name128> = found.iter().map(|each| each.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut expected = ["ended", "denied"].map(|each| Name128::reference("backend", each));
    expected.sort_unstable();
    assert_eq!(keys, expected);
    // The round begins anew: the first that ends is found again.
    let first = ledger.withdrawals_before(None).last().unwrap();
    let fact = ledger
        .decide_void(first.id, End::Cancelled, NOW + 3)
        .unwrap();
    ledger.apply(&fact).unwrap();
    let again = (0..4).any(|_| {
        let found = ledger.forgettable_from(&mut hand, LATE, 100);
        found.iter().any(|each| each.attempts.len() == 2)
    });
    assert!(again);
}

#[test]
fn what_leaves_in_one_fact_is_bounded_and_rejections_leave_room_for_withdrawals() {
    let mut ledger = rich();
    let number = |n: u32| format!("n {n}");
    for n in 0..40 {
        for attempt in 1..=5 {
            submit(&mut ledger, asked(&number(n), attempt, 11), NOW);
        }
    }
    for n in 100..140 {
        let (_, id) = submit(&mut ledger, asked(&number(n), 1, 1), NOW);
        let fact = ledger
            .decide_void(id.unwrap(), End::Cancelled, NOW)
            .unwrap();
        ledger.apply(&fact).unwrap();
    }
    let mut hand = Hand::default();
    let mut left = 80;
    while left > 0 {
        let found = ledger.forgettable_from(&mut hand, LATE, 20);
        let attempts: usize = found.iter().map(|each| each.attempts.len()).sum();
        assert!((1..20 + 5).contains(&attempts), "{attempts}");
        let taken = found
            .iter()
            .filter(|each| each.attempts[0].state.is_some())
            .count();
        assert!(taken == 10 || left < 80 - 30, "{taken} of {}", found.len());
        left -= found.len();
        ledger.apply(&Fact::IdsForgotten(found)).unwrap();
    }
    assert!(ledger.forgettable(LATE, 20).is_empty());
    assert_eq!(ledger.withdrawals_len(), 0);
}

#[test]
fn a_reference_has_so_many_attempts_and_no_more_in_memory_and_after() {
    let mut ledger = rich();
    for attempt in 1..=MOST_ATTEMPTS {
        let denied = submit(
            &mut ledger,
            asked("a", attempt, 11),
            NOW + u64::from(attempt),
        );
        assert_eq!(denied.0, "limit.most");
    }
    let key = Name128::reference("backend", "a");
    let all = ledger.attempts(&key);
    assert_eq!(all.len(), 256);
    let too_many = |ledger: &Ledger, old: &[Attempt]| {
        let answer = decide(ledger, asked("a", MOST_ATTEMPTS + 1, 1), old, LATE);
        let Answer::Refused { tag, remedy, .. } = answer else {
            panic!("{answer:?}");
        };
        assert_eq!((tag, remedy), ("attempt.too_many", Remedy::Never));
    };
    let each_again = |ledger: &Ledger, old: &[Attempt]| {
        for attempt in &all {
            let answer = decide(ledger, asked("a", attempt.number, 11), old, LATE);
            assert_eq!(answer, Answer::Before(attempt.clone()));
            let answer = decide(ledger, asked("a", attempt.number, 1), old, LATE);
            assert!(
                matches!(
                    answer,
                    Answer::Refused {
                        tag: "id.reused",
                        ..
                    }
                ),
                "{answer:?}"
            );
        }
        let skipped = decide(ledger, asked("a", MOST_ATTEMPTS + 2, 1), old, LATE);
        assert!(matches!(
            skipped,
            Answer::Refused {
                tag: "attempt.skipped",
                ..
            }
        ));
    };
    too_many(&ledger, &[]);
    each_again(&ledger, &[]);
    // What the store still has from before is of no matter.
    each_again(&ledger, &all[..7]);
    let found = ledger.forgettable(LATE, 1);
    assert_eq!(found[0].attempts.len(), 256);
    ledger.apply(&Fact::IdsForgotten(found)).unwrap();
    assert_eq!(ledger.attempts(&key), []);
    too_many(&ledger, &all);
    each_again(&ledger, &all);
}

#[test]
fn the_newest_attempt_decides_whether_it_is_in_memory_or_not() {
    let mut ledger = rich();
    submit(&mut ledger, asked("a", 1, 11), NOW);
    let (_, second) = submit(&mut ledger, asked("a", 2, 1), NOW + 5);
    ledger.see(NOW + 65);
    let fact = ledger
        .decide_void(second.unwrap(), End::Cancelled, NOW + 65)
        .unwrap();
    ledger.apply(&fact).unwrap();
    let old = ledger.attempts(&Name128::reference("backend", "a"));
    let found = ledger.forgettable(LATE, 9);
    ledger.apply(&Fact::IdsForgotten(found)).unwrap();
    // In whatever order the store gives them.
    let backwards: Vec<Attempt> = old.iter().rev().cloned().collect();
    for old in [&old, &backwards] {
        let Answer::Decided { fact, .. } = decide(&ledger, asked("a", 3, 2), old, LATE) else {
            panic!("refused");
        };
        assert_eq!(
            (fact.decision, fact.queued_since_ms),
            (Decision::Accepted, LATE - 60)
        );
    }
    let mut third = asked("a", 3, 2);
    Arc::make_mut(&mut third.names).routing_sequence = 2;
    let answer = decide(&ledger, third, &old, LATE);
    assert!(
        matches!(
            answer,
            Answer::Refused {
                tag: "attempt.routing",
                ..
            }
        ),
        "{answer:?}"
    );
    let Answer::Decided { fact, .. } = decide(&ledger, asked("a", 3, 2), &old, LATE) else {
        panic!("refused");
    };
    ledger.apply(&Fact::Submitted(fact)).unwrap();
    // The third is open: its state counts, not that of what came before.
    let answer = decide(&ledger, asked("a", 4, 2), &old, LATE);
    assert!(
        matches!(
            answer,
            Answer::Refused {
                tag: "attempt.open",
                ..
            }
        ),
        "{answer:?}"
    );
    for attempt in &old {
        let amount = if attempt.number == 1 { 11 } else { 1 };
        let answer = decide(&ledger, asked("a", attempt.number, amount), &old, LATE);
        assert_eq!(answer, Answer::Before(attempt.clone()));
    }
}
