//! Random interleavings of every operation: what was decided applies, the books balance after each, and the facts
//! alone, in their stored form, give the same state again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use crate::common::steps::{Names, Step, decide, limits, step, submission};
use crate::common::{HOUR, NOW, USD, listed, world};
use custody_ledger::limits::LimitRule;
use custody_ledger::{Answer, Decision, Fact, Ledger, LedgerError, State};
use proptest::prelude::*;

/// What the journal would hold.
enum Stored {
    Fact(Vec<u8>),
    Submission(Box<custody_ledger::Submission>),
    Limits(Vec<LimitRule>),
}

fn replayed(stored: &[Stored]) -> Ledger {
    let mut ledger = world(limits(600, HOUR));
    for each in stored {
        match each {
            Stored::Fact(bytes) => ledger.apply(&Fact::decode(bytes).unwrap()).unwrap(),
            Stored::Submission(fact) => ledger.apply(&Fact::Submitted(fact.clone())).unwrap(),
            Stored::Limits(rules) => ledger.configure(&listed(), rules.clone()).unwrap(),
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
                    ledger.configure(&listed(), limits(*amount, *window_ms)).unwrap();
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
        prop_assert_eq!(ledger.balance(USD, &crate::common::pool("customers")).debits_pending, held);
    }
}
