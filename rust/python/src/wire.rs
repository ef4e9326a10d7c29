//! `custody._core.wire`: signed bodies as plain tuples, and every hash over them.

use custody_wire as wire;
use custody_wire::schema::MESSAGES;
use custody_wire::schema_types::{Field, Kind, Message};
use custody_wire::{Hash, Node, Part, Reason, SignedType, Tree, WireError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyTuple};

use crate::errors::raise;

/// Fills `custody._core.wire`.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(decode, module)?)?;
    module.add_function(wrap_pyfunction!(encode, module)?)?;
    module.add_function(wrap_pyfunction!(fields, module)?)?;
    module.add_function(wrap_pyfunction!(messages, module)?)?;
    module.add_function(wrap_pyfunction!(message_of, module)?)?;
    module.add_function(wrap_pyfunction!(payload_of, module)?)?;
    module.add_function(wrap_pyfunction!(signed_message, module)?)?;
    module.add_function(wrap_pyfunction!(signing_input, module)?)?;
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

fn to_py(py: Python<'_>, error: &WireError) -> PyErr {
    let offset = i64::try_from(error.offset).unwrap_or(-1);
    raise(
        py,
        "Malformed",
        (error.path.as_str(), error.reason.to_string(), offset),
    )
}

fn malformed(py: Python<'_>, field: &str, reason: &str) -> PyErr {
    raise(py, "Malformed", (field, reason))
}

fn message(py: Python<'_>, name: &str) -> PyResult<&'static Message> {
    let found = MESSAGES
        .iter()
        .copied()
        .find(|message| message.name == name);
    found.ok_or_else(|| to_py(py, &Reason::UnknownName.at("message", 0)))
}

fn signed_type(py: Python<'_>, name: &str) -> PyResult<SignedType> {
    SignedType::from_name(name).ok_or_else(|| to_py(py, &Reason::UnknownName.at("type", 0)))
}

fn hash(py: Python<'_>, field: &str, bytes: &[u8]) -> PyResult<Hash> {
    bytes
        .try_into()
        .map_err(|_| malformed(py, field, "must be 32 bytes"))
}

fn bytes<'py>(py: Python<'py>, value: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, value)
}

/// Checks a body and gives its values in the schema's order.
#[pyfunction]
fn decode<'py>(py: Python<'py>, message_name: &str, body: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
    let message = message(py, message_name)?;
    let tree = py
        .detach(|| wire::decode(message, body))
        .map_err(|error| to_py(py, &error))?;
    tuple(py, &tree)
}

fn tuple<'py>(py: Python<'py>, tree: &Tree) -> PyResult<Bound<'py, PyTuple>> {
    let values = tree.nodes.iter().map(|node| match node {
        Node::Absent => Ok(py.None().into_bound(py)),
        Node::Number(value) => Ok(value.into_pyobject(py)?.into_any()),
        Node::Text(value) => Ok(value.into_pyobject(py)?.into_any()),
        Node::Bytes(value) => Ok(bytes(py, value).into_any()),
        Node::Texts(items) => Ok(PyTuple::new(py, items)?.into_any()),
        Node::Messages(items) => {
            let items = items
                .iter()
                .map(|item| tuple(py, item))
                .collect::<PyResult<Vec<_>>>()?;
            Ok(PyTuple::new(py, items)?.into_any())
        }
    });
    PyTuple::new(py, values.collect::<PyResult<Vec<_>>>()?)
}

/// Encodes values canonically and checks the result.
#[pyfunction]
fn encode<'py>(
    py: Python<'py>,
    message_name: &str,
    values: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyBytes>> {
    let message = message(py, message_name)?;
    let tree = tree(message, values).map_err(|error| to_py(py, &error))?;
    let body = py
        .detach(|| wire::encode(&tree))
        .map_err(|error| to_py(py, &error))?;
    Ok(bytes(py, &body))
}

fn tree(message: &'static Message, values: &Bound<'_, PyTuple>) -> Result<Tree, WireError> {
    if values.len() != message.fields.len() {
        return Err(Reason::WrongKind.at("", 0));
    }
    let pairs = message.fields.iter().zip(values.iter());
    let nodes = pairs
        .map(|(field, value)| node(field, &value))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Tree { message, nodes })
}

fn node(field: &Field, value: &Bound<'_, PyAny>) -> Result<Node, WireError> {
    let wrong = |_| Reason::WrongKind.at(field.name, 0);
    match (field.kind, field.repeated) {
        (_, false) if value.is_none() => Ok(Node::Absent),
        (Kind::Uint32 | Kind::Uint64 | Kind::Enum(_), _) => {
            value.extract().map(Node::Number).map_err(wrong)
        }
        (Kind::String, false) => value.extract().map(Node::Text).map_err(wrong),
        (Kind::String, true) => value.extract().map(Node::Texts).map_err(wrong),
        (Kind::Bytes, _) => value
            .extract::<PyBackedBytes>()
            .map(|taken| Node::Bytes(taken.to_vec()))
            .map_err(|_| Reason::WrongKind.at(field.name, 0)),
        (Kind::Message(inner), _) => {
            let items: Vec<Bound<'_, PyTuple>> = value
                .extract()
                .map_err(|_| Reason::WrongKind.at(field.name, 0))?;
            let trees = items.iter().enumerate().map(|(index, item)| {
                tree(inner, item).map_err(|error| error.within(&format!("{}[{index}]", field.name)))
            });
            trees.collect::<Result<Vec<_>, _>>().map(Node::Messages)
        }
    }
}

/// The names of a message's fields, in order.
#[pyfunction]
fn fields(py: Python<'_>, message_name: &str) -> PyResult<Vec<&'static str>> {
    Ok(message(py, message_name)?
        .fields
        .iter()
        .map(|field| field.name)
        .collect())
}

/// The names of all messages.
#[pyfunction]
fn messages() -> Vec<&'static str> {
    MESSAGES.iter().map(|message| message.name).collect()
}

/// The message that bodies of a signed type are.
#[pyfunction]
fn message_of(py: Python<'_>, type_name: &str) -> PyResult<&'static str> {
    Ok(signed_type(py, type_name)?.message().name)
}

/// The message that a statement of this kind carries.
#[pyfunction]
fn payload_of(py: Python<'_>, kind: u64) -> PyResult<&'static str> {
    let message =
        wire::payload_of(kind).ok_or_else(|| to_py(py, &Reason::UnknownEnumValue.at("kind", 0)))?;
    Ok(message.name)
}

/// The message that is signed.
#[pyfunction]
fn signed_message<'py>(
    py: Python<'py>,
    type_name: &str,
    deployment: &[u8],
    body: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let deployment = hash(py, "deployment", deployment)?;
    Ok(bytes(
        py,
        &wire::signed_message(signed_type(py, type_name)?, &deployment, body),
    ))
}

/// What a scheme's signature function is given.
#[pyfunction]
fn signing_input<'py>(
    py: Python<'py>,
    scheme: &str,
    message: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let input = wire::signing_input(scheme, message).map_err(|error| to_py(py, &error))?;
    Ok(bytes(py, &input))
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
