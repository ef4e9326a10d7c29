//! `custody._core.ledger.LimitBook`: the ledger's limits on their own, for a signer's caps.

use std::sync::{Mutex, MutexGuard, PoisonError};

use custody_ledger::Symbols;
use custody_ledger::limits::{LimitBook as Book, LimitError, LimitRule, Over};
use pyo3::prelude::*;

use crate::errors::raise;
use crate::ledger_state::to_py;

/// Limits by id, each a sliding window for every key.
#[pyclass(frozen, module = "custody._core.ledger")]
pub struct LimitBook {
    book: Mutex<Book>,
}

impl LimitBook {
    /// Every change of the book is made as a whole or not at all, so that one after a panic may be read.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limit_error(py: Python<'_>, error: &LimitError) -> PyErr {
    match error {
        LimitError::Unknown(id) => raise(py, "NotFound", ("limit", id.as_str())),
        LimitError::Overflow(_) => raise(py, "Malformed", ("amount", error.to_string())),
    }
}

#[pymethods]
impl LimitBook {
    #[new]
    fn new() -> Self {
        Self {
            book: Mutex::default(),
        }
    }

    #[pyo3(signature = (limit_id, window_ms, amount=None, count=None))]
    fn add(
        &self,
        py: Python<'_>,
        limit_id: String,
        window_ms: u64,
        amount: Option<u128>,
        count: Option<u64>,
    ) -> PyResult<()> {
        let mut book = self.book();
        let mut rules: Vec<LimitRule> = book
            .rules()
            .filter(|rule| rule.id != limit_id)
            .cloned()
            .collect();
        // The caller's key tells assets apart: no scope of the rule's own is asked.
        let asset = Some(String::new());
        rules.push(LimitRule {
            id: limit_id,
            scope: Vec::new(),
            asset,
            class: None,
            window_ms,
            amount,
            count,
            over: Over::Deny,
        });
        book.configure(rules, &mut Symbols::default())
            .map(|_| ())
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
        let checked = self
            .book()
            .check_key(limit_id, key, amount, now_ms)
            .map_err(|error| limit_error(py, &error))?;
        checked.map_err(|exceeded| {
            let detail = format!(
                "at most {}, of which {} are used",
                exceeded.bound, exceeded.spent.amount
            );
            raise(py, "Denied", (format!("limit.{limit_id}"), detail))
        })
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
        self.book()
            .charge_key(limit_id, key, amount, now_ms)
            .map_err(|error| limit_error(py, &error))
    }

    #[pyo3(signature = (limit_id, amount, charged_ms, key=""))]
    fn release(&self, limit_id: &str, amount: u128, charged_ms: u64, key: &str) {
        self.book().release_key(limit_id, key, amount, charged_ms);
    }

    #[pyo3(signature = (limit_id, now_ms, key=""))]
    fn spent(&self, py: Python<'_>, limit_id: &str, now_ms: u64, key: &str) -> PyResult<u128> {
        let spent = self
            .book()
            .spent(limit_id, key, now_ms)
            .map_err(|error| limit_error(py, &error))?;
        Ok(spent.amount)
    }

    #[pyo3(signature = (limit_id, now_ms, key=""))]
    fn count(&self, py: Python<'_>, limit_id: &str, now_ms: u64, key: &str) -> PyResult<u64> {
        let spent = self
            .book()
            .spent(limit_id, key, now_ms)
            .map_err(|error| limit_error(py, &error))?;
        Ok(spent.count)
    }

    #[pyo3(signature = (limit_id, now_ms, key=""))]
    fn headroom(
        &self,
        py: Python<'_>,
        limit_id: &str,
        now_ms: u64,
        key: &str,
    ) -> PyResult<Option<u128>> {
        self.book()
            .headroom(limit_id, key, now_ms)
            .map_err(|error| limit_error(py, &error))
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
        let book = self.book();
        let checked = book
            .check_key(limit_id, key, amount, now_ms)
            .map_err(|error| limit_error(py, &error))?;
        Ok(checked.map_or_else(
            |exceeded| exceeded.earliest_pass_ms,
            |()| Some(book.time(now_ms)),
        ))
    }
}
