//! What each fact enters in the books: the one place where amounts move.

use std::collections::BTreeSet;

use crate::books::{Claim, FeeClaim, House, Payment, Pool, Posting};
use crate::fact::{Assignment, Fact, PayoutTerms, SweepTerms};
use crate::ledger::{Ledger, Open};
use crate::state::Event;
use crate::symbols::Symbol;
use crate::transfers::{Remembered, TransferLeg};
use crate::ulid::Ulid;
use crate::withdrawal::{FeeMode, Withdrawal};

/// Done, or what the fact speaks of and the state does not have.
type Entered<T = ()> = Result<T, String>;

/// A fact's entries, in order. Names that no fact used so far are UNKNOWN: good enough to look ahead, refused on entry.
pub(crate) fn of(ledger: &Ledger, fact: &Fact, posting: &mut Posting) -> Entered<Remembered> {
    let mut find = |name: &str| ledger.symbols.find(name);
    match fact {
        Fact::Opened {
            wallet,
            asset,
            amount,
            pool,
        } => {
            let key = (wallet.clone(), asset.clone(), pool.clone());
            if ledger.opened.contains(&key) {
                return Err(format!("{wallet} {asset} was opened before for {pool}"));
            }
            listed(ledger, pool)?;
            posting.deposited(find(asset), find(wallet), Pool(find(pool)), *amount);
        }
        Fact::Voided { id, end } => {
            let withdrawal = ledger.withdrawal(id);
            let withdrawal = withdrawal.ok_or_else(|| format!("no withdrawal {id}"))?;
            takes(withdrawal, Event::Void(*end))?;
            posting.freed(claim(ledger, withdrawal));
        }
        Fact::Assigned(terms) => {
            let fee = payout_fee(ledger, terms, &ledger.house);
            assignable(ledger, terms)?;
            assigned(ledger, terms, posting)?;
            posting.fee_held(&fee);
        }
        Fact::Unassigned { payout } => {
            let open = payout_of(ledger, payout)?;
            unassigned(ledger, &open.terms, posting)?;
            posting.fee_freed(payout_fee(ledger, &open.terms, &open.house));
        }
        Fact::Posted { payout, fee_paid } => {
            let open = payout_of(ledger, payout)?;
            unassigned(ledger, &open.terms, posting)?;
            posted(ledger, open, posting)?;
            posting.fee_paid(payout_fee(ledger, &open.terms, &open.house), *fee_paid)?;
        }
        Fact::Failed { payout, fee_paid } => {
            let open = payout_of(ledger, payout)?;
            unassigned(ledger, &open.terms, posting)?;
            for item in &open.terms.items {
                posting.freed(claim(ledger, withdrawal_of(ledger, item)?));
            }
            posting.fee_paid(payout_fee(ledger, &open.terms, &open.house), *fee_paid)?;
        }
        Fact::SweepDeparted(terms) => {
            let (asset, from, to) = leg_names(ledger, terms);
            if terms.amount == 0 || terms.from_wallet == terms.to_wallet {
                return Err(format!("leg {} moves nothing", terms.leg));
            }
            posting.departed(asset, from, to, terms.amount);
            posting.fee_held(&leg_fee(ledger, terms, &ledger.house));
        }
        Fact::SweepArrived { leg, fee_paid } => {
            let open = leg_of(ledger, leg)?;
            let (asset, from, to) = leg_names(ledger, &open.terms);
            posting.arrived(asset, from, to, open.terms.amount);
            posting.fee_paid(leg_fee(ledger, &open.terms, &open.house), *fee_paid)?;
        }
        Fact::SweepFailed { leg, fee_paid } => {
            let open = leg_of(ledger, leg)?;
            let (asset, from, to) = leg_names(ledger, &open.terms);
            posting.returned(asset, from, to, open.terms.amount);
            posting.fee_paid(leg_fee(ledger, &open.terms, &open.house), *fee_paid)?;
        }
        Fact::Deposited(deposit) => {
            listed(ledger, &deposit.pool)?;
            *posting = ledger.deposits.credited(deposit, &mut find)?;
        }
        Fact::Transferred(order) => {
            let legs = order.legs.iter().filter_map(TransferLeg::terms);
            for terms in legs {
                listed(ledger, &terms.from)?;
                listed(ledger, &terms.to)?;
            }
            let (entries, taken) = ledger.transfers.taken(order, &mut find)?;
            *posting = entries;
            return Ok(Remembered::Taken(taken));
        }
        Fact::TransferExpired { initiator, pending } => {
            let expiring = ledger.transfers.expiring(initiator, pending);
            let (entries, key) = expiring.map_err(|status| status.tag().to_owned())?;
            *posting = entries;
            return Ok(Remembered::Expired(key));
        }
        Fact::SurplusFound(surplus) => {
            let entries = surplus.entries(&ledger.books, &mut find);
            *posting = entries.map_err(|error| error.to_string())?;
        }
        Fact::SuspenseReleased(release) => {
            if ledger.releases.contains(&release.id) {
                return Err(format!("release {} was made before", release.id));
            }
            listed(ledger, &release.pool)?;
            let entries = release.entries(&ledger.books, &mut find);
            *posting = entries.map_err(|error| error.to_string())?;
        }
        // Intake's holds are entered with their route.
        Fact::Submitted(_)
        | Fact::Released(_)
        | Fact::TransferRefused(_)
        | Fact::Halted { .. }
        | Fact::Resumed { .. }
        | Fact::IdsForgotten(_) => {}
    }
    Ok(Remembered::Nothing)
}

/// What is reserved for payouts and legs in progress.
pub(crate) fn reserved(ledger: &Ledger, posting: &mut Posting) -> Entered {
    for open in ledger.payouts.values() {
        assigned(ledger, &open.terms, posting)?;
        posting.fee_held(&payout_fee(ledger, &open.terms, &open.house));
    }
    for open in ledger.legs.values() {
        let (asset, from, to) = leg_names(ledger, &open.terms);
        posting.departed(asset, from, to, open.terms.amount);
        posting.fee_held(&leg_fee(ledger, &open.terms, &open.house));
    }
    Ok(())
}

/// That the policy has the pool: what comes to be owed is owed by one that somebody answers for.
fn listed(ledger: &Ledger, pool: &str) -> Entered {
    let found = ledger.pools.get(ledger.symbols.find(pool));
    found
        .map(|_| ())
        .ok_or_else(|| format!("the policy has no pool {pool}"))
}

/// That the table lets this happen to a withdrawal.
fn takes(withdrawal: &Withdrawal, event: Event) -> Entered {
    let after = withdrawal.state.after(event);
    after
        .map(|_| ())
        .ok_or_else(|| format!("{} is {}", withdrawal.id, withdrawal.state.name()))
}

/// That a payout takes each once, of those that wait for one.
fn assignable(ledger: &Ledger, terms: &PayoutTerms) -> Entered {
    let ids: BTreeSet<Ulid> = terms.items.iter().map(|item| item.id).collect();
    if ids.len() != terms.items.len() {
        return Err(format!("payout {} pays one twice", terms.payout));
    }
    let mut items = terms.items.iter();
    items.try_for_each(|item| takes(withdrawal_of(ledger, item)?, Event::Assign))
}

/// What leaves the wallet is reserved. What is paid and what is deducted must be what the intent says: a fact that says
/// otherwise never happened.
fn assigned(ledger: &Ledger, terms: &PayoutTerms, posting: &mut Posting) -> Entered {
    let wallet = ledger.symbols.find(&terms.wallet);
    let mut paid = None;
    for item in &terms.items {
        let withdrawal = withdrawal_of(ledger, item)?;
        if !adds_up(withdrawal, item) {
            return Err(format!("{} does not pay what was asked", item.id));
        }
        let subject = ledger.subject(withdrawal);
        if subject.wallet != wallet || *paid.get_or_insert(subject.asset) != subject.asset {
            return Err(format!("{} is of another wallet or asset", item.id));
        }
        posting.outflow_held(subject.asset, wallet, item.net_amount);
    }
    paid.map(|_| ())
        .ok_or_else(|| format!("payout {} pays nothing", terms.payout))
}

fn unassigned(ledger: &Ledger, terms: &PayoutTerms, posting: &mut Posting) -> Entered {
    let wallet = ledger.symbols.find(&terms.wallet);
    for item in &terms.items {
        let asset = ledger.subject(withdrawal_of(ledger, item)?).asset;
        posting.outflow_freed(asset, wallet, item.net_amount);
    }
    Ok(())
}

/// Each claim pays what leaves the wallet, and the house keeps the rest of it.
fn posted(ledger: &Ledger, open: &Open<PayoutTerms>, posting: &mut Posting) -> Entered {
    let wallet = ledger.symbols.find(&open.terms.wallet);
    let house = House(ledger.symbols.find(&open.house));
    for item in &open.terms.items {
        let withdrawal = withdrawal_of(ledger, item)?;
        let kept = withdrawal.service_fee().checked_add(item.fee_charged);
        let payment = Payment {
            wallet,
            net: item.net_amount,
            house,
            kept: kept.ok_or("the house's part exceeds 2^128")?,
        };
        posting.paid(claim(ledger, withdrawal), payment)?;
    }
    Ok(())
}

/// Whether a payout's item is what the intent asks for: in full, or less what may be deducted.
pub(crate) fn adds_up(withdrawal: &Withdrawal, item: &Assignment) -> bool {
    let whole = item.net_amount.checked_add(item.fee_charged) == Some(withdrawal.amount());
    let most = match withdrawal.fee_mode() {
        FeeMode::House => 0,
        FeeMode::Deduct { max_network_fee } => max_network_fee,
    };
    whole && item.net_amount > 0 && item.fee_charged <= most
}

/// What a withdrawal holds of its pool.
fn claim(ledger: &Ledger, withdrawal: &Withdrawal) -> Claim {
    let asset = ledger.subject(withdrawal).asset;
    Claim::of(asset, ledger.pool_of(withdrawal), withdrawal.hold())
}

fn payout_fee(ledger: &Ledger, terms: &PayoutTerms, house: &str) -> FeeClaim {
    let [asset, wallet, house] =
        [&terms.fee_asset, &terms.wallet, house].map(|name| ledger.symbols.find(name));
    FeeClaim::new(asset, House(house), wallet, terms.fee_reserved)
}

fn leg_fee(ledger: &Ledger, terms: &SweepTerms, house: &str) -> FeeClaim {
    let [asset, wallet, house] =
        [&terms.fee_asset, &terms.from_wallet, house].map(|name| ledger.symbols.find(name));
    FeeClaim::new(asset, House(house), wallet, terms.fee_cap)
}

fn leg_names(ledger: &Ledger, terms: &SweepTerms) -> (Symbol, Symbol, Symbol) {
    let find = |name: &str| ledger.symbols.find(name);
    (
        find(&terms.asset),
        find(&terms.from_wallet),
        find(&terms.to_wallet),
    )
}

fn payout_of<'a>(ledger: &'a Ledger, payout: &str) -> Result<&'a Open<PayoutTerms>, String> {
    ledger
        .payouts
        .get(payout)
        .ok_or_else(|| format!("no payout {payout}"))
}

fn leg_of<'a>(ledger: &'a Ledger, leg: &str) -> Result<&'a Open<SweepTerms>, String> {
    ledger.legs.get(leg).ok_or_else(|| format!("no leg {leg}"))
}

fn withdrawal_of<'a>(ledger: &'a Ledger, item: &Assignment) -> Result<&'a Withdrawal, String> {
    ledger
        .withdrawal(&item.id)
        .ok_or_else(|| format!("no withdrawal {}", item.id))
}
