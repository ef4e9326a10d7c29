//! The canonical walker: accepts exactly the bytes that a deterministic encoder prints for a well-formed body.

use crate::error::{Reason, WireError};
use crate::form::Form;
use crate::reader::{Reader, WireType};
use crate::rules::{self, MAX_BODY, MAX_POLICY, Rule, Rules};
use crate::schema::{
    ACTIVATE_BODY, ADDRESS_BODY, ADJUSTMENT_BODY, KEY_ROTATION_BODY, LIABILITY_TRANSFER_BODY,
    OPENING_BODY, POLICY_BODY, RELEASE_BODY, RESUME_BODY, STATEMENT, SWEEP_BODY,
};
use crate::schema_types::{Field, Kind, Message};
use crate::values::{Value, Values};

/// A statement around the largest policy: its other fields take well under a kilobyte.
const MAX_STATEMENT: usize = MAX_POLICY + 1024;

/// Checks that `bytes` are the canonical encoding of a well-formed `message`; a statement's body with it.
///
/// Allocates nothing unless it refuses.
///
/// # Errors
/// The first thing that is wrong, with field and offset.
pub fn check(message: &'static Message, bytes: &[u8]) -> Result<(), WireError> {
    let rules = rules::of(message).ok_or_else(|| Reason::NoRules.at("", 0))?;
    let wraps_policy = std::ptr::eq(message, &STATEMENT) || std::ptr::eq(message, &POLICY_BODY);
    if bytes.len()
        > if wraps_policy {
            MAX_STATEMENT
        } else {
            MAX_BODY
        }
    {
        return Err(Reason::TooLarge.at("", 0));
    }
    let values = scan(rules, bytes, 0)?;
    if std::ptr::eq(message, &STATEMENT) {
        check_payload(&values)?;
    }
    Ok(())
}

/// The message that a statement of this kind carries in `body`.
#[must_use]
pub fn payload_of(kind: u64) -> Option<&'static Message> {
    match kind {
        1 => Some(&SWEEP_BODY),
        2 => Some(&RELEASE_BODY),
        3 => Some(&RESUME_BODY),
        4 => Some(&ACTIVATE_BODY),
        5 => Some(&POLICY_BODY),
        6 => Some(&ADDRESS_BODY),
        7 => Some(&KEY_ROTATION_BODY),
        8 => Some(&OPENING_BODY),
        9 => Some(&ADJUSTMENT_BODY),
        10 => Some(&LIABILITY_TRANSFER_BODY),
        _ => None,
    }
}

fn check_payload(statement: &Values<'_>) -> Result<(), WireError> {
    let (kind, body) = (statement.number(1), statement.bytes(2));
    let offset = statement.offset(2).unwrap_or(0);
    let message = payload_of(kind).ok_or_else(|| Reason::UnknownEnumValue.at("kind", 0))?;
    let rules = rules::of(message).ok_or_else(|| Reason::NoRules.at("body", offset))?;
    if body.len() > MAX_BODY && !std::ptr::eq(message, &POLICY_BODY) {
        return Err(Reason::TooLarge.at("body", offset));
    }
    scan(rules, body, offset)
        .map(|_| ())
        .map_err(|error| error.within("body"))
}

/// Checks one message that begins at `base` of the outermost body, and gives its singular values.
pub(crate) fn scan<'a>(
    rules: &'static Rules,
    bytes: &'a [u8],
    base: usize,
) -> Result<Values<'a>, WireError> {
    let mut reader = Reader::new(bytes);
    let mut values = Values::new();
    let (mut next, mut missing) = (0_usize, None);
    while !reader.is_done() {
        let start = base.saturating_add(reader.at());
        let (number, wire) = reader.tag().map_err(|reason| reason.at("", start))?;
        let (index, field) = find(rules.message, number)
            .ok_or_else(|| Reason::UnknownField(number).at("", start))?;
        if index < next {
            let again = index.saturating_add(1) == next;
            if !(again && field.repeated) {
                let reason = if again {
                    Reason::FieldRepeated
                } else {
                    Reason::FieldOrder
                };
                return Err(reason.at(field.name, start));
            }
        } else {
            missing = missing.or_else(|| absent(rules, next, index));
        }
        next = index.saturating_add(1);
        let form = rules
            .fields
            .get(index)
            .map_or(Form::Items(0), |rule| rule.form);
        match (wire, field.kind) {
            (WireType::Varint, Kind::Uint32 | Kind::Uint64 | Kind::Enum(_)) => {
                let offset = base.saturating_add(reader.at());
                let value = reader
                    .varint()
                    .and_then(|value| number_of(value, field.kind, form));
                values.set(
                    index,
                    Value::Number(value.map_err(|reason| reason.at(field.name, offset))?),
                    offset,
                );
            }
            (WireType::Length, Kind::String | Kind::Bytes | Kind::Message(_)) => {
                let before = base.saturating_add(reader.at());
                let inner = reader
                    .delimited()
                    .map_err(|reason| reason.at(field.name, before))?;
                let offset = base.saturating_add(reader.at()).saturating_sub(inner.len());
                let value = match field.repeated {
                    true => {
                        let value = item(values.items(index), inner, offset, field, form)?;
                        let before = bytes.get(..start.saturating_sub(base)).unwrap_or(&[]);
                        if matches!(form, Form::Distinct(_) | Form::Scopes)
                            && occurs(before, field, inner)
                        {
                            let path = format!("{}[{}]", field.name, values.items(index));
                            return Err(Reason::Form("occurs twice in the list").at(&path, offset));
                        }
                        value
                    }
                    false => single(inner, offset, field, form)?,
                };
                values.set(index, value, offset);
            }
            _ => return Err(Reason::WireType.at(field.name, start)),
        }
    }
    let end = base.saturating_add(bytes.len());
    if let Some(rule) = missing.or_else(|| absent(rules, next, rules.fields.len())) {
        return Err(Reason::Missing.at(rule.field, end));
    }
    match (rules.whole)(&values) {
        Ok(()) => Ok(values),
        Err((number, reason)) => {
            let name = find(rules.message, number).map_or("", |(_, field)| field.name);
            Err(reason.at(name, values.offset(number).unwrap_or(end)))
        }
    }
}

/// Fields are numbered from 1 without gaps (a test holds the schema to it), so the number is the place.
fn find(message: &'static Message, number: u32) -> Option<(usize, &'static Field)> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    message.fields.get(index).map(|field| (index, field))
}

/// The first field from `from` up to `to`, none of which is there, that must be.
fn absent(rules: &'static Rules, from: usize, to: usize) -> Option<&'static Rule> {
    rules
        .fields
        .get(from..to)?
        .iter()
        .find(|rule| !rule.optional)
}

fn number_of(value: u64, kind: Kind, form: Form) -> Result<u64, Reason> {
    match kind {
        Kind::Uint32 if value > u64::from(u32::MAX) => return Err(Reason::OutOfRange),
        Kind::Enum(values) if !values.has(value) => return Err(Reason::UnknownEnumValue),
        _ if value == 0 => return Err(Reason::ExplicitDefault),
        _ => {}
    }
    form.check_number(value).map(|()| value)
}

/// The value of a singular text or byte field.
fn single<'a>(
    inner: &'a [u8],
    offset: usize,
    field: &Field,
    form: Form,
) -> Result<Value<'a>, WireError> {
    if inner.is_empty() {
        return Err(Reason::ExplicitDefault.at(field.name, offset));
    }
    match field.kind {
        Kind::Bytes => form.check_bytes(inner).map(|()| Value::Bytes(inner)),
        Kind::String => {
            let text = utf8(inner, offset).map_err(|error| error.within(field.name))?;
            form.check_text(text).map(|()| Value::Text(text))
        }
        _ => Err(Reason::WrongKind),
    }
    .map_err(|reason| reason.at(field.name, offset))
}

/// One more item of a repeated field; `index` items came before it.
fn item<'a>(
    index: usize,
    inner: &[u8],
    offset: usize,
    field: &Field,
    form: Form,
) -> Result<Value<'a>, WireError> {
    let within = |error: WireError| error.within(&format!("{}[{index}]", field.name));
    if index >= form.most_items() {
        return Err(Reason::TooManyItems.at(field.name, offset));
    }
    match field.kind {
        Kind::Message(message) => {
            let rules = rules::of(message).ok_or_else(|| within(Reason::NoRules.at("", offset)))?;
            scan(rules, inner, offset).map(|_| ()).map_err(within)?;
        }
        Kind::String => {
            let text = utf8(inner, offset).map_err(within)?;
            form.check_text(text)
                .map_err(|reason| within(reason.at("", offset)))?;
        }
        _ => return Err(within(Reason::WrongKind.at("", offset))),
    }
    Ok(Value::Items(index.saturating_add(1)))
}

/// Whether a list has an item with this item's key already; `before` are the message's bytes up to it. They are read
/// again for each item, so that nothing is allocated: lists of this kind are short.
fn occurs(before: &[u8], field: &Field, item: &[u8]) -> bool {
    let wanted = key_of(field, item);
    let mut reader = Reader::new(before);
    while let Ok((number, wire)) = reader.tag() {
        let inner = match wire {
            WireType::Varint => reader.varint().ok().map(|_| &[][..]),
            WireType::Length => reader.delimited().ok(),
        };
        if number == field.number && inner.map(|inner| key_of(field, inner)) == Some(wanted) {
            return true;
        }
    }
    false
}

/// A text by itself; of a message, which is checked already, its first field.
fn key_of<'a>(field: &Field, item: &'a [u8]) -> Option<&'a [u8]> {
    if !matches!(field.kind, Kind::Message(_)) {
        return Some(item);
    }
    let mut reader = Reader::new(item);
    reader.tag().ok()?;
    reader.delimited().ok()
}

fn utf8(bytes: &[u8], offset: usize) -> Result<&str, WireError> {
    std::str::from_utf8(bytes)
        .map_err(|error| Reason::BadUtf8.at("", offset.saturating_add(error.valid_up_to())))
}
