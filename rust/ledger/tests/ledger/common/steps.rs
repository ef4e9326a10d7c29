//! Random steps of everything that a ledger does, for tests of properties.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use custody_ledger::limits::{Dimension, LimitRule, Over};
use custody_ledger::{
    Answer, Assignment, Attempt, Candidate, DepositAnswer, End, Fact, FeeBudget, FeeMode, Ledger,
    LedgerError, Name128, PayoutTerms, PendingName, Priority, Scope, SweepTerms, TransferLeg, Ulid,
};
use proptest::prelude::*;
use proptest::sample::Index;

use super::transfers::{deposit, listed, order, surplus, terms as between};
use super::{ETH, HOUR, NOW, USD, candidate, limit, renamed, wallet};

#[derive(Debug, Clone)]
pub enum Step {
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
    Order(u8, Vec<TransferLeg>),
    Return(u8, u32, u64),
    Deposit(u8, u128, bool),
    Surplus(u128),
    Forget(u64),
}

pub fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![8 => 0..400_u128, 1 => Just(1_000), 1 => Just(u128::MAX), 1 => Just(u128::MAX / 2)]
}

fn leg() -> impl Strategy<Value = TransferLeg> {
    let pool = || prop::sample::select(vec!["customers", "house", "insurance"]);
    let named = || {
        (0_u8..4, 1_u32..3).prop_map(|(reference, leg)| PendingName {
            reference: format!("o{reference}"),
            leg,
        })
    };
    let moved = || (pool(), pool(), 0..80_u128);
    prop_oneof![
        1 => moved().prop_map(|(from, to, amount)| TransferLeg::Move(between(from, to, amount))),
        2 => (moved(), 0..9 * HOUR).prop_map(|((from, to, amount), after)| TransferLeg::Pend {
            terms: between(from, to, amount),
            expires_ms: NOW + after,
        }),
        1 => (named(), 0..80_u128).prop_map(|(pending, amount)| TransferLeg::Post { pending, amount }),
        1 => named().prop_map(|pending| TransferLeg::Void { pending }),
    ]
}

/// Steps of what owes and is owed, and of memory: of a ledger whose pools are listed.
pub fn any_step() -> impl Strategy<Value = Step> {
    let legs = prop::collection::vec(leg(), 1..3);
    prop_oneof![
        20 => step(),
        2 => (0_u8..6, legs).prop_map(|(reference, legs)| Step::Order(reference, legs)),
        1 => (0_u8..6, 1_u32..3, 0..9 * HOUR).prop_map(|(reference, leg, after)| Step::Return(reference, leg, after)),
        1 => (0_u8..5, 0..90_u128, any::<bool>()).prop_map(|(tx, amount, found)| Step::Deposit(tx, amount, found)),
        1 => (1..40_u128).prop_map(Step::Surplus),
        1 => (0..4 * HOUR).prop_map(Step::Forget),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
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

#[derive(Debug, Clone, Default)]
pub struct Names {
    pub withdrawals: Vec<Ulid>,
    pub payouts: Vec<String>,
    pub legs: Vec<String>,
    pub made: usize,
    /// What was answered to references that left memory.
    pub old: BTreeMap<Name128, Vec<Attempt>>,
}

impl Names {
    pub fn new_name(&mut self) -> String {
        self.made += 1;
        format!("n{}", self.made)
    }
}

pub fn limits(amount: u128, window_ms: u64) -> Vec<LimitRule> {
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

pub fn scope(number: u8) -> Scope {
    match number {
        0 => Scope::All,
        1 => Scope::Intake,
        2 => Scope::Payouts,
        3 => Scope::Sweeps,
        4 => Scope::Customer("c1".to_owned()),
        _ => Scope::Asset(ETH.to_owned()),
    }
}

pub fn pick<T: Clone>(from: &[T], index: &Index) -> Option<T> {
    (!from.is_empty()).then(|| from[index.index(from.len())].clone())
}

pub fn terms(ledger: &Ledger, id: Ulid, payout: String, fee: u128) -> PayoutTerms {
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
pub fn decide(
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
        Step::Order(reference, legs) => {
            let order = order(&format!("o{reference}"), legs.clone());
            Ok(*ledger.decide_transfer(order, now).unwrap().fact?)
        }
        Step::Return(reference, leg, after) => {
            let pending = PendingName {
                reference: format!("o{reference}"),
                leg: *leg,
            };
            ledger.decide_transfer_expiry("backend", &pending, now + after)
        }
        Step::Deposit(tx, amount, found) => {
            let mut deposit = deposit(*tx, *amount, "customers");
            deposit.from_suspense = *found;
            match ledger.decide_deposit(deposit) {
                Ok(DepositAnswer::Credited(fact)) => Ok(*fact),
                Ok(DepositAnswer::Before) => return None,
                Err(error) => Err(error),
            }
        }
        Step::Surplus(more) => {
            let has = ledger.balance(ETH, &wallet("hot-1")).posted(true)?;
            ledger.decide_surplus(surplus(has, has.checked_add(*more)?))
        }
        Step::Forget(younger) => {
            let before_ms = now.saturating_sub(*younger);
            ledger.decide_forget(&ledger.forgettable(before_ms, 5), before_ms)
        }
        Step::Submit { .. } | Step::Limits(..) | Step::Clock(_) => return None,
    })
}

pub fn submission(step: &Step, now: u64) -> Option<Candidate> {
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
        wanted = renamed(wanted, |names| names.asset = Box::from(USD));
    } else if *deduct {
        wanted.fee_mode = FeeMode::Deduct {
            max_network_fee: 25,
        };
    }
    Some(wanted)
}

/// Decides one step and applies it; answers with all that was said and done, and the fact.
pub fn act(
    ledger: &mut Ledger,
    step: &Step,
    names: &mut Names,
    now: &mut u64,
    number: usize,
) -> (String, Option<Entry>) {
    if let Some(wanted) = submission(step, *now) {
        let sequence = u64::try_from(number).unwrap();
        let old = names.old.get(&wanted.key).cloned().unwrap_or_default();
        let answer = ledger.decide_submission(&Arc::new(wanted), &old, *now, sequence, 1);
        let said = format!("{answer:?}");
        let Ok(Answer::Decided { fact, .. }) = answer else {
            return (said, None);
        };
        names.withdrawals.extend(fact.id);
        let fact = Fact::Submitted(fact);
        ledger.apply(&fact).unwrap();
        return (said, Some(Entry::Fact(fact)));
    }
    match step {
        Step::Limits(amount, window_ms) => {
            let rules = limits(*amount, *window_ms);
            ledger.configure(&listed(), rules.clone()).unwrap();
            return (String::new(), Some(Entry::Limits(rules)));
        }
        Step::Clock(ms) => {
            *now = now.saturating_add_signed(*ms);
            ledger.see(*now);
            return (String::new(), Some(Entry::Time(*now)));
        }
        _ => {}
    }
    let decided = decide(ledger, step, names, *now);
    let said = format!("{decided:?}");
    let Some(Ok(fact)) = decided else {
        return (said, None);
    };
    if let Fact::IdsForgotten(leaving) = &fact {
        for each in leaving {
            let known = names.old.entry(each.key).or_default();
            known.extend(ledger.attempts(&each.key));
        }
    }
    ledger.apply(&fact).unwrap();
    names
        .withdrawals
        .retain(|id| ledger.withdrawal(id).is_some());
    (said, Some(Entry::Fact(fact)))
}

/// What a journal would hold of a step.
#[derive(Debug, Clone)]
pub enum Entry {
    Fact(Fact),
    Limits(Vec<LimitRule>),
    Time(u64),
}

impl Entry {
    pub fn replay(&self, ledger: &mut Ledger) {
        match self {
            Self::Fact(fact) => ledger.apply(fact).unwrap(),
            Self::Limits(rules) => ledger.configure(&listed(), rules.clone()).unwrap(),
            Self::Time(now) => ledger.see(*now),
        }
    }
}
