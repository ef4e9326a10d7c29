//! Journal records of withdrawals: replayed and timed, or written out to fill a ledger elsewhere with.
//!
//! `cargo bench -p custody-intake --bench stored`; the limits come line by line on standard input, as for the ledger's
//! own bench, then `replay 100000` is answered with one JSON line, or `records 100000` with records of a thousand
//! withdrawals, each after its u32be length. Their signatures are no signatures: replay checks none.

#![allow(
    unsafe_code,
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    missing_docs
)]

#[path = "../../ledger/benches/work/mod.rs"]
mod work;

use std::io::Write;

use custody_intake::apply_record;
use custody_ledger::{Priority, Remedy, Ulid, withdrawal_digest};
use custody_wire::messages::journal::v1::{IntakeOutcome, RecordHeader, RecordKind};
use custody_wire::messages::signed::v1::{FeeMode, WithdrawalIntent};
use custody_wire::{build_record, pack_leaf};
use prost::Message;

use work::clock::Clock;
use work::{ETH, NOW, World, ledger, mixed};

const EACH: u64 = 1_000;
const DAY: u64 = 86_400_000;

/// The n-th withdrawal's leaf, accepted at `now_ms`.
fn leaf(limits: &[String], n: u64, now_ms: u64) -> Vec<u8> {
    let customer = mixed(n) % 1_000_000;
    let amount = 1_000 + n % 1_000;
    let reference = format!("w-{n}");
    let id = Ulid::new(now_ms, &withdrawal_digest("backend", &reference, 1));
    let intent = WithdrawalIntent {
        initiator: "backend".to_owned(),
        reference,
        attempt: 1,
        asset: ETH.to_owned(),
        amount: amount.to_string(),
        address: format!("0x7{customer:039}"),
        pool: "customers".to_owned(),
        customer: format!("c-{customer}"),
        limit_class: "retail".to_owned(),
        fee_mode: i32::from(FeeMode::House),
        service_fee: "3".to_owned(),
        submit_before_unix_ms: NOW + DAY,
        pay_before_unix_ms: NOW + DAY + n % 60 * 1_000,
        routing_sequence: 1,
        ..WithdrawalIntent::default()
    };
    let outcome = IntakeOutcome {
        decision: 1,
        withdrawal_id: id.0.to_vec(),
        remedy: u32::from(Remedy::None.number()),
        wallet: "hot-1".to_owned(),
        hold: (amount + 3).to_string(),
        priority: Priority::Standard.number(),
        charged_limits: limits.to_vec(),
        queued_since_unix_ms: now_ms,
        ..IntakeOutcome::default()
    };
    let mut leaf = Vec::new();
    let signature = [7; 64];
    let key = "0123456789abcdef0123456789abcdef";
    let signatures: [(&str, &[u8]); 1] = [(key, &signature)];
    let (outcome, intent) = (outcome.encode_to_vec(), intent.encode_to_vec());
    pack_leaf(&mut leaf, &outcome, &intent, &signatures).unwrap();
    leaf
}

/// The record of withdrawals from `from` on.
fn record(limits: &[String], from: u64, count: u64) -> Vec<u8> {
    let now_ms = NOW + from / EACH;
    let header = RecordHeader {
        recorded_unix_ms: now_ms,
        principal: "backend".to_owned(),
        request_id: "bench".to_owned(),
        policy_hash: vec![0x22; 32],
        keyring_version: 1,
        rules_version: 1,
    };
    let leaves: Vec<Vec<u8>> = (from..from + count)
        .map(|n| leaf(limits, n, now_ms))
        .collect();
    build_record(&header.encode_to_vec(), &leaves).unwrap().0
}

fn records(limits: &[String], count: u64) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..count.div_ceil(EACH)).map(move |n| record(limits, n * EACH, (count - n * EACH).min(EACH)))
}

fn replay(world: &World, limits: &[String], clock: Clock, count: u64) -> String {
    let all: Vec<Vec<u8>> = records(limits, count).collect();
    let bytes: usize = all.iter().map(Vec::len).sum();
    let kind = u32::try_from(i32::from(RecordKind::WithdrawalsSubmitted)).unwrap();
    let mut ledger = ledger(world);
    let begun = clock.now();
    for (sequence, record) in (2..).zip(&all) {
        apply_record(&mut ledger, kind, record, sequence).unwrap();
    }
    let seconds = clock.now() - begun;
    assert_eq!(ledger.withdrawals_len(), usize::try_from(count).unwrap());
    format!("{{\"facts\":{count},\"seconds\":{seconds},\"bytes\":{bytes}}}")
}

fn main() {
    let (mut world, mut clock) = (World::default(), Clock::default());
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut limits: Vec<String> = world.limits.iter().map(|limit| limit.id.clone()).collect();
        limits.sort();
        let mut out = std::io::stdout().lock();
        match words.as_slice() {
            ["limit", rest @ ..] => world.limit(rest),
            ["clock", "cpu"] => clock = Clock::Cpu,
            ["replay", count] => {
                let answer = replay(&world, &limits, clock, count.parse().unwrap());
                writeln!(out, "{answer}").unwrap();
            }
            ["records", count] => {
                for record in records(&limits, count.parse().unwrap()) {
                    let length = u32::try_from(record.len()).unwrap();
                    out.write_all(&length.to_be_bytes()).unwrap();
                    out.write_all(&record).unwrap();
                }
            }
            other => panic!("what is {other:?}?"),
        }
        out.flush().unwrap();
    }
}
