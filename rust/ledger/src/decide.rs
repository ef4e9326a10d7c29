//! What the server may do, asked before it is done: each function answers with the fact or the refusal, and changes
//! nothing.

use crate::account::AccountName;
use crate::entries::adds_up;
use crate::error::LedgerError;
use crate::fact::{Assignment, Fact, PayoutTerms, SweepTerms};
use crate::halts::{MOST_SCOPES, Scope};
use crate::ledger::Ledger;
use crate::state::{End, Event};
use crate::symbols::Symbol;
use crate::tags;
use crate::ulid::Ulid;
use crate::withdrawal::Withdrawal;

type Decided = Result<Fact, LedgerError>;

impl Ledger {
    /// A wallet's balance comes in: debit wallet, credit pool. Once for each wallet, asset and pool.
    ///
    /// # Errors
    /// `ledger.amount`, `ledger.already_open`, `pool.unknown`, `ledger.overflow`.
    pub fn decide_open(&self, wallet: &str, asset: &str, amount: u128, pool: &str) -> Decided {
        self.intact()?;
        require(amount > 0, tags::AMOUNT, || "zero".to_owned())?;
        let key = (wallet.to_owned(), asset.to_owned(), pool.to_owned());
        require(!self.opened.contains(&key), tags::ALREADY_OPEN, || {
            format!("{wallet} {asset} {pool}")
        })?;
        let known = self.pools.get(self.symbols.find(pool)).is_some();
        require(known, tags::POOL_UNKNOWN, || pool.to_owned())?;
        let (wallet, asset, pool) = key;
        self.feasible(Fact::Opened {
            wallet,
            asset,
            amount,
            pool,
        })
    }

    /// A quorum released held withdrawals.
    ///
    /// # Errors
    /// `ledger.unknown`, `ledger.state`.
    pub fn decide_release(&self, ids: &[Ulid]) -> Decided {
        self.intact()?;
        self.distinct(ids)?;
        ids.iter()
            .try_for_each(|id| self.may(id, Event::Release).map(|_| ()))?;
        self.feasible(Fact::Released(ids.to_vec()))
    }

    /// A withdrawal ends before it was signed, CANCELLED or (once `pay_before` passed) EXPIRED.
    ///
    /// # Errors
    /// `ledger.unknown`, `ledger.state`, `ledger.not_expired`.
    pub fn decide_void(&self, id: Ulid, end: End, now_ms: u64) -> Decided {
        self.intact()?;
        let withdrawal = self.may(&id, Event::Void(end))?;
        let passed = end != End::Expired || withdrawal.pay_before_ms <= now_ms;
        require(passed, tags::NOT_EXPIRED, || {
            format!("pay_before is {}", withdrawal.pay_before_ms)
        })?;
        self.feasible(Fact::Voided { id, end })
    }

    /// A payout takes withdrawals of one asset; the wallet's outflow and the house's fee are reserved.
    ///
    /// # Errors
    /// `ledger.exists`, `.unknown`, `.state`, `.wallet_other`, `.amount`, `.expired`, `.halted`, `.wallet_short`,
    /// `.house_empty`.
    pub fn decide_assign(&self, terms: PayoutTerms, now_ms: u64) -> Decided {
        self.intact()?;
        require(!terms.payout.is_empty(), tags::UNKNOWN, || {
            "a payout without an id".to_owned()
        })?;
        require(
            !self.payouts.contains_key(&terms.payout),
            tags::EXISTS,
            || terms.payout.clone(),
        )?;
        self.distinct(&terms.items.iter().map(|item| item.id).collect::<Vec<_>>())?;
        let wallet = self.symbols.find(&terms.wallet);
        let mut asset: Option<Symbol> = None;
        let mut leaves = 0_u128;
        for item in &terms.items {
            let withdrawal = self.may(&item.id, Event::Assign)?;
            self.payable(withdrawal, item, wallet, now_ms)?;
            let its = self.asset_of(withdrawal);
            let same = asset.is_none_or(|asset| asset == its);
            require(same, tags::AMOUNT, || {
                "withdrawals of several assets".to_owned()
            })?;
            asset = Some(its);
            leaves = sum(leaves, item.net_amount)?;
        }
        let asset = self.symbols.name(asset.unwrap_or(Symbol::NONE));
        self.covers(
            &terms.wallet,
            asset,
            leaves,
            &terms.fee_asset,
            terms.fee_reserved,
        )?;
        self.feasible(Fact::Assigned(terms))
    }

    fn payable(
        &self,
        w: &Withdrawal,
        item: &Assignment,
        wallet: Symbol,
        now_ms: u64,
    ) -> Result<(), LedgerError> {
        let subject = self.subject(w);
        require(subject.wallet == wallet, tags::WALLET_OTHER, || {
            format!("{} maps to {}", w.id, self.symbols.name(subject.wallet))
        })?;
        require(now_ms < w.pay_before_ms, tags::EXPIRED, || {
            format!("{}: pay_before is {}", w.id, w.pay_before_ms)
        })?;
        if let Some((halt, scope)) = self.halts.stop_payout(&subject) {
            return Err(LedgerError::denied(
                tags::HALTED,
                format!("halt {halt}, scope {scope}"),
            ));
        }
        require(adds_up(w, item), tags::AMOUNT, || {
            format!(
                "{}: {} and {} of {}",
                w.id,
                item.net_amount,
                item.fee_charged,
                w.amount()
            )
        })
    }

    /// A payout was given up before it could be signed.
    ///
    /// # Errors
    /// `ledger.unknown`, `ledger.state`.
    pub fn decide_unassign(&self, payout: &str) -> Decided {
        self.intact()?;
        self.open_payout(payout, Event::Unassign)?;
        self.feasible(Fact::Unassigned {
            payout: payout.to_owned(),
        })
    }

    /// A payout is final and paid.
    ///
    /// # Errors
    /// `ledger.unknown`, `ledger.state`, `ledger.fee_above_reserved`.
    pub fn decide_post(&self, payout: &str, fee_paid: u128) -> Decided {
        self.intact()?;
        self.within(
            fee_paid,
            self.open_payout(payout, Event::Post)?.fee_reserved,
        )?;
        self.feasible(Fact::Posted {
            payout: payout.to_owned(),
            fee_paid,
        })
    }

    /// A payout is final and did not pay.
    ///
    /// # Errors
    /// `ledger.unknown`, `ledger.state`, `ledger.fee_above_reserved`.
    pub fn decide_fail(&self, payout: &str, fee_paid: u128) -> Decided {
        self.intact()?;
        self.within(
            fee_paid,
            self.open_payout(payout, Event::Fail)?.fee_reserved,
        )?;
        self.feasible(Fact::Failed {
            payout: payout.to_owned(),
            fee_paid,
        })
    }

    /// A leg is about to be signed: its amount and fee cap are reserved.
    ///
    /// # Errors
    /// `ledger.exists`, `.amount`, `.wallet_other`, `.halted`, `.wallet_short`, `.house_empty`, `.overflow`.
    pub fn decide_sweep_depart(&self, terms: SweepTerms) -> Decided {
        self.intact()?;
        require(!terms.leg.is_empty(), tags::UNKNOWN, || {
            "a leg without an id".to_owned()
        })?;
        require(!self.legs.contains_key(&terms.leg), tags::EXISTS, || {
            terms.leg.clone()
        })?;
        require(terms.amount > 0, tags::AMOUNT, || "zero".to_owned())?;
        require(
            terms.from_wallet != terms.to_wallet,
            tags::WALLET_OTHER,
            || terms.to_wallet.clone(),
        )?;
        let [asset, from, to] = [&terms.asset, &terms.from_wallet, &terms.to_wallet]
            .map(|name| self.symbols.find(name));
        if let Some((halt, scope)) = self.halts.stop_sweep(asset, from, to) {
            return Err(LedgerError::denied(
                tags::HALTED,
                format!("halt {halt}, scope {scope}"),
            ));
        }
        self.covers(
            &terms.from_wallet,
            &terms.asset,
            terms.amount,
            &terms.fee_asset,
            terms.fee_cap,
        )?;
        self.feasible(Fact::SweepDeparted(terms))
    }

    /// A leg moved.
    ///
    /// # Errors
    /// `ledger.unknown`, `ledger.fee_above_reserved`.
    pub fn decide_sweep_arrive(&self, leg: &str, fee_paid: u128) -> Decided {
        self.leg_ends(leg, fee_paid)?;
        self.feasible(Fact::SweepArrived {
            leg: leg.to_owned(),
            fee_paid,
        })
    }

    /// A leg ended without moving.
    ///
    /// # Errors
    /// As `decide_sweep_arrive`.
    pub fn decide_sweep_fail(&self, leg: &str, fee_paid: u128) -> Decided {
        self.leg_ends(leg, fee_paid)?;
        self.feasible(Fact::SweepFailed {
            leg: leg.to_owned(),
            fee_paid,
        })
    }

    /// Scopes are stopped.
    ///
    /// # Errors
    /// `ledger.exists`; `Malformed` without a scope.
    pub fn decide_halt(&self, halt: &str, scopes: &[Scope]) -> Decided {
        self.intact()?;
        if halt.is_empty() || !(1..=MOST_SCOPES).contains(&scopes.len()) {
            let reason = format!("needs an id and 1 to {MOST_SCOPES} scopes");
            return Err(LedgerError::malformed("halt", reason));
        }
        require(!self.halts.contains(halt), tags::EXISTS, || {
            format!("halt {halt}")
        })?;
        Ok(Fact::Halted {
            halt: halt.to_owned(),
            scopes: scopes.to_vec(),
        })
    }

    /// A halt ends.
    ///
    /// # Errors
    /// `ledger.unknown`.
    pub fn decide_resume(&self, halt: &str) -> Decided {
        self.intact()?;
        require(self.halts.contains(halt), tags::UNKNOWN, || {
            format!("halt {halt}")
        })?;
        Ok(Fact::Resumed {
            halt: halt.to_owned(),
        })
    }

    /// The withdrawal, when the table lets the event happen to it.
    fn may(&self, id: &Ulid, event: Event) -> Result<&Withdrawal, LedgerError> {
        let withdrawal = self.ids.get(id);
        let withdrawal = withdrawal
            .ok_or_else(|| LedgerError::denied(tags::UNKNOWN, format!("withdrawal {id}")))?;
        let legal = withdrawal.state.after(event).is_some();
        require(legal, tags::STATE, || {
            format!("{id} is {}", withdrawal.state.name())
        })?;
        Ok(withdrawal)
    }

    fn open_payout(&self, payout: &str, event: Event) -> Result<&PayoutTerms, LedgerError> {
        let terms = self
            .payout(payout)
            .ok_or_else(|| LedgerError::denied(tags::UNKNOWN, format!("payout {payout}")))?;
        terms
            .items
            .iter()
            .try_for_each(|item| self.may(&item.id, event).map(|_| ()))?;
        Ok(terms)
    }

    fn leg_ends(&self, leg: &str, fee_paid: u128) -> Result<(), LedgerError> {
        self.intact()?;
        let terms = self
            .leg(leg)
            .ok_or_else(|| LedgerError::denied(tags::UNKNOWN, format!("leg {leg}")))?;
        self.within(fee_paid, terms.fee_cap)
    }

    fn within(&self, fee_paid: u128, reserved: u128) -> Result<(), LedgerError> {
        require(fee_paid <= reserved, tags::FEE_ABOVE_RESERVED, || {
            format!("{fee_paid} of {reserved}")
        })
    }

    /// Whether a wallet has what leaves it, and the house the fee.
    fn covers(
        &self,
        wallet: &str,
        asset: &str,
        amount: u128,
        fee_asset: &str,
        fee: u128,
    ) -> Result<(), LedgerError> {
        let name = AccountName::Wallet(wallet.to_owned());
        let in_asset = if asset == fee_asset {
            sum(amount, fee)?
        } else {
            amount
        };
        for (asset, needed) in [(asset, in_asset), (fee_asset, fee)] {
            let available = self.available(asset, &name);
            require(needed <= available, tags::WALLET_SHORT, || {
                format!("{wallet} has {available} of {needed} {asset}")
            })?;
        }
        let house = self.available(fee_asset, &AccountName::Pool(self.house.clone()));
        require(fee <= house, tags::HOUSE_EMPTY, || {
            format!("{} has {house} of {fee} {fee_asset}", self.house)
        })
    }

    fn distinct(&self, ids: &[Ulid]) -> Result<(), LedgerError> {
        let mut sorted: Vec<u128> = ids.iter().map(|id| u128::from_be_bytes(id.0)).collect();
        sorted.sort_unstable();
        let distinct = sorted.windows(2).all(|two| two.first() != two.last());
        require(distinct && !ids.is_empty(), tags::STATE, || {
            "none, or one twice".to_owned()
        })
    }

    /// The fact, when its amounts can be entered.
    pub(crate) fn feasible(&self, fact: Fact) -> Decided {
        self.preview(&fact)
            .map_err(|reason| LedgerError::denied(tags::OVERFLOW, self.symbols.spelled(&reason)))?;
        Ok(fact)
    }
}

fn sum(one: u128, other: u128) -> Result<u128, LedgerError> {
    one.checked_add(other)
        .ok_or_else(|| LedgerError::denied(tags::OVERFLOW, format!("{one} + {other}")))
}

fn require(
    holds: bool,
    tag: &'static str,
    detail: impl FnOnce() -> String,
) -> Result<(), LedgerError> {
    if holds {
        Ok(())
    } else {
        Err(LedgerError::denied(tag, detail()))
    }
}
