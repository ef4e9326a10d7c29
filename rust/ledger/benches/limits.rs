//! What limits cost: ns for each check and charge (median and 99.9 %, less what reading the clock takes), and bytes for
//! each key.
//!
//! `cargo bench -p custody-ledger --bench limits`; one JSON line for each case.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    missing_docs
)]

use std::time::Instant;

use custody_ledger::limits::{Charges, Checked, Dimension, LimitBook, LimitRule, Over, Span};
use custody_ledger::{Name128, Subject, Symbols};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn rule(
    id: &str,
    scope: &[Dimension],
    asset: &str,
    window_ms: u64,
    amount: Option<u128>,
) -> LimitRule {
    LimitRule {
        id: id.to_owned(),
        scope: scope.to_vec(),
        asset: Some(asset.to_owned()),
        class: None,
        span: Span::Sliding(window_ms),
        amount,
        count: if amount.is_none() {
            Some(1 << 40)
        } else {
            None
        },
        over: Over::Deny,
    }
}

/// Ten limits that all apply: the whole asset, wallet, initiator, customer and destination.
fn ten() -> Vec<LimitRule> {
    let most = Some(1 << 120);
    let (customer, destination) = (&[Dimension::Customer], &[Dimension::Destination]);
    vec![
        rule("asset.hour", &[], "eth", HOUR, most),
        rule("asset.day", &[], "eth", DAY, most),
        rule("wallet.hour", &[Dimension::Wallet], "eth", HOUR, most),
        rule("wallet.week", &[Dimension::Wallet], "eth", 7 * DAY, most),
        rule("initiator.day", &[Dimension::Initiator], "eth", DAY, most),
        rule("customer.hour", customer, "eth", HOUR, most),
        rule("customer.day", customer, "eth", DAY, most),
        rule("customer.count", customer, "eth", DAY, None),
        rule("customer.week", customer, "eth", 7 * DAY, most),
        rule("destination.day", destination, "eth", DAY, most),
    ]
}

/// The resident set, bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_usize) * 4_096
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn name(&mut self, of: u64) -> Name128 {
        let number = self.next() % of;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&Self(number).next().to_be_bytes());
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        Name128(bytes)
    }
}

/// The time that so many thousandths do not exceed.
fn share(times: &mut [u128], thousandths: usize) -> u128 {
    times.sort_unstable();
    times
        .get(times.len() * thousandths / 1_000)
        .copied()
        .unwrap_or(0)
}

fn run(clock: u128, name: &str, rules: &[LimitRule], keys: u64, events: u64, apart_ms: u64) {
    let mut symbols = Symbols::default();
    let mut book = LimitBook::default();
    let begun = Instant::now();
    book.configure(rules, &mut symbols).unwrap();
    let configured = begun.elapsed();
    let mut subject = Subject {
        asset: symbols.intern("eth"),
        initiator: symbols.intern("backend"),
        class: symbols.intern("retail"),
        wallet: symbols.intern("hot-1"),
        customer: Name128([0; 16]),
        destination: Name128([0; 16]),
    };
    let mut random = Random(1);
    let before = resident();
    let mut now = 1_700_000_000_000;
    let (mut checks, mut charges) = (Vec::new(), Vec::new());
    // The first half fills the keys, the second is measured.
    for step in 0..2 * events {
        subject.customer = random.name(keys);
        subject.destination = random.name(keys);
        now += apart_ms;
        let begun = Instant::now();
        let checked = book.check(&subject, 7, now);
        let between = Instant::now();
        assert!(matches!(checked, Checked::Pass { .. }));
        book.charge(Charges::COVERING, &subject, 7, now).unwrap();
        let charge = between.elapsed().as_nanos();
        if step >= events {
            checks.push((between - begun).as_nanos().saturating_sub(clock));
            charges.push(charge.saturating_sub(clock));
        }
    }
    let bytes = resident().saturating_sub(before);
    let begun = Instant::now();
    let mut stored = 0;
    book.write(&symbols, &mut |part| stored += part.len());
    let written = begun.elapsed();
    println!(
        "{{\"case\":\"limits/{name}\",\"rules\":{},\"keys\":{},\"check_ns\":{},\"charge_ns\":{},\"check_999_ns\":{},\"charge_999_ns\":{},\
         \"bytes_per_key\":{},\"configure_ms\":{},\"write_ms\":{},\"stored_bytes\":{stored}}}",
        rules.len(),
        book.keys(),
        share(&mut checks, 500),
        share(&mut charges, 500),
        share(&mut checks, 999),
        share(&mut charges, 999),
        bytes / book.keys().max(1),
        configured.as_millis(),
        written.as_millis(),
    );
}

fn main() {
    let mut reads: Vec<u128> = (0..100_000)
        .map(|_| {
            let begun = Instant::now();
            begun.elapsed().as_nanos()
        })
        .collect();
    let clock = share(&mut reads, 500);
    run(
        clock,
        "one",
        &[rule("asset.day", &[], "eth", DAY, Some(1 << 120))],
        1,
        500_000,
        1,
    );
    run(clock, "ten/keys=1k", &ten(), 1_000, 300_000, 1);
    run(clock, "ten/keys=1M", &ten(), 1_000_000, 1_000_000, 1);
    let mut thousands = ten();
    thousands.extend((0..4_990).map(|n| {
        rule(
            &format!("other.{n}"),
            &[Dimension::Customer],
            &format!("asset{n}"),
            DAY,
            Some(9),
        )
    }));
    run(
        clock,
        "five-thousand/keys=1M",
        &thousands,
        1_000_000,
        1_000_000,
        1,
    );
    let one_event = [rule(
        "customer.day",
        &[Dimension::Customer],
        "eth",
        DAY,
        Some(1 << 120),
    )];
    run(clock, "one-event/keys=1M", &one_event, 1 << 60, 500_000, 1);
    // 100 ms apart: after a day 864,000 are alive, and idle ones go as fast as new ones come.
    run(clock, "idle/keys=8M", &one_event, 1 << 60, 2_000_000, 100);
}
