//! What each fact enters in the books: the one place where amounts move.

use crate::books::{Claim, FeeClaim, House, Payment, Pool, Posting};
use crate::fact::{Assignment, Fact, PayoutTerms, SweepTerms};
use crate::ledger::{Ledger, Open};
use crate::slab::Slot;
use crate::state::Event;
use crate::symbols::Symbol;
use crate::transfers::{Remembered, TransferLeg};
use crate::withdrawal::{FeeMode, Withdrawal};

/// Done, or what the fact speaks of and the state does not have.
type Entered<T = ()> = Result<T, String>;

/// A fact's entries, in order. Names that no fact used so far are UNKNOWN: good enough to look ahead, refused on entry.
/// A payout's withdrawals are found on the way: `slots` takes their places, in the order of its items.
pub(crate) fn of(
    ledger: &Ledger,
    fact: &Fact,
    posting: &mut Posting,
    slots: &mut Vec<Slot>,
) -> Entered<Remembered> {
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
            *slots = places(ledger, terms)?;
            assignable(ledger, terms, slots)?;
            assigned(ledger, terms, slots, posting)?;
            posting.fee_held(&fee);
        }
        Fact::Unassigned { payout } => {
            let open = payout_of(ledger, payout)?;
            *slots = places(ledger, &open.terms)?;
            unassigned(ledger, &open.terms, slots, posting)?;
            posting.fee_freed(payout_fee(ledger, &open.terms, &open.house));
        }
        Fact::Posted { payout, fee_paid } => {
            let open = payout_of(ledger, payout)?;
            *slots = places(ledger, &open.terms)?;
            unassigned(ledger, &open.terms, slots, posting)?;
            posted(ledger, open, slots, posting)?;
            posting.fee_paid(payout_fee(ledger, &open.terms, &open.house), *fee_paid)?;
        }
        Fact::Failed { payout, fee_paid } => {
            let open = payout_of(ledger, payout)?;
            *slots = places(ledger, &open.terms)?;
            unassigned(ledger, &open.terms, slots, posting)?;
            for slot in slots {
                posting.freed(claim(ledger, at(ledger, *slot)?));
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
        assigned(ledger, &open.terms, &places(ledger, &open.terms)?, posting)?;
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
fn assignable(ledger: &Ledger, terms: &PayoutTerms, slots: &[Slot]) -> Entered {
    let mut sorted = slots.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|two| two.first() == two.last()) {
        return Err(format!("payout {} pays one twice", terms.payout));
    }
    let mut slots = slots.iter();
    slots.try_for_each(|slot| takes(at(ledger, *slot)?, Event::Assign))
}

/// What leaves the wallet is reserved. What is paid and what is deducted must be what the intent says: a fact that says
/// otherwise never happened.
fn assigned(
    ledger: &Ledger,
    terms: &PayoutTerms,
    slots: &[Slot],
    posting: &mut Posting,
) -> Entered {
    let wallet = ledger.symbols.find(&terms.wallet);
    let mut paid = None;
    let mut leaves = Alike::default();
    for (item, slot) in terms.items.iter().zip(slots) {
        let withdrawal = at(ledger, *slot)?;
        if !adds_up(withdrawal, item) {
            return Err(format!("{} does not pay what was asked", item.id));
        }
        let subject = ledger.subject(withdrawal);
        if subject.wallet != wallet || *paid.get_or_insert(subject.asset) != subject.asset {
            return Err(format!("{} is of another wallet or asset", item.id));
        }
        if let Some((asset, [sum])) = leaves.add(subject.asset, [item.net_amount]) {
            posting.outflow_held(asset, wallet, sum);
        }
    }
    if let Some((asset, [sum])) = leaves.0 {
        posting.outflow_held(asset, wallet, sum);
    }
    paid.map(|_| ())
        .ok_or_else(|| format!("payout {} pays nothing", terms.payout))
}

fn unassigned(
    ledger: &Ledger,
    terms: &PayoutTerms,
    slots: &[Slot],
    posting: &mut Posting,
) -> Entered {
    let wallet = ledger.symbols.find(&terms.wallet);
    let mut leaves = Alike::default();
    for (item, slot) in terms.items.iter().zip(slots) {
        let asset = ledger.asset_of(at(ledger, *slot)?);
        if let Some((asset, [sum])) = leaves.add(asset, [item.net_amount]) {
            posting.outflow_freed(asset, wallet, sum);
        }
    }
    if let Some((asset, [sum])) = leaves.0 {
        posting.outflow_freed(asset, wallet, sum);
    }
    Ok(())
}

/// Each claim pays what leaves the wallet, and the house keeps the rest of it.
fn posted(
    ledger: &Ledger,
    open: &Open<PayoutTerms>,
    slots: &[Slot],
    posting: &mut Posting,
) -> Entered {
    let wallet = ledger.symbols.find(&open.terms.wallet);
    let house = House(ledger.symbols.find(&open.house));
    let mut pay = |((asset, pool), [hold, net, kept]): ((Symbol, Symbol), [u128; 3])| {
        let payment = Payment {
            wallet,
            net,
            house,
            kept,
        };
        posting.paid(Claim::of(asset, pool, hold), payment)
    };
    let mut claims = Alike::default();
    for (item, slot) in open.terms.items.iter().zip(slots) {
        let withdrawal = at(ledger, *slot)?;
        let Claim {
            asset,
            pool,
            amount,
        } = claim(ledger, withdrawal);
        let kept = withdrawal.service_fee().checked_add(item.fee_charged);
        let kept = kept.ok_or("the house's part exceeds 2^128")?;
        if item.net_amount.checked_add(kept) != Some(amount) {
            return Err(format!("{} and {kept} of {amount}", item.net_amount));
        }
        if let Some(alike) = claims.add((asset, pool), [amount, item.net_amount, kept]) {
            pay(alike)?;
        }
    }
    claims.0.map_or(Ok(()), pay)
}

/// Neighbours that are entered alike, as one entry: their amounts added up, for as long as they fit.
struct Alike<K, const N: usize>(Option<(K, [u128; N])>);

impl<K, const N: usize> Default for Alike<K, N> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Copy + PartialEq, const N: usize> Alike<K, N> {
    /// Adds one more; answers with those before it when it is of another kind or no longer fits.
    fn add(&mut self, kind: K, amounts: [u128; N]) -> Option<(K, [u128; N])> {
        if let Some((known, sums)) = &mut self.0
            && *known == kind
        {
            let mut added = *sums;
            let mut parts = added.iter_mut().zip(amounts);
            let fit = parts.all(|(sum, one)| match sum.checked_add(one) {
                Some(both) => {
                    *sum = both;
                    true
                }
                None => false,
            });
            if fit {
                *sums = added;
                return None;
            }
        }
        self.0.replace((kind, amounts))
    }
}

/// Where a payout's withdrawals are, in the order of its items.
fn places(ledger: &Ledger, terms: &PayoutTerms) -> Entered<Vec<Slot>> {
    let items = terms.items.iter();
    let place = |item: &Assignment| {
        let slot = ledger.ids.slot(&item.id);
        slot.ok_or_else(|| format!("no withdrawal {}", item.id))
    };
    items.map(place).collect()
}

fn at(ledger: &Ledger, slot: Slot) -> Entered<&Withdrawal> {
    Ok(ledger.ids.at(slot).ok_or("no such slot")?)
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
    let asset = ledger.asset_of(withdrawal);
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
