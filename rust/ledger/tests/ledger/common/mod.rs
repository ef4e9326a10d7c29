//! A small world for tests: two pools, two hot wallets and a cold one, one native asset and one token.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

pub mod plain;
pub mod steps;
pub mod transfers;
pub mod withdrawals;

pub use transfers::listed;

use std::sync::Arc;

use custody_ledger::limits::{Dimension, LimitRule, Over, Span};
use custody_ledger::{
    AccountName, Answer, Assignment, Candidate, Decision, Fact, FeeMode, Ledger, LedgerError,
    Name128, Names, PayoutTerms, Priority, Ulid, withdrawal_digest,
};

pub const ETH: &str = "eip155:1/slip44:60";
pub const USD: &str = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
pub const NOW: u64 = 1_700_000_000_000;
pub const HOUR: u64 = 3_600_000;

pub fn limit(
    id: &str,
    scope: &[Dimension],
    window_ms: u64,
    amount: Option<u128>,
    over: Over,
) -> LimitRule {
    LimitRule {
        id: id.to_owned(),
        scope: scope.to_vec(),
        asset: Some(ETH.to_owned()),
        class: None,
        span: Span::Sliding(window_ms),
        amount,
        count: None,
        over,
    }
}

/// 1,000 ETH of customers and 100 of the house in hot-1, 500 USD of customers, and nothing limited.
pub fn world(limits: Vec<LimitRule>) -> Ledger {
    let mut ledger = Ledger::new();
    ledger.configure(&listed(), limits).unwrap();
    for (wallet, asset, amount, pool) in [
        ("hot-1", ETH, 1_000, "customers"),
        ("hot-1", ETH, 100, "house"),
        ("hot-1", USD, 500, "customers"),
        ("cold-1", ETH, 5_000, "customers"),
    ] {
        let fact = ledger.decide_open(wallet, asset, amount, pool).unwrap();
        ledger.apply(&fact).unwrap();
    }
    ledger
}

pub fn candidate(reference: &str, attempt: u32, amount: u128) -> Candidate {
    let mut intent_sha256 = [0; 32];
    for (to, from) in intent_sha256
        .iter_mut()
        .zip(format!("{amount} {attempt} {reference}").bytes())
    {
        *to = from;
    }
    Candidate {
        names: Arc::new(Names {
            asset: Box::from(ETH),
            initiator: Box::from("backend"),
            class: Box::from("retail"),
            wallet: Box::from("hot-1"),
            pool: Box::from("customers"),
            routing_sequence: 1,
        }),
        reference: Box::from(reference),
        key: Name128::reference("backend", reference),
        attempt,
        intent_sha256,
        customer: Name128::customer("c1"),
        destination: Name128::destination("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
        amount,
        service_fee: 0,
        fee_mode: FeeMode::House,
        submit_before_ms: NOW + HOUR,
        pay_before_ms: NOW + 2 * HOUR,
        priority: Priority::Standard,
        digest: withdrawal_digest("backend", reference, attempt),
    }
}

/// The same with one of its names changed.
pub fn renamed(mut candidate: Candidate, change: impl FnOnce(&mut Names)) -> Candidate {
    change(Arc::make_mut(&mut candidate.names));
    candidate
}

/// Decides and applies; answers with a word for the table and the id.
pub fn submit(ledger: &mut Ledger, candidate: Candidate, now_ms: u64) -> (String, Option<Ulid>) {
    let candidate = Arc::new(candidate);
    match ledger
        .decide_submission(&candidate, &[], now_ms, 7, 1)
        .unwrap()
    {
        Answer::Decided { fact, .. } => {
            let word = match fact.decision {
                Decision::Accepted => "accepted".to_owned(),
                Decision::Held => format!("held {}", fact.tag),
                Decision::Rejected => fact.tag.clone(),
            };
            let id = fact.id;
            ledger.apply(&Fact::Submitted(fact)).unwrap();
            (word, id)
        }
        Answer::Before(attempt) => (
            format!("before {}", attempt.tag).trim_end().to_owned(),
            attempt.withdrawal,
        ),
        Answer::Refused { tag, .. } => (tag.to_owned(), None),
    }
}

pub fn accepted(ledger: &mut Ledger, reference: &str, amount: u128) -> Ulid {
    let (word, id) = submit(ledger, candidate(reference, 1, amount), NOW);
    assert_eq!(word, "accepted");
    id.unwrap()
}

pub fn payout(payout: &str, id: Ulid, net_amount: u128, fee_reserved: u128) -> PayoutTerms {
    PayoutTerms {
        payout: payout.to_owned(),
        wallet: "hot-1".to_owned(),
        items: vec![Assignment {
            id,
            net_amount,
            fee_charged: 0,
        }],
        fee_asset: ETH.to_owned(),
        fee_reserved,
    }
}

/// Applies what was decided; answers with `ok` or the refusal's tag.
pub fn enact(ledger: &mut Ledger, decided: Result<Fact, LedgerError>) -> String {
    match decided {
        Ok(fact) => {
            let stored = fact.encode().unwrap();
            assert_eq!(Fact::decode(&stored).unwrap(), fact, "stored form and back");
            ledger.apply(&fact).unwrap();
            ledger.conservation().unwrap();
            "ok".to_owned()
        }
        Err(LedgerError::Denied(denial)) => denial.tag.to_owned(),
        Err(error) => panic!("{error}"),
    }
}

pub fn pool(name: &str) -> AccountName {
    AccountName::Pool(name.to_owned())
}

pub fn wallet(id: &str) -> AccountName {
    AccountName::Wallet(id.to_owned())
}
