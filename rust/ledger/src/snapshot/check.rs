//! What a ledger that was read must hold besides its own form: every amount that is reserved is reserved for what is
//! open, and for nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::books::{Account, Claim, Posting};
use crate::entries;
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::state::State;
use crate::symbols::Symbol;
use crate::ulid::Ulid;

type Reserved = BTreeMap<(Symbol, Account), [u128; 2]>;

impl Ledger {
    /// Checks it all.
    ///
    /// # Errors
    /// `Malformed` with what does not hold.
    pub(super) fn check_restored(&self) -> Result<(), LedgerError> {
        self.conservation()
            .and_then(|()| self.check_reserved().map_err(LedgerError::Broken))
            .map_err(|error| LedgerError::malformed("snapshot.books", error.to_string()))
    }

    fn check_reserved(&self) -> Result<(), String> {
        let mut posting = Posting::default();
        let assigned = self.held(&mut posting)?;
        let mut paid: BTreeSet<Ulid> = BTreeSet::new();
        for open in self.payouts.values() {
            for item in &open.terms.items {
                let withdrawal = self.withdrawal(&item.id);
                let bound = withdrawal.is_some_and(|withdrawal| {
                    withdrawal.state == State::Assigned
                        && self.payout_ids.name(withdrawal.payout) == open.terms.payout
                });
                if !bound || !paid.insert(item.id) {
                    return Err(format!("{} is not {}'s", item.id, open.terms.payout));
                }
            }
        }
        if paid.len() != assigned {
            return Err(format!("{assigned} assigned, {} in payouts", paid.len()));
        }
        entries::reserved(self, &mut posting)?;
        self.transfers.reserved(&mut posting);
        self.compare(&posting)
    }

    /// What withdrawals hold of their pools, added up by route; and how many are assigned.
    fn held(&self, posting: &mut Posting) -> Result<usize, String> {
        let mut sums = vec![0_u128; self.routes.all().len()];
        let mut assigned = 0_usize;
        for (_, withdrawal) in self.ids.withdrawals_in_time() {
            match withdrawal.state {
                State::Posted | State::Voided(_) => continue,
                State::Assigned => assigned = assigned.saturating_add(1),
                State::Held | State::Queued => {}
            }
            let index = usize::try_from(withdrawal.route.number()).unwrap_or(usize::MAX);
            let sum = sums.get_mut(index).ok_or("no such route")?;
            *sum = sum
                .checked_add(withdrawal.hold())
                .ok_or("holds exceed 2^128")?;
        }
        for (route, sum) in self.routes.all().iter().zip(sums) {
            if sum > 0 {
                posting.held(&Claim::of(route.asset, route.pool, sum));
            }
        }
        Ok(assigned)
    }

    fn compare(&self, posting: &Posting) -> Result<(), String> {
        let mut expected = Reserved::new();
        for (asset, account, amounts) in posting.reserved() {
            let sums = expected.entry((asset, account)).or_default();
            for (sum, amount) in sums.iter_mut().zip(amounts) {
                *sum = sum.checked_add(amount).ok_or("reserved beyond 2^128")?;
            }
        }
        expected.retain(|_, sums| *sums != [0, 0]);
        for (asset, account, balance) in self.books.rows() {
            let sums = expected.remove(&(asset, account)).unwrap_or_default();
            if sums != [balance.debits_pending, balance.credits_pending] {
                let name = self.symbols.name(asset);
                return Err(format!("{account:?} of {name} has reserved other amounts"));
            }
        }
        match expected.is_empty() {
            true => Ok(()),
            false => Err("something is reserved of an account that is not there".to_owned()),
        }
    }
}
