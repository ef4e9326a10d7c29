//! Ids for good: what left memory is answered as if it had not, whoever asks and however the two race.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeMap;

use common::{NOW, World, intent, results, world};
use custody_intake::{OldAttempt, Prepared, apply_record};
use custody_ledger::{End, Fact, Ledger, LedgerError, Name128, Ulid};
use custody_wire::messages::v1::{Outcome, SubmitItem, SubmitResult};
use custody_wire::{build_record, unpack_record};
use prost::Message;

const YEAR: u64 = 365 * 86_400_000;
/// Old enough here, while the keys are still valid.
const AGE: u64 = 100_000;

/// A world that keeps a journal and a store of old ids, as the server does.
struct Kept {
    world: World,
    rows: Vec<(u32, Vec<u8>)>,
    store: BTreeMap<Name128, Vec<(u64, u32, Option<custody_ledger::State>)>>,
    looked_up: usize,
}

impl Kept {
    fn new() -> Self {
        Self {
            world: world(),
            rows: Vec::new(),
            store: BTreeMap::new(),
            looked_up: 0,
        }
    }

    fn next(&self) -> u64 {
        u64::try_from(self.rows.len()).unwrap() + 1
    }

    fn look_up(&mut self, prepared: &Prepared) {
        let (generation, keys) = prepared.may_be_old(&self.world.ledger.old_ids());
        self.looked_up += keys.len();
        let places = keys
            .iter()
            .flat_map(|key| self.store.get(key).into_iter().flatten());
        let found: Vec<OldAttempt> = places.map(|place| self.read(*place)).collect();
        prepared.answer(generation, &found).unwrap();
    }

    fn read(
        &self,
        (sequence, leaf, state): (u64, u32, Option<custody_ledger::State>),
    ) -> OldAttempt {
        let (_, record) = &self.rows[usize::try_from(sequence).unwrap() - 1];
        let parts = unpack_record(record).unwrap();
        let bytes = parts.leaves[usize::try_from(leaf).unwrap() - 1].to_vec();
        OldAttempt {
            sequence,
            leaf,
            bytes,
            state,
        }
    }

    fn submit(&mut self, prepared: &Prepared, now_ms: u64) -> Option<Vec<SubmitResult>> {
        let first = self.next();
        let submitted = self.world.submit(&[prepared], now_ms, first).remove(0);
        self.rows
            .extend(submitted.record.clone().map(|record| (10, record)));
        (!submitted.stale).then(|| results(&submitted))
    }

    fn send(&mut self, item: SubmitItem, now_ms: u64) -> SubmitResult {
        let prepared = self.world.prepare(vec![item]);
        self.look_up(&prepared);
        self.submit(&prepared, now_ms).unwrap().remove(0)
    }

    fn enact(&mut self, fact: &Fact, now_ms: u64) {
        self.world.ledger.see(now_ms);
        self.world.ledger.apply(fact).unwrap();
        let header = custody_wire::messages::journal::v1::RecordHeader {
            recorded_unix_ms: now_ms,
            ..Default::default()
        };
        let leaves = [Vec::new(), fact.encode().unwrap()];
        let (record, _) = build_record(&header.encode_to_vec(), &leaves).unwrap();
        self.rows.push((27, record));
    }

    /// As the server does: the store first, then the fact.
    fn forget(&mut self, now_ms: u64) -> usize {
        let wanted = self.world.ledger.forgettable(now_ms - AGE, 1_000);
        for each in &wanted {
            let places = each.attempts.iter().map(|a| (a.sequence, a.leaf, a.state));
            self.store.entry(each.key).or_default().extend(places);
        }
        if wanted.is_empty() {
            return 0;
        }
        let fact = self
            .world
            .ledger
            .decide_forget(&wanted, now_ms - AGE)
            .unwrap();
        let stored = fact.encode().unwrap();
        assert_eq!(Fact::decode(&stored).unwrap(), fact, "stored form and back");
        self.enact(&fact, now_ms);
        wanted.len()
    }

    fn void(&mut self, id: &str, end: End, now_ms: u64) {
        let id = Ulid::parse(id).unwrap();
        let fact = self.world.ledger.decide_void(id, end, now_ms).unwrap();
        self.enact(&fact, now_ms);
    }

    fn replayed(&self) -> Ledger {
        let mut ledger = self.world.opened();
        for (index, (kind, record)) in self.rows.iter().enumerate() {
            apply_record(
                &mut ledger,
                *kind,
                record,
                u64::try_from(index).unwrap() + 1,
            )
            .unwrap();
        }
        ledger
    }
}

fn outcome(result: &SubmitResult) -> (Outcome, &str) {
    (Outcome::try_from(result.outcome).unwrap(), &result.tag)
}

#[test]
fn the_first_answer_is_given_years_later_and_another_body_is_refused() {
    let mut kept = Kept::new();
    let accepted = kept.send(kept.world.item(&intent("a", 10)), NOW);
    let above = |kept: &Kept| {
        let keys = [&kept.world.backend, &kept.world.risk];
        kept.world.signed(intent("b", 600).encode_to_vec(), &keys)
    };
    let rejected = kept.send(above(&kept), NOW);
    assert_eq!(outcome(&rejected).0, Outcome::Rejected);
    let held = kept.send(kept.world.item(&intent("c", 10)), NOW);
    kept.void(&accepted.withdrawal_id, End::Cancelled, NOW + 5);
    let id = Ulid::parse(&held.withdrawal_id).unwrap();
    let open = kept.send(kept.world.item(&intent("d", 10)), NOW);
    assert_eq!(kept.forget(NOW + AGE), 0, "not a moment too early");
    assert_eq!(kept.forget(NOW + 3 * AGE), 2, "what is open stays");
    assert!(kept.world.ledger.withdrawal(&id).is_some());
    assert_eq!(kept.world.ledger.withdrawals_len(), 2);

    // The second time no key is valid any more: the answer is still the first one's.
    for late in [NOW + 4 * AGE, NOW + YEAR] {
        let again = kept.send(kept.world.item(&intent("a", 10)), late);
        assert_eq!(outcome(&again), (Outcome::Duplicate, ""));
        assert_eq!(
            (&again.withdrawal_id, again.state),
            (&accepted.withdrawal_id, 8)
        );
        let again = kept.send(above(&kept), late);
        assert_eq!(outcome(&again), (Outcome::Rejected, rejected.tag.as_str()));
        let again = kept.send(kept.world.item(&intent("d", 10)), late);
        assert_eq!(again.withdrawal_id, open.withdrawal_id);
    }
    for reference in ["a", "b"] {
        let reused = kept.send(kept.world.item(&intent(reference, 11)), NOW + 1);
        assert_eq!(outcome(&reused), (Outcome::Rejected, "id.reused"));
    }
    assert_eq!(
        kept.replayed().state_hash().unwrap(),
        kept.world.ledger.state_hash().unwrap()
    );
}

#[test]
fn later_attempts_follow_those_that_left_memory() {
    let mut kept = Kept::new();
    let first = kept.send(kept.world.item(&intent("a", 10)), NOW);
    kept.void(&first.withdrawal_id, End::Expired, NOW + AGE);
    assert_eq!(kept.forget(NOW + 3 * AGE), 1);
    let mut next = intent("a", 10);
    next.submit_before_unix_ms = NOW + 9 * AGE;
    next.pay_before_unix_ms = NOW + 9 * AGE;
    next.attempt = 3;
    let skipped = kept.send(kept.world.item(&next), NOW + 3 * AGE);
    assert_eq!(outcome(&skipped).1, "attempt.skipped");
    next.attempt = 2;
    let second = kept.send(kept.world.item(&next), NOW + 3 * AGE);
    assert_eq!(outcome(&second), (Outcome::Accepted, ""));
    let ledger = &kept.world.ledger;
    let second = ledger
        .withdrawal(&Ulid::parse(&second.withdrawal_id).unwrap())
        .unwrap();
    assert_eq!(
        (second.attempt(), second.queued_since_ms()),
        (2, NOW + 3 * AGE),
        "what left memory took its age with it"
    );
    let again = kept.send(kept.world.item(&intent("a", 10)), NOW + 3 * AGE);
    assert_eq!(again.withdrawal_id, first.withdrawal_id);
    assert_eq!(
        kept.replayed().state_hash().unwrap(),
        kept.world.ledger.state_hash().unwrap()
    );
}

#[test]
fn what_leaves_memory_between_look_up_and_submit_makes_the_request_stale() {
    let mut kept = Kept::new();
    let first = kept.send(kept.world.item(&intent("a", 10)), NOW);
    kept.void(&first.withdrawal_id, End::Cancelled, NOW + 1);
    let reused = kept.world.prepare(vec![kept.world.item(&intent("a", 11))]);
    kept.look_up(&reused);
    kept.forget(NOW + 2 * AGE);
    let before = kept.world.ledger.state_hash().unwrap();
    assert_eq!(
        kept.submit(&reused, NOW + 2),
        None,
        "stale: nothing was done"
    );
    assert_eq!(kept.world.ledger.state_hash().unwrap(), before);
    kept.look_up(&reused);
    let answers = kept.submit(&reused, NOW + 2).unwrap();
    assert_eq!(outcome(&answers[0]).1, "id.reused");
    // One that never asked is stale for ever.
    let never = kept.world.prepare(vec![kept.world.item(&intent("z", 1))]);
    assert_eq!(kept.submit(&never, NOW), None);
}

#[test]
fn what_changed_since_it_was_looked_at_stays() {
    let mut kept = Kept::new();
    let first = kept.send(kept.world.item(&intent("a", 10)), NOW);
    kept.void(&first.withdrawal_id, End::Cancelled, NOW + 1);
    let before_ms = NOW + AGE;
    let wanted = kept.world.ledger.forgettable(before_ms, 9);
    assert_eq!(wanted.len(), 1);
    let mut next = intent("a", 10);
    next.attempt = 2;
    kept.send(kept.world.item(&next), NOW + 2);
    let decided = kept.world.ledger.decide_forget(&wanted, before_ms);
    assert!(
        matches!(decided, Err(LedgerError::Denied(_))),
        "{decided:?}"
    );
    assert!(
        kept.world
            .ledger
            .apply(&Fact::IdsForgotten(wanted))
            .is_err()
    );
}

#[test]
fn a_store_that_answers_what_was_not_asked_is_not_believed() {
    let mut kept = Kept::new();
    kept.send(kept.world.item(&intent("a", 10)), NOW);
    let asks = kept.world.prepare(vec![kept.world.item(&intent("b", 10))]);
    let foreign = kept.read((1, 1, Some(custody_ledger::State::Posted)));
    assert!(asks.answer(1, std::slice::from_ref(&foreign)).is_err());
    let asks = kept.world.prepare(vec![kept.world.item(&intent("a", 10))]);
    assert!(asks.answer(1, std::slice::from_ref(&foreign)).is_ok());
    let refused = OldAttempt {
        state: None,
        ..foreign
    };
    assert!(
        asks.answer(1, &[refused]).is_err(),
        "an accepted one was no rejection"
    );
}

#[test]
fn a_false_positive_costs_a_look_up_and_changes_nothing() {
    let mut kept = Kept::new();
    let first = kept.send(kept.world.item(&intent("a", 10)), NOW);
    kept.void(&first.withdrawal_id, End::Cancelled, NOW + 1);
    kept.forget(NOW + 2 * AGE);
    // The filter says yes to `a`, and the store has lost or never had it: as for any other that is not old.
    let fresh = kept
        .world
        .prepare(vec![kept.world.item(&intent("fresh", 5))]);
    let (generation, _) = fresh.may_be_old(&kept.world.ledger.old_ids());
    fresh.answer(generation, &[]).unwrap();
    let answers = kept.submit(&fresh, NOW).unwrap();
    assert_eq!(outcome(&answers[0]), (Outcome::Accepted, ""));
    assert_eq!(kept.looked_up, 0);
}
