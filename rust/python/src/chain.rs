//! `custody._core.chain`: EVM plans, effects, digests and signed bytes.

use custody_chain::evm::{self, Address, Cancel, Effects, Fees, Log, Plan};
use custody_chain::{Asset, ChainError, Network};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt};

use crate::errors::raise;

/// chain id, nonce, kind, asset, to, amount, max fee per gas, max priority fee per gas, gas limit, max fee, sender,
/// conflict key.
type EffectsTuple = (
    u64,
    u64,
    String,
    String,
    String,
    u128,
    u128,
    u128,
    u64,
    u128,
    Option<String>,
    String,
);

/// Fills `custody._core.chain`.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(parse_network, module)?)?;
    module.add_function(wrap_pyfunction!(parse_asset, module)?)?;
    module.add_function(wrap_pyfunction!(parse_address, module)?)?;
    module.add_function(wrap_pyfunction!(format_address, module)?)?;
    module.add_function(wrap_pyfunction!(address_of, module)?)?;
    module.add_function(wrap_pyfunction!(check_destination, module)?)?;
    module.add_function(wrap_pyfunction!(build, module)?)?;
    module.add_function(wrap_pyfunction!(build_cancel, module)?)?;
    module.add_function(wrap_pyfunction!(effects, module)?)?;
    module.add_function(wrap_pyfunction!(signing_digest, module)?)?;
    module.add_function(wrap_pyfunction!(assemble, module)?)?;
    module.add_function(wrap_pyfunction!(transaction_hash, module)?)?;
    module.add_function(wrap_pyfunction!(verify_assembled, module)?)?;
    module.add_function(wrap_pyfunction!(transfer_matches, module)?)?;
    Ok(())
}

fn to_py(py: Python<'_>, error: ChainError) -> PyErr {
    match error {
        ChainError::Malformed { field, reason } => raise(py, "Malformed", (field, reason)),
        ChainError::InvalidSignature(reason) => raise(py, "InvalidSignature", (reason,)),
    }
}

fn malformed(py: Python<'_>, field: &str, reason: String) -> PyErr {
    raise(py, "Malformed", (field, reason))
}

/// Reads an `int` (not a bool, nor anything that merely converts) in the range of `T`.
fn unsigned<'py, T>(field: &str, value: &Bound<'py, PyAny>) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    let py = value.py();
    if !value.is_exact_instance_of::<PyInt>() {
        return Err(malformed(py, field, "must be an int".to_owned()));
    }
    value.extract().map_err(|_| {
        let bits = size_of::<T>().saturating_mul(8);
        malformed(py, field, format!("must be from 0 to 2^{bits} - 1"))
    })
}

fn address(py: Python<'_>, field: &str, text: &str) -> PyResult<Address> {
    evm::parse_address(text).map_err(|error| match error {
        ChainError::Malformed { reason, .. } => malformed(py, field, reason),
        other @ ChainError::InvalidSignature(_) => to_py(py, other),
    })
}

fn network(py: Python<'_>, text: &str) -> PyResult<Network> {
    text.parse().map_err(|error| to_py(py, error))
}

fn asset(py: Python<'_>, text: &str) -> PyResult<Asset> {
    text.parse().map_err(|error| to_py(py, error))
}

/// Releases the GIL, runs, maps the error.
fn run<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, ChainError> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(|error| to_py(py, error))
}

#[pyfunction]
fn parse_network(py: Python<'_>, text: &str) -> PyResult<u64> {
    Ok(network(py, text)?.chain_id())
}

#[pyfunction]
fn parse_asset(py: Python<'_>, text: &str) -> PyResult<(String, &'static str, String)> {
    let asset = asset(py, text)?;
    Ok((
        asset.network().to_string(),
        asset.namespace(),
        asset.reference(),
    ))
}

#[pyfunction]
fn parse_address<'py>(py: Python<'py>, network: &str, text: &str) -> PyResult<Bound<'py, PyBytes>> {
    match self::network(py, network)? {
        Network::Eip155(_) => Ok(PyBytes::new(py, address(py, "address", text)?.as_slice())),
    }
}

#[pyfunction]
fn format_address(py: Python<'_>, network: &str, raw: &[u8]) -> PyResult<String> {
    match self::network(py, network)? {
        Network::Eip155(_) => {
            let raw = <[u8; 20]>::try_from(raw).map_err(|_| {
                malformed(
                    py,
                    "address",
                    format!("must have 20 bytes, has {}", raw.len()),
                )
            })?;
            Ok(evm::checksum(&Address::from(raw)))
        }
    }
}

#[pyfunction]
fn address_of(py: Python<'_>, public_key: &[u8]) -> PyResult<String> {
    evm::address_of(public_key)
        .map(|address| evm::checksum(&address))
        .map_err(|error| to_py(py, error))
}

#[pyfunction]
fn check_destination(py: Python<'_>, asset: &str, to: &str) -> PyResult<()> {
    let asset = self::asset(py, asset)?;
    let to = address(py, "to", to)?;
    evm::check_destination(&asset, &to).map_err(|error| to_py(py, error))
}

#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn build<'py>(
    py: Python<'py>,
    chain_id: &Bound<'py, PyAny>,
    nonce: &Bound<'py, PyAny>,
    max_priority_fee_per_gas: &Bound<'py, PyAny>,
    max_fee_per_gas: &Bound<'py, PyAny>,
    gas_limit: &Bound<'py, PyAny>,
    asset: &str,
    to: &str,
    amount: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let plan = Plan {
        chain_id: unsigned("chain_id", chain_id)?,
        nonce: unsigned("nonce", nonce)?,
        fees: Fees {
            max_priority_fee_per_gas: unsigned(
                "max_priority_fee_per_gas",
                max_priority_fee_per_gas,
            )?,
            max_fee_per_gas: unsigned("max_fee_per_gas", max_fee_per_gas)?,
            gas_limit: unsigned("gas_limit", gas_limit)?,
        },
        asset: self::asset(py, asset)?,
        to: address(py, "to", to)?,
        amount: unsigned("amount", amount)?,
    };
    Ok(PyBytes::new(py, &run(py, || evm::build(&plan))?))
}

#[pyfunction]
fn build_cancel<'py>(
    py: Python<'py>,
    chain_id: &Bound<'py, PyAny>,
    nonce: &Bound<'py, PyAny>,
    max_priority_fee_per_gas: &Bound<'py, PyAny>,
    max_fee_per_gas: &Bound<'py, PyAny>,
    sender: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let cancel = Cancel {
        chain_id: unsigned("chain_id", chain_id)?,
        nonce: unsigned("nonce", nonce)?,
        max_priority_fee_per_gas: unsigned("max_priority_fee_per_gas", max_priority_fee_per_gas)?,
        max_fee_per_gas: unsigned("max_fee_per_gas", max_fee_per_gas)?,
        sender: address(py, "sender", sender)?,
    };
    Ok(PyBytes::new(py, &run(py, || evm::build_cancel(&cancel))?))
}

#[pyfunction]
fn effects(py: Python<'_>, tx: &[u8]) -> PyResult<EffectsTuple> {
    let found: Effects = run(py, || evm::effects(tx))?;
    Ok((
        found.chain_id,
        found.nonce,
        found.kind.to_string(),
        found.asset.to_string(),
        evm::checksum(&found.to),
        found.amount,
        found.fees.max_fee_per_gas,
        found.fees.max_priority_fee_per_gas,
        found.fees.gas_limit,
        found.max_fee,
        found.sender.as_ref().map(evm::checksum),
        found.conflict_key(),
    ))
}

#[pyfunction]
fn signing_digest<'py>(py: Python<'py>, unsigned: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(
        py,
        &run(py, || evm::signing_digest(unsigned))?,
    ))
}

#[pyfunction]
fn assemble<'py>(
    py: Python<'py>,
    unsigned: &[u8],
    signature: &[u8],
    sender: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let sender = address(py, "sender", sender)?;
    let signature = <[u8; 64]>::try_from(signature).map_err(|_| {
        malformed(
            py,
            "signature",
            format!("must have 64 bytes, has {}", signature.len()),
        )
    })?;
    let signed = run(py, || evm::assemble(unsigned, &signature, &sender))?;
    Ok(PyBytes::new(py, &signed))
}

#[pyfunction]
fn transaction_hash<'py>(py: Python<'py>, signed: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(
        py,
        &run(py, || evm::transaction_hash(signed))?,
    ))
}

#[pyfunction]
fn verify_assembled(py: Python<'_>, signed: &[u8], unsigned: &[u8], sender: &str) -> PyResult<()> {
    let sender = address(py, "sender", sender)?;
    run(py, || evm::verify_assembled(signed, unsigned, &sender))
}

#[pyfunction]
fn transfer_matches(
    py: Python<'_>,
    asset: &str,
    logs: Vec<(String, Vec<Vec<u8>>, Vec<u8>)>,
    sender: &str,
    to: &str,
    amount: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let Asset::Erc20 { contract, .. } = self::asset(py, asset)? else {
        return Err(malformed(
            py,
            "asset",
            "must be a token: native payments have no logs".to_owned(),
        ));
    };
    let sender = address(py, "sender", sender)?;
    let to = address(py, "to", to)?;
    let amount = unsigned("amount", amount)?;
    let logs = logs
        .into_iter()
        .map(|(address, topics, data)| log(py, &address, topics, data))
        .collect::<PyResult<Vec<Log>>>()?;
    Ok(evm::transfer_matches(
        &contract, &logs, &sender, &to, amount,
    ))
}

/// A log as a node gives it: its address in any case, since nodes write it in lower case.
fn log(py: Python<'_>, text: &str, topics: Vec<Vec<u8>>, data: Vec<u8>) -> PyResult<Log> {
    let address = text
        .strip_prefix("0x")
        .and_then(|hex| hex.parse::<Address>().ok())
        .filter(|_| text.len() == 42)
        .ok_or_else(|| {
            malformed(
                py,
                "logs",
                "an address must be 0x and 40 hex digits".to_owned(),
            )
        })?;
    let topics = topics
        .into_iter()
        .map(|topic| <[u8; 32]>::try_from(topic).map(Into::into))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| malformed(py, "logs", "a topic must have 32 bytes".to_owned()))?;
    Ok(Log {
        address,
        topics,
        data,
    })
}
