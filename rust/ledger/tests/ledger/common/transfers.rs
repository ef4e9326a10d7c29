//! Tables of pool transfers, one line for each: id, from, to, amount, flags, and in the last column what is said to it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use custody_ledger::books::Purpose;
use custody_ledger::{
    AccountName, Deposit, DepositAnswer, Ledger, LedgerError, PendingName, Scope, Surplus,
    SuspenseRelease, TransferAnswer, TransferLeg, TransferOrder, TransferStatus, TransferTerms,
};

use super::{ETH, HOUR, NOW, enact};

pub const POOLS: [(&str, Purpose); 6] = [
    ("customers", Purpose::Customers),
    ("customers-eu", Purpose::Customers),
    ("house", Purpose::House),
    ("insurance", Purpose::InsuranceFund),
    ("margin", Purpose::MarginCollateral),
    ("lending", Purpose::LendingPool),
];

/// As a policy lists them.
pub fn listed() -> Vec<(String, Purpose)> {
    let listed = POOLS.map(|(name, purpose)| (name.to_owned(), purpose));
    listed.into()
}

/// All pools known; 100 of customers', 50 of the house's and 20 of the insurance fund's in hot-1.
pub fn pools() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.configure(&listed(), vec![]).unwrap();
    for (pool, amount) in [("customers", 100), ("house", 50), ("insurance", 20)] {
        let fact = ledger.decide_open("hot-1", ETH, amount, pool).unwrap();
        ledger.apply(&fact).unwrap();
    }
    ledger
}

pub fn terms(from: &str, to: &str, amount: u128) -> TransferTerms {
    TransferTerms {
        asset: ETH.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        amount,
    }
}

pub fn order(reference: &str, legs: Vec<TransferLeg>) -> TransferOrder {
    let mut body_sha256 = [0; 32];
    let mut hasher = DefaultHasher::new();
    format!("{reference} {legs:?}").hash(&mut hasher);
    body_sha256[..8].copy_from_slice(&hasher.finish().to_be_bytes());
    TransferOrder {
        initiator: "backend".to_owned(),
        reference: reference.to_owned(),
        body_sha256,
        submit_before_ms: NOW + HOUR,
        legs,
    }
}

/// Decides and applies.
pub fn transfer(ledger: &mut Ledger, order: TransferOrder, now_ms: u64) -> TransferAnswer {
    let legs = order.legs.len();
    let answer = ledger.decide_transfer(order, now_ms).unwrap();
    assert_eq!(answer.statuses.len(), legs, "one status for each");
    let done = answer
        .statuses
        .iter()
        .filter(|status| **status == TransferStatus::Done);
    assert!([0, legs].contains(&done.count()), "all or nothing");
    if let Some(fact) = &answer.fact {
        assert_eq!(enact(ledger, Ok((**fact).clone())), "ok");
    }
    answer
}

pub fn deposit(tx: u8, amount: u128, pool: &str) -> Deposit {
    Deposit {
        network: "eip155:1".to_owned(),
        tx_hash: [tx; 32],
        output: 0,
        wallet: "hot-1".to_owned(),
        asset: ETH.to_owned(),
        amount,
        pool: pool.to_owned(),
        from_suspense: false,
    }
}

pub fn surplus(ledger: u128, chain: u128) -> Surplus {
    Surplus {
        wallet: "hot-1".to_owned(),
        asset: ETH.to_owned(),
        ledger,
        chain,
        network: "eip155:1".to_owned(),
        block_height: 9,
        block_hash: vec![7; 32],
    }
}

/// A deposit's status: `ok`, `before`, or the refusal's tag.
pub fn credit(ledger: &mut Ledger, deposit: Deposit) -> String {
    match ledger.decide_deposit(deposit) {
        Ok(DepositAnswer::Credited(fact)) => enact(ledger, Ok(*fact)),
        Ok(DepositAnswer::Before) => "before".to_owned(),
        Err(LedgerError::Denied(denial)) => denial.tag.to_owned(),
        Err(error) => panic!("{error}"),
    }
}

/// Lines `id from to amount flags | status`, of which those flagged `linked` belong to one order with the next; its
/// reference is the first one's id. Or lines of other operations, named by their first word.
#[derive(Default)]
pub struct Table {
    names: BTreeMap<String, PendingName>,
    waiting: Vec<(String, TransferLeg, String)>,
    now_ms: u64,
}

impl Table {
    /// Answers with every status that was said to a transfer, `ok` for what happened.
    pub fn run(ledger: &mut Ledger, table: &str) -> BTreeSet<String> {
        let mut said = BTreeSet::new();
        let mut this = Self {
            now_ms: NOW,
            ..Self::default()
        };
        let lines = table.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (left, expected) = line.split_once('|').unwrap();
            let words: Vec<&str> = left.split_whitespace().collect();
            match this.other(ledger, &words) {
                Some(status) => assert_eq!(status, expected.trim(), "{line}"),
                None => {
                    this.line(ledger, &words, expected.trim());
                    let word = expected.split_whitespace().last();
                    said.extend(word.map(str::to_owned));
                }
            }
        }
        assert!(
            this.waiting.is_empty(),
            "the last line is linked to nothing"
        );
        said
    }

    fn line(&mut self, ledger: &mut Ledger, words: &[&str], expected: &str) {
        let [id, from, to, amount, flags @ ..] = words else {
            panic!("{words:?}")
        };
        let first = self.waiting.first().map_or(*id, |(first, _, _)| first);
        let name = PendingName {
            reference: first.to_owned(),
            leg: u32::try_from(self.waiting.len() + 1).unwrap(),
        };
        self.names.entry((*id).to_owned()).or_insert(name);
        let named = |id: &str| {
            self.names.get(id).cloned().unwrap_or(PendingName {
                reference: id.to_owned(),
                leg: 1,
            })
        };
        let after = |start: &str| flags.iter().find_map(|flag| flag.strip_prefix(start));
        let mut leg = TransferLeg::Move(terms(from, to, number(amount)));
        if flags.contains(&"pending") {
            leg = TransferLeg::Pend {
                terms: terms(from, to, number(amount)),
                expires_ms: NOW + after("until:").map_or(2 * HOUR, |ms| ms.parse().unwrap()),
            };
        } else if let Some(pending) = after("post:") {
            leg = TransferLeg::Post {
                pending: named(pending),
                amount: number(amount),
            };
        } else if let Some(pending) = after("void:") {
            leg = TransferLeg::Void {
                pending: named(pending),
            };
        }
        self.waiting
            .push(((*id).to_owned(), leg, expected.to_owned()));
        if flags.contains(&"linked") {
            return;
        }
        let lines = std::mem::take(&mut self.waiting);
        let legs = lines.iter().map(|(_, leg, _)| leg.clone()).collect();
        let mut order = order(&lines[0].0, legs);
        if let Some(initiator) = after("by:") {
            order.initiator = initiator.to_owned();
        }
        if let Some(ms) = after("before:") {
            order.submit_before_ms = NOW + ms.parse::<u64>().unwrap();
        }
        let answer = transfer(ledger, order, self.now_ms);
        for ((id, _, expected), status) in lines.iter().zip(&answer.statuses) {
            let word = if status.tag().is_empty() {
                "ok"
            } else {
                status.tag()
            };
            let repeat = if answer.is_repeat { "before " } else { "" };
            assert_eq!(format!("{repeat}{word}"), *expected, "{id}");
        }
    }

    fn other(&mut self, ledger: &mut Ledger, words: &[&str]) -> Option<String> {
        let named = |id: &str| self.names[id].clone();
        Some(match words[0] {
            "clock" => {
                self.now_ms = NOW + words[1].parse::<u64>().unwrap();
                "ok".to_owned()
            }
            "has" => {
                let name = AccountName::parse(words[1]).unwrap();
                ledger.available(ETH, &name).to_string()
            }
            "state" => {
                let name = named(words[1]);
                let view = ledger.transfer("backend", &name.reference);
                let index = usize::try_from(name.leg - 1).unwrap();
                let states = view.map_or(vec![], |view| view.legs);
                states
                    .get(index)
                    .map_or("none", |state| state.name())
                    .to_owned()
            }
            "due" => ledger.expired_transfers(self.now_ms, 9).len().to_string(),
            "expire" => {
                let name = named(words[1]);
                let decided = ledger.decide_transfer_expiry("backend", &name, self.now_ms);
                enact(ledger, decided)
            }
            "halt" => {
                let scope = Scope::parse(words[2]).unwrap();
                enact(ledger, ledger.decide_halt(words[1], &[scope]))
            }
            "resume" => enact(ledger, ledger.decide_resume(words[1])),
            // number amount pool suspense?
            "deposit" => {
                let mut deposit = deposit(words[1].parse().unwrap(), number(words[2]), words[3]);
                deposit.from_suspense = words.get(4) == Some(&"suspense");
                credit(ledger, deposit)
            }
            // by the ledger, by the chain
            "surplus" => {
                let surplus = surplus(number(words[1]), number(words[2]));
                enact(ledger, ledger.decide_surplus(surplus))
            }
            // id amount pool
            "release" => {
                let release = SuspenseRelease {
                    id: words[1].to_owned(),
                    asset: ETH.to_owned(),
                    amount: number(words[2]),
                    pool: words[3].to_owned(),
                };
                enact(ledger, ledger.decide_suspense_release(release))
            }
            _ => return None,
        })
    }
}

fn number(text: &str) -> u128 {
    match text {
        "MAX" => u128::MAX,
        "-" => 0,
        digits => digits.parse().unwrap(),
    }
}
