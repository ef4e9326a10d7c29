//! What is explained is what submitting answers, rule by rule, true to the millisecond, and nobody's business but the
//! reader's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;
mod explain_world;

use common::{ETH, NOW, USD, intent};
use custody_intake::{OldAttempt, Question, explain};
use custody_ledger::limits::{LimitRule, Span};
use custody_ledger::{Assignment, PayoutTerms, Ulid};
use custody_wire::messages::signed::v1::WithdrawalIntent;
use custody_wire::messages::v1::{
    ExplainWithdrawalResponse, LimitAction, LimitCoverage, Outcome, SubmitResult, Verdict,
};
use explain_world::{Act, Policy, World, act, body, initiator, wanted};
use proptest::prelude::*;
use prost::Message;
use prost_types::Timestamp;

const PASSES: i32 = Verdict::Passes as i32;
const FAILS: i32 = Verdict::Fails as i32;
const WITHHELD: i32 = Verdict::Withheld as i32;
const DENY: i32 = LimitAction::Deny as i32;

fn unix_ms(at: &Timestamp) -> u64 {
    u64::try_from(at.seconds).unwrap() * 1_000 + u64::try_from(at.nanos).unwrap() / 1_000_000
}

fn is_taken(outcome: i32) -> bool {
    outcome == Outcome::Accepted as i32
}

/// The documented order of precedence, on what each says by itself.
fn first_to_fail(said: &ExplainWithdrawalResponse) -> Option<String> {
    let rule = |funds: bool| {
        said.rules.iter().find(|rule| {
            let is_funds = rule.tag == "ledger.insufficient_funds";
            let asked =
                !["signature.role", "signature.cosign_missing"].contains(&rule.tag.as_str());
            rule.verdict == FAILS && asked && is_funds == funds
        })
    };
    let limit = |denies: bool| {
        let limits = &mut said.limits.iter();
        limits
            .find(|limit| limit.verdict == FAILS && (limit.action == DENY) == denies)
            .map(|limit| format!("limit.{}", limit.limit_id))
    };
    rule(false)
        .map(|rule| rule.tag.clone())
        .or_else(|| limit(true))
        .or_else(|| rule(true).map(|rule| rule.tag.clone()))
        .or_else(|| limit(false))
}

fn decides(said: &ExplainWithdrawalResponse) -> Vec<String> {
    let rules = said.rules.iter().filter(|rule| rule.decides);
    let limits = said.limits.iter().filter(|limit| limit.decides);
    rules
        .map(|rule| rule.tag.clone())
        .chain(limits.map(|limit| format!("limit.{}", limit.limit_id)))
        .collect()
}

fn same_answer(said: &ExplainWithdrawalResponse, answer: &SubmitResult) {
    let before = said.rules.is_empty();
    assert_eq!(
        (
            said.outcome,
            &said.tag,
            &said.detail,
            said.remedy,
            &said.earliest_pass
        ),
        (
            answer.outcome,
            &answer.tag,
            &answer.detail,
            answer.remedy,
            &answer.earliest_pass
        ),
    );
    if before {
        assert_eq!(
            (&said.withdrawal_id, said.state),
            (&answer.withdrawal_id, answer.state)
        );
    } else {
        assert_eq!(
            (said.withdrawal_id.as_str(), said.state),
            ("", 0),
            "nobody made it"
        );
    }
}

/// Whatever an initiator is told is so.
fn tells_no_lie(told: &ExplainWithdrawalResponse, all: &ExplainWithdrawalResponse) {
    for (told, all) in told.rules.iter().zip(&all.rules) {
        assert_eq!((&told.tag, told.decides), (&all.tag, all.decides));
        assert!(told.verdict == WITHHELD || told == all, "{told:?} {all:?}");
    }
    let deciding = told.limits.iter().filter(|limit| limit.decides).count();
    assert_eq!(
        deciding,
        all.limits.iter().filter(|limit| limit.decides).count()
    );
    for told in &told.limits {
        let mut limits = all.limits.iter();
        let all = limits.find(|all| all.limit_id == told.limit_id).unwrap();
        assert_eq!(
            (told.decides, told.coverage),
            (all.decides, LimitCoverage::Covered as i32)
        );
        assert!(
            told.verdict == WITHHELD || told.verdict == all.verdict,
            "{told:?} {all:?}"
        );
        assert!(told.counted.is_none() || told.counted == all.counted);
        assert!(told.earliest_pass.is_none() || told.earliest_pass == all.earliest_pass);
    }
    assert!(told.pool_available.is_none() || told.pool_available == all.pool_available);
    assert!(told.earliest_accepted.is_none() || told.earliest_accepted == all.earliest_accepted);
}

/// Each time that is named: then it passes, and not one ms before.
fn times_are_true(world: &World, policy: &Policy, who: &str, body: &[u8]) {
    let now = world.now_ms;
    let said = world.ask(policy, who, body, true, now);
    let at = |ms: u64| world.ask(policy, who, body, true, ms);
    let mut all_pass = now;
    for (index, limit) in said.limits.iter().enumerate() {
        let Some(pass) = limit.earliest_pass.as_ref().map(unix_ms) else {
            continue;
        };
        if limit.coverage != LimitCoverage::Covered as i32 {
            panic!("what does not count it passes at no time");
        }
        all_pass = all_pass.max(pass);
        assert_eq!(at(pass).limits[index].verdict, PASSES, "{limit:?}");
        assert!(
            pass == now || at(pass - 1).limits[index].verdict == FAILS,
            "{limit:?}"
        );
    }
    match said.earliest_accepted.as_ref().map(unix_ms) {
        Some(pass) => {
            assert_eq!(pass, all_pass);
            assert!(is_taken(at(pass).outcome));
            assert!(pass == now || !is_taken(at(pass - 1).outcome));
        }
        None => {
            for later in [now, now + 1, now + 10_000, now + 31_000, now + 399_000] {
                assert!(!is_taken(at(later).outcome), "at {later} of {now}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_rule_that_decides_is_what_submit_answers(
        acts in prop::collection::vec(act(), 0..40),
        asked in prop::collection::vec(wanted(), 1..8),
    ) {
        let policy = Policy::new();
        let mut world = policy.world();
        for act in &acts {
            world.act(&policy, act);
        }
        let again = acts.iter().filter_map(|act| match act {
            Act::Submit(wanted) => Some(body(wanted, NOW)),
            _ => None,
        });
        let bodies = asked.iter().map(|wanted| (initiator(wanted), body(wanted, world.now_ms)));
        let bodies: Vec<_> = bodies.chain(again.map(|body| ("east", body))).collect();
        for (who, body) in bodies {
            let before = world.ledger.state_hash().unwrap();
            let keys = world.ledger.limits().keys();
            let all = world.ask(&policy, who, &body, true, world.now_ms);
            let told = world.ask(&policy, who, &body, false, world.now_ms);
            prop_assert_eq!(world.ledger.state_hash().unwrap(), before);
            prop_assert_eq!(world.ledger.limits().keys(), keys, "idle keys too");
            let answer = world.clone().submit(&policy, who, body.clone());
            same_answer(&all, &answer);
            same_answer(&told, &answer);
            tells_no_lie(&told, &all);
            if !all.rules.is_empty() {
                let deciding = decides(&all);
                prop_assert_eq!(deciding.first().cloned(), first_to_fail(&all));
                prop_assert_eq!(deciding.len(), usize::from(!is_taken(answer.outcome)));
                prop_assert!(is_taken(answer.outcome) || deciding[0] == answer.tag);
            }
            times_are_true(&world, &policy, who, &body);
        }
    }

    /// West does two different things; where submitting tells east the same of both, so does explaining, byte by byte.
    #[test]
    fn an_initiator_learns_nothing_of_another(
        acts in prop::collection::vec(act(), 0..24),
        other in prop::collection::vec((0..24_usize, wanted()), 0..8),
        asked in prop::collection::vec(wanted(), 1..6),
    ) {
        let policy = Policy::new();
        let mut worlds = [policy.world(), policy.world()];
        let mut heard = [Vec::new(), Vec::new()];
        for (index, act) in acts.iter().enumerate() {
            for (which, world) in worlds.iter_mut().enumerate() {
                // What west does, the second world alone sees; and nobody voids, for the ids are counted together.
                for (at, wanted) in &other {
                    if which == 1 && *at == index {
                        let mut wanted = wanted.clone();
                        wanted.initiator = false;
                        world.act(&policy, &Act::Submit(wanted));
                    }
                }
                if !matches!(act, Act::Void(_)) {
                    heard[which].push(world.act(&policy, act));
                }
            }
        }
        prop_assume!(heard[0] == heard[1]);
        for wanted in &asked {
            let who = "east";
            let mut wanted = wanted.clone();
            wanted.initiator = true;
            let body = body(&wanted, worlds[0].now_ms);
            let answers = worlds.each_ref().map(|world| world.clone().submit(&policy, who, body.clone()));
            if answers[0] == answers[1] {
                let [one, two] = worlds.each_ref().map(|world| world.ask(&policy, who, &body, false, world.now_ms));
                prop_assert_eq!(one, two);
            }
        }
    }
}

#[test]
fn what_left_memory_is_explained_as_what_it_is() {
    let policy = Policy::new();
    let mut world = policy.world();
    let mut first = intent("a", 10);
    "east".clone_into(&mut first.initiator);
    first.submit_before_unix_ms = NOW + 1_000_000;
    first.pay_before_unix_ms = NOW + 1_000_000;
    let taken = world.submit(&policy, "east", first.encode_to_vec());
    world.act(&policy, &Act::Void(0));
    world.act(&policy, &Act::Pass(100_000));
    world.act(&policy, &Act::Forget);
    assert_eq!(world.ledger.withdrawals_len(), 0);
    let ask = |body: &[u8]| world.ask(&policy, "east", body, false, world.now_ms);
    let said = ask(&first.encode_to_vec());
    assert_eq!(
        (said.outcome, &said.withdrawal_id),
        (Outcome::Duplicate as i32, &taken.withdrawal_id)
    );
    let mut other = first.clone();
    "11".clone_into(&mut other.amount);
    let said = ask(&other.encode_to_vec());
    assert_eq!(
        (said.outcome, said.tag.as_str()),
        (Outcome::Rejected as i32, "id.reused")
    );
    let mut second = first.clone();
    second.attempt = 2;
    assert_eq!(
        ask(&second.encode_to_vec()).outcome,
        Outcome::Accepted as i32
    );

    // Who did not look since is told to, and what the store makes up is refused.
    let body = first.encode_to_vec();
    let question = Question {
        principal: "east",
        intent: &body,
        everything: false,
        generation: 0,
        found: &[],
        now_ms: world.now_ms,
    };
    assert_eq!(
        explain(&world.ledger, &policy.rules, &question).unwrap(),
        None
    );
    let made_up = [OldAttempt {
        sequence: 1,
        leaf: 1,
        bytes: vec![1, 2, 3],
        state: None,
    }];
    let generation = world.ledger.old_ids().generation();
    let question = Question {
        generation,
        found: &made_up,
        ..question
    };
    assert!(explain(&world.ledger, &policy.rules, &question).is_err());
}

#[test]
fn an_initiator_sees_its_own_numbers_and_people_see_all() {
    let policy = Policy::new();
    let mut world = policy.world();
    let make = |who: &str, reference: &str, amount: u128| {
        let mut made = intent(reference, amount);
        who.clone_into(&mut made.initiator);
        made.encode_to_vec()
    };
    world.submit(&policy, "west", make("west", "w", 200));
    let body = make("east", "e", 10);
    let told = world.ask(&policy, "east", &body, false, world.now_ms);
    let all = world.ask(&policy, "east", &body, true, world.now_ms);
    let limit = |said: &ExplainWithdrawalResponse, id: &str| {
        let mut limits = said.limits.iter();
        limits.find(|limit| limit.limit_id == id).unwrap().clone()
    };
    let counted = |said: &ExplainWithdrawalResponse, id: &str| {
        limit(said, id)
            .counted
            .map(|counted| (counted.amount, counted.amount_bound, counted.amount_left))
    };
    let own = Some(("0".to_owned(), "700".to_owned(), "700".to_owned()));
    let shared = Some(("200".to_owned(), "1000".to_owned(), "800".to_owned()));
    assert_eq!(
        (counted(&told, "a-own"), counted(&all, "a-own")),
        (own.clone(), own)
    );
    assert_eq!(
        (counted(&told, "b-shared"), counted(&all, "b-shared")),
        (None, shared)
    );
    assert_eq!(
        limit(&told, "b-shared").verdict,
        PASSES,
        "acceptance says so"
    );
    assert_eq!(told.pool_available, None);
    assert_eq!(all.pool_available.as_ref().unwrap().amount, "1300");
    let counts = limit(&all, "f-ever").counted.unwrap();
    assert_eq!(
        (
            counts.amount.as_str(),
            counts.amount_bound.as_str(),
            counts.count_bound,
            counts.count_left
        ),
        ("", "", Some(40), Some(39))
    );
    assert!(limit(&all, "f-ever").lifetime && limit(&all, "f-ever").window.is_none());
}

/// What submitting could never tell it: limits of other assets, of classes that it may not name, and who is frozen.
#[test]
fn an_initiator_hears_of_the_limits_that_it_can_meet_and_of_halts_of_what_is_taken() {
    let policy = Policy::new();
    let mut world = policy.world();
    let ask = |world: &World, change: &dyn Fn(&mut WithdrawalIntent), everything: bool| {
        let mut made = intent("e", 10);
        "east".clone_into(&mut made.initiator);
        "c1".clone_into(&mut made.customer);
        change(&mut made);
        let body = made.encode_to_vec();
        world.ask(&policy, "east", &body, everything, world.now_ms)
    };
    let ids = |said: ExplainWithdrawalResponse| {
        let ids = said.limits.into_iter().map(|limit| limit.limit_id);
        ids.collect::<Vec<_>>().join(" ")
    };
    let usd = |made: &mut WithdrawalIntent| USD.clone_into(&mut made.asset);
    let vip = |made: &mut WithdrawalIntent| "vip".clone_into(&mut made.limit_class);
    let second = |made: &mut WithdrawalIntent| made.attempt = 2;
    let all = "a-own b-shared c-own-hold d-customer e-shared-hold f-ever g-usd";
    assert_eq!(
        ids(ask(&world, &usd, false)),
        "a-own b-shared d-customer f-ever g-usd"
    );
    assert_eq!(ids(ask(&world, &vip, false)), "");
    assert_eq!(ids(ask(&world, &usd, true)), all);
    assert_eq!(ids(ask(&world, &vip, true)), all);
    world.act(&policy, &Act::Halt(3));
    world.act(&policy, &Act::Halt(5));
    let waits = |change: &dyn Fn(&mut WithdrawalIntent), everything: bool| {
        let said = ask(&world, change, everything);
        (said.tag, said.blockers.len())
    };
    assert_eq!(waits(&|_| {}, false), (String::new(), 2));
    assert_eq!(waits(&second, false), ("attempt.skipped".to_owned(), 0));
    assert_eq!(waits(&vip, false), ("class.not_allowed".to_owned(), 0));
    assert_eq!(waits(&second, true), ("attempt.skipped".to_owned(), 2));
}

/// A limit that is new counts from where the last withdrawal that left memory was charged: it was west's.
#[test]
fn since_when_a_limit_counts_is_not_told_by_what_others_did() {
    let policy = Policy::new();
    let mut world = policy.world();
    let mut made = intent("w", 10);
    "west".clone_into(&mut made.initiator);
    let answer = world.submit(&policy, "west", made.encode_to_vec());
    let paid = PayoutTerms {
        payout: "p".to_owned(),
        wallet: "hot-1".to_owned(),
        items: vec![Assignment {
            id: Ulid::parse(&answer.withdrawal_id).unwrap(),
            net_amount: 10,
            fee_charged: 0,
        }],
        fee_asset: ETH.to_owned(),
        fee_reserved: 0,
    };
    let assigned = world.ledger.decide_assign(paid, NOW).unwrap();
    world.ledger.apply(&assigned).unwrap();
    let posted = world.ledger.decide_post("p", 0).unwrap();
    world.ledger.apply(&posted).unwrap();
    world.act(&policy, &Act::Pass(100_000));
    world.act(&policy, &Act::Forget);
    let mut limits = policy.rules.limits.clone();
    let own = limits.iter().find(|limit| limit.id == "a-own").unwrap();
    limits.push(LimitRule {
        id: "z-own".to_owned(),
        span: Span::Lifetime,
        ..own.clone()
    });
    let ledger = &mut world.ledger;
    ledger.configure(&policy.rules.pools, limits).unwrap();
    let mut made = intent("e", 10);
    "east".clone_into(&mut made.initiator);
    let since = |everything: bool| {
        let body = made.encode_to_vec();
        let said = world.ask(&policy, "east", &body, everything, world.now_ms);
        let limit = said
            .limits
            .into_iter()
            .find(|each| each.limit_id == "z-own");
        let limit = limit.unwrap();
        assert_eq!(limit.counted.unwrap().amount_bound, "700");
        limit.counts_from.as_ref().map(unix_ms)
    };
    assert_eq!((since(true), since(false)), (Some(NOW + 1), None));
}

/// East is denied by its own limit for 8 s more. That west's payments would then hold it for a second is not told.
#[test]
fn when_it_would_be_accepted_says_nothing_of_others() {
    let policy = Policy::new();
    let mut world = policy.world();
    let make = |reference: &str, customer: &str, amount: u128| {
        let mut made = intent(reference, amount);
        let who = if reference.starts_with('w') {
            "west"
        } else {
            "east"
        };
        who.clone_into(&mut made.initiator);
        customer.clone_into(&mut made.customer);
        USD.clone_into(&mut made.asset);
        made.submit_before_unix_ms = NOW + 1_000_000;
        made.pay_before_unix_ms = NOW + 1_000_000;
        made.encode_to_vec()
    };
    world.submit(&policy, "east", make("e1", "c1", 400));
    world.act(&policy, &Act::Pass(12_000));
    let mut busy = world.clone();
    for n in 0..4 {
        busy.submit(&policy, "west", make(&format!("w{n}"), &format!("w{n}"), 1));
    }
    let body = make("e2", "c1", 350);
    let ask = |world: &World, all: bool| world.ask(&policy, "east", &body, all, world.now_ms);
    let at = |said: ExplainWithdrawalResponse| said.earliest_accepted.as_ref().map(unix_ms);
    assert_eq!(ask(&world, false).tag, "limit.a-own");
    assert_eq!(ask(&world, false), ask(&busy, false));
    assert_eq!(at(ask(&world, true)), Some(NOW + 20_000));
    assert_eq!(at(ask(&busy, true)), Some(NOW + 21_000));
}
