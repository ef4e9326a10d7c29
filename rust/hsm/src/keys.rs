//! Making keys in the token and finding them again, by label.

use std::sync::{Arc, Mutex};

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::attributes;
use crate::error::HsmError;
use crate::lock;
use crate::nonces::RecentNonces;
use crate::point::{ED25519, Public, SECP256K1};
use crate::token::Token;

/// What this process knows of one key. It outlives sessions: the recent `r` values must.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) label: String,
    pub(crate) public: Public,
    /// Forgotten after any error; searching is linear in the objects of a token, so it is kept until then.
    pub(crate) private: Mutex<Option<ObjectHandle>>,
    pub(crate) nonces: Mutex<RecentNonces>,
}

impl Token {
    /// Makes a secp256k1 key in the token and returns its compressed public key (33 bytes).
    ///
    /// # Errors
    /// `Malformed` for an empty label; `Failed` when the label is taken or the token refuses.
    pub fn generate_secp256k1(&self, key_label: &str) -> Result<Vec<u8>, HsmError> {
        self.generate(
            key_label,
            &Mechanism::EccKeyPairGen,
            KeyType::EC,
            &SECP256K1,
        )
    }

    /// Makes an Ed25519 key in the token and returns its public key (32 bytes).
    ///
    /// # Errors
    /// As for [`Token::generate_secp256k1`].
    pub fn generate_ed25519(&self, key_label: &str) -> Result<Vec<u8>, HsmError> {
        self.generate(
            key_label,
            &Mechanism::EccEdwardsKeyPairGen,
            KeyType::EC_EDWARDS,
            &ED25519,
        )
    }

    /// The public key: compressed (33 bytes) for secp256k1, 32 bytes for Ed25519.
    ///
    /// # Errors
    /// `Failed` when there is not exactly one key with this label, or its public object is missing.
    pub fn public_key(&self, key_label: &str) -> Result<Vec<u8>, HsmError> {
        let key = self.with_session(|session| self.key(session, key_label))?;
        Ok(key.public.to_bytes())
    }

    /// The labels of all private keys in the token, sorted; a label that several keys share is there several times.
    ///
    /// # Errors
    /// `Failed` when the token does.
    pub fn key_labels(&self) -> Result<Vec<String>, HsmError> {
        self.with_session(|session| {
            let what = || HsmError::during(format!("listing the keys of token {}", self.label()));
            let mut labels = Vec::new();
            let wanted = [
                Attribute::Class(ObjectClass::PRIVATE_KEY),
                Attribute::Token(true),
            ];
            for handle in session.find_objects(&wanted).map_err(what())? {
                let found = session
                    .get_attributes(handle, &[AttributeType::Label])
                    .map_err(what())?;
                labels.push(match found.first() {
                    Some(Attribute::Label(label)) => String::from_utf8_lossy(label).into_owned(),
                    _ => String::new(),
                });
            }
            labels.sort();
            Ok(labels)
        })
    }

    /// Refuses a key that was not made in the token, may leave it, may be changed, or does more than sign.
    ///
    /// # Errors
    /// `Failed`, naming the attribute.
    pub fn check_key(&self, key_label: &str) -> Result<(), HsmError> {
        self.with_session(|session| {
            self.key(session, key_label)?;
            let handle = self.find_private(session, key_label)?;
            attributes::check(session, handle, &self.name(key_label))
        })
    }

    fn generate(
        &self,
        key_label: &str,
        mechanism: &Mechanism<'_>,
        key_type: KeyType,
        curve: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        check_label(key_label)?;
        let name = self.name(key_label);
        self.with_changes(|session| {
            let taken = session
                .find_objects(&[Attribute::Token(true), Attribute::Label(key_label.into())])
                .map_err(HsmError::during(format!("looking for {name}")))?;
            if !taken.is_empty() {
                return Err(HsmError::failed(format!("{name} exists already")));
            }
            let id = session
                .generate_random_vec(16)
                .map_err(HsmError::during(format!("making an id for {name}")))?;
            let named = [Attribute::Label(key_label.into()), Attribute::Id(id)];
            let mut public = attributes::public_template(key_type);
            public.push(Attribute::EcParams(curve.to_vec()));
            public.extend_from_slice(&named);
            let mut private = attributes::private_template();
            private.extend_from_slice(&named);
            session
                .generate_key_pair(mechanism, &public, &private)
                .map_err(HsmError::during(format!("making {name}")))?;
            Ok(())
        })?;
        // A key of this label that was seen before is gone; what was known of it is not true of this one.
        lock(&self.keys).remove(key_label);
        self.check_key(key_label)?;
        self.public_key(key_label)
    }

    /// The key with this label, from memory or from the token.
    pub(crate) fn key(&self, session: &Session, key_label: &str) -> Result<Arc<Key>, HsmError> {
        if let Some(key) = lock(&self.keys).get(key_label) {
            return Ok(Arc::clone(key));
        }
        check_label(key_label)?;
        let private = self.find_private(session, key_label)?;
        let key = Arc::new(Key {
            label: key_label.to_owned(),
            public: self.read_public(session, key_label, private)?,
            private: Mutex::new(Some(private)),
            nonces: Mutex::default(),
        });
        // Another thread may have been quicker: there is one memory of recent r values for a key, so the first stays.
        Ok(Arc::clone(
            lock(&self.keys).entry(key_label.to_owned()).or_insert(key),
        ))
    }

    /// The handle of a known key; after an error it is looked for again, and must be the same key.
    pub(crate) fn private_handle(
        &self,
        session: &Session,
        key: &Key,
    ) -> Result<ObjectHandle, HsmError> {
        if let Some(handle) = *lock(&key.private) {
            return Ok(handle);
        }
        let handle = self.find_private(session, &key.label)?;
        if self.read_public(session, &key.label, handle)? != key.public {
            let name = self.name(&key.label);
            return Err(HsmError::failed(format!(
                "{name} is not the key that it was; open the token anew"
            )));
        }
        *lock(&key.private) = Some(handle);
        Ok(handle)
    }

    pub(crate) fn name(&self, key_label: &str) -> String {
        format!("key {key_label} of token {}", self.label())
    }

    fn find_private(&self, session: &Session, key_label: &str) -> Result<ObjectHandle, HsmError> {
        self.find_one(session, key_label, ObjectClass::PRIVATE_KEY, &[])
    }

    fn find_one(
        &self,
        session: &Session,
        key_label: &str,
        class: ObjectClass,
        more: &[Attribute],
    ) -> Result<ObjectHandle, HsmError> {
        let name = self.name(key_label);
        let mut wanted = vec![
            Attribute::Class(class),
            Attribute::Token(true),
            Attribute::Label(key_label.into()),
        ];
        wanted.extend_from_slice(more);
        let found = session
            .find_objects(&wanted)
            .map_err(HsmError::during(format!("looking for {name}")))?;
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(HsmError::failed(format!("{name} does not exist ({class})"))),
            more => Err(HsmError::failed(format!(
                "{} objects are called {name} ({class}); one must be",
                more.len()
            ))),
        }
    }

    fn read_public(
        &self,
        session: &Session,
        key_label: &str,
        private: ObjectHandle,
    ) -> Result<Public, HsmError> {
        let name = self.name(key_label);
        let what = || HsmError::during(format!("reading {name}"));
        let mut id = Vec::new();
        let mut params = Vec::new();
        let wanted = [AttributeType::Id, AttributeType::EcParams];
        for attribute in session.get_attributes(private, &wanted).map_err(what())? {
            match attribute {
                Attribute::Id(value) => id = value,
                Attribute::EcParams(value) => params = value,
                _ => {}
            }
        }
        let public = self.find_one(
            session,
            key_label,
            ObjectClass::PUBLIC_KEY,
            &[Attribute::Id(id)],
        )?;
        let point = session
            .get_attributes(public, &[AttributeType::EcPoint])
            .map_err(what())?;
        let Some(Attribute::EcPoint(point)) = point.first() else {
            return Err(HsmError::failed(format!("{name} has no CKA_EC_POINT")));
        };
        Public::read(&params, point).ok_or_else(|| {
            HsmError::failed(format!("{name} is neither a secp256k1 nor an Ed25519 key"))
        })
    }
}

fn check_label(key_label: &str) -> Result<(), HsmError> {
    if key_label.is_empty() {
        return Err(HsmError::Malformed {
            field: "key_label",
            reason: "must not be empty".to_owned(),
        });
    }
    Ok(())
}
