//! The book of limits against a brute force that keeps every event for ever, over every scope, window, clock and edit.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use custody_ledger::limits::{
    Charges, Checked, Dimension, Failing, LimitBook, LimitRule, Over, Span, Spent,
};
use custody_ledger::{Name128, Subject, Symbol, Symbols};
use proptest::prelude::*;

const NOW: u64 = 1_700_000_000_000;

/// A withdrawal in names, as the brute force sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    /// By `Dimension::ALL`.
    names: [u8; 6],
    amount: u128,
    at_ms: u64,
    charges: Charges,
    released_ms: Option<u64>,
}

struct World {
    symbols: Symbols,
    book: LimitBook,
    rules: Vec<LimitRule>,
    events: Vec<Event>,
    time_ms: u64,
}

fn name(dimension: Dimension, value: u8) -> String {
    // NONE is a class too.
    match (dimension, value) {
        (Dimension::Class, 0) => String::new(),
        _ => format!("{}{value}", dimension.name()),
    }
}

fn subject(symbols: &mut Symbols, names: [u8; 6]) -> Subject {
    let text = |index: usize| name(Dimension::ALL[index], names[index]);
    Subject {
        asset: symbols.intern(&text(0)),
        initiator: symbols.intern(&text(1)),
        class: symbols.intern(&text(2)),
        wallet: symbols.intern(&text(3)),
        customer: Name128::customer(&text(4)),
        destination: Name128::destination(&text(5)),
    }
}

impl World {
    fn new(rules: Vec<LimitRule>) -> Self {
        let mut symbols = Symbols::default();
        let mut book = LimitBook::default();
        book.configure(&rules, &mut symbols).unwrap();
        Self {
            symbols,
            book,
            rules,
            events: Vec::new(),
            time_ms: 0,
        }
    }

    fn covers(rule: &LimitRule, names: &[u8; 6]) -> bool {
        let is = |wanted: &Option<String>, dimension: Dimension, index: usize| {
            wanted
                .as_ref()
                .is_none_or(|wanted| *wanted == name(dimension, names[index]))
        };
        is(&rule.asset, Dimension::Asset, 0) && is(&rule.class, Dimension::Class, 2)
    }

    /// What counts under a rule for these names when each event counts `longer` ms longer. What was given back after its
    /// window had passed may go on for so long too.
    fn count(&self, rule: &LimitRule, names: &[u8; 6], longer: u64, now_ms: u64) -> Spent {
        let same_key = |event: &&Event| {
            Self::covers(rule, &event.names)
                && rule.scope.iter().all(|dimension| {
                    let index = Dimension::ALL
                        .iter()
                        .position(|one| one == dimension)
                        .unwrap();
                    event.names[index] == names[index]
                })
        };
        let alive = |event: &&Event| match (rule.span, event.released_ms) {
            (Span::Lifetime, released) => released.is_none(),
            (Span::Sliding(length), released) => {
                now_ms - event.at_ms < length + longer
                    && released.is_none_or(|then| then - event.at_ms >= length)
            }
        };
        let sums = rule.asset.is_some() || rule.scope.contains(&Dimension::Asset);
        self.events
            .iter()
            .filter(same_key)
            .filter(alive)
            .fold(Spent::default(), |sum, event| Spent {
                amount: sum
                    .amount
                    .saturating_add(if sums { event.amount } else { 0 }),
                count: sum.count + 1,
            })
    }

    /// The least and the most that the book may say.
    fn bounds(&self, rule: &LimitRule, names: &[u8; 6], now_ms: u64) -> (Spent, Spent) {
        let longer = match rule.span {
            Span::Lifetime => 0,
            Span::Sliding(length) => length.div_ceil(1_440) - 1,
        };
        let most = self.count(rule, names, longer, now_ms);
        // At most 64 events are exact.
        let all = self.count(rule, names, longer + 1, now_ms);
        let least = self.count(rule, names, 0, now_ms);
        (least, if all.count <= 64 { least } else { most })
    }

    fn spent(&mut self, rule: &LimitRule, names: [u8; 6], now_ms: u64) -> Spent {
        let subject = subject(&mut self.symbols, names);
        let id = self.symbols.find(&rule.id);
        self.book.spent(id, &subject, now_ms).unwrap()
    }

    fn charge(&mut self, names: [u8; 6], amount: u128, now_ms: u64) {
        let subject = subject(&mut self.symbols, names);
        let charges = Charges::COVERING;
        self.time_ms = self.time_ms.max(now_ms);
        let at_ms = self.book.charge(charges, &subject, amount, now_ms).unwrap();
        assert_eq!(at_ms, self.time_ms);
        self.events.push(Event {
            names,
            amount,
            at_ms,
            charges,
            released_ms: None,
        });
    }

    fn release(&mut self, index: usize) {
        let event = &mut self.events[index];
        if event.released_ms.is_some() {
            return;
        }
        event.released_ms = Some(self.time_ms);
        let subject = subject(&mut self.symbols, event.names);
        self.book
            .release(event.charges, &subject, event.amount, event.at_ms);
    }

    /// New rules, with every event that was not released counted again.
    fn edit(&mut self, rules: Vec<LimitRule>) {
        let mut plan = self.book.plan(&rules, &mut self.symbols).unwrap();
        self.events.retain(|event| event.released_ms.is_none());
        for event in &self.events {
            let subject = subject(&mut self.symbols, event.names);
            plan.count(&subject, event.amount, event.at_ms).unwrap();
        }
        self.book.take(plan);
        for event in &mut self.events {
            let subject = subject(&mut self.symbols, event.names);
            event.charges = self.book.recharged(event.charges, &subject).unwrap();
        }
        self.rules = rules;
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.book
            .write(&self.symbols, &mut |part| bytes.extend_from_slice(part));
        bytes
    }

    /// Every count of every rule is within its bounds, and a stored book is the same book.
    fn check(&mut self, now_ms: u64) -> Result<(), TestCaseError> {
        let now_ms = self.time_ms.max(now_ms);
        let mut asked: Vec<[u8; 6]> = self.events.iter().rev().take(3).map(|e| e.names).collect();
        asked.push([0; 6]);
        for rule in self.rules.clone() {
            for names in &asked {
                if !Self::covers(&rule, names) {
                    continue;
                }
                let spent = self.spent(&rule, *names, now_ms);
                let (least, most) = self.bounds(&rule, names, now_ms);
                prop_assert!(
                    spent.amount >= least.amount && spent.count >= least.count,
                    "{spent:?} under {least:?} of {rule:?}"
                );
                prop_assert!(
                    spent.amount <= most.amount && spent.count <= most.count,
                    "{spent:?} over {most:?} of {rule:?}"
                );
            }
        }
        Ok(())
    }

    fn stored(&mut self) -> Result<(), TestCaseError> {
        let bytes = self.bytes();
        let read = LimitBook::read(&bytes, &mut self.symbols).unwrap();
        self.book = read;
        prop_assert_eq!(&self.bytes(), &bytes);
        prop_assert!(LimitBook::read(&bytes[..bytes.len() - 1], &mut self.symbols).is_err());
        Ok(())
    }

    /// What the book decides follows from what it says is spent, and passes exactly when it says.
    fn decide(&mut self, names: [u8; 6], amount: u128, now_ms: u64) -> Result<(), TestCaseError> {
        let now_ms = self.time_ms.max(now_ms);
        let asked = subject(&mut self.symbols, names);
        let clauses: Vec<_> = self.book.explain(&asked, amount, now_ms).collect();
        prop_assert_eq!(clauses.len(), self.rules.len());
        let mut expected: Option<(Over, Symbol)> = None;
        let mut rules = self.rules.clone();
        rules.sort_by(|one, other| one.id.cmp(&other.id));
        for (rule, clause) in rules.iter().zip(&clauses) {
            prop_assert_eq!(self.symbols.name(clause.limit), &rule.id);
            if !Self::covers(rule, &names) {
                prop_assert!(matches!(
                    clause.failing,
                    Some(Failing::Asset | Failing::Class)
                ));
                continue;
            }
            let spent = self.spent(rule, names, now_ms);
            prop_assert_eq!(clause.spent, spent);
            let sums = rule.asset.is_some() || rule.scope.contains(&Dimension::Asset);
            let failing = match spent.amount.checked_add(if sums { amount } else { 0 }) {
                None => Some(Failing::Overflow),
                Some(sum) if rule.amount.is_some_and(|most| most == 0 || sum > most) => {
                    Some(Failing::Amount)
                }
                _ if rule.count.is_some_and(|most| spent.count + 1 > most) => Some(Failing::Count),
                _ => None,
            };
            prop_assert_eq!(clause.failing, failing);
            if failing.is_some() {
                let over = if failing == Some(Failing::Overflow) {
                    Over::Deny
                } else {
                    rule.over
                };
                expected = match expected {
                    Some((Over::Deny, _)) => expected,
                    Some((Over::Hold, _)) if over == Over::Hold => expected,
                    _ => Some((over, clause.limit)),
                };
            }
            // Exactly then, and not a ms before.
            match clause.earliest_pass_ms {
                Some(at) => {
                    let at_then = |ms| {
                        self.book
                            .explain(&asked, amount, ms)
                            .find(|then| then.limit == clause.limit)
                            .unwrap()
                            .failing
                    };
                    prop_assert_eq!(at_then(at), None);
                    prop_assert_eq!(failing.is_none(), at == now_ms);
                    if at > now_ms {
                        prop_assert!(at_then(at - 1).is_some());
                    }
                }
                None => prop_assert!(failing.is_some()),
            }
        }
        let checked = self.book.check(&asked, amount, now_ms);
        match (&checked, expected) {
            (Checked::Pass { .. }, None) => {}
            (Checked::Hold { exceeded, .. }, Some((Over::Hold, limit)))
            | (Checked::Deny { exceeded }, Some((Over::Deny, limit))) => {
                prop_assert_eq!(exceeded.limit, limit);
                let better = |ms| {
                    matches!(
                        (self.book.check(&asked, amount, ms), &checked),
                        (Checked::Pass { .. }, _) | (Checked::Hold { .. }, Checked::Deny { .. })
                    )
                };
                if let Some(at) = exceeded.earliest_pass_ms {
                    prop_assert!(better(at) && !better(at - 1), "at {} of {:?}", at, exceeded);
                }
            }
            other => prop_assert!(false, "{:?}", other),
        }
        let passes = |ms| matches!(self.book.check(&asked, amount, ms), Checked::Pass { .. });
        match self.book.earliest_pass_ms(&asked, amount, now_ms) {
            Some(at) => {
                prop_assert!(passes(at));
                prop_assert!(at == now_ms || !passes(at - 1));
            }
            None => prop_assert!(!passes(u64::MAX)),
        }
        Ok(())
    }
}

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

fn plain(id: &str, span: Span, amount: Option<u128>, count: Option<u64>) -> LimitRule {
    LimitRule {
        id: id.to_owned(),
        scope: Vec::new(),
        asset: Some(name(Dimension::Asset, 0)),
        class: None,
        span,
        amount,
        count,
        over: Over::Deny,
    }
}

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
