//! Turns the crates' errors into the exceptions of `custody.errors`; the classes live in Python.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Raises `custody.errors.NAME(*args)`.
#[allow(dead_code)]
pub fn raise<'py, A>(py: Python<'py>, name: &str, args: A) -> PyErr
where
    A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
{
    let made = py
        .import("custody.errors")
        .and_then(|module| module.getattr(name))
        .and_then(|class| args.into_pyobject(py).and_then(|args| class.call1(args)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
