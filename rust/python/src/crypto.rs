//! `custody._core.crypto`: the verifier of enrolled keys. Verifies with the GIL released, on a snapshot of the ring.

use std::sync::{PoisonError, RwLock};

use custody_crypto::{KeyError, Scheme, Verdict, VerifyError};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use crate::errors::raise;

/// The keys whose signatures count, under one version number.
///
/// Safe to share between threads: `verify_batch` works on a snapshot taken when it is called.
#[pyclass(frozen, module = "custody._core.crypto")]
pub struct Keyring {
    ring: RwLock<custody_crypto::Keyring>,
}

impl Keyring {
    /// A cheap clone of the ring as it is now, for use with the GIL released.
    pub fn snapshot(&self) -> custody_crypto::Keyring {
        self.ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the ring. The crate leaves it unchanged where it errs, and no call inside can leave it half-changed.
    fn change(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut custody_crypto::Keyring) -> Result<(), KeyError> + Send,
    ) -> Result<(), KeyError> {
        py.detach(|| change(&mut self.ring.write().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl Keyring {
    #[new]
    fn new() -> Self {
        Self {
            ring: RwLock::new(custody_crypto::Keyring::new()),
        }
    }

    /// Read, check and enrol a key; raise `InvalidPublicKey`, or `Malformed` for an unfit or taken id.
    fn enrol(
        &self,
        py: Python<'_>,
        key_id: PyBackedStr,
        scheme: &str,
        public_key: PyBackedBytes,
    ) -> PyResult<()> {
        let scheme = scheme_of(py, scheme)?;
        self.change(py, |ring| ring.enrol(&key_id, scheme, &public_key))
            .map_err(|error| key_error(py, error, &key_id))
    }

    /// Remove a key; raise `NotFound` where none is enrolled under this id.
    fn revoke(&self, py: Python<'_>, key_id: PyBackedStr) -> PyResult<()> {
        self.change(py, |ring| ring.revoke(&key_id))
            .map_err(|error| key_error(py, error, &key_id))
    }

    /// The number that every enrolment and revocation raises.
    #[getter]
    fn version(&self) -> u64 {
        self.snapshot().version()
    }

    fn __contains__(&self, key_id: &str) -> bool {
        self.snapshot().contains(key_id)
    }

    fn __len__(&self) -> usize {
        self.snapshot().len()
    }

    /// Verify `(key id, message, signature)` items: one `Verdict` each, in the same order.
    fn verify_batch<'py>(
        &self,
        py: Python<'py>,
        items: Vec<(PyBackedStr, PyBackedBytes, PyBackedBytes)>,
    ) -> PyResult<Bound<'py, PyList>> {
        let ring = self.snapshot();
        let verdicts: Vec<Verdict> = py.detach(|| {
            items
                .iter()
                .map(|(key_id, message, signature)| ring.verify(key_id, message, signature))
                .collect()
        });
        let members = VerdictMembers::get(py)?;
        PyList::new(
            py,
            verdicts
                .into_iter()
                .map(|verdict| members.of(verdict).bind(py)),
        )
    }
}

/// The members of `custody.crypto.Verdict`, which refuses `bool()`.
struct VerdictMembers {
    valid: Py<PyAny>,
    invalid: Py<PyAny>,
    unknown_key: Py<PyAny>,
    malformed: Py<PyAny>,
}

impl VerdictMembers {
    fn get(py: Python<'_>) -> PyResult<&Self> {
        static MEMBERS: PyOnceLock<VerdictMembers> = PyOnceLock::new();
        MEMBERS.get_or_try_init(py, || {
            let class = py.import("custody.crypto")?.getattr("Verdict")?;
            let member = |name| class.getattr(name).map(Bound::unbind);
            Ok(Self {
                valid: member("VALID")?,
                invalid: member("INVALID")?,
                unknown_key: member("UNKNOWN_KEY")?,
                malformed: member("MALFORMED")?,
            })
        })
    }

    const fn of(&self, verdict: Verdict) -> &Py<PyAny> {
        match verdict {
            Verdict::Valid => &self.valid,
            Verdict::Invalid => &self.invalid,
            Verdict::UnknownKey => &self.unknown_key,
            Verdict::Malformed => &self.malformed,
        }
    }
}

/// Verify one signature by a key that is not enrolled; raise `InvalidSignature` or `InvalidPublicKey`.
#[pyfunction]
fn verify(
    py: Python<'_>,
    scheme: &str,
    public_key: PyBackedBytes,
    message: PyBackedBytes,
    signature: PyBackedBytes,
) -> PyResult<()> {
    let scheme = scheme_of(py, scheme)?;
    py.detach(|| custody_crypto::verify_one(scheme, &public_key, &message, &signature))
        .map_err(|error| match error {
            VerifyError::InvalidPublicKey(error) => key_error(py, error, ""),
            VerifyError::InvalidSignature => raise(py, "InvalidSignature", (error.to_string(),)),
        })
}

/// The id that a key has by itself; raise `InvalidPublicKey`.
#[pyfunction]
fn key_id(py: Python<'_>, scheme: &str, public_key: &[u8]) -> PyResult<String> {
    custody_crypto::key_id(scheme_of(py, scheme)?, public_key)
        .map_err(|error| key_error(py, error, ""))
}

/// A policy's text form of a key as bytes, checked; raise `InvalidPublicKey`.
#[pyfunction]
fn parse_public_key(py: Python<'_>, scheme: &str, text: &str) -> PyResult<Vec<u8>> {
    custody_crypto::parse_public_key(scheme_of(py, scheme)?, text)
        .map_err(|error| key_error(py, error, ""))
}

fn scheme_of(py: Python<'_>, name: &str) -> PyResult<Scheme> {
    Scheme::from_name(name).ok_or_else(|| {
        raise(
            py,
            "Malformed",
            ("scheme", format!("no scheme is named {name:?}")),
        )
    })
}

fn key_error(py: Python<'_>, error: KeyError, key_id: &str) -> PyErr {
    match error {
        KeyError::NotEnrolled => raise(py, "NotFound", ("key", key_id)),
        KeyError::KeyId | KeyError::AlreadyEnrolled => {
            raise(py, "Malformed", ("key_id", error.to_string()))
        }
        KeyError::Length
        | KeyError::Encoding(_)
        | KeyError::NotOnCurve
        | KeyError::SmallOrder
        | KeyError::KeyType => raise(py, "InvalidPublicKey", ("public_key", error.to_string())),
    }
}

/// Fills the submodule.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Keyring>()?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(key_id, module)?)?;
    module.add_function(wrap_pyfunction!(parse_public_key, module)?)
}
