//! Ids and tags in Python's forms: 26 characters outside, 16 bytes inside.

use custody_ledger::{Assignment, Name128, Ulid};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::raise;

/// Every tag with its meaning.
#[pyfunction]
pub fn tags() -> Vec<(&'static str, &'static str)> {
    custody_ledger::tags::ALL.to_vec()
}

/// The key of all attempts of a reference.
#[pyfunction]
pub fn reference_key<'py>(
    py: Python<'py>,
    initiator: &str,
    reference: &str,
) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &Name128::reference(initiator, reference).0)
}

/// The 26 characters of 16 bytes.
#[pyfunction]
pub fn ulid_text(id: [u8; 16]) -> String {
    Ulid(id).to_string()
}

/// The 16 bytes of 26 characters.
#[pyfunction]
pub fn ulid_bytes<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &ulid(py, text)?.0))
}

/// Reads 26 characters.
///
/// # Errors
/// `Malformed`.
pub fn ulid(py: Python<'_>, text: &str) -> PyResult<Ulid> {
    Ulid::parse(text).ok_or_else(|| raise(py, "Malformed", ("withdrawal_id", "must be a ULID")))
}

/// Reads each.
///
/// # Errors
/// `Malformed` for the first that is none.
pub fn ulids<C: FromIterator<Ulid>>(py: Python<'_>, texts: &[String]) -> PyResult<C> {
    texts.iter().map(|text| ulid(py, text)).collect()
}

/// The 26 characters of each.
pub fn texts(ids: &[Ulid]) -> Vec<String> {
    ids.iter().map(Ulid::to_string).collect()
}

/// A payout's items from `(withdrawal, net amount, fee charged)`.
///
/// # Errors
/// `Malformed` for the first id that is none.
pub fn assignments(py: Python<'_>, items: Vec<(String, u128, u128)>) -> PyResult<Vec<Assignment>> {
    let item = |(id, net_amount, fee_charged): (String, u128, u128)| {
        Ok(Assignment {
            id: ulid(py, &id)?,
            net_amount,
            fee_charged,
        })
    };
    items.into_iter().map(item).collect()
}
