//! Questions about one intent or reference, in `custody._core.ledger`: functions of a ledger that change nothing.

use custody_intake::Question;
use custody_ledger::Name128;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::intake::{Found, old_attempts};
use crate::ledger::Ledger;

/// Adds the functions to `custody._core.ledger`.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(explain, module)?)?;
    module.add_function(wrap_pyfunction!(may_be_old, module)?)
}

/// An `ExplainWithdrawalResponse`; `None` when references left memory since the intent's own was looked up.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // One for each part of the question.
fn explain<'py>(
    py: Python<'py>,
    ledger: &Bound<'_, Ledger>,
    principal: &str,
    intent: PyBackedBytes,
    everything: bool,
    generation: u64,
    found: Found,
    now_ms: u64,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let found = old_attempts(py, found)?;
    let response = ledger.get().run(py, |state| {
        let question = Question {
            principal,
            intent: &intent,
            everything,
            generation,
            found: &found,
            now_ms,
        };
        let rules = state.rules()?;
        custody_intake::explain(&state.ledger, &rules, &question)
    })?;
    Ok(response.map(|response| PyBytes::new(py, &response)))
}

/// The filter's generation, and which of these references may have left memory. No lock.
#[pyfunction]
fn may_be_old<'py>(
    py: Python<'py>,
    ledger: &Bound<'_, Ledger>,
    keys: Vec<[u8; 16]>,
) -> (u64, Vec<Bound<'py, PyBytes>>) {
    let old = &ledger.get().old;
    // Read first: what leaves memory from now on makes the answer stale.
    let generation = old.generation();
    let found = keys.iter().filter(|key| old.contains(&Name128(**key)));
    let found = found.map(|key| PyBytes::new(py, key));
    (generation, found.collect())
}
