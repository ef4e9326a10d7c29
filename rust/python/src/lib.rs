//! The extension module `custody._core`: takes owned values, releases the GIL, calls a pure crate, converts.

mod chain;
mod crypto;
mod errors;
mod hsm;
mod intake;
mod ledger;
mod ledger_explain;
mod ledger_ids;
mod ledger_queue;
mod ledger_snapshot;
mod ledger_state;
mod ledger_views;
mod limits;
mod transfers;
mod wire;

use pyo3::prelude::*;

/// Adds `child` to `parent` and to `sys.modules`, so that `import custody._core.NAME` works as for a package.
#[allow(dead_code)]
fn add_submodule(
    parent: &Bound<'_, PyModule>,
    name: &str,
    fill: fn(&Bound<'_, PyModule>) -> PyResult<()>,
) -> PyResult<()> {
    let py = parent.py();
    let child = PyModule::new(py, name)?;
    fill(&child)?;
    parent.add_submodule(&child)?;
    py.import("sys")?
        .getattr("modules")?
        .set_item(format!("custody._core.{name}"), &child)
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // One line for each room of the extension.
    add_submodule(module, "chain", chain::fill)?;
    add_submodule(module, "crypto", crypto::fill)?;
    add_submodule(module, "hsm", hsm::fill)?;
    add_submodule(module, "intake", intake::fill)?;
    add_submodule(module, "ledger", ledger::fill)?;
    add_submodule(module, "wire", wire::fill)?;
    Ok(())
}
