//! Limits while references leave memory and policies come and go: nothing that counts is missing from a window, or the
//! limit says that it may be.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::sync::Arc;

use crate::common::{ETH, NOW, candidate, listed, payout};
use custody_ledger::limits::{Dimension, LimitRule, Over, Span, Spent};
use custody_ledger::{Answer, Candidate, End, Fact, Hand, Ledger, Name128, State, Subject, Ulid};
use proptest::prelude::*;

const DAY: u64 = 86_400_000;

#[derive(Debug, Clone)]
enum Step {
    Submit(u8, u128),
    Pay(prop::sample::Index),
    Fail(prop::sample::Index),
    Void(prop::sample::Index),
    Forget,
    Edit(Vec<LimitRule>),
    Pass(u64),
}

struct Taken {
    id: Ulid,
    customer: u8,
    amount: u128,
    at_ms: u64,
    state: State,
}

struct World {
    ledger: Ledger,
    rules: Vec<LimitRule>,
    taken: Vec<Taken>,
    now_ms: u64,
    hand: Hand,
    keep_ms: u64,
}

fn customer(number: u8) -> Name128 {
    Name128::customer(&format!("c{number}"))
}

impl World {
    fn new(rules: Vec<LimitRule>, keep_ms: u64) -> Self {
        let mut ledger = Ledger::new();
        ledger.configure(&listed(), rules.clone()).unwrap();
        for (amount, pool) in [(1 << 60, "customers"), (1 << 60, "house")] {
            let fact = ledger.decide_open("hot-1", ETH, amount, pool).unwrap();
            ledger.apply(&fact).unwrap();
        }
        let (taken, hand) = (Vec::new(), Hand::default());
        Self {
            ledger,
            rules,
            taken,
            now_ms: NOW,
            hand,
            keep_ms,
        }
    }

    fn submit(&mut self, number: u8, amount: u128) {
        let reference = format!("r{}", self.taken.len());
        let asked = Candidate {
            customer: customer(number),
            submit_before_ms: u64::MAX,
            pay_before_ms: u64::MAX,
            ..candidate(&reference, 1, amount)
        };
        let answer = self
            .ledger
            .decide_submission(&Arc::new(asked), &[], self.now_ms, 7, 1);
        let Answer::Decided { fact, .. } = answer.unwrap() else {
            panic!("refused");
        };
        let id = fact.id.unwrap();
        self.ledger.apply(&Fact::Submitted(fact)).unwrap();
        let (at_ms, state) = (self.now_ms, State::Queued);
        self.taken.push(Taken {
            id,
            customer: number,
            amount,
            at_ms,
            state,
        });
    }

    fn end_any(&mut self, index: prop::sample::Index, state: State) {
        if !self.taken.is_empty() {
            self.end(index.index(self.taken.len()), state);
        }
    }

    fn end(&mut self, at: usize, state: State) {
        let now_ms = self.now_ms;
        let each = &mut self.taken[at];
        if each.state != State::Queued {
            return;
        }
        let ledger = &mut self.ledger;
        let mut enact = |decided: &dyn Fn(&Ledger) -> Fact| {
            let fact = decided(ledger);
            ledger.see(now_ms);
            ledger.apply(&fact).unwrap();
        };
        let (id, name) = (each.id, format!("p{at}"));
        if state == State::Voided(End::Cancelled) {
            enact(&|ledger| ledger.decide_void(id, End::Cancelled, now_ms).unwrap());
        } else {
            let terms = payout(&name, id, each.amount, 10);
            enact(&|ledger| ledger.decide_assign(terms.clone(), now_ms).unwrap());
            enact(&|ledger| match state {
                State::Posted => ledger.decide_post(&name, 3).unwrap(),
                _ => ledger.decide_fail(&name, 3).unwrap(),
            });
        }
        each.state = state;
    }

    fn forget(&mut self) {
        let before_ms = self.now_ms - self.keep_ms;
        let found = self.ledger.forgettable_from(&mut self.hand, before_ms, 9);
        if !found.is_empty() {
            let fact = self.ledger.decide_forget(&found, before_ms).unwrap();
            self.ledger.see(self.now_ms);
            self.ledger.apply(&fact).unwrap();
        }
    }

    /// What counts under a rule, each event for `longer` ms longer.
    fn count(&self, rule: &LimitRule, number: u8, longer: u64) -> Spent {
        let alive = |each: &&Taken| match rule.span {
            Span::Lifetime => true,
            Span::Sliding(length) => self.now_ms - each.at_ms < length + longer,
        };
        let own = |each: &&Taken| rule.scope.is_empty() || each.customer == number;
        let counts = |each: &&Taken| !matches!(each.state, State::Voided(_));
        let events = self.taken.iter().filter(alive).filter(own).filter(counts);
        events.fold(Spent::default(), |sum, each| Spent {
            amount: sum.amount + each.amount,
            count: sum.count + 1,
        })
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let find = |name: &str| self.ledger.symbols().find(name);
        let limits = self.ledger.limits();
        let young: Vec<_> = limits.young(self.now_ms).collect();
        for rule in &self.rules {
            for number in 0..2 {
                let asked = Subject {
                    asset: find(ETH),
                    initiator: find("backend"),
                    class: find("retail"),
                    wallet: find("hot-1"),
                    customer: customer(number),
                    destination: candidate("any", 1, 1).destination,
                };
                let id = find(&rule.id);
                let spent = limits.spent(id, &asked, self.now_ms).unwrap();
                let longer = match rule.span {
                    Span::Sliding(length) => length.div_ceil(1_440) - 1,
                    Span::Lifetime => 0,
                };
                let (least, most) = (
                    self.count(rule, number, 0),
                    self.count(rule, number, longer),
                );
                prop_assert!(spent.amount <= most.amount && spent.count <= most.count);
                let whole = spent.amount >= least.amount && spent.count >= least.count;
                let says = young.iter().any(|(each, _)| *each == id);
                prop_assert!(whole || says, "{spent:?} of {least:?} in {rule:?}");
                if self.keep_ms >= 90 * DAY {
                    prop_assert!(
                        whole || rule.span == Span::Lifetime,
                        "{spent:?} of {least:?}"
                    );
                    prop_assert!(!says || rule.span == Span::Lifetime);
                }
            }
        }
        Ok(())
    }
}

fn rules() -> impl Strategy<Value = Vec<LimitRule>> {
    let spans =
        [1, 24 * 3_600_000, 8 * DAY, 30 * DAY, 90 * DAY].map(|ms| Span::Sliding(ms.max(1_000)));
    let mut spans = spans.to_vec();
    spans.push(Span::Lifetime);
    let rule = (prop::sample::select(spans), any::<bool>());
    prop::collection::vec(rule, 0..4).prop_map(|rules| {
        let made = rules.into_iter().enumerate();
        let made = made.map(|(index, (span, by_customer))| LimitRule {
            id: format!("l{index}"),
            scope: if by_customer {
                vec![Dimension::Customer]
            } else {
                Vec::new()
            },
            asset: Some(ETH.to_owned()),
            class: None,
            span,
            amount: Some(u128::MAX),
            count: None,
            over: Over::Deny,
        });
        made.collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0..2_u8, 1..9_u128).prop_map(|(customer, amount)| Step::Submit(customer, amount)),
        4 => index().prop_map(Step::Pay),
        1 => index().prop_map(Step::Fail),
        1 => index().prop_map(Step::Void),
        3 => Just(Step::Forget),
        2 => rules().prop_map(Step::Edit),
        3 => (0..=DAY).prop_map(Step::Pass),
        2 => (0..=50 * DAY).prop_map(Step::Pass),
    ]
}

#[test]
fn what_is_paid_stays_while_a_window_counts_it_and_what_was_given_back_need_not() {
    let month = LimitRule {
        id: "month".to_owned(),
        scope: Vec::new(),
        asset: Some(ETH.to_owned()),
        class: None,
        span: Span::Sliding(30 * DAY),
        amount: Some(u128::MAX),
        count: None,
        over: Over::Deny,
    };
    let mut world = World::new(vec![month], DAY);
    world.submit(0, 5);
    world.end(0, State::Posted);
    world.submit(1, 7);
    world.end(1, State::Voided(End::Cancelled));
    world.now_ms = NOW + 31 * DAY - 1;
    assert_eq!(world.ledger.forgettable(NOW + 30 * DAY - 1, 9).len(), 1);
    world.forget();
    assert_eq!(world.ledger.withdrawals_len(), 1);
    world.now_ms += 1;
    world.forget();
    assert_eq!(world.ledger.withdrawals_len(), 0);
    world.check().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_counts_is_counted_or_the_limit_says_since_when(
        first in rules(),
        keep_days in prop::sample::select(vec![0_u64, 1, 8, 90]),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(first, keep_days * DAY);
        for step in steps {
            match step {
                Step::Submit(customer, amount) => world.submit(customer, amount),
                Step::Pay(index) => world.end_any(index, State::Posted),
                Step::Fail(index) => world.end_any(index, State::Voided(End::Refunded)),
                Step::Void(index) => world.end_any(index, State::Voided(End::Cancelled)),
                Step::Forget => world.forget(),
                Step::Edit(rules) => {
                    world.ledger.configure(&listed(), rules.clone()).unwrap();
                    world.rules = rules;
                }
                Step::Pass(ms) => world.now_ms += ms,
            }
            world.check()?;
        }
    }
}
