//! Limits in the ledger: charged with the hold, given back with a void, counted over again when the rules change.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use crate::common::{
    ETH, HOUR, NOW, accepted, candidate, enact, limit, listed, payout, renamed, submit, world,
};
use custody_ledger::limits::{Dimension, LimitRule, Over, Span, Spent};
use custody_ledger::{End, FeeMode, Ledger, State, Subject};

/// What counts under a limit for the customer, destination and wallet of `candidate`.
fn spent(ledger: &Ledger, limit: &str, now_ms: u64) -> Spent {
    let find = |name: &str| ledger.symbols().find(name);
    let of = candidate("any", 1, 1);
    let subject = Subject {
        asset: find(ETH),
        initiator: find("backend"),
        class: find("retail"),
        wallet: find("hot-1"),
        customer: of.customer,
        destination: of.destination,
    };
    let limits = ledger.limits();
    limits.spent(find(limit), &subject, now_ms).unwrap()
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
    ledger.configure(&listed(), rules).unwrap();
    assert_eq!(spent(&ledger, "new", NOW + 4).amount, 150);
    assert_eq!(spent(&ledger, "old", NOW + 4).amount, 150);
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
    assert_eq!(spent(&ledger, "new", NOW + 5).amount, 60);
    assert_eq!(spent(&ledger, "old", NOW + 5).amount, 60);
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
        spent(&ledger, "deny", NOW),
        Spent {
            amount: 251,
            count: 2
        }
    );
    // Other assets are not its business.
    let other = candidate("d", 1, 400);
    let other = renamed(other, |names| names.asset = Box::from(crate::common::USD));
    assert_eq!(submit(&mut ledger, other, NOW).0, "accepted");
    assert_ne!(ETH, crate::common::USD);
}

#[test]
fn a_record_that_was_rejected_charges_nothing_and_a_refund_gives_back() {
    let mut ledger = world(vec![limit("l", &[], HOUR, Some(300), Over::Deny)]);
    assert_eq!(
        submit(&mut ledger, candidate("a", 1, 301), NOW).0,
        "limit.l"
    );
    assert_eq!(spent(&ledger, "l", NOW), Spent::default());
    let id = accepted(&mut ledger, "b", 300);
    let decided = ledger.decide_assign(payout("p", id, 300, 10), NOW);
    assert_eq!(enact(&mut ledger, decided), "ok");
    // A payout that is replaced pays the same withdrawals: the hold is what counts, once.
    assert_eq!(spent(&ledger, "l", NOW).amount, 300);
    let decided = ledger.decide_fail("p", 9);
    assert_eq!(enact(&mut ledger, decided), "ok");
    assert_eq!(spent(&ledger, "l", NOW), Spent::default());
}

#[test]
fn the_service_fee_counts_and_the_deducted_fee_is_part_of_the_amount() {
    let mut ledger = world(vec![limit("l", &[], HOUR, Some(105), Over::Deny)]);
    let mut asked = candidate("a", 1, 100);
    asked.service_fee = 5;
    asked.fee_mode = FeeMode::Deduct {
        max_network_fee: 50,
    };
    let mut more = candidate("a2", 1, 101);
    more.service_fee = 5;
    assert_eq!(submit(&mut ledger, more, NOW).0, "limit.l");
    assert_eq!(submit(&mut ledger, asked, NOW).0, "accepted");
    assert_eq!(spent(&ledger, "l", NOW).amount, 105);
}

#[test]
fn a_lengthened_limit_and_one_for_ever_count_what_is_in_memory() {
    let mut ledger = world(vec![limit("l", &[], HOUR, Some(500), Over::Deny)]);
    submit(&mut ledger, candidate("a", 1, 100), NOW);
    let later = candidate("b", 1, 50);
    let later = custody_ledger::Candidate {
        submit_before_ms: NOW + 9 * HOUR,
        ..later
    };
    let gone = submit(&mut ledger, later, NOW + 2 * HOUR).1.unwrap();
    assert_eq!(spent(&ledger, "l", NOW + 2 * HOUR).amount, 50, "an hour");
    let ever = LimitRule {
        span: Span::Lifetime,
        ..limit("ever", &[Dimension::Customer], HOUR, Some(160), Over::Hold)
    };
    let rules = vec![limit("l", &[], 3 * HOUR, Some(500), Over::Deny), ever];
    ledger.configure(&listed(), rules.clone()).unwrap();
    assert_eq!(spent(&ledger, "l", NOW).amount, 150, "three hours");
    assert_eq!(spent(&ledger, "ever", NOW).amount, 150);
    let far = NOW + 10_000 * HOUR;
    assert_eq!(spent(&ledger, "l", far).amount, 0);
    assert_eq!(spent(&ledger, "ever", far).amount, 150);
    let decided = ledger.decide_void(gone, End::Cancelled, NOW + 2 * HOUR);
    assert_eq!(enact(&mut ledger, decided), "ok");
    // An edit of bounds alone forgets nothing.
    let mut edited = rules;
    edited[1].amount = Some(100);
    ledger.configure(&listed(), edited).unwrap();
    assert_eq!(spent(&ledger, "ever", far).amount, 100);
    assert_eq!(
        submit(&mut ledger, candidate("c", 1, 1), NOW).0,
        "held limit.ever"
    );
}

#[test]
fn rules_that_cannot_be_used_change_nothing() {
    let mut ledger = world(vec![limit("l", &[], HOUR, Some(500), Over::Deny)]);
    accepted(&mut ledger, "a", 100);
    let before = ledger.state_hash().unwrap();
    for bad in [
        vec![limit("l", &[], 999, Some(1), Over::Deny)],
        vec![limit("l", &[], HOUR, None, Over::Deny)],
        vec![limit("", &[], HOUR, Some(1), Over::Deny)],
    ] {
        assert!(ledger.configure(&listed(), bad).is_err());
        assert_eq!(ledger.state_hash().unwrap(), before);
    }
}
