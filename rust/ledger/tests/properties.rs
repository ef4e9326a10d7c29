//! Random interleavings of every operation: what was decided applies, the books balance after each, and the facts
//! alone, in their stored form, give the same state again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeSet;

use common::{ETH, HOUR, NOW, USD, candidate, limit, world};
use custody_ledger::limits::{Dimension, LimitRule, Over};
use custody_ledger::{
    Answer, Assignment, Decision, End, Fact, FeeBudget, FeeMode, Ledger, LedgerError, Name128,
    PayoutTerms, Priority, Scope, State, SweepTerms, Ulid,
};
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Debug, Clone)]
enum Step {
    Submit {
        reference: u8,
        attempt: u32,
        amount: u128,
        fee: u128,
        customer: u8,
        token: bool,
        deduct: bool,
        priority: i32,
    },
    Release(Index),
    Void(Index, bool),
    Assign(Index, u128),
    Payout(Index, u8, u128),
    Pay(u128),
    Depart {
        back: bool,
        amount: u128,
        cap: u128,
        token: bool,
    },
    Leg(Index, bool, u128),
    Halt(u8, u8),
    Resume(u8),
    Limits(u128, u64),
    Clock(i64),
}

fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![8 => 0..400_u128, 1 => Just(1_000), 1 => Just(u128::MAX), 1 => Just(u128::MAX / 2)]
}

fn step() -> impl Strategy<Value = Step> {
    let submit = (
        0..12_u8,
        0..4_u32,
        amount(),
        prop_oneof![Just(0), amount()],
        0..3_u8,
        any::<bool>(),
        any::<bool>(),
        1..4,
    );
    prop_oneof![
        8 => submit.prop_map(|(reference, attempt, amount, fee, customer, token, deduct, priority)| Step::Submit {
            reference, attempt, amount, fee, customer, token, deduct, priority
        }),
        1 => any::<Index>().prop_map(Step::Release),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(index, late)| Step::Void(index, late)),
        4 => (any::<Index>(), 0..60_u128).prop_map(|(index, fee)| Step::Assign(index, fee)),
        3 => (any::<Index>(), 0..3_u8, amount()).prop_map(|(index, what, fee)| Step::Payout(index, what, fee)),
        2 => (0..30_u128).prop_map(Step::Pay),
        2 => (any::<bool>(), amount(), 0..60_u128, any::<bool>())
            .prop_map(|(back, amount, cap, token)| Step::Depart { back, amount, cap, token }),
        2 => (any::<Index>(), any::<bool>(), 0..60_u128).prop_map(|(index, moved, fee)| Step::Leg(index, moved, fee)),
        1 => (0..3_u8, 0..6_u8).prop_map(|(halt, scope)| Step::Halt(halt, scope)),
        2 => (0..3_u8).prop_map(Step::Resume),
        1 => (0..900_u128, 1_000..3 * HOUR).prop_map(|(amount, window_ms)| Step::Limits(amount, window_ms)),
        2 => (-600_000..2_000_000_i64).prop_map(Step::Clock),
    ]
}

/// What the journal would hold.
enum Stored {
    Fact(Vec<u8>),
    Submission(Box<custody_ledger::Submission>),
    Limits(Vec<LimitRule>),
}

#[derive(Default)]
struct Names {
    withdrawals: Vec<Ulid>,
    payouts: Vec<String>,
    legs: Vec<String>,
    made: usize,
}

impl Names {
    fn new_name(&mut self) -> String {
        self.made += 1;
        format!("n{}", self.made)
    }
}

fn limits(amount: u128, window_ms: u64) -> Vec<LimitRule> {
    vec![
        limit(
            "hold",
            &[Dimension::Customer],
            window_ms,
            Some(amount / 2),
            Over::Hold,
        ),
        LimitRule {
            count: Some(30),
            ..limit("deny", &[], window_ms, Some(amount), Over::Deny)
        },
    ]
}

fn scope(number: u8) -> Scope {
    match number {
        0 => Scope::All,
        1 => Scope::Intake,
        2 => Scope::Payouts,
        3 => Scope::Sweeps,
        4 => Scope::Customer("c1".to_owned()),
        _ => Scope::Asset(ETH.to_owned()),
    }
}

fn pick<T: Clone>(from: &[T], index: &Index) -> Option<T> {
    (!from.is_empty()).then(|| from[index.index(from.len())].clone())
}

fn terms(ledger: &Ledger, id: Ulid, payout: String, fee: u128) -> PayoutTerms {
    let w = ledger.withdrawal(&id).unwrap();
    let charged = if w.fee_mode() == FeeMode::House {
        0
    } else {
        fee
    };
    PayoutTerms {
        payout,
        wallet: ledger.names(w).wallet.to_owned(),
        items: vec![Assignment {
            id,
            net_amount: w.amount().saturating_sub(charged),
            fee_charged: charged,
        }],
        fee_asset: ETH.to_owned(),
        fee_reserved: fee,
    }
}

/// The decision of one step, if it has anything to decide on.
fn decide(
    ledger: &mut Ledger,
    step: &Step,
    names: &mut Names,
    now: u64,
) -> Option<Result<Fact, LedgerError>> {
    Some(match step {
        Step::Release(index) => ledger.decide_release(&[pick(&names.withdrawals, index)?]),
        Step::Void(index, late) => {
            let (end, now) = if *late {
                (End::Expired, now + 9 * HOUR)
            } else {
                (End::Cancelled, now)
            };
            ledger.decide_void(pick(&names.withdrawals, index)?, end, now)
        }
        Step::Assign(index, fee) => {
            let (id, payout) = (pick(&names.withdrawals, index)?, names.new_name());
            names.payouts.push(payout.clone());
            ledger.decide_assign(terms(ledger, id, payout, *fee), now)
        }
        Step::Payout(index, what, fee) => {
            let payout = pick(&names.payouts, index)?;
            match what {
                0 => ledger.decide_unassign(&payout),
                1 => ledger.decide_post(&payout, *fee),
                _ => ledger.decide_fail(&payout, *fee),
            }
        }
        Step::Pay(fee) => {
            let budget = FeeBudget {
                asset: ETH.to_owned(),
                per_item: *fee,
            };
            let id = *ledger
                .select("hot-1", now, 1, &budget, &BTreeSet::new())
                .first()?;
            let payout = names.new_name();
            names.payouts.push(payout.clone());
            let decided = ledger.decide_assign(terms(ledger, id, payout, *fee), now);
            // A fee that eats a deducted amount up is refused; else what was selected can be paid.
            let eaten = ledger.withdrawal(&id).unwrap().amount() <= *fee;
            assert!(decided.is_ok() || eaten, "{decided:?}");
            decided
        }
        Step::Depart {
            back,
            amount,
            cap,
            token,
        } => {
            let (from, to) = if *back {
                ("hot-1", "cold-1")
            } else {
                ("cold-1", "hot-1")
            };
            let leg = names.new_name();
            names.legs.push(leg.clone());
            ledger.decide_sweep_depart(SweepTerms {
                leg,
                from_wallet: from.to_owned(),
                to_wallet: to.to_owned(),
                asset: if *token { USD } else { ETH }.to_owned(),
                amount: *amount,
                fee_asset: ETH.to_owned(),
                fee_cap: *cap,
            })
        }
        Step::Leg(index, moved, fee) => {
            let leg = pick(&names.legs, index)?;
            if *moved {
                ledger.decide_sweep_arrive(&leg, *fee)
            } else {
                ledger.decide_sweep_fail(&leg, *fee)
            }
        }
        Step::Halt(halt, number) => ledger.decide_halt(&format!("h{halt}"), &[scope(*number)]),
        Step::Resume(halt) => ledger.decide_resume(&format!("h{halt}")),
        Step::Submit { .. } | Step::Limits(..) | Step::Clock(_) => return None,
    })
}

fn submission(step: &Step, now: u64) -> Option<custody_ledger::Candidate> {
    let Step::Submit {
        reference,
        attempt,
        amount,
        fee,
        customer,
        token,
        deduct,
        priority,
    } = step
    else {
        return None;
    };
    let mut wanted = candidate(&format!("r{reference}"), *attempt, *amount);
    wanted.service_fee = *fee;
    wanted.customer = Name128::customer(&format!("c{customer}"));
    wanted.submit_before_ms = now + 1;
    wanted.pay_before_ms = now + HOUR;
    wanted.priority = Priority::from_number(*priority).unwrap();
    if *token {
        wanted = common::renamed(wanted, |names| names.asset = Box::from(USD));
    } else if *deduct {
        wanted.fee_mode = FeeMode::Deduct {
            max_network_fee: 25,
        };
    }
    Some(wanted)
}

fn replayed(stored: &[Stored]) -> Ledger {
    let mut ledger = world(limits(600, HOUR));
    for each in stored {
        match each {
            Stored::Fact(bytes) => ledger.apply(&Fact::decode(bytes).unwrap()).unwrap(),
            Stored::Submission(fact) => ledger.apply(&Fact::Submitted(fact.clone())).unwrap(),
            Stored::Limits(rules) => ledger.configure("house", rules.clone()).unwrap(),
        }
    }
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_keeps_the_books(steps in prop::collection::vec(step(), 1..160)) {
        let mut ledger = world(limits(600, HOUR));
        let (mut names, mut stored, mut now) = (Names::default(), Vec::new(), NOW);
        for (index, step) in steps.iter().enumerate() {
            let before = ledger.state_hash().unwrap();
            if let Some(wanted) = submission(step, now).map(std::sync::Arc::new) {
                let answer = ledger.decide_submission(&wanted, &[], now, u64::try_from(index).unwrap(), 1).unwrap();
                prop_assert_eq!(ledger.state_hash().unwrap(), before, "deciding changes nothing");
                if let Answer::Decided { fact, .. } = answer {
                    prop_assert_eq!(fact.id.is_none(), fact.decision == Decision::Rejected);
                    names.withdrawals.extend(fact.id);
                    ledger.apply(&Fact::Submitted(fact.clone())).unwrap();
                    stored.push(Stored::Submission(fact));
                    let again = ledger.decide_submission(&wanted, &[], now + 9 * HOUR, 0, 1).unwrap();
                    prop_assert!(matches!(again, Answer::Before(_)), "the first answer stands");
                }
            } else if let Some(decided) = decide(&mut ledger, step, &mut names, now) {
                prop_assert_eq!(ledger.state_hash().unwrap(), before, "deciding changes nothing");
                match decided {
                    Ok(fact) => {
                        stored.push(Stored::Fact(fact.encode().unwrap()));
                        ledger.apply(&fact).unwrap();
                    }
                    Err(LedgerError::Denied(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            match step {
                Step::Limits(amount, window_ms) => {
                    ledger.configure("house", limits(*amount, *window_ms)).unwrap();
                    stored.push(Stored::Limits(limits(*amount, *window_ms)));
                }
                Step::Clock(ms) => now = now.saturating_add_signed(*ms),
                _ => {}
            }
            ledger.conservation().unwrap();
        }
        prop_assert_eq!(replayed(&stored).state_hash().unwrap(), ledger.state_hash().unwrap());

        // What is reserved is exactly what is open.
        let open = names.withdrawals.iter().filter_map(|id| ledger.withdrawal(id));
        let open = open.filter(|w| !matches!(w.state, State::Posted | State::Voided(_)));
        let held: u128 = open.filter(|w| ledger.names(w).asset == USD).map(custody_ledger::Withdrawal::hold).sum();
        prop_assert_eq!(ledger.balance(USD, &common::pool("customers")).debits_pending, held);
    }
}
