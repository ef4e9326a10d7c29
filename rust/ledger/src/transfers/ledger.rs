//! The ledger's pools, and what it answers about deposits, pool transfers and suspense.

use std::collections::BTreeMap;

use crate::books::Purpose;
use crate::canonical::Canonical;
use crate::error::LedgerError;
use crate::fact::Fact;
use crate::ledger::Ledger;
use crate::tags;
use crate::transfers::book::TransferView;
use crate::transfers::decide::{Around, TransferAnswer};
use crate::transfers::deposit::{Deposit, DepositAnswer};
use crate::transfers::order::{PendingName, TransferOrder};
use crate::transfers::suspense::{Surplus, SuspenseRelease};

type Decided = Result<Fact, LedgerError>;

impl Ledger {
    /// A final output is credited to a pool, once.
    ///
    /// # Errors
    /// In this order: `deposit.other`, `ledger.amount`, `pool.unknown`, `ledger.suspense_short`, `ledger.overflow`.
    pub fn decide_deposit(&self, deposit: Deposit) -> Result<DepositAnswer, LedgerError> {
        self.intact()?;
        let deposits = &self.deposits;
        deposits.decide(&self.books, &self.symbols, &self.pools, deposit)
    }

    /// An order of pool transfers whose form and signatures are checked: one status for each leg, all `Done` or none.
    ///
    /// # Errors
    /// `Malformed`: no reference, or legs beyond 1 to `MAX_LEGS`.
    pub fn decide_transfer(
        &self,
        order: TransferOrder,
        now_ms: u64,
    ) -> Result<TransferAnswer, LedgerError> {
        self.intact()?;
        let asset_halted = |asset: &str| {
            let asset = self.symbols.find(asset);
            self.halts.stop_transfer(asset).is_some()
        };
        let around = Around {
            books: &self.books,
            symbols: &self.symbols,
            pools: &self.pools,
            transfers: &self.transfers,
            intake_halted: self.halts.stop_intake().is_some(),
            asset_halted: &asset_halted,
            now_ms,
        };
        around.decide(order)
    }

    /// A pending transfer returns, its time having passed. No halt keeps it.
    ///
    /// # Errors
    /// `transfer.pending_unknown`, `.not_pending`, `.already_posted`, `.already_voided`, `.expired` (it has returned),
    /// `ledger.not_expired`.
    pub fn decide_transfer_expiry(
        &self,
        initiator: &str,
        pending: &PendingName,
        now_ms: u64,
    ) -> Decided {
        self.intact()?;
        let named = || format!("{initiator} {} {}", pending.reference, pending.leg);
        self.transfers
            .expiring(initiator, pending)
            .map_err(|status| LedgerError::denied(status.tag(), named()))?;
        let found = self.transfers.pending_named(initiator, pending);
        let expires_ms = found.map_or(u64::MAX, |pending| pending.expires_ms);
        if now_ms < expires_ms {
            let detail = format!("it expires at {expires_ms}");
            return Err(LedgerError::denied(tags::NOT_EXPIRED, detail));
        }
        Ok(Fact::TransferExpired {
            initiator: initiator.to_owned(),
            pending: pending.clone(),
        })
    }

    /// A wallet has more than the ledger says: the surplus goes to suspense.
    ///
    /// # Errors
    /// `ledger.amount`, `ledger.balance_moved`, `ledger.overflow`.
    pub fn decide_surplus(&self, surplus: Surplus) -> Decided {
        self.intact()?;
        surplus.entries(&self.books, &mut |name| self.symbols.find(name))?;
        self.feasible(Fact::SurplusFound(surplus))
    }

    /// What is in suspense belongs to a pool.
    ///
    /// # Errors
    /// `ledger.exists`, `ledger.amount`, `pool.unknown`, `ledger.suspense_short`, `ledger.overflow`.
    pub fn decide_suspense_release(&self, release: SuspenseRelease) -> Decided {
        self.intact()?;
        if release.id.is_empty() {
            return Err(LedgerError::malformed("release_id", "is required"));
        }
        if self.releases.contains(&release.id) {
            return Err(LedgerError::denied(tags::EXISTS, release.id));
        }
        if release.amount == 0 {
            return Err(LedgerError::denied(tags::AMOUNT, "zero"));
        }
        if self.pools.get(self.symbols.find(&release.pool)).is_none() {
            return Err(LedgerError::denied(tags::POOL_UNKNOWN, release.pool));
        }
        release.entries(&self.books, &mut |name| self.symbols.find(name))?;
        self.feasible(Fact::SuspenseReleased(release))
    }

    /// Pending transfers whose time has passed, initiator and leg each, the longest passed first.
    #[must_use]
    pub fn expired_transfers(&self, now_ms: u64, most: usize) -> Vec<(String, PendingName)> {
        self.transfers.expired(now_ms, most)
    }

    /// What was answered for good to an order, and what became of it.
    #[must_use]
    pub fn transfer(&self, initiator: &str, reference: &str) -> Option<TransferView> {
        self.transfers.view(&self.symbols, initiator, reference)
    }

    fn write_pools(&self, out: &mut Canonical) {
        let named = self
            .pools
            .iter()
            .map(|(name, purpose)| (self.symbols.name(name), purpose));
        let named: BTreeMap<&str, Purpose> = named.collect();
        out.length(named.len());
        for (name, purpose) in named {
            out.text(name).text(purpose.name());
        }
    }

    /// The room's part of the state, for its hash.
    pub(crate) fn write_owed(&self, out: &mut Canonical) {
        self.write_pools(out);
        self.transfers.write(&self.symbols, out);
        self.deposits.write(&self.symbols, out);
        out.length(self.releases.len());
        self.releases.iter().for_each(|id| {
            out.text(id);
        });
    }
}
