//! The queue, in `custody._core.ledger`: functions of a ledger, each through its one door.

use custody_ledger::{FeeBudget, PayoutBounds};
use pyo3::prelude::*;

use crate::ledger::Ledger;
use crate::ledger_ids::{texts, ulid, ulids};
use crate::ledger_views as views;

/// Adds the functions to `custody._core.ledger`.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(select, module)?)?;
    module.add_function(wrap_pyfunction!(eta, module)?)?;
    module.add_function(wrap_pyfunction!(expired, module)?)?;
    module.add_function(wrap_pyfunction!(queued_demand, module)?)?;
    module.add_function(wrap_pyfunction!(position, module)?)?;
    module.add_function(wrap_pyfunction!(blockers, module)?)?;
    module.add_function(wrap_pyfunction!(halt_of, module)?)?;
    module.add_function(wrap_pyfunction!(crate::limits::young_limits, module)?)
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // One for each bound.
fn select(
    py: Python<'_>,
    ledger: &Bound<'_, Ledger>,
    wallet: &str,
    now_ms: u64,
    most: usize,
    fee_asset: String,
    fee_per_item: u128,
    passed_over: Vec<String>,
    amounts: Vec<(String, u128)>,
    sizes: Vec<(String, u128, u128)>,
    weight: Option<u64>,
    weights: Vec<(String, u64)>,
) -> PyResult<Vec<String>> {
    let passed_over = ulids(py, &passed_over)?;
    let bounds = PayoutBounds {
        count: most,
        amounts,
        sizes: sizes
            .into_iter()
            .map(|(asset, least, most)| (asset, least..=most))
            .collect(),
        weight,
        weights,
    };
    let fee = FeeBudget {
        asset: fee_asset,
        per_item: fee_per_item,
    };
    ledger.get().run(py, |state| {
        state.ledger.intact()?;
        let ledger = &mut state.ledger;
        let chosen = ledger.select_within(wallet, now_ms, &bounds, &fee, &passed_over);
        Ok(texts(&chosen))
    })
}

/// The times by which half, and nine of ten, of the like are paid, unix ms.
#[pyfunction]
fn eta(
    py: Python<'_>,
    ledger: &Bound<'_, Ledger>,
    withdrawal_id: &str,
    now_ms: u64,
) -> PyResult<Option<(u64, u64)>> {
    let id = ulid(py, withdrawal_id)?;
    ledger.get().run(py, |state| {
        let eta = state.ledger.eta(&id, now_ms);
        Ok(eta.map(|eta| (eta.p50_ms, eta.p90_ms)))
    })
}

#[pyfunction]
fn expired(
    py: Python<'_>,
    ledger: &Bound<'_, Ledger>,
    now_ms: u64,
    most: usize,
) -> PyResult<Vec<String>> {
    let ledger = ledger.get();
    ledger.run(py, |state| Ok(texts(&state.ledger.expired(now_ms, most))))
}

#[pyfunction]
fn queued_demand(
    py: Python<'_>,
    ledger: &Bound<'_, Ledger>,
    wallet: &str,
    asset: &str,
) -> PyResult<u128> {
    let ledger = ledger.get();
    ledger.run(py, |state| Ok(state.ledger.queued_demand(wallet, asset)))
}

#[pyfunction]
fn position(
    py: Python<'_>,
    ledger: &Bound<'_, Ledger>,
    withdrawal_id: &str,
) -> PyResult<Option<usize>> {
    let id = ulid(py, withdrawal_id)?;
    ledger.get().run(py, |state| Ok(state.ledger.position(&id)))
}

/// Kind, tag and scope of each.
#[pyfunction]
#[pyo3(signature = (ledger, withdrawal_id, fee_asset=None, fee_per_item=0))]
fn blockers(
    py: Python<'_>,
    ledger: &Bound<'_, Ledger>,
    withdrawal_id: &str,
    fee_asset: Option<String>,
    fee_per_item: u128,
) -> PyResult<Vec<(&'static str, String, String)>> {
    let id = ulid(py, withdrawal_id)?;
    let fee = fee_asset.map(|asset| FeeBudget {
        asset,
        per_item: fee_per_item,
    });
    ledger.get().run(py, |state| {
        Ok(views::blockers(&state.ledger.blockers(&id, fee.as_ref())))
    })
}

/// The first halt that stops its payout, and the scope.
#[pyfunction]
fn halt_of(
    py: Python<'_>,
    ledger: &Bound<'_, Ledger>,
    withdrawal_id: &str,
) -> PyResult<Option<(String, String)>> {
    let id = ulid(py, withdrawal_id)?;
    ledger.get().run(py, |state| {
        let found = state.ledger.withdrawal(&id);
        let stop = found.and_then(|each| state.ledger.stop_of(each));
        Ok(stop.map(|(halt, scope)| (halt.to_owned(), scope.to_string())))
    })
}
