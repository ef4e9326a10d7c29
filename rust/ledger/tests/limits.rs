//! Windows against a brute force that keeps every event, and the known defects of others.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use common::{ETH, HOUR, NOW, candidate, limit, renamed, submit, world};
use custody_ledger::limits::{Dimension, LimitBook, LimitError, LimitRule, Over, Spent};
use custody_ledger::{Name128, State, Symbols};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// Milliseconds that the clock moves, forward or back, then an event.
    Charge(i64, u128),
    Release(usize),
    /// Another bound, the same window: what was spent stays.
    Edit(u128),
}

fn steps(window_ms: u64) -> impl Strategy<Value = Vec<Step>> {
    let window = i64::try_from(window_ms).unwrap();
    let clock = prop_oneof![
        4 => 0..=3_i64,
        4 => 0..=window / 50 + 1,
        2 => 0..=window * 2,
        1 => -window..=0,
    ];
    let step = prop_oneof![
        8 => (clock, 0..1_000_u128).prop_map(|(ms, amount)| Step::Charge(ms, amount)),
        2 => any::<prop::sample::Index>().prop_map(|index| Step::Release(index.index(1_000))),
        1 => (0..5_000_u128).prop_map(Step::Edit),
    ];
    prop::collection::vec(step, 1..400)
}

/// What counts when every event counts for `length_ms`.
fn count(events: &[(u64, u128)], length_ms: u64, now_ms: u64) -> Spent {
    events
        .iter()
        .filter(|(at, _)| at + length_ms > now_ms)
        .fold(Spent::default(), |sum, (_, amount)| Spent {
            amount: sum.amount + amount,
            count: sum.count + 1,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_window_never_under_counts_and_over_counts_by_less_than_a_bucket(
        (window_ms, steps) in prop_oneof![Just(1), Just(7), Just(1_440), Just(1_441), Just(60_000), Just(86_400_000)]
            .prop_flat_map(|window_ms| (Just(window_ms), steps(window_ms)))
    ) {
        let mut book = LimitBook::default();
        book.configure(vec![limit("l", &[], window_ms, Some(1_000), Over::Deny)], &mut Symbols::default()).unwrap();
        let (mut clock, mut time) = (NOW, 0);
        let mut events: Vec<(u64, u128)> = Vec::new();
        let width = window_ms.div_ceil(1_440);
        for step in steps {
            match step {
                Step::Charge(ms, amount) => {
                    clock = clock.saturating_add_signed(ms);
                    time = clock.max(time);
                    prop_assert_eq!(book.charge_key("l", "", amount, clock).unwrap(), time);
                    events.push((time, amount));
                }
                Step::Release(index) if !events.is_empty() => {
                    let (at, amount) = events.remove(index % events.len());
                    book.release_key("l", "", amount, at);
                }
                Step::Release(_) => {}
                Step::Edit(amount) => {
                    book.configure(vec![limit("l", &[], window_ms, Some(amount), Over::Deny)], &mut Symbols::default()).unwrap();
                }
            }
            let time = clock.max(time);
            let spent = book.spent("l", "", clock).unwrap();
            let (least, most) = (count(&events, window_ms, time), count(&events, window_ms + width - 1, time));
            prop_assert!(spent.amount >= least.amount && spent.count >= least.count, "{:?} of {:?}", spent, least);
            prop_assert!(spent.amount <= most.amount && spent.count <= most.count, "{:?} of {:?}", spent, most);
            if events.len() <= 64 {
                prop_assert_eq!(spent, least, "few events are exact");
            }
        }
    }

    #[test]
    fn what_check_lets_through_never_exceeds_the_limit_in_any_window(
        events in prop::collection::vec((0..3_000_u64, 1..40_u128), 1..500)
    ) {
        let mut book = LimitBook::default();
        book.configure(vec![LimitRule { count: Some(20), ..limit("l", &[], 10_000, Some(100), Over::Deny) }], &mut Symbols::default()).unwrap();
        let mut now = NOW;
        let mut passed: Vec<(u64, u128)> = Vec::new();
        for (ms, amount) in events {
            now += ms;
            match book.check_key("l", "", amount, now).unwrap() {
                Ok(()) => {
                    book.charge_key("l", "", amount, now).unwrap();
                    passed.push((now, amount));
                }
                Err(exceeded) => {
                    let at = exceeded.earliest_pass_ms.unwrap();
                    prop_assert!(book.check_key("l", "", amount, at - 1).unwrap().is_err(), "not before {}", at);
                    prop_assert!(book.check_key("l", "", amount, at).unwrap().is_ok(), "at {}", at);
                }
            }
        }
        for (from, _) in &passed {
            let inside = passed.iter().filter(|(at, _)| at >= from && *at < from + 10_000);
            let (amount, count) = inside.fold((0, 0), |(sum, count), (_, amount)| (sum + amount, count + 1));
            prop_assert!(amount <= 100 && count <= 20);
        }
    }
}

fn book(rule: LimitRule) -> LimitBook {
    let mut book = LimitBook::default();
    book.configure(vec![rule], &mut Symbols::default()).unwrap();
    book
}

#[test]
fn a_full_spend_twice_across_a_bucket_edge_is_refused() {
    // 40 s: another signer's four buckets of 10 s let a full spend at 1109 s and at 1140 s both pass.
    let mut book = book(limit("l", &[], 40_000, Some(100), Over::Deny));
    for _ in 0..100 {
        book.charge_key("l", "", 1, 1_109_000).unwrap();
    }
    assert!(book.check_key("l", "", 1, 1_140_000).unwrap().is_err());
    assert!(book.check_key("l", "", 1, 1_148_999).unwrap().is_err());
    assert!(
        book.check_key("l", "", 100, 1_149_000 + 40_000 / 1_440)
            .unwrap()
            .is_ok()
    );
}

#[test]
fn a_clock_that_goes_back_opens_nothing() {
    let mut book = book(limit("l", &[], HOUR, Some(100), Over::Deny));
    book.charge_key("l", "", 100, NOW).unwrap();
    for now in [0, NOW - 2 * HOUR, NOW - 1, NOW] {
        assert!(book.check_key("l", "", 1, now).unwrap().is_err(), "{now}");
    }
    assert_eq!(book.charge_key("l", "", 5, 0).unwrap(), NOW);
    assert_eq!(book.spent("l", "", NOW + HOUR - 1).unwrap().amount, 105);
    assert_eq!(book.spent("l", "", NOW + HOUR).unwrap().amount, 0);
}

#[test]
fn an_edit_keeps_what_was_spent_and_zero_lets_nothing_pass() {
    let mut book = book(limit("l", &[], HOUR, Some(100), Over::Deny));
    book.charge_key("l", "", 80, NOW).unwrap();
    for (amount, asked, passes) in [
        (90, 10, true),
        (90, 11, false),
        (80, 0, true),
        (79, 0, false),
        (0, 1, false),
    ] {
        book.configure(
            vec![limit("l", &[], HOUR, Some(amount), Over::Deny)],
            &mut Symbols::default(),
        )
        .unwrap();
        assert_eq!(
            book.check_key("l", "", asked, NOW + 1).unwrap().is_ok(),
            passes,
            "{asked} under {amount}"
        );
    }
    // A shorter window forgets earlier; a longer one forgets nothing that was still known.
    book.configure(
        vec![limit("l", &[], 2 * HOUR, Some(100), Over::Deny)],
        &mut Symbols::default(),
    )
    .unwrap();
    assert_eq!(book.spent("l", "", NOW + HOUR + 1).unwrap().amount, 80);
}

#[test]
fn rules_that_say_nothing_or_add_apples_to_pears_are_refused() {
    let good = limit("l", &[], HOUR, Some(1), Over::Deny);
    let counted = LimitRule {
        amount: None,
        count: Some(1),
        asset: None,
        ..good.clone()
    };
    for (rule, ok) in [
        (good.clone(), true),
        (counted, true),
        (
            LimitRule {
                asset: None,
                ..good.clone()
            },
            false,
        ),
        (
            LimitRule {
                asset: None,
                scope: vec![Dimension::Asset],
                ..good.clone()
            },
            true,
        ),
        (
            LimitRule {
                amount: None,
                ..good.clone()
            },
            false,
        ),
        (
            LimitRule {
                window_ms: 0,
                ..good.clone()
            },
            false,
        ),
        (
            LimitRule {
                window_ms: u64::MAX,
                ..good.clone()
            },
            false,
        ),
        (
            LimitRule {
                id: String::new(),
                ..good.clone()
            },
            false,
        ),
        (
            LimitRule {
                scope: vec![Dimension::Wallet, Dimension::Wallet],
                ..good.clone()
            },
            false,
        ),
    ] {
        assert_eq!(
            LimitBook::default()
                .configure(vec![rule.clone()], &mut Symbols::default())
                .is_ok(),
            ok,
            "{rule:?}"
        );
    }
    assert!(
        LimitBook::default()
            .configure(vec![good.clone(), good], &mut Symbols::default())
            .is_err(),
        "one id twice"
    );
}

#[test]
fn sums_that_exceed_their_type_are_refused_and_change_nothing() {
    let mut book = book(LimitRule {
        amount: None,
        count: Some(1_000),
        ..limit("l", &[], HOUR, None, Over::Hold)
    });
    book.charge_key("l", "", u128::MAX, NOW).unwrap();
    assert!(book.check_key("l", "", 1, NOW).unwrap().is_err());
    assert_eq!(
        book.charge_key("l", "", 1, NOW),
        Err(LimitError::Overflow("l".to_owned()))
    );
    assert_eq!(
        book.spent("l", "", NOW).unwrap(),
        Spent {
            amount: u128::MAX,
            count: 1
        }
    );
    assert!(matches!(
        book.charge_key("m", "", 1, NOW),
        Err(LimitError::Unknown(_))
    ));
}

#[test]
fn a_new_or_rescoped_limit_counts_what_was_spent_before_it() {
    let mut ledger = world(vec![limit("old", &[], HOUR, Some(500), Over::Deny)]);
    let (_, first) = submit(&mut ledger, candidate("a", 1, 100), NOW);
    submit(&mut ledger, candidate("b", 1, 50), NOW + 1);
    let gone = submit(&mut ledger, candidate("c", 1, 30), NOW + 2)
        .1
        .unwrap();
    let fact = ledger
        .decide_void(gone, custody_ledger::End::Cancelled, NOW + 3)
        .unwrap();
    ledger.apply(&fact).unwrap();

    let by_customer = [Dimension::Customer];
    let rules = vec![
        limit("old", &by_customer, HOUR, Some(500), Over::Deny),
        limit("new", &[], 2 * HOUR, Some(160), Over::Deny),
    ];
    ledger.configure("house", rules).unwrap();
    let of_c1 = format!("u{:?}", Name128::customer("c1"));
    assert_eq!(
        ledger.limits().spent("new", "", NOW + 4).unwrap().amount,
        150
    );
    assert_eq!(
        ledger
            .limits()
            .spent("old", &of_c1, NOW + 4)
            .unwrap()
            .amount,
        150
    );
    assert_eq!(
        submit(&mut ledger, candidate("d", 1, 11), NOW + 4).0,
        "limit.new"
    );
    assert_eq!(
        submit(&mut ledger, candidate("e", 1, 10), NOW + 4).0,
        "accepted"
    );

    // What the new limit counted is given back with the withdrawal, once.
    let fact = ledger
        .decide_void(first.unwrap(), custody_ledger::End::Cancelled, NOW + 5)
        .unwrap();
    ledger.apply(&fact).unwrap();
    assert_eq!(
        ledger.limits().spent("new", "", NOW + 5).unwrap().amount,
        60
    );
    assert_eq!(
        ledger
            .limits()
            .spent("old", &of_c1, NOW + 5)
            .unwrap()
            .amount,
        60
    );
}

#[test]
fn a_limit_that_holds_is_charged_and_a_limit_that_denies_is_not() {
    let hold = limit("hold", &[Dimension::Customer], HOUR, Some(100), Over::Hold);
    let mut ledger = world(vec![hold, limit("deny", &[], HOUR, Some(300), Over::Deny)]);
    let (word, id) = submit(&mut ledger, candidate("a", 1, 250), NOW);
    assert_eq!(word, "held limit.hold");
    assert_eq!(ledger.withdrawal(&id.unwrap()).unwrap().state, State::Held);
    assert_eq!(
        submit(&mut ledger, candidate("b", 1, 1), NOW).0,
        "held limit.hold",
        "no room is left"
    );
    assert_eq!(
        submit(&mut ledger, candidate("c", 1, 100), NOW).0,
        "limit.deny"
    );
    assert_eq!(
        ledger.limits().spent("deny", "", NOW).unwrap(),
        Spent {
            amount: 251,
            count: 2
        }
    );
    // Other assets are not its business.
    let other = candidate("d", 1, 400);
    let other = renamed(other, |names| names.asset = Box::from(common::USD));
    assert_eq!(submit(&mut ledger, other, NOW).0, "accepted");
    assert_ne!(ETH, common::USD);
}
