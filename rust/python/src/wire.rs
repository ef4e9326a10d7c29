//! `custody._core.wire`: signed bodies as plain tuples; the hashes over them are in `digests.rs`.

mod digests;

use custody_wire as wire;
use custody_wire::schema::MESSAGES;
use custody_wire::schema_types::{Field, Kind, Message};
use custody_wire::{Hash, Node, Reason, SignedType, Tree, WireError};
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
    digests::fill(module)
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
