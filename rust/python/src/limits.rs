//! `custody._core.ledger.LimitBook`: the ledger's limits on their own, for a signer's caps.

use std::sync::{Mutex, MutexGuard, PoisonError};

use custody_ledger::limits::{
    Charges, Checked, Clause, Dimension, LimitBook as Book, LimitError, LimitRule, Over, Span,
};
use custody_ledger::{Name128, Subject, Symbol, Symbols};
use pyo3::prelude::*;

use crate::errors::raise;
use crate::ledger::Ledger;
use crate::ledger_state::to_py;

/// Limits by id, each a sliding window for every key.
#[pyclass(frozen, module = "custody._core.ledger")]
pub struct LimitBook {
    state: Mutex<State>,
}

/// Each limit counts an asset of its own name alone, and its keys as customers: so none covers what another counts.
#[derive(Default)]
struct State {
    book: Book,
    symbols: Symbols,
}

impl State {
    fn subject(&self, py: Python<'_>, limit_id: &str, key: &str) -> PyResult<Subject> {
        let asset = self.symbols.find(limit_id);
        if asset == Symbol::UNKNOWN || limit_id.is_empty() {
            return Err(raise(py, "NotFound", ("limit", limit_id)));
        }
        Ok(Subject {
            asset,
            initiator: Symbol::NONE,
            class: Symbol::NONE,
            wallet: Symbol::NONE,
            customer: Name128::customer(key),
            destination: Name128([0; 16]),
        })
    }

    /// What the limit says of one more event.
    fn clause(
        &self,
        py: Python<'_>,
        limit_id: &str,
        amount: u128,
        now_ms: u64,
        key: &str,
    ) -> PyResult<Clause> {
        let subject = self.subject(py, limit_id, key)?;
        self.book
            .explain_one(subject.asset, &subject, amount, now_ms)
            .ok_or_else(|| raise(py, "NotFound", ("limit", limit_id)))
    }
}

impl LimitBook {
    /// Every change of the book is made as a whole or not at all, so that one after a panic may be read.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limit_error(py: Python<'_>, limit_id: &str, error: LimitError) -> PyErr {
    match error {
        LimitError::Unknown(_) => raise(py, "NotFound", ("limit", limit_id)),
        LimitError::Overflow(_) => {
            let detail = format!("limit {limit_id}: the sum exceeds its type");
            raise(py, "Malformed", ("amount", detail))
        }
    }
}

#[pymethods]
impl LimitBook {
    #[new]
    fn new() -> Self {
        Self {
            state: Mutex::default(),
        }
    }

    #[pyo3(signature = (limit_id, window_ms, amount=None, count=None))]
    fn add(
        &self,
        py: Python<'_>,
        limit_id: String,
        window_ms: Option<u64>,
        amount: Option<u128>,
        count: Option<u64>,
    ) -> PyResult<()> {
        let mut state = self.state();
        let State { book, symbols } = &mut *state;
        let mut rules: Vec<LimitRule> = book
            .rules()
            .map(|(_, rule)| rule)
            .filter(|rule| rule.id != limit_id)
            .cloned()
            .collect();
        rules.push(LimitRule {
            scope: vec![Dimension::Customer],
            asset: Some(limit_id.clone()),
            id: limit_id,
            class: None,
            span: window_ms.map_or(Span::Lifetime, Span::Sliding),
            amount,
            count,
            over: Over::Deny,
        });
        book.configure(&rules, symbols)
            .map_err(|error| to_py(py, error))
    }

    #[pyo3(signature = (limit_id, amount, now_ms, key=""))]
    fn check(
        &self,
        py: Python<'_>,
        limit_id: &str,
        amount: u128,
        now_ms: u64,
        key: &str,
    ) -> PyResult<()> {
        let state = self.state();
        let subject = state.subject(py, limit_id, key)?;
        match state.book.check(&subject, amount, now_ms) {
            Checked::Pass { .. } => Ok(()),
            Checked::Deny { exceeded } | Checked::Hold { exceeded, .. } => Err(raise(
                py,
                "Denied",
                (format!("limit.{limit_id}"), exceeded.to_string()),
            )),
        }
    }

    #[pyo3(signature = (limit_id, amount, now_ms, key=""))]
    fn charge(
        &self,
        py: Python<'_>,
        limit_id: &str,
        amount: u128,
        now_ms: u64,
        key: &str,
    ) -> PyResult<u64> {
        let mut state = self.state();
        let subject = state.subject(py, limit_id, key)?;
        state
            .book
            .charge(Charges::COVERING, &subject, amount, now_ms)
            .map_err(|error| limit_error(py, limit_id, error))
    }

    #[pyo3(signature = (limit_id, amount, charged_ms, key=""))]
    fn release(
        &self,
        py: Python<'_>,
        limit_id: &str,
        amount: u128,
        charged_ms: u64,
        key: &str,
    ) -> PyResult<()> {
        let mut state = self.state();
        let subject = state.subject(py, limit_id, key)?;
        state
            .book
            .release(Charges::COVERING, &subject, amount, charged_ms);
        Ok(())
    }

    #[pyo3(signature = (limit_id, now_ms, key=""))]
    fn spent(&self, py: Python<'_>, limit_id: &str, now_ms: u64, key: &str) -> PyResult<u128> {
        let clause = self.state().clause(py, limit_id, 0, now_ms, key)?;
        Ok(clause.spent.amount)
    }

    #[pyo3(signature = (limit_id, now_ms, key=""))]
    fn count(&self, py: Python<'_>, limit_id: &str, now_ms: u64, key: &str) -> PyResult<u64> {
        let clause = self.state().clause(py, limit_id, 0, now_ms, key)?;
        Ok(clause.spent.count)
    }

    #[pyo3(signature = (limit_id, now_ms, key=""))]
    fn headroom(
        &self,
        py: Python<'_>,
        limit_id: &str,
        now_ms: u64,
        key: &str,
    ) -> PyResult<Option<u128>> {
        let clause = self.state().clause(py, limit_id, 0, now_ms, key)?;
        Ok(clause.amount_left)
    }

    #[pyo3(signature = (limit_id, amount, now_ms, key=""))]
    fn earliest_pass(
        &self,
        py: Python<'_>,
        limit_id: &str,
        amount: u128,
        now_ms: u64,
        key: &str,
    ) -> PyResult<Option<u64>> {
        let clause = self.state().clause(py, limit_id, amount, now_ms, key)?;
        Ok(clause.earliest_pass_ms)
    }

    #[pyo3(signature = (limit_id, key=""))]
    fn counts_from(&self, py: Python<'_>, limit_id: &str, key: &str) -> PyResult<u64> {
        let clause = self.state().clause(py, limit_id, 0, 0, key)?;
        Ok(clause.counts_from_ms)
    }
}

/// The limits of a ledger that may still miss something, by id, and since when each counts, unix ms.
#[pyfunction]
pub fn young_limits(
    py: Python<'_>,
    ledger: &Bound<'_, Ledger>,
    now_ms: u64,
) -> PyResult<Vec<(String, u64)>> {
    ledger.get().run(py, |state| {
        let ledger = &state.ledger;
        let young = ledger.limits().young(now_ms);
        let named = young.map(|(id, from_ms)| (ledger.symbols().name(id).to_owned(), from_ms));
        Ok(named.collect())
    })
}
