//! What each fact enters in the books: the one place where amounts move.

use crate::account::AccountName;
use crate::books::{Change, Entry};
use crate::fact::{Fact, PayoutTerms, SweepTerms};
use crate::ledger::{Ledger, Open, WithdrawalNames};
use crate::withdrawal::Withdrawal;

/// Entries in order; an error names what the fact speaks of and the state does not have.
pub(crate) type Entries<'a> = Result<Vec<Entry<'a>>, String>;

pub(crate) fn of<'a>(ledger: &'a Ledger, fact: &'a Fact) -> Entries<'a> {
    match fact {
        Fact::Submitted(fact) => match fact.id {
            None => Ok(Vec::new()),
            Some(_) => {
                let hold = fact
                    .candidate
                    .amount
                    .checked_add(fact.candidate.service_fee);
                let hold = hold.ok_or("the hold exceeds 2^128")?;
                Ok(vec![entry(
                    &fact.candidate.names.asset,
                    hold,
                    Change::PendDebit(pool(&fact.candidate.names.pool)),
                )])
            }
        },
        Fact::Opened {
            wallet: id,
            asset,
            amount,
            pool: name,
        } => Ok(vec![entry(
            asset,
            *amount,
            Change::Post(wallet(id), pool(name)),
        )]),
        Fact::Voided { id, .. } => {
            let withdrawal = ledger
                .withdrawal(id)
                .ok_or_else(|| format!("no withdrawal {id}"))?;
            Ok(vec![unhold(ledger, withdrawal)])
        }
        Fact::Assigned(terms) => assigned(ledger, terms, &ledger.house, true),
        Fact::Unassigned { payout } => {
            let open = payout_of(ledger, payout)?;
            assigned(ledger, &open.terms, &open.house, false)
        }
        Fact::Posted { payout, fee_paid } => posted(ledger, payout_of(ledger, payout)?, *fee_paid),
        Fact::Failed { payout, fee_paid } => {
            let open = payout_of(ledger, payout)?;
            let mut entries = assigned(ledger, &open.terms, &open.house, false)?;
            for item in &open.terms.items {
                entries.push(unhold(ledger, withdrawal_of(ledger, item)?));
            }
            entries.push(fee(
                &open.terms.fee_asset,
                *fee_paid,
                &open.house,
                &open.terms.wallet,
            ));
            Ok(entries)
        }
        Fact::SweepDeparted(terms) => Ok(departed(terms, &ledger.house, true)),
        Fact::SweepArrived { leg, fee_paid } => {
            let open = leg_of(ledger, leg)?;
            let t = &open.terms;
            let mut entries = departed(t, &open.house, false);
            entries.push(entry(
                &t.asset,
                t.amount,
                Change::Post(AccountName::InFlight, wallet(&t.from_wallet)),
            ));
            entries.push(entry(
                &t.asset,
                t.amount,
                Change::Post(wallet(&t.to_wallet), AccountName::InFlight),
            ));
            entries.push(fee(&t.fee_asset, *fee_paid, &open.house, &t.from_wallet));
            Ok(entries)
        }
        Fact::SweepFailed { leg, fee_paid } => {
            let open = leg_of(ledger, leg)?;
            let mut entries = departed(&open.terms, &open.house, false);
            entries.push(fee(
                &open.terms.fee_asset,
                *fee_paid,
                &open.house,
                &open.terms.from_wallet,
            ));
            Ok(entries)
        }
        Fact::Released(_) | Fact::Halted { .. } | Fact::Resumed { .. } | Fact::IdsForgotten(_) => {
            Ok(Vec::new())
        }
    }
}

/// A payout's reservations: what leaves the wallet, and the fee in wallet and house.
fn assigned<'a>(
    ledger: &'a Ledger,
    terms: &'a PayoutTerms,
    house: &str,
    reserve: bool,
) -> Entries<'a> {
    let mut entries = Vec::new();
    for item in &terms.items {
        let withdrawal = withdrawal_of(ledger, item)?;
        entries.push(entry(
            ledger.names(withdrawal).asset,
            item.net_amount,
            outflow(reserve, &terms.wallet),
        ));
    }
    entries.push(entry(
        &terms.fee_asset,
        terms.fee_reserved,
        outflow(reserve, &terms.wallet),
    ));
    entries.push(entry(
        &terms.fee_asset,
        terms.fee_reserved,
        house_hold(reserve, house),
    ));
    Ok(entries)
}

fn posted<'a>(ledger: &'a Ledger, open: &'a Open<PayoutTerms>, fee_paid: u128) -> Entries<'a> {
    let mut entries = assigned(ledger, &open.terms, &open.house, false)?;
    for item in &open.terms.items {
        let withdrawal = withdrawal_of(ledger, item)?;
        let WithdrawalNames {
            asset, pool: from, ..
        } = ledger.names(withdrawal);
        let to_house = withdrawal
            .service_fee()
            .checked_add(item.fee_charged)
            .ok_or("the house's part exceeds 2^128")?;
        entries.push(unhold(ledger, withdrawal));
        entries.push(entry(
            asset,
            item.net_amount,
            Change::Post(pool(from), wallet(&open.terms.wallet)),
        ));
        entries.push(entry(
            asset,
            to_house,
            Change::Post(pool(from), pool(&open.house)),
        ));
    }
    entries.push(fee(
        &open.terms.fee_asset,
        fee_paid,
        &open.house,
        &open.terms.wallet,
    ));
    Ok(entries)
}

/// A leg's reservations: what leaves, what is on its way, what will arrive, and the fee.
fn departed<'a>(t: &'a SweepTerms, house: &str, reserve: bool) -> Vec<Entry<'a>> {
    let arrives = |name: AccountName| {
        if reserve {
            Change::PendDebit(name)
        } else {
            Change::UnpendDebit(name)
        }
    };
    let leaves = |name: AccountName| {
        if reserve {
            Change::PendCredit(name)
        } else {
            Change::UnpendCredit(name)
        }
    };
    vec![
        entry(&t.asset, t.amount, outflow(reserve, &t.from_wallet)),
        entry(&t.asset, t.amount, arrives(AccountName::InFlight)),
        entry(&t.asset, t.amount, leaves(AccountName::InFlight)),
        entry(&t.asset, t.amount, arrives(wallet(&t.to_wallet))),
        entry(&t.fee_asset, t.fee_cap, outflow(reserve, &t.from_wallet)),
        entry(&t.fee_asset, t.fee_cap, house_hold(reserve, house)),
    ]
}

fn entry(asset: &str, amount: u128, change: Change) -> Entry<'_> {
    Entry {
        asset,
        amount,
        change,
    }
}

/// The network's fee: the house's loss, gone from the wallet.
fn fee<'a>(asset: &'a str, paid: u128, house: &str, from: &str) -> Entry<'a> {
    entry(asset, paid, Change::Post(pool(house), wallet(from)))
}

fn unhold<'a>(ledger: &'a Ledger, withdrawal: &Withdrawal) -> Entry<'a> {
    let names = ledger.names(withdrawal);
    entry(
        names.asset,
        withdrawal.hold(),
        Change::UnpendDebit(pool(names.pool)),
    )
}

fn outflow(reserve: bool, id: &str) -> Change {
    if reserve {
        Change::PendCredit(wallet(id))
    } else {
        Change::UnpendCredit(wallet(id))
    }
}

fn house_hold(reserve: bool, house: &str) -> Change {
    if reserve {
        Change::PendDebit(pool(house))
    } else {
        Change::UnpendDebit(pool(house))
    }
}

fn pool(name: &str) -> AccountName {
    AccountName::Pool(name.to_owned())
}

fn wallet(id: &str) -> AccountName {
    AccountName::Wallet(id.to_owned())
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

fn withdrawal_of<'a>(
    ledger: &'a Ledger,
    item: &crate::fact::Assignment,
) -> Result<&'a Withdrawal, String> {
    ledger
        .withdrawal(&item.id)
        .ok_or_else(|| format!("no withdrawal {}", item.id))
}
