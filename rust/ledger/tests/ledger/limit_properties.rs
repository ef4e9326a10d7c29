//! The book of limits against a brute force that keeps every event for ever, over every scope, window, clock and edit.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use crate::limit_world::{NOW, World, name, plain, subject};
use custody_ledger::limits::{Charges, Checked, Dimension, LimitRule, Over, Span};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// Milliseconds that the clock moves, forward or back, then an event.
    Charge(i64, [u8; 6], u128),
    /// So many events at once, a few ms apart.
    Burst(u8, u64, [u8; 6], u128),
    Release(prop::sample::Index),
    Ask([u8; 6], u128),
    Edit(Vec<LimitRule>),
    Store,
}

fn names() -> impl Strategy<Value = [u8; 6]> {
    [0..2_u8, 0..2, 0..2, 0..2, 0..3, 0..2]
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        1 => Just(Span::Lifetime),
        6 => prop::sample::select(vec![1_000, 1_440, 60_000, 1_441_000, 3_600_000, 86_400_000, 7_776_000_000])
            .prop_map(Span::Sliding),
    ]
}

fn rule() -> impl Strategy<Value = LimitRule> {
    (
        prop::sample::subsequence(Dimension::ALL.to_vec(), 0..=6),
        prop::option::of(0..2_u8),
        prop::option::weighted(0.3, 1..2_u8),
        span(),
        prop::option::of(0..3_000_u128),
        prop::option::of(0..40_u64),
        any::<bool>(),
    )
        .prop_map(|(scope, asset, class, span, amount, count, hold)| {
            let sums = asset.is_some() || scope.contains(&Dimension::Asset);
            let amount = amount.filter(|_| sums);
            LimitRule {
                id: String::new(),
                scope,
                asset: asset.map(|value| name(Dimension::Asset, value)),
                class: class.map(|value| name(Dimension::Class, value)),
                span,
                amount,
                count: if amount.is_none() && count.is_none() {
                    Some(7)
                } else {
                    count
                },
                over: if hold { Over::Hold } else { Over::Deny },
            }
        })
}

/// Some share a tally, since scopes and filters are few; ids do not follow the order of the list.
fn rules() -> impl Strategy<Value = Vec<LimitRule>> {
    prop::collection::vec(rule(), 1..7).prop_map(|mut rules| {
        let length = rules.len();
        for (index, rule) in rules.iter_mut().enumerate() {
            rule.id = format!("limit-{}", (index * 5 + 3) % 11 + length % 2);
        }
        // An edit that lengthens: the same as the first, with another window.
        if length > 2 {
            let (span, id) = (rules[1].span, rules[1].id.clone());
            rules[1] = LimitRule {
                id,
                span,
                ..rules[0].clone()
            };
        }
        rules
    })
}

fn step() -> impl Strategy<Value = Step> {
    let clock = prop_oneof![
        6 => 0..=3_i64,
        4 => 0..=2_000_i64,
        3 => 0..=4_000_000_i64,
        2 => 0..=90_000_000_i64,
        1 => 0..=8_000_000_000_i64,
        2 => -90_000_000..=0_i64,
    ];
    prop_oneof![
        8 => (clock, names(), 0..1_000_u128).prop_map(|(ms, names, amount)| Step::Charge(ms, names, amount)),
        1 => (1..90_u8, 0..100_u64, names(), 0..10_u128).prop_map(|(n, ms, names, amount)| Step::Burst(n, ms, names, amount)),
        3 => any::<prop::sample::Index>().prop_map(Step::Release),
        3 => (names(), 0..1_500_u128).prop_map(|(names, amount)| Step::Ask(names, amount)),
        1 => rules().prop_map(Step::Edit),
        1 => Just(Step::Store),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_limit_agrees_with_a_brute_force_that_keeps_every_event(
        first in rules(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(first);
        let mut clock = NOW;
        for step in steps {
            match step {
                Step::Charge(ms, names, amount) => {
                    clock = clock.saturating_add_signed(ms);
                    world.charge(names, amount, clock);
                }
                Step::Burst(count, apart, names, amount) => {
                    for _ in 0..count {
                        clock += apart;
                        world.charge(names, amount, clock);
                    }
                }
                Step::Release(index) if !world.events.is_empty() => {
                    world.release(index.index(world.events.len()));
                }
                Step::Release(_) => {}
                Step::Ask(names, amount) => world.decide(names, amount, clock)?,
                Step::Edit(rules) => world.edit(rules),
                Step::Store => world.stored()?,
            }
            world.check(clock)?;
        }
        world.stored()?;
    }

    #[test]
    fn near_the_end_of_the_type_nothing_is_lost_and_nothing_wraps(
        charges in prop::collection::vec((0..3_000_u64, prop_oneof![
            Just(u128::MAX), Just(u128::MAX - 1), Just(u128::MAX / 2), Just(u128::MAX / 2 + 1), 0..3_u128,
        ]), 1..60),
        lifetime in any::<bool>(),
    ) {
        let span = if lifetime { Span::Lifetime } else { Span::Sliding(5_000) };
        let mut rules = vec![plain("a", span, Some(u128::MAX), None), plain("b", Span::Sliding(60_000), None, Some(1_000))];
        // A third tally, charged after the others: what fails there is taken back from them.
        rules.push(LimitRule { scope: vec![Dimension::Customer], ..plain("c", span, Some(5), None) });
        let mut world = World::new(rules.clone());
        let mut now = NOW;
        for (ms, amount) in charges {
            now += ms;
            let asked = subject(&mut world.symbols, [0; 6]);
            let fits = rules.iter().all(|rule| {
                // An exact sum: what was charged was refused above it.
                let spent = world.count(rule, &[0; 6], 0, now);
                spent.amount.checked_add(amount).is_some()
            });
            let denied = matches!(world.book.check(&asked, amount, now), Checked::Deny { .. });
            if fits {
                world.charge([0; 6], amount, now);
            } else {
                prop_assert!(denied);
                prop_assert!(world.book.charge(Charges::COVERING, &asked, amount, now).is_err());
            }
            world.check(now)?;
        }
    }
}
