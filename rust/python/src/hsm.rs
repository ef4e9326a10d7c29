//! `custody._core.hsm`: one PKCS#11 token.

use custody_hsm::{AuthPin, HsmError, Token as Inner};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::raise;

/// Fills `custody._core.hsm`.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Token>()
}

fn to_py(py: Python<'_>, error: HsmError) -> PyErr {
    match error {
        HsmError::Malformed { field, reason } => raise(py, "Malformed", (field, reason)),
        HsmError::Failed(reason) => raise(py, "HsmError", ("hsm", reason)),
    }
}

/// A token that this process is logged into.
#[pyclass(frozen, module = "custody._core.hsm")]
struct Token {
    inner: Inner,
}

impl Token {
    /// Releases the GIL, runs, maps the error.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Inner) -> Result<T, HsmError> + Send,
    ) -> PyResult<T> {
        let inner = &self.inner;
        py.detach(|| work(inner)).map_err(|error| to_py(py, error))
    }
}

#[pymethods]
impl Token {
    #[new]
    fn new(py: Python<'_>, module_path: &str, token_label: &str, pin: &str) -> PyResult<Self> {
        // Exactly one copy of the PIN is made here, and it is wiped; Python's own string is not ours to wipe.
        let pin = AuthPin::new(pin.into());
        let inner = py
            .detach(|| Inner::open(module_path, token_label, pin))
            .map_err(|error| to_py(py, error))?;
        Ok(Self { inner })
    }

    #[getter]
    fn label(&self) -> &str {
        self.inner.label()
    }

    #[getter]
    fn signature_calls(&self) -> u64 {
        self.inner.signature_calls()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.inner.close());
    }

    fn generate_secp256k1<'py>(
        &self,
        py: Python<'py>,
        key_label: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let public = self.run(py, |token| token.generate_secp256k1(key_label))?;
        Ok(PyBytes::new(py, &public))
    }

    fn generate_ed25519<'py>(
        &self,
        py: Python<'py>,
        key_label: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let public = self.run(py, |token| token.generate_ed25519(key_label))?;
        Ok(PyBytes::new(py, &public))
    }

    fn public_key<'py>(&self, py: Python<'py>, key_label: &str) -> PyResult<Bound<'py, PyBytes>> {
        let public = self.run(py, |token| token.public_key(key_label))?;
        Ok(PyBytes::new(py, &public))
    }

    fn key_labels(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.run(py, Inner::key_labels)
    }

    fn check_key(&self, py: Python<'_>, key_label: &str) -> PyResult<()> {
        self.run(py, |token| token.check_key(key_label))
    }

    fn sign_digest<'py>(
        &self,
        py: Python<'py>,
        key_label: &str,
        digest: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let signature = self.run(py, |token| token.sign_digest(key_label, digest))?;
        Ok(PyBytes::new(py, &signature))
    }

    fn sign_ed25519<'py>(
        &self,
        py: Python<'py>,
        key_label: &str,
        message: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let signature = self.run(py, |token| token.sign_ed25519(key_label, message))?;
        Ok(PyBytes::new(py, &signature))
    }

    fn read_data<'py>(
        &self,
        py: Python<'py>,
        label: &str,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let value = self.run(py, |token| token.read_data(label))?;
        Ok(value.map(|value| PyBytes::new(py, &value)))
    }

    fn write_data(&self, py: Python<'_>, label: &str, value: &[u8]) -> PyResult<()> {
        self.run(py, |token| token.write_data(label, value))
    }

    fn __repr__(&self) -> String {
        format!("Token(label={:?})", self.inner.label())
    }
}
