//! Holds and posts in Rust, asked on standard input and answered with one JSON line each: `bench/bench_ledger.py` asks.
//!
//! `cargo bench -p custody-ledger --bench pairs`, then lines such as `limit day customer 86400000 5000000 -`,
//! `open 10000`, `round 16 1000`, `replay 100000`. Withdrawals are made beforehand (in a server `prepare` does it, in
//! another thread); a round holds each batch, then assigns and posts as many of the oldest that are open.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    missing_docs
)]

#[path = "work/mod.rs"]
mod work;

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use custody_ledger::{AHEAD, Answer, Assignment, Candidate, Fact, Ledger, PayoutTerms, Ulid};

use work::clock::Clock;
use work::{ETH, World, ledger, nth, resident};

/// Holds of one millisecond: a steady backend, not one burst.
const EACH_MS: u64 = 1_000;

struct Bench {
    world: World,
    ledger: Ledger,
    clock: Clock,
    /// How many were made so far, and when the next comes.
    made: u64,
    open: VecDeque<(Ulid, u128)>,
    payouts: u64,
    compared: bool,
}

impl Bench {
    fn new() -> Self {
        Self {
            world: World::default(),
            ledger: Ledger::new(),
            clock: Clock::default(),
            made: 0,
            open: VecDeque::new(),
            payouts: 0,
            compared: false,
        }
    }

    fn now_ms(&self) -> u64 {
        work::NOW + self.made / EACH_MS
    }

    /// The next ones, made outside of every measurement.
    fn next(&mut self, count: u64) -> Vec<Arc<Candidate>> {
        let from = self.made;
        self.made += count;
        (from..self.made)
            .map(|n| Arc::new(nth(&self.world, n)))
            .collect()
    }

    fn hold(&mut self, candidates: &[Arc<Candidate>], now_ms: u64) {
        for (leaf, candidate) in (1_u32..).zip(candidates) {
            // As intake does.
            if (leaf as usize) % AHEAD == 1 {
                let next = candidates.iter().skip(leaf as usize - 1).take(AHEAD);
                self.ledger.look_ahead(next, now_ms);
            }
            let answer = self
                .ledger
                .decide_submission(candidate, &[], now_ms, 7, leaf)
                .unwrap();
            let Answer::Decided { fact, .. } = answer else {
                panic!("{answer:?}");
            };
            self.open.push_back((fact.id.unwrap(), candidate.amount));
            self.ledger.apply(&Fact::Submitted(fact)).unwrap();
        }
    }

    /// The oldest open ones as a payout.
    fn terms(&mut self, count: usize) -> PayoutTerms {
        self.payouts += 1;
        let item = |(id, net_amount)| Assignment {
            id,
            net_amount,
            fee_charged: 0,
        };
        PayoutTerms {
            payout: format!("payout-{}", self.payouts),
            wallet: "hot-1".to_owned(),
            items: self.open.drain(..count).map(item).collect(),
            fee_asset: ETH.to_owned(),
            fee_reserved: 21,
        }
    }

    fn pay(&mut self, terms: PayoutTerms, now_ms: u64) {
        let payout = terms.payout.clone();
        let fact = self.ledger.decide_assign(terms, now_ms).unwrap();
        self.ledger.apply(&fact).unwrap();
        let fact = self.ledger.decide_post(&payout, 20).unwrap();
        self.ledger.apply(&fact).unwrap();
    }

    /// Holds until so many are open: seconds, and bytes of memory more than before.
    fn fill(&mut self, count: u64) -> String {
        self.ledger = ledger(&self.world);
        (self.made, self.payouts) = (0, 0);
        // What the bench itself remembers is not the ledger's.
        self.open = VecDeque::with_capacity(usize::try_from(count).unwrap() + 20_000);
        self.open.resize(self.open.capacity(), (Ulid([1; 16]), 1));
        self.open.clear();
        let before = resident();
        let begun = self.clock.now();
        while self.made < count {
            let some = self.next((count - self.made).min(EACH_MS));
            let now_ms = self.now_ms();
            self.hold(&some, now_ms);
        }
        let seconds = self.clock.now() - begun;
        let bytes = resident().saturating_sub(before);
        format!("{{\"open\":{count},\"bytes\":{bytes},\"seconds\":{seconds}}}")
    }

    /// So many batches of holds, each followed by its posts: seconds of each, and of its holds.
    fn round(&mut self, batches: u64, size: u64) -> String {
        let (mut pairs, mut holds) = (Vec::new(), Vec::new());
        for _ in 0..batches {
            let some = self.next(size);
            let now_ms = self.now_ms();
            let begun = self.clock.now();
            self.hold(&some, now_ms);
            let held = self.clock.now();
            let terms = self.terms(usize::try_from(size).unwrap());
            self.pay(terms, now_ms);
            pairs.push(self.clock.now() - begun);
            holds.push(held - begun);
        }
        format!("{{\"size\":{size},\"seconds\":{pairs:?},\"hold_seconds\":{holds:?}}}")
    }

    /// Decoded facts into a new ledger: so many holds, then their payouts.
    fn replay(&mut self, count: u64) -> String {
        self.ledger = ledger(&self.world);
        (self.made, self.payouts) = (0, 0);
        self.open.clear();
        let (mut held, mut paid) = (Vec::new(), Vec::new());
        while self.made < count {
            let some = self.next((count - self.made).min(EACH_MS));
            let now_ms = self.now_ms();
            for (leaf, candidate) in (1..).zip(&some) {
                let decided = self
                    .ledger
                    .decide_submission(candidate, &[], now_ms, 7, leaf);
                let Answer::Decided { fact, .. } = decided.unwrap() else {
                    panic!("not decided");
                };
                self.open.push_back((fact.id.unwrap(), candidate.amount));
                let fact = Fact::Submitted(fact);
                self.ledger.apply(&fact).unwrap();
                held.push(fact);
            }
        }
        while !self.open.is_empty() {
            let terms = self.terms(self.open.len().min(1_000));
            let payout = terms.payout.clone();
            let now_ms = self.now_ms();
            let assigned = self.ledger.decide_assign(terms, now_ms).unwrap();
            self.ledger.apply(&assigned).unwrap();
            let posted = self.ledger.decide_post(&payout, 20).unwrap();
            self.ledger.apply(&posted).unwrap();
            paid.extend([assigned, posted]);
        }
        let live = std::mem::replace(&mut self.ledger, ledger(&self.world));
        let begun = self.clock.now();
        for fact in &held {
            self.ledger.apply(fact).unwrap();
        }
        let between = self.clock.now();
        for fact in &paid {
            self.ledger.apply(fact).unwrap();
        }
        let ended = self.clock.now();
        // Once is enough of what takes longer than the replay.
        if !std::mem::replace(&mut self.compared, true) {
            let replayed = self.ledger.state_hash().unwrap();
            assert_eq!(live.state_hash().unwrap(), replayed);
        }
        format!(
            "{{\"facts\":{count},\"seconds\":{},\"paid_seconds\":{}}}",
            between - begun,
            ended - between
        )
    }

    /// What is open as a snapshot, and that read again.
    fn snapshot(&mut self) -> String {
        let begun = self.clock.now();
        let bytes = self.ledger.snapshot().unwrap();
        let written = self.clock.now();
        let read = Ledger::read_snapshot(&bytes).unwrap();
        let ended = self.clock.now();
        let count = read.withdrawals_len();
        assert_eq!(count, self.ledger.withdrawals_len());
        format!(
            "{{\"withdrawals\":{count},\"bytes\":{},\"write_seconds\":{},\"read_seconds\":{}}}",
            bytes.len(),
            written - begun,
            ended - written
        )
    }

    fn answer(&mut self, words: &[&str]) -> Option<String> {
        let number = |text: &&str| text.parse::<u64>().unwrap();
        Some(match words {
            ["clock", "cpu"] => {
                self.clock = Clock::Cpu;
                return None;
            }
            ["limit", rest @ ..] => {
                self.world.limit(rest);
                return None;
            }
            ["open", count] => self.fill(number(count)),
            ["round", batches, size] => self.round(number(batches), number(size)),
            ["snapshot"] => self.snapshot(),
            ["replay", count] => self.replay(number(count)),
            other => panic!("what is {other:?}?"),
        })
    }
}

fn main() {
    let mut bench = Bench::new();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(answer) = bench.answer(&words) {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{answer}").unwrap();
            out.flush().unwrap();
        }
    }
}
