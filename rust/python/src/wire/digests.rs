//! Every hash over bodies, records and rows, and Merkle proofs.

use custody_wire as wire;
use custody_wire::{Hash, Part};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::{bytes, hash, malformed, to_py};

/// Adds them to `custody._core.wire`.
pub(super) fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(tagged_hash, module)?)?;
    module.add_function(wrap_pyfunction!(policy_hash, module)?)?;
    module.add_function(wrap_pyfunction!(governance_hash, module)?)?;
    module.add_function(wrap_pyfunction!(route, module)?)?;
    module.add_function(wrap_pyfunction!(journal_start, module)?)?;
    module.add_function(wrap_pyfunction!(row_hash, module)?)?;
    module.add_function(wrap_pyfunction!(record_root, module)?)?;
    module.add_function(wrap_pyfunction!(build_record, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_record, module)?)?;
    module.add_function(wrap_pyfunction!(pack_leaf, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_leaf, module)?)?;
    module.add_function(wrap_pyfunction!(tree_hash, module)?)?;
    module.add_function(wrap_pyfunction!(inclusion_proof, module)?)?;
    module.add_function(wrap_pyfunction!(verify_inclusion, module)?)?;
    module.add_function(wrap_pyfunction!(consistency_proof, module)?)?;
    module.add_function(wrap_pyfunction!(verify_consistency, module)?)
}

#[derive(FromPyObject)]
enum OwnedPart {
    Int(u64),
    Text(String),
    Bytes(PyBackedBytes),
}

/// H(tag, parts…).
#[pyfunction]
fn tagged_hash<'py>(py: Python<'py>, tag: &str, parts: Vec<OwnedPart>) -> Bound<'py, PyBytes> {
    let parts: Vec<Part<'_>> = parts
        .iter()
        .map(|part| match part {
            OwnedPart::Int(value) => Part::Int(*value),
            OwnedPart::Text(value) => Part::Bytes(value.as_bytes()),
            OwnedPart::Bytes(value) => Part::Bytes(value),
        })
        .collect();
    bytes(py, &wire::tagged_hash(tag, &parts))
}

/// H(policy, file).
#[pyfunction]
fn policy_hash<'py>(py: Python<'py>, file: &[u8]) -> Bound<'py, PyBytes> {
    bytes(py, &wire::policy_hash(file))
}

/// H(governance, previous, n, SHA-256(statement)).
#[pyfunction]
fn governance_hash<'py>(
    py: Python<'py>,
    previous: &[u8],
    n: u64,
    statement_body: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let previous = hash(py, "previous", previous)?;
    Ok(bytes(
        py,
        &wire::governance_hash(&previous, n, &wire::sha256(statement_body)),
    ))
}

/// The wallet that pays a reference.
#[pyfunction]
fn route(
    py: Python<'_>,
    initiator: &str,
    reference: &str,
    wallet_ids: Vec<String>,
) -> PyResult<String> {
    let ids: Vec<&str> = wallet_ids.iter().map(String::as_str).collect();
    let chosen = wire::route(initiator, reference, &ids).and_then(|index| ids.get(index));
    chosen
        .map(|id| (*id).to_owned())
        .ok_or_else(|| malformed(py, "wallet_ids", "must not be empty"))
}

/// H(journal-start, deployment, journal).
#[pyfunction]
fn journal_start<'py>(
    py: Python<'py>,
    deployment: &[u8],
    journal: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let deployment = hash(py, "deployment", deployment)?;
    Ok(bytes(py, &wire::journal_start(&deployment, journal)))
}

/// A row's hash.
#[pyfunction]
fn row_hash<'py>(
    py: Python<'py>,
    previous: &[u8],
    seq: u64,
    epoch: u64,
    kind: u64,
    root: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let (previous, root) = (hash(py, "previous", previous)?, hash(py, "root", root)?);
    Ok(bytes(
        py,
        &wire::row_hash(&previous, seq, epoch, kind, &root),
    ))
}

/// A record's root.
#[pyfunction]
fn record_root<'py>(py: Python<'py>, record: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let root = py
        .detach(|| wire::record_root(record))
        .map_err(|error| to_py(py, &error))?;
    Ok(bytes(py, &root))
}

type RecordAndRoot<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// A record and its root.
#[pyfunction]
fn build_record<'py>(
    py: Python<'py>,
    header: &[u8],
    leaves: Vec<PyBackedBytes>,
) -> PyResult<RecordAndRoot<'py>> {
    let (record, root) = py
        .detach(|| wire::build_record(header, &leaves))
        .map_err(|error| to_py(py, &error))?;
    Ok((bytes(py, &record), bytes(py, &root)))
}

type HeaderAndLeaves<'py> = (Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>);

/// A record's header and leaves.
#[pyfunction]
fn unpack_record<'py>(py: Python<'py>, record: &[u8]) -> PyResult<HeaderAndLeaves<'py>> {
    let parts = wire::unpack_record(record).map_err(|error| to_py(py, &error))?;
    Ok((
        bytes(py, parts.header),
        parts.leaves.iter().map(|leaf| bytes(py, leaf)).collect(),
    ))
}

/// A withdrawal's packed leaf.
#[pyfunction]
fn pack_leaf<'py>(
    py: Python<'py>,
    outcome: &[u8],
    intent: &[u8],
    signatures: Vec<(String, PyBackedBytes)>,
) -> PyResult<Bound<'py, PyBytes>> {
    let signatures: Vec<(&str, &[u8])> = signatures
        .iter()
        .map(|(key_id, signature)| (key_id.as_str(), signature.as_ref()))
        .collect();
    let mut leaf = Vec::new();
    wire::pack_leaf(&mut leaf, outcome, intent, &signatures).map_err(|error| to_py(py, &error))?;
    Ok(bytes(py, &leaf))
}

type LeafParts<'py> = (
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Vec<(String, Bound<'py, PyBytes>)>,
);

/// A packed leaf's parts.
#[pyfunction]
fn unpack_leaf<'py>(py: Python<'py>, leaf: &[u8]) -> PyResult<LeafParts<'py>> {
    let parts = wire::unpack_leaf(leaf).map_err(|error| to_py(py, &error))?;
    let signatures = parts
        .signatures
        .iter()
        .map(|(key_id, signature)| ((*key_id).to_owned(), bytes(py, signature)));
    Ok((
        bytes(py, parts.outcome),
        bytes(py, parts.intent),
        signatures.collect(),
    ))
}

fn leaf_hashes(leaves: &[PyBackedBytes]) -> Vec<Hash> {
    leaves
        .iter()
        .map(|leaf| wire::merkle::leaf_hash(leaf))
        .collect()
}

fn path<'py>(py: Python<'py>, proof: &[Hash]) -> Vec<Bound<'py, PyBytes>> {
    proof.iter().map(|node| bytes(py, node)).collect()
}

fn proof_of(py: Python<'_>, proof: &[PyBackedBytes]) -> PyResult<Vec<Hash>> {
    proof.iter().map(|node| hash(py, "proof", node)).collect()
}

/// The head of the tree over the leaves.
#[pyfunction]
fn tree_hash<'py>(py: Python<'py>, leaves: Vec<PyBackedBytes>) -> Bound<'py, PyBytes> {
    let head = py.detach(|| wire::merkle::tree_hash(&leaves));
    bytes(py, &head)
}

/// The path from a leaf to the head.
#[pyfunction]
fn inclusion_proof<'py>(
    py: Python<'py>,
    leaves: Vec<PyBackedBytes>,
    index: usize,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let proof = py.detach(|| wire::merkle::inclusion_proof(&leaf_hashes(&leaves), index));
    proof
        .map(|proof| path(py, &proof))
        .ok_or_else(|| malformed(py, "index", "there is no such leaf"))
}

/// Raises unless the proof holds.
#[pyfunction]
fn verify_inclusion(
    py: Python<'_>,
    leaf: &[u8],
    index: u64,
    size: u64,
    proof: Vec<PyBackedBytes>,
    head: &[u8],
) -> PyResult<()> {
    let (proof, head) = (proof_of(py, &proof)?, hash(py, "head", head)?);
    match wire::merkle::verify_inclusion(&wire::merkle::leaf_hash(leaf), index, size, &proof, &head)
    {
        true => Ok(()),
        false => Err(malformed(
            py,
            "proof",
            "does not show that the tree includes the leaf",
        )),
    }
}

/// The proof that the first `old` leaves are a prefix.
#[pyfunction]
fn consistency_proof<'py>(
    py: Python<'py>,
    leaves: Vec<PyBackedBytes>,
    old: usize,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let proof = py.detach(|| wire::merkle::consistency_proof(&leaf_hashes(&leaves), old));
    proof
        .map(|proof| path(py, &proof))
        .ok_or_else(|| malformed(py, "old", "must be from 1 to the number of leaves"))
}

/// Raises unless the proof holds.
#[pyfunction]
fn verify_consistency(
    py: Python<'_>,
    old_size: u64,
    old_head: &[u8],
    new_size: u64,
    new_head: &[u8],
    proof: Vec<PyBackedBytes>,
) -> PyResult<()> {
    let (old_head, new_head) = (
        hash(py, "old_head", old_head)?,
        hash(py, "new_head", new_head)?,
    );
    match wire::merkle::verify_consistency(
        old_size,
        &old_head,
        new_size,
        &new_head,
        &proof_of(py, &proof)?,
    ) {
        true => Ok(()),
        false => Err(malformed(
            py,
            "proof",
            "does not show that the old tree is a prefix of the new",
        )),
    }
}
