//! Snapshots, in `custody._core.ledger`: a ledger as bytes, and the ledger that bytes are of.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::ledger::Ledger;
use crate::ledger_state::{State, to_py};

/// Adds the functions to `custody._core.ledger`.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(snapshot, module)?)?;
    module.add_function(wrap_pyfunction!(restore, module)?)
}

#[pyfunction]
fn snapshot<'py>(py: Python<'py>, ledger: &Bound<'py, Ledger>) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = ledger.get().run(py, |state| state.ledger.snapshot())?;
    Ok(PyBytes::new(py, &bytes))
}

#[pyfunction]
fn restore(py: Python<'_>, snapshot: PyBackedBytes) -> PyResult<Ledger> {
    let ledger = py
        .detach(|| custody_ledger::Ledger::read_snapshot(&snapshot))
        .map_err(|error| to_py(py, error))?;
    Ok(Ledger::of(State {
        ledger,
        ..State::default()
    }))
}
