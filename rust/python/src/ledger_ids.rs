//! Ids and tags in Python's forms: 26 characters outside, 16 bytes inside.

use custody_ledger::{Assignment, Name128, Ulid};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

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

/// An id from its 26 characters.
pub struct Id(Ulid);

impl FromPyObject<'_, '_> for Id {
    type Error = PyErr;

    fn extract(text: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        ulid(text.py(), &text.cast::<PyString>()?.to_cow()?).map(Self)
    }
}

/// An amount. Nearly all fit into 64 bits, which Python gives in one step; 128 take five.
pub struct Amount(u128);

impl FromPyObject<'_, '_> for Amount {
    type Error = PyErr;

    fn extract(number: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match number.extract::<u64>() {
            Ok(small) => Ok(Self(u128::from(small))),
            Err(_) => number.extract().map(Self),
        }
    }
}

/// A payout's items from `(withdrawal, net amount, fee charged)`.
pub fn assignments(items: Vec<(Id, Amount, Amount)>) -> Vec<Assignment> {
    let item = |(id, net_amount, fee_charged): (Id, Amount, Amount)| Assignment {
        id: id.0,
        net_amount: net_amount.0,
        fee_charged: fee_charged.0,
    };
    items.into_iter().map(item).collect()
}
