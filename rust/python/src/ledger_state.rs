//! What a ledger's lock holds, and the one door through it: the GIL released, the error mapped.

use std::sync::{Arc, Mutex};

use custody_ledger::{Fact, LedgerError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::raise;
use crate::ledger::Ledger;

/// A fact's bytes, or why not.
pub type Decided<'py> = PyResult<Bound<'py, PyBytes>>;

/// The exception of an error.
pub fn to_py(py: Python<'_>, error: LedgerError) -> PyErr {
    match error {
        LedgerError::Denied(denial) => raise(py, "Denied", (denial.tag, denial.detail)),
        LedgerError::Malformed(field, reason) => raise(py, "Malformed", (field, reason)),
        LedgerError::Broken(reason) => raise(py, "InvariantBroken", (reason,)),
    }
}

/// The ledger, and the rules by which it takes intents.
#[derive(Default)]
pub struct State {
    pub ledger: custody_ledger::Ledger,
    pub rules: Option<Arc<custody_intake::Rules>>,
    pub keyring_version: u64,
    /// How far it was looked for what may leave memory.
    pub hand: custody_ledger::Hand,
}

impl State {
    /// # Errors
    /// `Malformed` before they are set.
    pub fn rules(&self) -> Result<Arc<custody_intake::Rules>, LedgerError> {
        let missing =
            || LedgerError::Malformed("rules".to_owned(), "set_rules comes first".to_owned());
        self.rules.clone().ok_or_else(missing)
    }
}

impl Ledger {
    /// Puts a state behind its lock.
    pub fn of(state: State) -> Self {
        Self {
            old: state.ledger.old_ids(),
            state: Mutex::new(state),
        }
    }

    /// Releases the GIL, locks, runs, maps the error. After a panic inside, the ledger answers nothing more.
    pub fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut State) -> Result<T, LedgerError> + Send,
    ) -> PyResult<T> {
        let ran = py.detach(|| match self.state.lock() {
            Ok(mut state) => work(&mut state),
            Err(_) => Err(LedgerError::Broken("a call panicked".to_owned())),
        });
        ran.map_err(|error| to_py(py, error))
    }

    /// A decision as the fact's bytes.
    pub fn decide<'py>(
        &self,
        py: Python<'py>,
        decide: impl FnOnce(&custody_ledger::Ledger) -> Result<Fact, LedgerError> + Send,
    ) -> Decided<'py> {
        let bytes = self.run(py, |state| {
            let fact = decide(&state.ledger)?;
            fact.encode()
                .ok_or_else(|| LedgerError::Broken("a fact without stored form".to_owned()))
        })?;
        Ok(PyBytes::new(py, &bytes))
    }
}
