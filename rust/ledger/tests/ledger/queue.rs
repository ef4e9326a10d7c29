//! Order, what is passed over, and that nothing waits for ever.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::sync::Arc;

use std::collections::BTreeSet;

use crate::common::{
    ETH, HOUR, NOW, USD, accepted, candidate, enact, limit, payout, submit, world,
};
use custody_ledger::limits::Over;
use custody_ledger::{
    Blocker, Candidate, FeeBudget, FeeMode, Ledger, Name128, Priority, Scope, Ulid,
};

const MINUTE: u64 = 60_000;
const NONE: BTreeSet<Ulid> = BTreeSet::new();

fn fee(per_item: u128) -> FeeBudget {
    FeeBudget {
        asset: ETH.to_owned(),
        per_item,
    }
}

fn add(
    ledger: &mut Ledger,
    reference: &str,
    amount: u128,
    at_ms: u64,
    change: impl Fn(&mut Candidate),
) -> Ulid {
    let mut wanted = candidate(reference, 1, amount);
    wanted.submit_before_ms = at_ms + 1;
    wanted.pay_before_ms = at_ms + 1_000 * HOUR;
    change(&mut wanted);
    submit(ledger, wanted, at_ms).1.unwrap()
}

#[test]
fn classes_go_first_and_age_into_one_another() {
    let mut ledger = world(vec![]);
    let with = |priority| move |wanted: &mut Candidate| wanted.priority = priority;
    let economy = add(&mut ledger, "economy", 1, NOW, with(Priority::Economy));
    let standard = add(
        &mut ledger,
        "standard",
        1,
        NOW + MINUTE,
        with(Priority::Standard),
    );
    let expedited = add(
        &mut ledger,
        "expedited",
        1,
        NOW + 2 * MINUTE,
        with(Priority::Expedited),
    );
    assert_eq!(
        ledger.select("hot-1", NOW + HOUR, 9, &fee(1), &NONE),
        [expedited, standard, economy]
    );
    // 50 minutes younger, a standard one stands behind the economy one; 60, an expedited one.
    let late = add(
        &mut ledger,
        "late",
        1,
        NOW + 51 * MINUTE,
        with(Priority::Standard),
    );
    let later = add(
        &mut ledger,
        "later",
        1,
        NOW + 61 * MINUTE,
        with(Priority::Expedited),
    );
    let order = ledger.select("hot-1", NOW + 2 * HOUR, 9, &fee(1), &NONE);
    assert_eq!(order, [expedited, standard, economy, late, later]);
    assert_eq!(ledger.position(&economy), Some(3));
    assert_eq!(
        ledger.select("hot-1", NOW + 2 * HOUR, 2, &fee(1), &NONE),
        [expedited, standard]
    );
    assert_eq!(ledger.select("hot-2", NOW, 9, &fee(1), &NONE), []);
}

#[test]
fn a_selection_can_be_assigned_as_a_whole() {
    let mut ledger = world(vec![]);
    for n in 0..30 {
        accepted(&mut ledger, &format!("r{n}"), 50);
    }
    let chosen = ledger.select("hot-1", NOW, 99, &fee(7), &NONE);
    // 100 of the house for fees of 7: 14; 1,100 in the wallet for 57 each: 19.
    assert_eq!(chosen.len(), 14);
    for (n, id) in chosen.into_iter().enumerate() {
        let decided = ledger.decide_assign(payout(&format!("p{n}"), id, 50, 7), NOW);
        assert_eq!(enact(&mut ledger, decided), "ok");
    }
    assert!(ledger.select("hot-1", NOW, 99, &fee(7), &NONE).is_empty());
    assert_eq!(ledger.queued_demand("hot-1", ETH), 16 * 50);
}

#[test]
fn a_large_one_blocks_nobody_and_is_not_starved() {
    let mut ledger = world(vec![]);
    let large = add(&mut ledger, "large", 2_000, NOW, |_| {});
    let small: Vec<Ulid> = (0..5)
        .map(|n| add(&mut ledger, &format!("s{n}"), 10, NOW + 1 + n, |_| {}))
        .collect();
    let chosen = ledger.select("hot-1", NOW + 9 * MINUTE, 99, &fee(1), &NONE);
    assert_eq!(chosen.len(), 5, "small ones pass");
    assert!(small.iter().all(|id| chosen.contains(id)));
    // After ten minutes the funds are kept for it, from those younger than ten minutes alone.
    let young = add(&mut ledger, "young", 10, NOW + 9 * MINUTE, |_| {});
    let token = add(&mut ledger, "token", 10, NOW + 9 * MINUTE, |wanted| {
        Arc::make_mut(&mut wanted.names).asset = Box::from(USD)
    });
    let chosen = ledger.select("hot-1", NOW + 11 * MINUTE, 99, &fee(1), &NONE);
    assert!(
        small.iter().all(|id| chosen.contains(id)),
        "they waited as long"
    );
    assert!(
        !chosen.contains(&young) && chosen.contains(&token),
        "another asset is not kept"
    );
    assert!(
        ledger
            .select("hot-1", NOW + 19 * MINUTE, 99, &fee(1), &NONE)
            .contains(&young),
        "never longer than ten minutes"
    );
    assert_eq!(ledger.blockers(&large, None), [Blocker::Liquidity]);
    assert_eq!(ledger.queued_demand("hot-1", ETH), 2_060);
    // A refill comes: the large one is first.
    let decided = ledger.decide_open("hot-1", ETH, 2_000, "lending");
    assert_eq!(enact(&mut ledger, decided), "ok");
    assert_eq!(
        ledger.select("hot-1", NOW + 20 * MINUTE, 1, &fee(1), &NONE),
        [large]
    );
}

#[test]
fn halted_expired_and_unaffordable_fees_are_passed_over() {
    let mut ledger = world(vec![]);
    let frozen = add(&mut ledger, "frozen", 1, NOW, |wanted| {
        wanted.customer = Name128::customer("c9")
    });
    let expired = add(&mut ledger, "expired", 1, NOW + 1, |wanted| {
        wanted.pay_before_ms = NOW + 5
    });
    let capped = add(&mut ledger, "capped", 50, NOW + 2, |wanted| {
        wanted.fee_mode = FeeMode::Deduct { max_network_fee: 4 }
    });
    let fine = add(&mut ledger, "fine", 1, NOW + 3, |_| {});
    let decided = ledger.decide_halt("h", &[Scope::Customer("c9".to_owned())]);
    assert_eq!(enact(&mut ledger, decided), "ok");
    assert_eq!(ledger.select("hot-1", NOW + 5, 9, &fee(5), &NONE), [fine]);
    assert_eq!(
        ledger.select("hot-1", NOW + 4, 9, &fee(4), &NONE),
        [expired, capped, fine]
    );
    assert_eq!(ledger.expired(NOW + 5, 9), [expired]);
    assert_eq!(ledger.expired(NOW + 4, 9), []);
    assert_eq!(
        ledger.blockers(&capped, Some(&fee(5))),
        [Blocker::FeeAboveCap]
    );
    let freeze = Blocker::Freeze("h".to_owned(), Scope::Customer("c9".to_owned()));
    assert_eq!(ledger.blockers(&frozen, None), [freeze]);
    assert_eq!(ledger.blockers(&fine, Some(&fee(101))), [Blocker::House]);
    assert_eq!(
        ledger.queued_demand("hot-1", ETH),
        52,
        "a frozen one asks for nothing"
    );
    for scope in [
        Scope::All,
        Scope::Payouts,
        Scope::Asset(ETH.to_owned()),
        Scope::Wallet("hot-1".to_owned()),
    ] {
        let mut halted = ledger.clone();
        let decided = halted.decide_halt("h2", &[scope]);
        assert_eq!(enact(&mut halted, decided), "ok");
        assert!(halted.select("hot-1", NOW, 9, &fee(1), &NONE).is_empty());
    }
}

#[test]
fn what_is_just_enough_blocks_nobody() {
    let mut ledger = world(vec![]);
    // 1,100 in the wallet, 100 of the house.
    let native = add(&mut ledger, "native", 1_000, NOW, |_| {});
    let token = add(&mut ledger, "token", 500, NOW, |wanted| {
        Arc::make_mut(&mut wanted.names).asset = Box::from(USD)
    });
    let deducts = |most| {
        move |wanted: &mut Candidate| {
            (wanted.amount, wanted.fee_mode) = (
                1,
                FeeMode::Deduct {
                    max_network_fee: most,
                },
            );
        }
    };
    let decided = ledger.decide_void(native, custody_ledger::End::Cancelled, NOW);
    assert_eq!(enact(&mut ledger, decided), "ok");
    let native = add(&mut ledger, "again", 999, NOW, |_| {});
    let deduct = add(&mut ledger, "deduct", 1, NOW, deducts(100));
    for (fee_asset, per_item, id, expected) in [
        (ETH, 100, native, vec![]),
        (ETH, 101, native, vec![Blocker::House]),
        (ETH, 102, native, vec![Blocker::Liquidity, Blocker::House]),
        (ETH, 100, token, vec![]),
        (ETH, 1_101, token, vec![Blocker::Liquidity, Blocker::House]),
        (USD, 0, token, vec![]),
        (USD, 1, token, vec![Blocker::Liquidity, Blocker::House]),
        (ETH, 100, deduct, vec![]),
        (ETH, 101, deduct, vec![Blocker::FeeAboveCap, Blocker::House]),
    ] {
        let fee = FeeBudget {
            asset: fee_asset.to_owned(),
            per_item,
        };
        let found = ledger.blockers(&id, Some(&fee));
        assert_eq!(found, expected, "{per_item} {fee_asset}");
    }
    assert!(ledger.blockers(&Ulid([0; 16]), None).is_empty());
    let decided = ledger.decide_assign(payout("p", native, 999, 1), NOW);
    assert_eq!(enact(&mut ledger, decided), "ok");
    assert!(
        ledger.blockers(&native, None).is_empty(),
        "it waits no more"
    );
    assert_eq!(ledger.blockers(&deduct, Some(&fee(99))), []);
    assert_eq!(ledger.blockers(&deduct, Some(&fee(100))), [Blocker::House]);
}

#[test]
fn held_ones_wait_for_their_quorum_and_expire_too() {
    let mut ledger = world(vec![limit("big", &[], HOUR, Some(5), Over::Hold)]);
    let held = add(&mut ledger, "held", 6, NOW, |wanted| {
        wanted.pay_before_ms = NOW + 10
    });
    assert!(ledger.select("hot-1", NOW, 9, &fee(1), &NONE).is_empty());
    assert_eq!(ledger.position(&held), None);
    assert_eq!(
        ledger.blockers(&held, None),
        [Blocker::Quorum("limit.big".to_owned())]
    );
    assert_eq!(ledger.expired(NOW + 10, 9), [held]);
    let decided = ledger.decide_release(&[held]);
    assert_eq!(enact(&mut ledger, decided), "ok");
    assert_eq!(ledger.position(&held), Some(1));
    assert!(ledger.blockers(&held, None).is_empty());
}

#[test]
fn a_later_attempt_inherits_what_those_before_it_waited() {
    let mut ledger = world(vec![]);
    let end = |ledger: &mut Ledger, id, at_ms| {
        ledger.see(at_ms);
        let decided = ledger.decide_void(id, custody_ledger::End::Cancelled, at_ms);
        assert_eq!(enact(ledger, decided), "ok");
    };
    let again = |ledger: &mut Ledger, attempt, at_ms| {
        let mut wanted = candidate("a", attempt, 1);
        wanted.submit_before_ms = at_ms + 1;
        ledger.see(at_ms);
        submit(ledger, wanted, at_ms).1.unwrap()
    };
    let since = |ledger: &Ledger, id: &Ulid| ledger.withdrawal(id).unwrap().queued_since_ms();
    let first = accepted(&mut ledger, "a", 1);
    end(&mut ledger, first, NOW + 30 * MINUTE);
    // Nine minutes of nothing are no age.
    let second = again(&mut ledger, 2, NOW + 39 * MINUTE);
    assert_eq!(since(&ledger, &second), NOW + 9 * MINUTE);
    let before = add(&mut ledger, "b", 1, NOW + 8 * MINUTE, |wanted| {
        wanted.customer = Name128::customer("c3")
    });
    let behind = add(&mut ledger, "c", 1, NOW + 10 * MINUTE, |wanted| {
        wanted.customer = Name128::customer("c2")
    });
    let order = ledger.select("hot-1", NOW + 40 * MINUTE, 9, &fee(1), &NONE);
    assert_eq!(order, [before, second, behind]);
    end(&mut ledger, second, NOW + 40 * MINUTE);
    let third = again(&mut ledger, 3, NOW + HOUR);
    assert_eq!(
        since(&ledger, &third),
        NOW + 29 * MINUTE,
        "31 minutes in all"
    );
}

/// Thousands of references made and given up days ago, or refused then, would otherwise stand before whoever comes now.
#[test]
fn what_did_not_wait_is_not_old() {
    let mut ledger = world(vec![limit("tight", &[], HOUR, Some(5), Over::Deny)]);
    let (word, _) = submit(&mut ledger, candidate("refused", 1, 6), NOW);
    assert_eq!(word, "limit.tight");
    let ended = accepted(&mut ledger, "ended", 1);
    ledger.see(NOW + 1);
    let decided = ledger.decide_void(ended, custody_ledger::End::Cancelled, NOW + 1);
    assert_eq!(enact(&mut ledger, decided), "ok");
    let later = NOW + 48 * HOUR;
    ledger.see(later);
    let honest = add(&mut ledger, "honest", 1, later, |_| {});
    let second = |ledger: &mut Ledger, reference| {
        let mut wanted = candidate(reference, 2, 1);
        wanted.customer = Name128::customer("c2");
        (wanted.submit_before_ms, wanted.pay_before_ms) = (later + MINUTE, later + HOUR);
        submit(ledger, wanted, later + 2).1.unwrap()
    };
    let ended = second(&mut ledger, "ended");
    let refused = second(&mut ledger, "refused");
    assert_eq!(
        ledger.select("hot-1", later + 3, 9, &fee(1), &NONE),
        [honest, ended, refused],
    );
}

#[test]
fn what_the_planner_cannot_pay_hides_nothing_behind_it() {
    let mut ledger = world(vec![]);
    // It takes all that the wallet has, and its payout cannot be planned: above a signer's cap, say.
    let first = add(&mut ledger, "first", 1_090, NOW, |_| {});
    let dust = add(&mut ledger, "dust", 1, NOW + 1, |_| {});
    let fine = add(&mut ledger, "fine", 500, NOW + 2, |_| {});
    assert_eq!(
        ledger.select("hot-1", NOW + 3, 2, &fee(1), &NONE),
        [first, dust]
    );
    let passed_over = BTreeSet::from([first, dust]);
    assert_eq!(
        ledger.select("hot-1", NOW + 3, 2, &fee(1), &passed_over),
        [fine]
    );
}
