//! `custody._core.ledger`: the ledger behind one lock, each call with the GIL released, each error an exception of
//! `custody.errors`.

use std::sync::{Arc, Mutex};

use custody_ledger::{
    AccountName, End, Fact, LedgerError, Name128, OldIds, PayoutTerms, Scope, SweepTerms,
};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use crate::errors::raise;
use crate::intake::{Prepared, Rules};
use crate::ledger_ids::{self as ids, assignments, ulid, ulids};
use crate::ledger_state::{Decided, State};
use crate::ledger_views::{self as views, Dict};

/// Fills `custody._core.ledger`.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Ledger>()?;
    module.add_class::<crate::limits::LimitBook>()?;
    crate::ledger_explain::fill(module)?;
    crate::ledger_queue::fill(module)?;
    crate::ledger_snapshot::fill(module)?;
    crate::transfers::fill(module)?;
    module.add_function(wrap_pyfunction!(ids::tags, module)?)?;
    module.add_function(wrap_pyfunction!(ids::reference_key, module)?)?;
    module.add_function(wrap_pyfunction!(ids::ulid_text, module)?)?;
    module.add_function(wrap_pyfunction!(ids::ulid_bytes, module)?)
}

/// Accounts, holds, queue and limits of one partition.
#[pyclass(frozen, module = "custody._core.ledger")]
pub struct Ledger {
    pub(crate) state: Mutex<State>,
    /// Read without the lock.
    pub(crate) old: Arc<OldIds>,
}

#[pymethods]
impl Ledger {
    #[new]
    fn new() -> Self {
        Self::of(State::default())
    }

    fn set_rules(&self, py: Python<'_>, rules: &Rules, keyring_version: u64) -> PyResult<()> {
        let rules = Arc::clone(&rules.inner);
        self.run(py, |state| {
            state.ledger.configure(&rules.pools, rules.limits.clone())?;
            (state.rules, state.keyring_version) = (Some(rules), keyring_version);
            Ok(())
        })
    }

    fn set_keyring_version(&self, py: Python<'_>, keyring_version: u64) -> PyResult<()> {
        self.run(py, |state| {
            state.keyring_version = keyring_version;
            Ok(())
        })
    }

    fn submit<'py>(
        &self,
        py: Python<'py>,
        prepared: Vec<Bound<'py, Prepared>>,
        now_ms: u64,
        first_sequence: u64,
    ) -> PyResult<Bound<'py, PyList>> {
        let group: Vec<_> = prepared
            .iter()
            .map(|each| Arc::clone(&each.get().inner))
            .collect();
        let submitted = self.run(py, |state| {
            let rules = state.rules()?;
            let group: Vec<&custody_intake::Prepared> = group.iter().map(AsRef::as_ref).collect();
            custody_intake::submit(
                &mut state.ledger,
                &rules,
                state.keyring_version,
                &group,
                now_ms,
                first_sequence,
            )
        })?;
        views::submitted(py, &submitted)
    }

    fn see(&self, py: Python<'_>, now_ms: u64) -> PyResult<()> {
        self.run(py, |state| {
            state.ledger.see(now_ms);
            Ok(())
        })
    }

    fn may_be_old<'py>(
        &self,
        py: Python<'py>,
        prepared: &Prepared,
    ) -> (u64, Vec<Bound<'py, PyBytes>>) {
        let (generation, keys) = py.detach(|| prepared.inner.may_be_old(&self.old));
        let keys = keys.into_iter().map(|key| PyBytes::new(py, &key.0));
        (generation, keys.collect())
    }

    fn forgettable<'py>(
        &self,
        py: Python<'py>,
        before_ms: u64,
        most: usize,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let found = self.run(py, |state| {
            state.ledger.intact()?;
            Ok(state
                .ledger
                .forgettable_from(&mut state.hand, before_ms, most))
        })?;
        let bytes = match found.is_empty() {
            true => None,
            false => Fact::IdsForgotten(found).encode(),
        };
        Ok(bytes.map(|bytes| PyBytes::new(py, &bytes)))
    }

    fn decide_forget<'py>(
        &self,
        py: Python<'py>,
        wanted: PyBackedBytes,
        before_ms: u64,
    ) -> Decided<'py> {
        self.decide(py, |ledger| match Fact::decode(&wanted)? {
            Fact::IdsForgotten(wanted) => ledger.decide_forget(&wanted, before_ms),
            _ => Err(LedgerError::Malformed(
                "wanted".to_owned(),
                "is another fact".to_owned(),
            )),
        })
    }

    fn decide_open<'py>(
        &self,
        py: Python<'py>,
        wallet: &str,
        asset: &str,
        amount: u128,
        pool: &str,
    ) -> Decided<'py> {
        self.decide(py, |ledger| ledger.decide_open(wallet, asset, amount, pool))
    }

    fn decide_release<'py>(&self, py: Python<'py>, withdrawal_ids: Vec<String>) -> Decided<'py> {
        let ids: Vec<_> = ulids(py, &withdrawal_ids)?;
        self.decide(py, |ledger| ledger.decide_release(&ids))
    }

    fn decide_void<'py>(
        &self,
        py: Python<'py>,
        withdrawal_id: &str,
        end: &str,
        now_ms: u64,
    ) -> Decided<'py> {
        let id = ulid(py, withdrawal_id)?;
        let end =
            End::from_name(end).ok_or_else(|| raise(py, "Malformed", ("end", "is not known")))?;
        self.decide(py, |ledger| ledger.decide_void(id, end, now_ms))
    }

    #[allow(clippy::too_many_arguments)] // One for each field of the fact.
    fn decide_assign<'py>(
        &self,
        py: Python<'py>,
        payout_id: String,
        wallet: String,
        items: Vec<(ids::Id, ids::Amount, ids::Amount)>,
        fee_asset: String,
        fee_reserved: u128,
        now_ms: u64,
    ) -> Decided<'py> {
        let terms = PayoutTerms {
            payout: payout_id,
            wallet,
            items: assignments(items),
            fee_asset,
            fee_reserved,
        };
        self.decide(py, |ledger| ledger.decide_assign(terms, now_ms))
    }

    fn decide_unassign<'py>(&self, py: Python<'py>, payout_id: &str) -> Decided<'py> {
        self.decide(py, |ledger| ledger.decide_unassign(payout_id))
    }

    fn decide_post<'py>(&self, py: Python<'py>, payout_id: &str, fee_paid: u128) -> Decided<'py> {
        self.decide(py, |ledger| ledger.decide_post(payout_id, fee_paid))
    }

    fn decide_fail<'py>(&self, py: Python<'py>, payout_id: &str, fee_paid: u128) -> Decided<'py> {
        self.decide(py, |ledger| ledger.decide_fail(payout_id, fee_paid))
    }

    #[allow(clippy::too_many_arguments)] // One for each field of the fact.
    fn decide_sweep_depart<'py>(
        &self,
        py: Python<'py>,
        leg_id: String,
        from_wallet: String,
        to_wallet: String,
        asset: String,
        amount: u128,
        fee_asset: String,
        fee_cap: u128,
    ) -> Decided<'py> {
        let terms = SweepTerms {
            leg: leg_id,
            from_wallet,
            to_wallet,
            asset,
            amount,
            fee_asset,
            fee_cap,
        };
        self.decide(py, |ledger| ledger.decide_sweep_depart(terms))
    }

    fn decide_sweep_arrive<'py>(
        &self,
        py: Python<'py>,
        leg_id: &str,
        fee_paid: u128,
    ) -> Decided<'py> {
        self.decide(py, |ledger| ledger.decide_sweep_arrive(leg_id, fee_paid))
    }

    fn decide_sweep_fail<'py>(
        &self,
        py: Python<'py>,
        leg_id: &str,
        fee_paid: u128,
    ) -> Decided<'py> {
        self.decide(py, |ledger| ledger.decide_sweep_fail(leg_id, fee_paid))
    }

    fn decide_halt<'py>(
        &self,
        py: Python<'py>,
        halt_id: &str,
        scopes: Vec<String>,
    ) -> Decided<'py> {
        self.decide(py, |ledger| {
            let scopes = scopes
                .iter()
                .map(|scope| Scope::parse(scope))
                .collect::<Result<Vec<_>, _>>()?;
            ledger.decide_halt(halt_id, &scopes)
        })
    }

    fn decide_resume<'py>(&self, py: Python<'py>, halt_id: &str) -> Decided<'py> {
        self.decide(py, |ledger| ledger.decide_resume(halt_id))
    }

    fn apply_fact(&self, py: Python<'_>, fact: PyBackedBytes) -> PyResult<()> {
        self.run(py, |state| {
            let fact = Fact::decode(&fact)?;
            state.ledger.apply(&fact)
        })
    }

    fn apply_record(
        &self,
        py: Python<'_>,
        kind: u32,
        record: PyBackedBytes,
        sequence: u64,
    ) -> PyResult<()> {
        self.run(py, |state| {
            custody_intake::apply_record(&mut state.ledger, kind, &record, sequence)
        })
    }

    fn poison(&self, py: Python<'_>, reason: &str) -> PyResult<()> {
        self.run(py, |state| {
            state.ledger.poison(reason);
            Ok(())
        })
    }

    fn withdrawal<'py>(&self, py: Python<'py>, withdrawal_id: &str) -> PyResult<Option<Dict<'py>>> {
        let id = ulid(py, withdrawal_id)?;
        let found = self.run(py, |state| {
            let found = state.ledger.withdrawal(&id);
            Ok(found.map(|each| views::Shown::of(&state.ledger, each)))
        })?;
        found
            .map(|withdrawal| views::withdrawal(py, &withdrawal))
            .transpose()
    }

    fn attempts<'py>(&self, py: Python<'py>, key: [u8; 16]) -> PyResult<Vec<Dict<'py>>> {
        let key = Name128(key);
        let found = self.run(py, |state| Ok(state.ledger.attempts(&key)))?;
        views::attempts(py, &found)
    }

    #[allow(clippy::too_many_arguments)] // One for each filter.
    #[pyo3(signature = (states, initiator, reference, customer, asset, wallet, accepted_from_ms, accepted_to_ms, before, most))]
    fn withdrawals<'py>(
        &self,
        py: Python<'py>,
        states: Option<Vec<String>>,
        initiator: Option<String>,
        reference: Option<String>,
        customer: Option<String>,
        asset: Option<String>,
        wallet: Option<String>,
        accepted_from_ms: Option<u64>,
        accepted_to_ms: Option<u64>,
        before: Option<String>,
        most: usize,
    ) -> PyResult<Vec<Dict<'py>>> {
        let before = before.map(|id| ulid(py, &id)).transpose()?;
        let wanted = views::Wanted {
            states,
            initiator,
            reference,
            customer,
            asset,
            wallet,
            accepted_from_ms,
            accepted_to_ms,
        };
        let found = self.run(py, |state| {
            let newest_first = state.ledger.withdrawals_before(before);
            let ledger = &state.ledger;
            let found = newest_first.filter(|withdrawal| wanted.admits(ledger, withdrawal));
            let shown = found.map(|withdrawal| views::Shown::of(ledger, withdrawal));
            Ok(shown.take(most).collect::<Vec<_>>())
        })?;
        views::withdrawals(py, &found)
    }

    fn payout(&self, py: Python<'_>, payout_id: &str) -> PyResult<Option<views::Payout>> {
        self.run(py, |state| {
            Ok(state.ledger.payout(payout_id).map(views::payout))
        })
    }

    fn leg(&self, py: Python<'_>, leg_id: &str) -> PyResult<Option<views::Leg>> {
        self.run(py, |state| Ok(state.ledger.leg(leg_id).map(views::leg)))
    }

    fn balances(&self, py: Python<'_>) -> PyResult<Vec<views::Balance>> {
        self.run(py, |state| {
            Ok(state.ledger.balances().map(views::balance).collect())
        })
    }

    fn available(&self, py: Python<'_>, asset: &str, account: &str) -> PyResult<u128> {
        let name = AccountName::parse(account)
            .ok_or_else(|| raise(py, "Malformed", ("account", "is no account")))?;
        self.run(py, |state| Ok(state.ledger.available(asset, &name)))
    }

    fn halts(&self, py: Python<'_>) -> PyResult<Vec<views::Halt>> {
        self.run(py, |state| {
            Ok(state.ledger.halts().map(views::halt).collect())
        })
    }

    fn state_hash<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let hash = self.run(py, |state| state.ledger.state_hash())?;
        Ok(PyBytes::new(py, &hash))
    }

    fn conservation(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, |state| state.ledger.conservation())
    }
}
