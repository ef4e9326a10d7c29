//! Reads `tests/vectors/signed.json`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

use custody_wire::schema_types::{Enum, Kind, Message};
use custody_wire::{Node, Tree};
use serde_json::Value;

/// The whole file.
pub fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/signed.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The items of one list.
pub fn list(name: &str) -> Vec<Value> {
    vectors()[name].as_array().unwrap().clone()
}

/// The text of a member.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} of {value}"))
}

/// The bytes of a member in hex.
pub fn bytes(value: &Value, name: &str) -> Vec<u8> {
    unhex(text(value, name))
}

/// Hex to bytes.
pub fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|c| c.to_digit(16).unwrap().try_into().unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4) | pair[1])
        .collect()
}

/// Bytes to hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A tree from protobuf's JSON form.
pub fn tree(message: &'static Message, fields: &Value) -> Tree {
    for name in fields.as_object().unwrap().keys() {
        assert!(
            message.fields.iter().any(|field| field.name == name),
            "{name} is no field of {}",
            message.name
        );
    }
    let nodes = message.fields.iter().map(|field| {
        let value = &fields[field.name];
        match (field.kind, field.repeated) {
            (Kind::Message(inner), _) => {
                let items = value.as_array().cloned().unwrap_or_default();
                Node::Messages(items.iter().map(|item| tree(inner, item)).collect())
            }
            (_, true) => {
                let items = value.as_array().cloned().unwrap_or_default();
                Node::Texts(
                    items
                        .iter()
                        .map(|item| item.as_str().unwrap().to_owned())
                        .collect(),
                )
            }
            _ if value.is_null() => Node::Absent,
            (Kind::Uint32, _) => Node::Number(value.as_u64().unwrap()),
            (Kind::Uint64, _) => Node::Number(value.as_str().unwrap().parse().unwrap()),
            (Kind::Enum(known), _) => Node::Number(number(known, value.as_str().unwrap())),
            (Kind::String, _) => Node::Text(value.as_str().unwrap().to_owned()),
            (Kind::Bytes, _) => Node::Bytes(unbase64(value.as_str().unwrap())),
        }
    });
    Tree {
        message,
        nodes: nodes.collect(),
    }
}

fn number(known: &Enum, name: &str) -> u64 {
    known
        .values
        .iter()
        .find(|value| value.name == name)
        .unwrap()
        .number
        .into()
}

fn unbase64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut out) = (0_u32, 0_u32, Vec::new());
    for digit in text.trim_end_matches('=').chars() {
        bits = (bits << 6) | u32::try_from(DIGITS.find(digit).unwrap()).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    out
}
