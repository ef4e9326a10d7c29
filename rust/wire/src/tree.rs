//! A signed body as a tree of plain values, for callers that want every field (Python, the CLI, the audit).

use crate::error::{Reason, WireError};
use crate::reader::{Reader, put_delimited, put_varint};
use crate::schema_types::{Field, Kind, Message};
use crate::walker::check;

/// A message with one node for each field of its schema, in the schema's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The schema.
    pub message: &'static Message,
    /// As many as the schema has fields.
    pub nodes: Vec<Node>,
}

/// The value of one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A singular field that is not there.
    Absent,
    /// uint32, uint64 or an enum's number.
    Number(u64),
    /// A string.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A repeated string, empty if absent.
    Texts(Vec<String>),
    /// A repeated message, empty if absent.
    Messages(Vec<Tree>),
}

/// Checks `bytes` and takes them apart.
///
/// # Errors
/// As [`check`].
pub fn decode(message: &'static Message, bytes: &[u8]) -> Result<Tree, WireError> {
    check(message, bytes)?;
    take_apart(message, bytes).map_err(|reason| reason.at("", 0))
}

/// Reads bytes that `check` has accepted.
fn take_apart(message: &'static Message, bytes: &[u8]) -> Result<Tree, Reason> {
    let mut nodes: Vec<Node> = message.fields.iter().map(empty).collect();
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        let (number, _) = reader.tag()?;
        let place = message
            .fields
            .iter()
            .zip(nodes.iter_mut())
            .find(|(field, _)| field.number == number);
        let (field, node) = place.ok_or(Reason::UnknownField(number))?;
        match (field.kind, node) {
            (Kind::Uint32 | Kind::Uint64 | Kind::Enum(_), node) => {
                *node = Node::Number(reader.varint()?)
            }
            (Kind::Message(inner), Node::Messages(items)) => {
                items.push(take_apart(inner, reader.delimited()?)?)
            }
            (Kind::String, Node::Texts(items)) => items.push(text(reader.delimited()?)?),
            (Kind::String, node) => *node = Node::Text(text(reader.delimited()?)?),
            (Kind::Bytes, node) => *node = Node::Bytes(reader.delimited()?.to_vec()),
            (Kind::Message(_), _) => return Err(Reason::WrongKind),
        }
    }
    Ok(Tree { message, nodes })
}

fn empty(field: &Field) -> Node {
    match (field.repeated, field.kind) {
        (true, Kind::Message(_)) => Node::Messages(Vec::new()),
        (true, _) => Node::Texts(Vec::new()),
        (false, _) => Node::Absent,
    }
}

fn text(bytes: &[u8]) -> Result<String, Reason> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| Reason::BadUtf8)
}

/// Encodes a tree canonically and checks the result, so that nothing is signed that would be refused.
///
/// A zero number, empty text or empty bytes is written as absent.
///
/// # Errors
/// A node that is not of its field's kind, and as [`check`].
pub fn encode(tree: &Tree) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    put_together(tree, &mut out)?;
    check(tree.message, &out)?;
    Ok(out)
}

fn put_together(tree: &Tree, out: &mut Vec<u8>) -> Result<(), WireError> {
    if tree.nodes.len() != tree.message.fields.len() {
        return Err(Reason::WrongKind.at("", 0));
    }
    for (field, node) in tree.message.fields.iter().zip(&tree.nodes) {
        match (field.kind, node) {
            (_, Node::Absent) if !field.repeated => {}
            (Kind::Uint32 | Kind::Uint64 | Kind::Enum(_), Node::Number(value)) => {
                if *value != 0 {
                    put_varint(out, u64::from(field.number) << 3);
                    put_varint(out, *value);
                }
            }
            (Kind::String, Node::Text(value)) if !field.repeated => {
                put_unless_empty(out, field, value.as_bytes())
            }
            (Kind::Bytes, Node::Bytes(value)) => put_unless_empty(out, field, value),
            (Kind::String, Node::Texts(items)) if field.repeated => {
                items
                    .iter()
                    .for_each(|item| put_delimited(out, field.number, item.as_bytes()));
            }
            (Kind::Message(message), Node::Messages(items)) => {
                for (index, item) in items.iter().enumerate() {
                    let mut inner = Vec::new();
                    let kept = std::ptr::eq(item.message, message);
                    let made = if kept {
                        put_together(item, &mut inner)
                    } else {
                        Err(Reason::WrongKind.at("", 0))
                    };
                    made.map_err(|error| error.within(&format!("{}[{index}]", field.name)))?;
                    put_delimited(out, field.number, &inner);
                }
            }
            _ => return Err(Reason::WrongKind.at(field.name, 0)),
        }
    }
    Ok(())
}

fn put_unless_empty(out: &mut Vec<u8>, field: &Field, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_delimited(out, field.number, bytes);
    }
}
