//! `custody._core.intake`: the half of a submission that runs in any thread, with the GIL released.

use std::sync::Arc;

use custody_intake::OldAttempt;
use custody_ledger::forgotten_state;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

use crate::crypto::Keyring;
use crate::errors::raise;
use crate::ledger_state::to_py;

/// Fills `custody._core.intake`.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Rules>()?;
    module.add_class::<Prepared>()?;
    module.add_function(wrap_pyfunction!(prepare, module)?)
}

/// A policy as the batch path uses it.
#[pyclass(frozen, module = "custody._core.intake")]
pub struct Rules {
    pub(crate) inner: Arc<custody_intake::Rules>,
}

#[pymethods]
impl Rules {
    #[new]
    fn new(py: Python<'_>, json: &[u8]) -> PyResult<Self> {
        let inner = custody_intake::Rules::from_json(json)
            .map_err(|error| raise(py, "Malformed", (error.field, error.reason)))?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    #[getter]
    fn policy_hash(&self) -> [u8; 32] {
        self.inner.policy_hash
    }

    #[getter]
    fn governance_sequence(&self) -> u64 {
        self.inner.governance_sequence
    }
}

/// A request whose items are checked as far as bytes, policy and keys go.
#[pyclass(frozen, module = "custody._core.intake")]
pub struct Prepared {
    pub(crate) inner: Arc<custody_intake::Prepared>,
}

#[pymethods]
impl Prepared {
    fn __len__(&self) -> usize {
        self.inner.len()
    }

    #[getter]
    fn valid(&self) -> usize {
        self.inner.valid()
    }

    #[getter]
    fn keyring_version(&self) -> u64 {
        self.inner.keyring_version()
    }

    fn answer(&self, py: Python<'_>, generation: u64, found: Found) -> PyResult<()> {
        let found = old_attempts(py, found)?;
        py.detach(|| self.inner.answer(generation, &found))
            .map_err(|error| raise(py, "Malformed", (error.field, error.reason)))
    }
}

/// What was looked up: row, leaf, that leaf's bytes, ForgottenState.
pub type Found = Vec<(u64, u32, Vec<u8>, i32)>;

/// Reads each.
///
/// # Errors
/// `Malformed` for a state that is none.
pub fn old_attempts(py: Python<'_>, found: Found) -> PyResult<Vec<OldAttempt>> {
    let old = |(sequence, leaf, bytes, state)| {
        let state = forgotten_state(state).map_err(|error| to_py(py, error))?;
        Ok(OldAttempt {
            sequence,
            leaf,
            bytes,
            state,
        })
    };
    found.into_iter().map(old).collect()
}

/// Decode and check a request's bytes.
#[pyfunction]
fn prepare(
    py: Python<'_>,
    request: PyBackedBytes,
    principal: PyBackedStr,
    rules: &Rules,
    keyring: &Keyring,
    salt: [u8; 32],
) -> PyResult<Prepared> {
    let rules = Arc::clone(&rules.inner);
    let keyring = keyring.snapshot();
    py.detach(|| custody_intake::prepare(&request, &principal, &rules, &keyring, &salt))
        .map(|prepared| Prepared {
            inner: Arc::new(prepared),
        })
        .map_err(|error| raise(py, "Malformed", (error.field, error.reason)))
}
