//! What a signed body's rules are made of; the rules themselves are in `table.rs`.

use crate::error::Reason;
use crate::form::Form;
use crate::schema_types::Message;
use crate::table::RULES;
use crate::values::Values;

/// The rules of one message.
#[derive(Debug)]
pub struct Rules {
    /// What they are for.
    pub message: &'static Message,
    /// One for each field, in the message's order.
    pub fields: &'static [Rule],
    /// What must hold across fields: the number of the field that breaks it, and why.
    pub(crate) whole: fn(&Values<'_>) -> Result<(), Breach>,
}

/// The rule of one field.
#[derive(Debug)]
pub struct Rule {
    /// The field's name, compared with the schema by a test.
    pub field: &'static str,
    /// What a value looks like.
    pub form: Form,
    /// Whether the field may be absent; when exactly, `whole` says.
    pub optional: bool,
}

/// The number of the field that breaks a rule across fields, and how.
pub(crate) type Breach = (u32, Reason);

/// The largest policy file.
pub const MAX_POLICY: usize = 4 << 20;
/// The largest other body.
pub const MAX_BODY: usize = 1 << 20;

/// The rules of `message`; none if it is not a signed body or part of one.
#[must_use]
pub fn of(message: &'static Message) -> Option<&'static Rules> {
    RULES
        .iter()
        .copied()
        .find(|rules| std::ptr::eq(rules.message, message))
}

/// The field must be there, or must not.
pub(crate) fn present(values: &Values<'_>, number: u32, wanted: bool) -> Result<(), Breach> {
    match (wanted, values.has(number)) {
        (true, false) => Err((number, Reason::Missing)),
        (false, true) => Err((number, Reason::MustBeAbsent)),
        _ => Ok(()),
    }
}

/// Two texts must not be the same.
pub(crate) fn differ(values: &Values<'_>, one: u32, other: u32) -> Result<(), Breach> {
    match values.text(one) == values.text(other) {
        true => Err((other, Reason::Form("must differ from the side before it"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::schema::MESSAGES;
    use crate::schema_types::{Kind, Message};
    use crate::values::MAX_FIELDS;

    #[test]
    fn every_message_has_rules_for_exactly_its_fields() {
        for message in MESSAGES {
            let rules = of(message).unwrap();
            let named: Vec<_> = rules.fields.iter().map(|rule| rule.field).collect();
            let known: Vec<_> = message.fields.iter().map(|field| field.name).collect();
            assert_eq!(named, known, "{}", message.name);
        }
        assert_eq!(RULES.len(), MESSAGES.len());
    }

    #[test]
    fn fields_are_numbered_from_one_in_order_and_fit() {
        for message in MESSAGES {
            assert!(message.fields.len() <= MAX_FIELDS);
            for (at, field) in message.fields.iter().enumerate() {
                assert_eq!(
                    usize::try_from(field.number).unwrap(),
                    at + 1,
                    "{}.{}",
                    message.name,
                    field.name
                );
            }
        }
    }

    #[test]
    fn every_form_fits_its_field() {
        for message in MESSAGES {
            for (field, rule) in message.fields.iter().zip(of(message).unwrap().fields) {
                let fits = match (rule.form, field.kind) {
                    (Form::Count, Kind::Uint32 | Kind::Uint64) | (Form::Time, Kind::Uint64) => {
                        !field.repeated
                    }
                    (Form::Choice, Kind::Enum(_)) => !field.repeated,
                    (Form::Items(_), Kind::Message(_)) | (Form::Scopes, Kind::String) => {
                        field.repeated
                    }
                    (Form::Distinct(_), Kind::Message(inner)) => {
                        let first = of(inner).unwrap().fields.first().unwrap();
                        field.repeated && !first.optional
                    }
                    (Form::Bytes(_) | Form::UpTo(_), Kind::Bytes) => !field.repeated,
                    (form, Kind::String) => {
                        !field.repeated && form.check_text("") != Err(Reason::WrongKind)
                    }
                    _ => false,
                };
                assert!(fits, "{}.{}", message.name, field.name);
            }
        }
    }

    #[test]
    fn nesting_is_bounded_by_the_schema() {
        fn depth(message: &Message, left: u32) -> u32 {
            assert!(left > 0, "{} nests too deep", message.name);
            let inner = message.fields.iter().filter_map(|field| match field.kind {
                Kind::Message(inner) => Some(depth(inner, left - 1)),
                _ => None,
            });
            1 + inner.max().unwrap_or(0)
        }
        for message in MESSAGES {
            assert!(depth(message, 3) <= 2);
        }
    }
}
