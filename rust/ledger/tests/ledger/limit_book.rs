//! The book of limits, case by case.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use crate::limit_world::{NOW, World, plain, subject};
use custody_ledger::limits::{
    Charges, Checked, Dimension, Failing, LimitBook, LimitRule, Span, Spent,
};
use custody_ledger::{Symbol, Symbols};

#[test]
fn thousands_of_limits_that_do_not_apply_are_not_asked() {
    let mut rules: Vec<LimitRule> = (0..5_000)
        .map(|n| LimitRule {
            asset: Some(format!("asset{n}")),
            ..plain(&format!("l{n}"), Span::Sliding(1_000), Some(10), None)
        })
        .collect();
    rules.push(LimitRule {
        asset: None,
        ..plain("all", Span::Sliding(1_000), None, Some(3))
    });
    let mut world = World::new(rules);
    world.charge([1; 6], 10, NOW);
    let asked = subject(&mut world.symbols, [1; 6]);
    let names: Vec<&str> = world
        .book
        .limits_of(Charges::COVERING, &asked)
        .into_iter()
        .map(|id| world.symbols.name(id))
        .collect();
    assert_eq!(names, ["all", "l1"]);
    assert!(matches!(
        world.book.check(&asked, 1, NOW),
        Checked::Deny { .. }
    ));
    assert_eq!(world.book.keys(), 2);
}

#[test]
fn what_an_owner_without_memory_edits_keeps_what_was_spent_and_says_since_when() {
    let day = Span::Sliding(86_400_000);
    let hour = Span::Sliding(3_600_000);
    let mut world = World::new(vec![plain("l", hour, Some(100), None)]);
    for step in 0..200 {
        world.charge([0; 6], 1, NOW + step * 60_000);
    }
    let now = NOW + 199 * 60_000;
    let spent = |world: &mut World, id: &str| world.spent(&plain(id, day, None, None), [0; 6], now);
    assert_eq!(spent(&mut world, "l").amount, 60);
    let rules = vec![
        plain("l", day, Some(100), None),
        plain("m", hour, Some(9), None),
    ];
    world.book.configure(&rules, &mut world.symbols).unwrap();
    assert_eq!(spent(&mut world, "m").amount, 60, "a window that it had");
    assert_eq!(
        spent(&mut world, "l").amount,
        60,
        "all that was still known"
    );
    let asked = subject(&mut world.symbols, [0; 6]);
    let clause = world.book.explain(&asked, 1, now).next().unwrap();
    assert_eq!(clause.counts_from_ms, now - 3_600_000 + 1);
    // What was known goes on for the new length.
    let last = now - 59 * 60_000;
    let id = world.symbols.find("l");
    let later = |ms| world.book.spent(id, &asked, ms).unwrap().amount;
    assert_eq!(
        (later(last + 86_400_000 - 1), later(last + 86_400_000)),
        (60, 59)
    );
    // A scope that it never had begins empty, and says so.
    let other = LimitRule {
        scope: vec![Dimension::Wallet],
        ..plain("l", day, Some(100), None)
    };
    world.book.configure(&[other], &mut world.symbols).unwrap();
    let clause = world.book.explain(&asked, 1, now).next().unwrap();
    assert_eq!(
        (clause.spent, clause.counts_from_ms),
        (Spent::default(), now)
    );
}

#[test]
fn a_new_window_of_an_owner_without_memory_begins_with_the_one_that_knows_most_of_it() {
    let hours = |n: u64| Span::Sliding(n * 3_600_000);
    let rules = [
        plain("h", hours(1), Some(100), None),
        plain("d", hours(24), Some(900), None),
    ];
    let mut world = World::new(rules.to_vec());
    for step in 0..200 {
        world.charge([0; 6], 1, NOW + step * 60_000);
    }
    let now = NOW + 199 * 60_000;
    for (span, counts) in [(2, 120), (12, 200), (7 * 24, 200)] {
        let mut edited = rules.to_vec();
        let new = plain("n", hours(span), Some(900), None);
        edited.push(new.clone());
        let (mut book, mut symbols) = (world.book.clone(), world.symbols.clone());
        book.configure(&edited, &mut symbols).unwrap();
        let asked = subject(&mut symbols, [0; 6]);
        let spent = |id: &str| book.spent(symbols.find(id), &asked, now).unwrap().amount;
        // What a bucket of the day holds goes on for a minute more.
        assert!(
            (counts..=counts + 1).contains(&spent("n")),
            "{}",
            spent("n")
        );
        assert_eq!((spent("h"), spent("d")), (60, 200));
    }
}

#[test]
fn a_limit_that_cannot_know_all_says_since_when_it_counts() {
    let mut world = World::new(vec![plain("l", Span::Sliding(1_000), Some(100), None)]);
    world.charge([0; 6], 7, NOW);
    world.charge([0; 6], 8, NOW + 500);
    // The owner forgets the first.
    world.book.see(NOW + 1_000);
    assert_eq!(world.book.longest_window_ms(), 1_000);
    world.book.forgot(NOW);
    world.events.remove(0);
    let rules = vec![plain("l", Span::Lifetime, Some(100), None)];
    world.edit(rules);
    let asked = subject(&mut world.symbols, [0; 6]);
    let clause = world.book.explain(&asked, 1, NOW).next().unwrap();
    assert_eq!((clause.spent.amount, clause.counts_from_ms), (8, NOW + 1));
    let young = |world: &World, now| world.book.young(now).collect::<Vec<_>>();
    assert_eq!(young(&world, u64::MAX), [(clause.limit, NOW + 1)]);
    // A window misses it for no longer than it is.
    world.edit(vec![plain("m", Span::Sliding(60_000), Some(100), None)]);
    let m = world.symbols.find("m");
    assert_eq!(young(&world, NOW + 59_999), [(m, NOW + 1)]);
    assert_eq!(young(&world, NOW + 60_000), []);
    world.edit(vec![plain("l", Span::Lifetime, Some(100), None)]);
    assert_eq!(
        world.book.longest_window_ms(),
        0,
        "for ever needs no memory"
    );
}

#[test]
fn a_record_that_names_other_limits_than_cover_is_followed() {
    let rules = vec![
        plain("a", Span::Sliding(1_000), Some(100), None),
        LimitRule {
            scope: vec![Dimension::Customer],
            ..plain("b", Span::Sliding(1_000), Some(100), None)
        },
    ];
    let mut world = World::new(rules.clone());
    let asked = subject(&mut world.symbols, [0; 6]);
    let [a, b] = ["a", "b"].map(|id| world.symbols.find(id));
    assert_eq!(world.book.charges_of([b, a], &asked), Ok(Charges::COVERING));
    assert_eq!(world.book.charges_of([], &asked), Ok(Charges::NONE));
    assert!(world.book.charges_of([Symbol::UNKNOWN], &asked).is_err());
    let only = world.book.charges_of([b], &asked).unwrap();
    assert_eq!(world.book.limits_of(only, &asked), [b]);
    world.book.charge(only, &asked, 5, NOW).unwrap();
    let spent = |world: &World, id| world.book.spent(id, &asked, NOW).unwrap().amount;
    assert_eq!((spent(&world, a), spent(&world, b)), (0, 5));
    // A limit that is new counts it, and it is given back there too.
    let mut plan_rules = rules;
    plan_rules[0].span = Span::Sliding(2_000);
    let mut plan = world.book.plan(&plan_rules, &mut world.symbols).unwrap();
    plan.count(&asked, 5, NOW).unwrap();
    world.book.take(plan);
    let more = world.book.recharged(only, &asked).unwrap();
    assert_eq!((spent(&world, a), spent(&world, b)), (5, 5));
    world.book.release(more, &asked, 5, NOW);
    assert_eq!((spent(&world, a), spent(&world, b)), (0, 0));
    assert_eq!(world.book.keys(), 0);
    world.stored().unwrap();
}

#[test]
fn a_plan_that_overflows_changes_nothing() {
    let mut world = World::new(vec![]);
    let asked = subject(&mut world.symbols, [0; 6]);
    let before = world.bytes();
    let rules = [plain("a", Span::Lifetime, Some(1), None)];
    let mut plan = world.book.plan(&rules, &mut world.symbols).unwrap();
    plan.count(&asked, u128::MAX, NOW).unwrap();
    assert!(plan.count(&asked, 1, NOW).is_err());
    drop(plan);
    assert_eq!(world.bytes(), before);
}

#[test]
fn a_book_that_has_seen_all_has_no_young_limits_and_clauses_have_names() {
    let mut world = World::new(vec![plain("l", Span::Lifetime, Some(100), None)]);
    world.charge([0; 6], 1, NOW);
    assert_eq!(world.book.young(NOW).count(), 0);
    let clauses = [
        Failing::Asset,
        Failing::Class,
        Failing::Overflow,
        Failing::Amount,
        Failing::Count,
    ];
    let names = ["asset", "class", "overflow", "amount", "count"];
    assert_eq!(clauses.map(Failing::name), names);
}

#[test]
fn what_a_window_without_limits_cannot_count_is_denied_and_not_found_out_by_the_charge() {
    let long = plain("long", Span::Sliding(86_400_000), None, Some(9));
    let short = plain("short", Span::Sliding(1_000), Some(u128::MAX), None);
    let mut world = World::new(vec![long, short.clone()]);
    world.charge([0; 6], u128::MAX, NOW);
    world.edit(vec![short]);
    let asked = subject(&mut world.symbols, [0; 6]);
    let later = NOW + 2_000;
    for (amount, passes) in [(0, true), (1, false)] {
        let checked = world.book.check(&asked, amount, later);
        assert_eq!(
            matches!(checked, Checked::Pass { .. }),
            passes,
            "{checked:?}"
        );
        let charged = world
            .book
            .clone()
            .charge(Charges::COVERING, &asked, amount, later);
        assert_eq!(charged.is_ok(), passes);
    }
    world.stored().unwrap();
}

#[test]
fn a_release_of_what_was_never_charged_opens_no_other_time() {
    let mut world = World::new(vec![plain("a", Span::Sliding(60_000), Some(1_000), None)]);
    let rule = world.rules[0].clone();
    let asked = subject(&mut world.symbols, [0; 6]);
    world.charge([0; 6], 10, NOW);
    world.charge([0; 6], 20, NOW + 2);
    for at in [0, NOW - 1, NOW + 1, NOW + 3, u64::MAX] {
        world.book.release(Charges::COVERING, &asked, 1_000, at);
    }
    let other = subject(&mut world.symbols, [1; 6]);
    world.book.release(Charges::COVERING, &other, 1_000, NOW);
    assert_eq!(world.spent(&rule, [0; 6], NOW + 3).amount, 30);
    // More than was charged at that time takes no other time's part.
    world.book.release(Charges::COVERING, &asked, 1_000, NOW);
    assert_eq!(world.spent(&rule, [0; 6], NOW + 3).amount, 20);
}

#[test]
fn releases_across_the_change_from_exact_to_buckets_give_back_exactly_what_was_charged() {
    // Buckets of 60 s.
    let mut world = World::new(vec![
        plain("a", Span::Sliding(86_400_000), Some(1_000_000), None),
        plain("b", Span::Sliding(3_600_000), Some(1_000_000), None),
    ]);
    // 60 s apart less a little: each at another place of its bucket, some buckets with two.
    for step in 0..200_u64 {
        world.charge([0; 6], u128::from(step) + 1, NOW + step * 59_993);
        if step % 3 == 2 {
            // Charged exact, released in buckets, and the other way round.
            world.release(usize::try_from(step / 3).unwrap());
        }
        world.check(0).unwrap();
    }
    // From the middle outwards.
    let length = world.events.len();
    for step in 0..length {
        world.release((length / 2 + step) % length);
        world.check(0).unwrap();
    }
    for rule in world.rules.clone() {
        assert_eq!(world.spent(&rule, [0; 6], 0), Spent::default());
    }
}

#[test]
fn many_events_at_a_bucket_edge_count_for_a_whole_window() {
    // 24 h: buckets of 60 s. All events in the last ms of one bucket and the first of the next.
    let length = 86_400_000;
    let edge = NOW - NOW % 60_000;
    let mut world = World::new(vec![plain("a", Span::Sliding(length), Some(2_000), None)]);
    for at in (edge - 1_000..edge + 1_000).step_by(1) {
        world.charge([0; 6], 1, at);
    }
    let asked = subject(&mut world.symbols, [0; 6]);
    for late in [0, 1, 59_998, 59_999, 60_000, 61_000] {
        world.check(edge + length + late).unwrap();
    }
    assert!(matches!(
        world.book.check(&asked, 1, edge - 1_000 + length - 1),
        Checked::Deny { .. }
    ));
}

#[test]
fn zero_lets_nothing_pass_and_is_not_unlimited() {
    for rule in [
        plain("a", Span::Lifetime, Some(0), None),
        plain("a", Span::Sliding(1_000), None, Some(0)),
        plain("a", Span::Sliding(1_000), Some(0), Some(9)),
    ] {
        let mut world = World::new(vec![rule]);
        let asked = subject(&mut world.symbols, [0; 6]);
        for amount in [0, 1, u128::MAX] {
            let Checked::Deny { exceeded } = world.book.check(&asked, amount, NOW) else {
                panic!("passed");
            };
            assert_eq!(exceeded.earliest_pass_ms, None);
        }
    }
}

#[test]
fn rules_that_say_nothing_or_add_apples_to_pears_are_refused() {
    let good = plain("l", Span::Sliding(1_000), Some(1), None);
    let bad = [
        LimitRule {
            asset: None,
            ..good.clone()
        },
        LimitRule {
            amount: None,
            ..good.clone()
        },
        LimitRule {
            span: Span::Sliding(999),
            ..good.clone()
        },
        LimitRule {
            span: Span::Sliding(90 * 86_400_000 + 1),
            ..good.clone()
        },
        LimitRule {
            id: String::new(),
            ..good.clone()
        },
        LimitRule {
            class: Some(String::new()),
            ..good.clone()
        },
        LimitRule {
            asset: Some(String::new()),
            ..good.clone()
        },
        LimitRule {
            scope: vec![Dimension::Wallet, Dimension::Wallet],
            ..good.clone()
        },
    ];
    let mut symbols = Symbols::default();
    let mut book = LimitBook::default();
    for rule in bad {
        let configured = book.configure(std::slice::from_ref(&rule), &mut symbols);
        assert!(configured.is_err(), "{rule:?}");
    }
    for rule in [
        good.clone(),
        LimitRule {
            asset: None,
            scope: vec![Dimension::Asset],
            ..good.clone()
        },
        LimitRule {
            asset: None,
            amount: None,
            count: Some(1),
            ..good.clone()
        },
    ] {
        book.configure(&[rule], &mut symbols).unwrap();
    }
    assert!(book.configure(&[good.clone(), good], &mut symbols).is_err());
    assert_eq!(book.rules().count(), 1, "nothing changed");
}

#[test]
fn a_full_spend_twice_across_a_bucket_edge_is_refused() {
    // 40 s: another signer's four buckets of 10 s let a full spend at 1109 s and at 1140 s both pass.
    let mut world = World::new(vec![plain("l", Span::Sliding(40_000), Some(100), None)]);
    for _ in 0..100 {
        world.charge([0; 6], 1, 1_109_000);
    }
    let asked = subject(&mut world.symbols, [0; 6]);
    let passes = |amount, at| matches!(world.book.check(&asked, amount, at), Checked::Pass { .. });
    assert!(!passes(1, 1_140_000) && !passes(1, 1_148_999) && passes(100, 1_149_000));
}

#[test]
fn a_clock_that_goes_back_opens_nothing() {
    let mut world = World::new(vec![plain("l", Span::Sliding(3_600_000), Some(100), None)]);
    let rule = world.rules[0].clone();
    world.charge([0; 6], 100, NOW);
    let asked = subject(&mut world.symbols, [0; 6]);
    for now in [0, NOW - 7_200_000, NOW - 1, NOW] {
        let checked = world.book.check(&asked, 1, now);
        assert!(matches!(checked, Checked::Deny { .. }), "{now}");
    }
    world.charge([0; 6], 5, 0);
    assert_eq!(world.events[1].at_ms, NOW);
    assert_eq!(world.spent(&rule, [0; 6], NOW + 3_599_999).amount, 105);
    assert_eq!(world.spent(&rule, [0; 6], NOW + 3_600_000).amount, 0);
}

#[test]
fn an_edit_of_the_bound_keeps_what_was_spent() {
    let hour = Span::Sliding(3_600_000);
    let mut world = World::new(vec![plain("l", hour, Some(100), None)]);
    world.charge([0; 6], 80, NOW);
    let asked = subject(&mut world.symbols, [0; 6]);
    for (most, amount, passes) in [
        (90, 10, true),
        (90, 11, false),
        (79, 0, false),
        (0, 0, false),
    ] {
        world.edit(vec![plain("l", hour, Some(most), None)]);
        let checked = world.book.check(&asked, amount, NOW + 1);
        assert_eq!(
            matches!(checked, Checked::Pass { .. }),
            passes,
            "{amount} under {most}"
        );
    }
}
