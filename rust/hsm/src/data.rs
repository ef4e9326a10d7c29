//! Small data objects in the token, such as the id of the store that owns its key.
//!
//! SoftHSM2 lets nobody change the value of one, so each version is an object of its own, numbered in its
//! CKA_APPLICATION, and the highest number counts: a crash while replacing leaves the old value or the new one.

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::error::HsmError;
use crate::lock;
use crate::token::Token;

/// Marks the objects as ours, before the version's number.
const APPLICATION: &str = "custody/";

impl Token {
    /// The value of a private data object, `None` when there is none.
    ///
    /// # Errors
    /// `Failed` when the token does, or an object with this label is not ours.
    pub fn read_data(&self, label: &str) -> Result<Option<Vec<u8>>, HsmError> {
        self.with_session(|session| {
            // Not between the two halves of a replacement by another thread.
            let _one = lock(&self.changes);
            let Some((_, newest)) = self.versions(session, label)?.pop() else {
                return Ok(None);
            };
            let found = session
                .get_attributes(newest, &[AttributeType::Value])
                .map_err(HsmError::during(self.data_name("reading", label)))?;
            match found.into_iter().next() {
                Some(Attribute::Value(value)) => Ok(Some(value)),
                _ => Err(HsmError::failed(self.data_name("no value in", label))),
            }
        })
    }

    /// Creates a private data object, or replaces its value, so that a crash leaves the old or the new.
    ///
    /// # Errors
    /// `Malformed` for an empty label; `Failed` as for [`Token::read_data`].
    pub fn write_data(&self, label: &str, value: &[u8]) -> Result<(), HsmError> {
        if label.is_empty() {
            return Err(HsmError::Malformed {
                field: "label",
                reason: "must not be empty".to_owned(),
            });
        }
        self.with_changes(|session| {
            let what = || HsmError::during(self.data_name("writing", label));
            let old = self.versions(session, label)?;
            let number = old
                .last()
                .map_or(Some(1), |(newest, _)| newest.checked_add(1))
                .ok_or_else(|| HsmError::failed(self.data_name("no version is left for", label)))?;
            session
                .create_object(&[
                    Attribute::Class(ObjectClass::DATA),
                    Attribute::Token(true),
                    Attribute::Private(true),
                    Attribute::Modifiable(false),
                    Attribute::Application(format!("{APPLICATION}{number}").into_bytes()),
                    Attribute::Label(label.into()),
                    Attribute::Value(value.to_vec()),
                ])
                .map_err(what())?;
            for (_, object) in old {
                session.destroy_object(object).map_err(what())?;
            }
            Ok(())
        })
    }

    /// The versions of a data object with their numbers, newest last; more than one only after a crash.
    fn versions(
        &self,
        session: &Session,
        label: &str,
    ) -> Result<Vec<(u64, ObjectHandle)>, HsmError> {
        let what = || HsmError::during(self.data_name("looking for", label));
        let wanted = [
            Attribute::Class(ObjectClass::DATA),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Label(label.into()),
        ];
        let mut versions = Vec::new();
        for object in session.find_objects(&wanted).map_err(what())? {
            let found = session
                .get_attributes(object, &[AttributeType::Application])
                .map_err(what())?;
            let number = match found.first() {
                Some(Attribute::Application(text)) => read_number(text),
                _ => None,
            };
            let number = number
                .ok_or_else(|| HsmError::failed(self.data_name("not made by custody:", label)))?;
            versions.push((number, object));
        }
        versions.sort_by_key(|(number, _)| *number);
        if versions
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.0 == b.0))
        {
            return Err(HsmError::failed(
                self.data_name("two objects claim one version of", label),
            ));
        }
        Ok(versions)
    }

    fn data_name(&self, doing: &str, label: &str) -> String {
        format!("{doing} data object {label} of token {}", self.label())
    }
}

fn read_number(application: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(application)
        .ok()?
        .strip_prefix(APPLICATION)?;
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}
