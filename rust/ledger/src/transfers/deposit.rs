//! Deposits: each final output is credited to a pool once, for good.

use std::collections::BTreeMap;

use custody_wire::Part::{Bytes, Int};
use custody_wire::tagged_hash;

use crate::books::{Account, Books, Pool, Pools, Posting};
use crate::canonical::Canonical;
use crate::error::LedgerError;
use crate::fact::Fact;
use crate::names::Name128;
use crate::symbols::{Symbol, Symbols};
use crate::tags;

mod saved;

/// A final output that pays one of our wallets; known by network, transaction and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// CAIP-2.
    pub network: String,
    /// The transaction's id.
    pub tx_hash: [u8; 32],
    /// The output's index, or the log's; what the network's watcher numbers by.
    pub output: u32,
    /// The wallet paid.
    pub wallet: String,
    /// CAIP-19.
    pub asset: String,
    /// Base units.
    pub amount: u128,
    /// The pool that owes it from now on.
    pub pool: String,
    /// Whether the wallet's balance counts it already: it had gone to suspense as a surplus, and is taken from there.
    pub from_suspense: bool,
}

/// What is answered to a deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DepositAnswer {
    /// New: apply the fact.
    Credited(Box<Fact>),
    /// Credited before, the same; nothing changes.
    Before,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Credited {
    wallet: Symbol,
    asset: Symbol,
    pool: Symbol,
    amount: u128,
    from_suspense: bool,
}

/// Every output that was credited.
#[derive(Debug, Clone, Default)]
pub(crate) struct DepositBook(BTreeMap<Name128, Credited>);

impl DepositBook {
    /// Decides one deposit. In this order: credited before (the same, or `deposit.other`), `ledger.amount`,
    /// `pool.unknown`, `ledger.suspense_short`, `ledger.overflow`.
    pub fn decide(
        &self,
        books: &Books,
        symbols: &Symbols,
        pools: &Pools,
        deposit: Deposit,
    ) -> Result<DepositAnswer, LedgerError> {
        let mut find = |name: &str| symbols.find(name);
        if let Some(before) = self.0.get(&key(&deposit)) {
            return match before.says(&deposit, symbols) {
                true => Ok(DepositAnswer::Before),
                false => Err(LedgerError::denied(
                    tags::DEPOSIT_OTHER,
                    format!(
                        "{} {} was credited to {}",
                        before.amount,
                        symbols.name(before.asset),
                        symbols.name(before.pool)
                    ),
                )),
            };
        }
        if deposit.amount == 0 {
            return Err(LedgerError::denied(tags::AMOUNT, "zero"));
        }
        if pools.get(symbols.find(&deposit.pool)).is_none() {
            return Err(LedgerError::denied(tags::POOL_UNKNOWN, &deposit.pool));
        }
        if deposit.from_suspense {
            let has = books.available(symbols.find(&deposit.asset), Account::Suspense);
            if has < deposit.amount {
                let detail = format!("{has} of {} {}", deposit.amount, deposit.asset);
                return Err(LedgerError::denied(tags::SUSPENSE_SHORT, detail));
            }
        }
        books
            .preview(&entries(&deposit, &mut find))
            .map_err(|reason| LedgerError::denied(tags::OVERFLOW, reason))?;
        Ok(DepositAnswer::Credited(Box::new(Fact::Deposited(deposit))))
    }

    /// The entries of a new deposit.
    pub fn credited(
        &self,
        deposit: &Deposit,
        find: &mut dyn FnMut(&str) -> Symbol,
    ) -> Result<Posting, String> {
        match self.0.contains_key(&key(deposit)) || deposit.amount == 0 {
            true => Err("a deposit was credited before, or is nothing".to_owned()),
            false => Ok(entries(deposit, find)),
        }
    }

    /// Remembers it.
    pub fn add(&mut self, deposit: &Deposit, find: &mut dyn FnMut(&str) -> Symbol) {
        let credited = Credited {
            wallet: find(&deposit.wallet),
            asset: find(&deposit.asset),
            pool: find(&deposit.pool),
            amount: deposit.amount,
            from_suspense: deposit.from_suspense,
        };
        self.0.insert(key(deposit), credited);
    }

    pub fn write(&self, symbols: &Symbols, out: &mut Canonical) {
        out.length(self.0.len());
        for (key, c) in &self.0 {
            out.bytes(&key.0).amount(c.amount).flag(c.from_suspense);
            for symbol in [c.wallet, c.asset, c.pool] {
                out.text(symbols.name(symbol));
            }
        }
    }
}

impl Credited {
    /// Whether it is the same deposit; where it was taken from is ours to know, not the network's.
    fn says(&self, deposit: &Deposit, symbols: &Symbols) -> bool {
        symbols.name(self.wallet) == deposit.wallet
            && symbols.name(self.asset) == deposit.asset
            && symbols.name(self.pool) == deposit.pool
            && self.amount == deposit.amount
    }
}

fn entries(deposit: &Deposit, find: &mut dyn FnMut(&str) -> Symbol) -> Posting {
    let (asset, pool) = (find(&deposit.asset), Pool(find(&deposit.pool)));
    let mut posting = Posting::default();
    match deposit.from_suspense {
        true => posting.explained(asset, pool, deposit.amount),
        false => posting.deposited(asset, find(&deposit.wallet), pool, deposit.amount),
    }
    posting
}

fn key(deposit: &Deposit) -> Name128 {
    let parts = [
        Bytes(deposit.network.as_bytes()),
        Bytes(&deposit.tx_hash),
        Int(u64::from(deposit.output)),
    ];
    Name128::first(&tagged_hash("name-deposit", &parts))
}
