//! `custody._core.crypto`: the verifier of enrolled keys. Verifies with the GIL released, on a snapshot of the ring.

use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use custody_crypto::{Backend, CheckedKey, KeyError, Scheme, Threads, Verdict, VerifyError};
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PySequence, PyString};

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

    /// The ring, to be changed with the GIL released. The crate leaves it unchanged where it errs.
    fn write(&self) -> RwLockWriteGuard<'_, custody_crypto::Keyring> {
        self.ring.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Keyring {
    #[new]
    #[pyo3(signature = (*, backend=None))]
    fn new(py: Python<'_>, backend: Option<&str>) -> PyResult<Self> {
        let backend = match backend {
            None => chosen(py)?,
            Some(name) => Backend::from_name(name)
                .map_err(|error| raise(py, "Malformed", ("backend", error.to_string())))?,
        };
        Ok(Self {
            ring: RwLock::new(custody_crypto::Keyring::with_backend(backend)),
        })
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
        py.detach(|| {
            self.snapshot().check_new(&key_id)?;
            // The table is built before the lock is taken: nobody's batch waits for it.
            let key = CheckedKey::new(scheme, &public_key)?;
            self.write().enrol_checked(&key_id, &key)
        })
        .map_err(|error| key_error(py, error, &key_id))
    }

    /// Remove a key; raise `NotFound` where none is enrolled under this id.
    fn revoke(&self, py: Python<'_>, key_id: PyBackedStr) -> PyResult<()> {
        py.detach(|| self.write().revoke(&key_id))
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

    /// What batches run on: `portable` or `ifma`.
    #[getter]
    fn backend(&self) -> &'static str {
        self.snapshot().backend().name()
    }

    /// Verify `(key id, message, signature)` items over at most so many threads: one `Verdict` each, in the same order.
    #[pyo3(signature = (items, threads=1))]
    fn verify_batch<'py>(
        &self,
        py: Python<'py>,
        items: &Bound<'py, PyAny>,
        threads: i64,
    ) -> PyResult<Bound<'py, PyList>> {
        let threads = threads_of(py, threads)?;
        // A tuple of our own: it keeps every item where it is while other threads have the GIL.
        let items = items.cast::<PySequence>()?.to_tuple()?;
        let borrowed = items
            .iter_borrowed()
            .enumerate()
            .map(|(index, item)| borrow(item, index))
            .collect::<PyResult<Vec<_>>>()?;
        let ring = self.snapshot();
        let verdicts = py.detach(|| ring.verify_batch_on(threads, &borrowed));
        let members = VerdictMembers::get(py)?;
        PyList::new(
            py,
            verdicts
                .into_iter()
                .map(|verdict| members.of(verdict).bind(py)),
        )
    }
}

/// An item's parts as they lie in Python's own immutable objects.
fn borrow<'a, 'py>(
    item: Borrowed<'a, 'py, PyAny>,
    index: usize,
) -> PyResult<(&'a str, &'a [u8], &'a [u8])> {
    let py = item.py();
    item.extract().or_else(|error: PyErr| {
        if error.is_instance_of::<PyUnicodeEncodeError>(py) {
            // An id that is no UTF-8 (a lone surrogate, which JSON can carry) is nobody's, as the empty one is.
            let (_, message, signature) =
                item.extract::<(Bound<'py, PyString>, &'a [u8], &'a [u8])>()?;
            return Ok(("", message, signature));
        }
        Err(bad_item(py, index, &error))
    })
}

fn bad_item(py: Python<'_>, index: usize, error: &PyErr) -> PyErr {
    PyTypeError::new_err(format!(
        "items[{index}] must be a tuple (key id: str, message: bytes, signature: bytes): {}",
        error.value(py)
    ))
}

fn threads_of(py: Python<'_>, number: i64) -> PyResult<Threads> {
    // A negative number is as little a number of threads as zero.
    Threads::new(usize::try_from(number).unwrap_or(0)).map_err(|error| {
        raise(
            py,
            "Malformed",
            ("threads", format!("{error}, not {number}")),
        )
    })
}

fn chosen(py: Python<'_>) -> PyResult<Backend> {
    Backend::chosen().map_err(|error| raise(py, "Malformed", ("", error.to_string())))
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

/// What a new `Keyring` verifies on: `portable` or `ifma`; raise `Malformed` where CUSTODY_CRYPTO_BACKEND is unfit.
#[pyfunction]
fn backend(py: Python<'_>) -> PyResult<&'static str> {
    chosen(py).map(Backend::name)
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
    module.add_function(wrap_pyfunction!(backend, module)?)?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(key_id, module)?)?;
    module.add_function(wrap_pyfunction!(parse_public_key, module)?)
}
