//! What a private key of ours must be: made in its token, never seen outside, never changed, for signatures alone.

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::error::HsmError;

/// CKA_… that must be there and have this value.
const REQUIRED: [(AttributeType, &str, bool); 9] = [
    (AttributeType::Sensitive, "CKA_SENSITIVE", true),
    (AttributeType::AlwaysSensitive, "CKA_ALWAYS_SENSITIVE", true),
    (AttributeType::Extractable, "CKA_EXTRACTABLE", false),
    (
        AttributeType::NeverExtractable,
        "CKA_NEVER_EXTRACTABLE",
        true,
    ),
    (AttributeType::Local, "CKA_LOCAL", true),
    (AttributeType::Modifiable, "CKA_MODIFIABLE", false),
    (AttributeType::Token, "CKA_TOKEN", true),
    (AttributeType::Private, "CKA_PRIVATE", true),
    (AttributeType::Sign, "CKA_SIGN", true),
];

/// CKA_… that must not be true; a token may not know them.
const FORBIDDEN: [(AttributeType, &str); 4] = [
    (AttributeType::Decrypt, "CKA_DECRYPT"),
    (AttributeType::Unwrap, "CKA_UNWRAP"),
    (AttributeType::Derive, "CKA_DERIVE"),
    (AttributeType::SignRecover, "CKA_SIGN_RECOVER"),
];

/// The attributes of a new private key, but for its label and id.
pub(crate) fn private_template() -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Modifiable(false),
        Attribute::Sign(true),
        Attribute::SignRecover(false),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ]
}

/// The attributes of a new public key, but for its label, id and curve.
pub(crate) fn public_template(key_type: KeyType) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(key_type),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Modifiable(false),
        Attribute::Verify(true),
        Attribute::Encrypt(false),
        Attribute::Wrap(false),
        Attribute::Derive(false),
    ]
}

/// Refuses a private key that is not what [`private_template`] makes, naming the attribute.
pub(crate) fn check(session: &Session, key: ObjectHandle, what: &str) -> Result<(), HsmError> {
    for (kind, name, wanted) in REQUIRED {
        match flag(session, key, kind, what)? {
            Some(found) if found == wanted => {}
            Some(found) => {
                return Err(HsmError::failed(format!(
                    "{what}: {name} is {found}, must be {wanted}"
                )));
            }
            None => {
                return Err(HsmError::failed(format!(
                    "{what}: {name} is not told, must be {wanted}"
                )));
            }
        }
    }
    for (kind, name) in FORBIDDEN {
        if flag(session, key, kind, what)? == Some(true) {
            return Err(HsmError::failed(format!(
                "{what}: {name} is true, must be false"
            )));
        }
    }
    Ok(())
}

fn flag(
    session: &Session,
    key: ObjectHandle,
    kind: AttributeType,
    what: &str,
) -> Result<Option<bool>, HsmError> {
    let found = session
        .get_attributes(key, &[kind])
        .map_err(HsmError::during(format!(
            "reading the attributes of {what}"
        )))?;
    Ok(found.first().and_then(|attribute| match attribute {
        Attribute::Sensitive(value)
        | Attribute::AlwaysSensitive(value)
        | Attribute::Extractable(value)
        | Attribute::NeverExtractable(value)
        | Attribute::Local(value)
        | Attribute::Modifiable(value)
        | Attribute::Token(value)
        | Attribute::Private(value)
        | Attribute::Sign(value)
        | Attribute::SignRecover(value)
        | Attribute::Decrypt(value)
        | Attribute::Unwrap(value)
        | Attribute::Derive(value) => Some(*value),
        _ => None,
    }))
}
