//! Random interleavings against a second, plain writing of the rules: the same word for every leg, the same balances,
//! conservation and no negative number after every step, and the same state from the stored facts alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::common::plain::Plain;
use crate::common::transfers::{POOLS, deposit, order, pools, surplus, terms};
use crate::common::{ETH, HOUR, NOW, candidate, payout, renamed, wallet};
use custody_ledger::{
    AccountName, Answer, Balance, DepositAnswer, End, Fact, Ledger, LedgerError, PendingName,
    Scope, TransferLeg, TransferStatus, Ulid,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRng, TestRunner};

#[derive(Debug, Clone)]
enum Step {
    Order(u8, Vec<TransferLeg>, u64),
    Deposit(u8, u128, &'static str, bool),
    Expire(u8, u32),
    Surplus(u128),
    Clock(u64),
    Halt(bool),
    Withdraw(u128, &'static str),
    End(usize, u128, &'static str),
}

fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![
        12 => 1_u128..60,
        1 => Just(0),
        1 => Just(u128::MAX),
        1 => Just(u128::MAX / 2 + 1),
        1 => Just(u128::MAX - 170),
    ]
}

fn pool_name() -> impl Strategy<Value = &'static str> {
    let names: Vec<&str> = POOLS.iter().map(|(name, _)| *name).collect();
    prop_oneof![40 => prop::sample::select(names), 1 => Just("nobody")]
}

fn leg() -> impl Strategy<Value = TransferLeg> {
    let between = || (pool_name(), pool_name(), amount());
    let named = || {
        (0_u8..10, 1_u32..4).prop_map(|(reference, leg)| PendingName {
            reference: reference.to_string(),
            leg,
        })
    };
    prop_oneof![
        3 => between().prop_map(|(from, to, amount)| TransferLeg::Move(terms(from, to, amount))),
        4 => (between(), 0..8 * HOUR).prop_map(|((from, to, amount), after)| TransferLeg::Pend {
            terms: terms(from, to, amount),
            expires_ms: NOW + after,
        }),
        4 => (named(), amount()).prop_map(|(pending, amount)| TransferLeg::Post { pending, amount }),
        2 => named().prop_map(|pending| TransferLeg::Void { pending }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let legs = prop::collection::vec(leg(), 1..4);
    prop_oneof![
        12 => (0_u8..10, legs, 0..4 * HOUR).prop_map(|(name, legs, until)| Step::Order(name, legs, NOW + until)),
        4 => (0_u8..6, amount(), pool_name(), any::<bool>()).prop_map(|(tx, amount, pool, from)| Step::Deposit(tx, amount, pool, from)),
        3 => (0_u8..10, 0_u32..4).prop_map(|(name, leg)| Step::Expire(name, leg)),
        1 => amount().prop_map(Step::Surplus),
        2 => (0..6 * HOUR).prop_map(|after| Step::Clock(NOW + after)),
        1 => any::<bool>().prop_map(Step::Halt),
        5 => (1_u128..60, prop::sample::select(vec!["customers", "customers-eu", "house", "margin"]))
            .prop_map(|(amount, pool)| Step::Withdraw(amount, pool)),
        4 => (any::<usize>(), 0_u128..9, prop::sample::select(vec!["paid", "failed", "void"]))
            .prop_map(|(which, fee, end)| Step::End(which, fee, end)),
    ]
}

/// One of the legs that were taken, mostly the pending ones among them: what a name drawn blindly hardly ever says.
fn one_of(plain: &Plain, drawn: PendingName) -> PendingName {
    let number: usize = drawn.reference.parse().unwrap();
    let is_likely = |leg: &Option<crate::common::plain::Pending>| {
        number.is_multiple_of(3) || leg.as_ref().is_some_and(|leg| leg.4 == "PENDING")
    };
    let known: Vec<_> = plain
        .legs
        .iter()
        .filter(|(_, leg)| is_likely(leg))
        .collect();
    let at = number * 3 + usize::try_from(drawn.leg).unwrap();
    match at.checked_rem(known.len()).filter(|_| number != 9) {
        Some(at) => PendingName {
            reference: known[at].0.0.clone(),
            leg: known[at].0.1,
        },
        None => drawn,
    }
}

fn known(plain: &Plain, leg: TransferLeg) -> TransferLeg {
    match leg {
        TransferLeg::Post { pending, amount } => TransferLeg::Post {
            pending: one_of(plain, pending),
            amount,
        },
        TransferLeg::Void { pending } => TransferLeg::Void {
            pending: one_of(plain, pending),
        },
        other => other,
    }
}

/// The engine and its facts.
struct Run {
    ledger: Ledger,
    facts: Vec<Fact>,
    now_ms: u64,
    /// Withdrawals that hold, and how many there ever were.
    held: Vec<(Ulid, &'static str, u128)>,
    asked: usize,
    /// What was said of legs.
    said: BTreeSet<TransferStatus>,
}

impl Run {
    fn enter(&mut self, fact: &Fact) {
        self.facts.push(fact.clone());
        self.ledger.apply(fact).unwrap();
    }

    fn enact(&mut self, decided: Result<Fact, LedgerError>) -> String {
        match decided {
            Ok(fact) => {
                self.enter(&fact);
                "ok".to_owned()
            }
            Err(LedgerError::Denied(denial)) => denial.tag.to_owned(),
            Err(error) => panic!("{error}"),
        }
    }

    fn withdraw(
        &mut self,
        plain: &mut Plain,
        amount: u128,
        pool: &'static str,
    ) -> Result<(), TestCaseError> {
        self.asked += 1;
        let mut wanted = renamed(candidate(&format!("w{}", self.asked), 1, amount), |names| {
            names.pool = Box::from(pool);
        });
        wanted.submit_before_ms = u64::MAX - 1;
        wanted.pay_before_ms = u64::MAX;
        let answer = self
            .ledger
            .decide_submission(&Arc::new(wanted), &[], self.now_ms, 7, 1);
        let said = match answer.unwrap() {
            Answer::Decided { fact, .. } => {
                self.held.extend(fact.id.map(|id| (id, pool, amount)));
                let tag = if fact.tag.is_empty() {
                    "accepted".to_owned()
                } else {
                    fact.tag.clone()
                };
                self.enter(&Fact::Submitted(fact));
                tag
            }
            Answer::Refused { tag, .. } => tag.to_owned(),
            Answer::Before(_) => "before".to_owned(),
        };
        let word = match plain.halted {
            Some(_) => "halt.intake",
            None => plain.hold(pool, amount),
        };
        prop_assert_eq!(said, word);
        Ok(())
    }

    fn end(
        &mut self,
        plain: &mut Plain,
        at: usize,
        fee: u128,
        end: &str,
    ) -> Result<(), TestCaseError> {
        let (id, pool, amount) = self.held[at];
        let name = format!("payout {}", self.facts.len());
        let said = match end {
            "void" => self.enact(self.ledger.decide_void(id, End::Cancelled, self.now_ms)),
            _ => self.enact(
                self.ledger
                    .decide_assign(payout(&name, id, amount, fee), self.now_ms),
            ),
        };
        prop_assert_eq!(&said, plain.end_hold(pool, amount, fee, end));
        if said == "ok" {
            match end {
                "paid" => prop_assert_eq!(self.enact(self.ledger.decide_post(&name, fee)), "ok"),
                "failed" => prop_assert_eq!(self.enact(self.ledger.decide_fail(&name, fee)), "ok"),
                _ => {}
            }
            self.held.swap_remove(at);
        }
        Ok(())
    }

    fn step(&mut self, plain: &mut Plain, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Order(reference, legs, until) => {
                // Few names are used again.
                let name = match reference {
                    0..3 => reference.to_string(),
                    _ => format!("f{}", plain.answered.len()),
                };
                let legs = legs.iter().map(|leg| known(plain, leg.clone()));
                let mut order = order(&name, legs.collect());
                order.submit_before_ms = *until;
                let (words, repeat) = plain.order(&order, self.now_ms);
                let answer = self.ledger.decide_transfer(order, self.now_ms).unwrap();
                let said: Vec<&str> = answer.statuses.iter().map(|status| status.tag()).collect();
                prop_assert_eq!(said, words);
                self.said.extend(&answer.statuses);
                prop_assert_eq!(answer.is_repeat, repeat);
                let remembered = answer
                    .statuses
                    .iter()
                    .any(|status| status.is_remembered() || *status == TransferStatus::Done);
                prop_assert_eq!(answer.fact.is_some(), remembered && !repeat);
                if let Some(fact) = answer.fact {
                    self.enter(&fact);
                }
            }
            Step::Deposit(tx, amount, pool, from_suspense) => {
                let mut made = deposit(*tx, *amount, pool);
                made.from_suspense = *from_suspense;
                let said = match self.ledger.decide_deposit(made) {
                    Ok(DepositAnswer::Before) => "before".to_owned(),
                    Ok(DepositAnswer::Credited(fact)) => self.enact(Ok(*fact)),
                    Err(error) => self.enact(Err(error)),
                };
                let known = *pool != "nobody" || plain.deposits.contains_key(tx) || *amount == 0;
                let word = match known {
                    true => plain.deposit(*tx, *amount, pool, *from_suspense),
                    false => "pool.unknown",
                };
                prop_assert_eq!(said, word);
            }
            Step::Expire(reference, leg) => {
                let numbered = PendingName {
                    reference: reference.to_string(),
                    leg: *leg,
                };
                let name = one_of(plain, numbered);
                let decided = self
                    .ledger
                    .decide_transfer_expiry("backend", &name, self.now_ms);
                let said = self.enact(decided);
                prop_assert_eq!(said, plain.expire(&name.reference, name.leg, self.now_ms));
            }
            Step::Surplus(more) => {
                let has = self
                    .ledger
                    .balance(ETH, &wallet("hot-1"))
                    .posted(true)
                    .unwrap();
                let Some(chain) = has.checked_add(*more) else {
                    return Ok(());
                };
                let said = self.enact(self.ledger.decide_surplus(surplus(has, chain)));
                prop_assert_eq!(said, plain.surplus(*more));
            }
            Step::Clock(now_ms) => self.now_ms = *now_ms,
            Step::Halt(on) if *on == plain.halted.is_none() => {
                let decided = match on {
                    true => self.ledger.decide_halt("h", &[Scope::Intake]),
                    false => self.ledger.decide_resume("h"),
                };
                prop_assert_eq!(self.enact(decided), "ok");
                plain.halted = on.then(|| "intake".to_owned());
            }
            Step::Halt(_) => {}
            Step::Withdraw(amount, pool) => self.withdraw(plain, *amount, pool)?,
            Step::End(which, fee, end) if !self.held.is_empty() => {
                let at = *which % self.held.len();
                self.end(plain, at, *fee, end)?;
            }
            Step::End(..) => {}
        }
        Ok(())
    }
}

/// Plays them on both; what was said of legs.
fn play(steps: &[Step]) -> Result<BTreeSet<TransferStatus>, TestCaseError> {
    let mut run = Run {
        ledger: pools(),
        facts: Vec::new(),
        now_ms: NOW,
        held: Vec::new(),
        asked: 0,
        said: BTreeSet::new(),
    };
    let mut plain = Plain::new();
    for step in steps {
        run.step(&mut plain, step)?;
        run.ledger.conservation().unwrap();
        let (mut have, mut owe, nothing) = (0_u128, 0_u128, Balance::default());
        for row in run.ledger.balances() {
            let is_asset = row.account.is_asset();
            prop_assert!(
                row.balance.available(is_asset).is_some(),
                "{:?} is negative",
                row
            );
            let sum = if is_asset { &mut have } else { &mut owe };
            *sum = sum
                .checked_add(row.balance.posted(is_asset).unwrap())
                .unwrap();
            let known = plain.accounts.get(&row.account.to_string());
            prop_assert_eq!(
                Some(&row.balance),
                known.or(Some(&nothing)),
                "{}",
                row.account
            );
        }
        prop_assert_eq!(have, owe);
        for (reference, _) in plain
            .answered
            .iter()
            .filter(|(_, (_, words))| words.iter().all(String::is_empty))
        {
            let view = run.ledger.transfer("backend", reference).unwrap();
            for (leg, state) in (1_u32..).zip(&view.legs) {
                let known = &plain.legs[&(reference.clone(), leg)];
                let name = known.as_ref().map(|pending| pending.4);
                prop_assert!(
                    name.is_none_or(|name| name == state.name()),
                    "{} {}",
                    reference,
                    leg
                );
                let is_pending = view.pending.iter().any(|(number, _, _)| *number == leg);
                prop_assert_eq!(is_pending, name == Some("PENDING"));
            }
        }
    }
    let mut again = pools();
    for fact in &run.facts {
        // Intake's facts are stored beside their intents; the others are read back from their own form.
        let stored = fact.encode().map(|stored| Fact::decode(&stored).unwrap());
        again.apply(stored.as_ref().unwrap_or(fact)).unwrap();
    }
    prop_assert_eq!(
        again.state_hash().unwrap(),
        run.ledger.state_hash().unwrap()
    );
    prop_assert_eq!(
        again.available(ETH, &AccountName::Suspense),
        plain.has("suspense")
    );
    Ok(run.said)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_says_and_does_what_the_plain_rules_do(steps in prop::collection::vec(step(), 1..80)) {
        play(&steps)?;
    }
}

#[test]
fn such_steps_reach_every_status_of_a_transfer() {
    let rng = TestRng::deterministic_rng(Config::default().rng_algorithm);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let steps = prop::collection::vec(step(), 120);
    let mut said = BTreeSet::new();
    for _ in 0..200 {
        let steps = steps.new_tree(&mut runner).unwrap().current();
        said.extend(play(&steps).unwrap());
    }
    let all = TransferStatus::ALL.into_iter();
    // The asset is never halted here; and twice what fits has to be moved to and fro, which tables do.
    let missing: Vec<_> = all.filter(|status| !said.contains(status)).collect();
    assert_eq!(
        missing,
        [TransferStatus::AssetHalted, TransferStatus::Overflow]
    );
}
