//! What benches of the ledger work on: a million customers with an address each, one asset, one hot wallet.

pub mod clock;

use std::sync::Arc;

use custody_ledger::books::Purpose;
use custody_ledger::limits::{Dimension, LimitRule, Over, Span};
use custody_ledger::{Candidate, FeeMode, Ledger, Name128, Names, Priority};

pub const ETH: &str = "eip155:1/slip44:60";
pub const NOW: u64 = 1_700_000_000_000;
const CUSTOMERS: u64 = 1_000_000;
const DAY: u64 = 86_400_000;

/// The limits, and the names that all withdrawals share.
pub struct World {
    pub limits: Vec<LimitRule>,
    pub names: Arc<Names>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            limits: Vec::new(),
            names: Arc::new(Names {
                asset: Box::from(ETH),
                initiator: Box::from("backend"),
                class: Box::from("retail"),
                wallet: Box::from("hot-1"),
                pool: Box::from("customers"),
                routing_sequence: 1,
            }),
        }
    }
}

impl World {
    /// One more: id, scope (`-` for none, else joined by `+`), window in ms, amount and count (`-` for none).
    pub fn limit(&mut self, words: &[&str]) {
        let [id, scope, window_ms, amount, count] = words else {
            panic!("a limit of {words:?}");
        };
        let dimensions = scope.split('+').filter(|name| *name != "-");
        self.limits.push(LimitRule {
            id: (*id).to_owned(),
            scope: dimensions
                .map(|name| Dimension::from_name(name).unwrap())
                .collect(),
            asset: Some(ETH.to_owned()),
            class: None,
            span: Span::Sliding(window_ms.parse().unwrap()),
            amount: amount.parse().ok(),
            count: count.parse().ok(),
            over: Over::Deny,
        });
    }
}

/// An open ledger with these limits.
pub fn ledger(world: &World) -> Ledger {
    let mut ledger = Ledger::new();
    let pools = [("customers", Purpose::Customers), ("house", Purpose::House)];
    let pools = pools.map(|(name, purpose)| (name.to_owned(), purpose));
    ledger.configure(&pools, world.limits.clone()).unwrap();
    for pool in ["customers", "house"] {
        let fact = ledger.decide_open("hot-1", ETH, 1 << 100, pool).unwrap();
        ledger.apply(&fact).unwrap();
    }
    ledger
}

/// Well mixed bits of a number.
pub fn mixed(of: u64) -> u64 {
    let mixed = of.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn name(kind: u64, of: u64) -> Name128 {
    let half = |salt: u64| u128::from(mixed(of ^ (kind << 56) ^ (salt << 60)));
    Name128(((half(1) << 64) | half(2)).to_be_bytes())
}

/// The n-th of many, with digests that are as good as random.
pub fn nth(world: &World, n: u64) -> Candidate {
    let customer = mixed(n) % CUSTOMERS;
    let digest = |kind: u64| {
        let (high, low) = (name(kind, n).0, name(kind + 1, n).0);
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(high.into_iter().chain(low))
            .for_each(|(to, from)| *to = from);
        bytes
    };
    Candidate {
        names: Arc::clone(&world.names),
        reference: format!("w-{n}").into_boxed_str(),
        key: name(1, n),
        attempt: 1,
        intent_sha256: digest(2),
        customer: name(4, customer),
        destination: name(5, customer),
        amount: 1_000 + u128::from(n % 1_000),
        service_fee: 3,
        fee_mode: FeeMode::House,
        submit_before_ms: NOW + DAY,
        pay_before_ms: NOW + DAY + (n % 60) * 1_000,
        priority: Priority::Standard,
        digest: digest(6),
    }
}

/// The resident set, bytes.
pub fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_usize) * 4_096
}
