//! The whole state, what may be read of it, and its hash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::books::{Books, Draft, Pools, Posting, Purpose};
use crate::candidate::{Candidate, Names};
use crate::error::LedgerError;
use crate::fact::{PayoutTerms, SweepTerms};
use crate::halts::{Halts, Scope};
use crate::ids::Ids;
use crate::limits::{Charges, LimitBook, LimitRule, Plan};
use crate::old_ids::SharedOldIds;
use crate::payout_ids::PayoutIds;
use crate::queue::Queue;
use crate::routes::{Route, RouteId, Routes};
use crate::state::State;
use crate::subject::Subject;
use crate::submission::{Submission, subject};
use crate::symbols::{Symbol, Symbols};
use crate::transfers::{DepositBook, TransferBook};
use crate::ulid::Ulid;
use crate::withdrawal::Withdrawal;

/// A payout or leg in progress, with the house pool that its fee was reserved in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open<T> {
    pub terms: T,
    pub house: String,
}

/// A withdrawal's names, as its intent and the rules wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawalNames<'a> {
    /// CAIP-19.
    pub asset: &'a str,
    /// Who asked.
    pub initiator: &'a str,
    /// The class of limits; empty for none.
    pub class: &'a str,
    /// The wallet that pays.
    pub wallet: &'a str,
    /// The pool that is debited.
    pub pool: &'a str,
    /// The rule that held it; empty when it was accepted.
    pub tag: &'a str,
    /// The payout that pays or paid it; empty before.
    pub payout: &'a str,
    /// The limits that count it, in order of id.
    pub charged: Vec<&'a str>,
}

/// Accounts, holds, queue and limits of one partition.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub(crate) poisoned: Option<String>,
    pub(crate) house: String,
    pub(crate) books: Books,
    pub(crate) scratch: (Posting, Draft), // used again for each fact
    pub(crate) pools: Pools,
    pub(crate) transfers: TransferBook,
    pub(crate) deposits: DepositBook,
    pub(crate) releases: BTreeSet<String>,
    pub(crate) opened: BTreeSet<(String, String, String)>,
    pub(crate) symbols: Symbols,
    pub(crate) routes: Routes,
    /// The route of the last withdrawal, by the very names that it came with; no part of the state.
    pub(crate) recent: Option<(Arc<Names>, RouteId, Route)>,
    pub(crate) ids: Ids,
    pub(crate) payout_ids: PayoutIds,
    /// The largest time that a fact was recorded at.
    pub(crate) time_ms: u64,
    pub(crate) old: SharedOldIds,
    /// A digest of all references that left memory, in order.
    pub(crate) forgotten: [u8; 32],
    pub(crate) payouts: BTreeMap<String, Open<PayoutTerms>>,
    pub(crate) legs: BTreeMap<String, Open<SweepTerms>>,
    pub(crate) halts: Halts,
    pub(crate) limits: LimitBook,
    pub(crate) queue: Queue,
}

impl Ledger {
    /// An empty ledger; nothing passes until `configure` names its pools.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the pools and the limits of a policy, both or neither, when its record is written and when it is replayed.
    /// What was spent stays spent: a limit that is new or counts otherwise counts the withdrawals of its window over
    /// again. What a pool no longer listed has, it keeps: its holds are paid, and nothing more is credited to it.
    ///
    /// # Errors
    /// `Malformed`: nothing changed. `Broken`.
    pub fn configure(
        &mut self,
        listed: &[(String, Purpose)],
        limits: Vec<LimitRule>,
    ) -> Result<(), LedgerError> {
        self.intact()?;
        let mut symbols = self.symbols.clone();
        let mut plan = self.limits.plan(&limits, &mut symbols)?;
        let pools = listed
            .iter()
            .map(|(name, purpose)| (symbols.intern(name), *purpose));
        let pools = Pools::new(pools).map_err(|reason| LedgerError::malformed("pools", reason))?;
        let house = pools.house().map_or(Symbol::NONE, |house| house.0);
        let counts = !plan.is_complete();
        if counts {
            self.count_again(&mut plan, &symbols)?;
        }
        self.limits.take(plan);
        symbols.name(house).clone_into(&mut self.house);
        self.symbols = symbols;
        self.pools = pools;
        if counts {
            self.charge_again()?;
        }
        Ok(())
    }

    /// Counts every withdrawal in memory that was not given back into the limits that are new.
    fn count_again(&self, plan: &mut Plan, symbols: &Symbols) -> Result<(), LedgerError> {
        let slots = self.ids.slots();
        let mut counted: Vec<&Withdrawal> = slots
            .into_iter()
            .filter_map(|slot| self.ids.at(slot))
            .filter(|withdrawal| !matches!(withdrawal.state, State::Voided(_)))
            .collect();
        counted.sort_by_key(|withdrawal| withdrawal.charged_ms());
        counted.into_iter().try_for_each(|w| {
            plan.count(&self.subject(w), w.hold(), w.charged_ms())
                .map_err(|error| {
                    let limit = format!("limits.{}", symbols.name(error.limit()));
                    LedgerError::malformed(&limit, error.to_string())
                })
        })
    }

    /// Gives withdrawals that do not follow whatever covers them the limits that are new.
    fn charge_again(&mut self) -> Result<(), LedgerError> {
        for slot in self.ids.slots() {
            let Some(withdrawal) = self.ids.at(slot) else {
                continue;
            };
            let (before, subject) = (withdrawal.charges, self.subject(withdrawal));
            if before == Charges::COVERING {
                continue;
            }
            let charges = self.limits.recharged(before, &subject);
            let charges = charges.map_err(|error| LedgerError::Broken(error.to_string()))?;
            if let Some(withdrawal) = self.ids.at_mut(slot) {
                withdrawal.charges = charges;
            }
        }
        Ok(())
    }

    /// The ids of the limits that a submission charges, in order.
    #[must_use]
    pub fn charged_limits(&self, fact: &Submission) -> Vec<&str> {
        let limits = self
            .limits
            .limits_of(fact.charges, &self.asked_by(&fact.candidate));
        limits
            .into_iter()
            .map(|limit| self.symbols.name(limit))
            .collect()
    }

    /// The charges of a stored submission, from the ids that its record names.
    ///
    /// # Errors
    /// `Malformed`: a limit that is not in force.
    pub fn stored_charges(
        &mut self,
        candidate: &Candidate,
        limits: &[String],
    ) -> Result<Charges, LedgerError> {
        let subject = self.asked_by(candidate);
        let symbols = limits.iter().map(|limit| self.symbols.find(limit));
        self.limits
            .charges_of(symbols, &subject)
            .map_err(|error| LedgerError::malformed("charged_limits", error.to_string()))
    }

    /// What limits, halts and queue see of a candidate; nothing is stored under it.
    pub(crate) fn asked_by(&self, candidate: &Candidate) -> Subject {
        subject(&self.route_of(&candidate.names), candidate)
    }

    /// A candidate's route; UNKNOWN in it is what no fact used yet.
    pub(crate) fn route_of(&self, names: &Arc<Names>) -> Route {
        match &self.recent {
            Some((known, _, route)) if Arc::ptr_eq(known, names) => *route,
            _ => Route::find(names, &self.symbols),
        }
    }

    /// Whether the ledger may still be used.
    ///
    /// # Errors
    /// `Broken`, once a fact failed to apply.
    pub fn intact(&self) -> Result<(), LedgerError> {
        self.poisoned
            .clone()
            .map_or(Ok(()), |reason| Err(LedgerError::Broken(reason)))
    }

    /// Stops the ledger for good: what follows a bug elsewhere (a panic, a failed append) must not be decided here.
    pub fn poison(&mut self, reason: &str) {
        self.poisoned.get_or_insert_with(|| reason.to_owned());
    }

    /// Says when the facts that follow are recorded, live and on replay: the ledger's time, which never goes back.
    pub fn see(&mut self, now_ms: u64) {
        self.time_ms = self.time_ms.max(now_ms);
        self.limits.see(now_ms);
    }

    /// One withdrawal in memory.
    #[must_use]
    pub fn withdrawal(&self, id: &Ulid) -> Option<&Withdrawal> {
        self.ids.get(id)
    }

    /// Every withdrawal in memory older than `before`, newest first.
    pub fn withdrawals_before(&self, before: Option<Ulid>) -> impl Iterator<Item = &Withdrawal> {
        self.ids.newest_first(before)
    }

    /// How many withdrawals are in memory, the ended ones too.
    #[must_use]
    pub fn withdrawals_len(&self) -> usize {
        self.ids.len()
    }

    /// What limits, halts and queue see of a withdrawal.
    #[must_use]
    pub fn subject(&self, withdrawal: &Withdrawal) -> Subject {
        let route = self.routes.get(withdrawal.route);
        let name = |of: fn(&Route) -> Symbol| route.map_or(Symbol::UNKNOWN, of);
        Subject {
            asset: name(|route| route.asset),
            initiator: name(|route| route.initiator),
            class: name(|route| route.class),
            wallet: name(|route| route.wallet),
            customer: withdrawal.customer,
            destination: withdrawal.destination,
        }
    }

    /// The asset of a withdrawal.
    pub(crate) fn asset_of(&self, withdrawal: &Withdrawal) -> Symbol {
        let route = self.routes.get(withdrawal.route);
        route.map_or(Symbol::UNKNOWN, |route| route.asset)
    }

    /// The pool that a withdrawal debits.
    #[must_use]
    pub fn pool_of(&self, withdrawal: &Withdrawal) -> Symbol {
        let route = self.routes.get(withdrawal.route);
        route.map_or(Symbol::UNKNOWN, |route| route.pool)
    }

    /// A withdrawal's names.
    #[must_use]
    pub fn names(&self, withdrawal: &Withdrawal) -> WithdrawalNames<'_> {
        let subject = self.subject(withdrawal);
        let name = |symbol| self.symbols.name(symbol);
        WithdrawalNames {
            asset: name(subject.asset),
            initiator: name(subject.initiator),
            class: name(subject.class),
            wallet: name(subject.wallet),
            pool: name(self.pool_of(withdrawal)),
            tag: name(withdrawal.tag),
            payout: self.payout_ids.name(withdrawal.payout),
            charged: self
                .limits
                .limits_of(withdrawal.charges, &subject)
                .into_iter()
                .map(name)
                .collect(),
        }
    }

    /// The numbers of names.
    #[must_use]
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// The halts in force.
    pub fn halts(&self) -> impl Iterator<Item = (&str, Vec<&Scope>)> {
        self.halts.iter()
    }

    /// The first halt and scope that stop this withdrawal's payout.
    #[must_use]
    pub fn stop_of(&self, withdrawal: &Withdrawal) -> Option<(&str, &Scope)> {
        self.halts.stop_payout(&self.subject(withdrawal))
    }

    /// The limits with what was spent.
    #[must_use]
    pub fn limits(&self) -> &LimitBook {
        &self.limits
    }

    /// A payout in progress.
    #[must_use]
    pub fn payout(&self, payout: &str) -> Option<&PayoutTerms> {
        self.payouts.get(payout).map(|open| &open.terms)
    }

    /// A leg in progress.
    #[must_use]
    pub fn leg(&self, leg: &str) -> Option<&SweepTerms> {
        self.legs.get(leg).map(|open| &open.terms)
    }

    /// Checks that every asset's book is balanced and nothing available is negative.
    ///
    /// # Errors
    /// `Broken` with what does not hold.
    pub fn conservation(&self) -> Result<(), LedgerError> {
        self.intact()?;
        self.books.check_all().map_err(|error| match error {
            LedgerError::Broken(reason) => LedgerError::Broken(self.symbols.spelled(&reason)),
            other => other,
        })
    }
}
