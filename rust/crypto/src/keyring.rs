//! The enrolled keys under one version number; a clone is a snapshot that later changes never touch.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::KeyError;
use crate::key::Key;
use crate::packed::PackedItem;
use crate::scheme::Scheme;
use crate::verdict::Verdict;

/// Longest key id in bytes: a fingerprint is 50, a hex hash 64; the bound keeps a policy's typo out of the map.
pub const MAX_KEY_ID_LEN: usize = 128;

/// The keys whose signatures count.
///
/// Cloning costs one reference count: a thread verifies against its snapshot while another enrols or revokes.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Arc<State>);

#[derive(Clone, Debug, Default)]
struct State {
    version: u64,
    // By the id's bytes: packed batches look up without decoding UTF-8. Never iterated into output.
    keys: HashMap<Box<[u8]>, Arc<Key>>,
}

impl Keyring {
    /// An empty ring at version 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads, checks and enrols a key, and raises the version.
    ///
    /// # Errors
    /// `KeyError` where the id is unfit or already enrolled or the key is not a valid, safe key of its scheme; the ring
    /// is then unchanged.
    pub fn enrol(
        &mut self,
        key_id: &str,
        scheme: Scheme,
        public_key: &[u8],
    ) -> Result<(), KeyError> {
        if key_id.is_empty() || key_id.len() > MAX_KEY_ID_LEN {
            return Err(KeyError::KeyId);
        }
        if self.contains(key_id) {
            return Err(KeyError::AlreadyEnrolled);
        }
        let key = Arc::new(Key::parse(scheme, public_key)?);
        let state = Arc::make_mut(&mut self.0);
        state.keys.insert(key_id.as_bytes().into(), key);
        state.version = state.version.saturating_add(1);
        Ok(())
    }

    /// Removes a key, and raises the version.
    ///
    /// # Errors
    /// `NotEnrolled` where there is no such key; the ring is then unchanged.
    pub fn revoke(&mut self, key_id: &str) -> Result<(), KeyError> {
        if !self.contains(key_id) {
            return Err(KeyError::NotEnrolled);
        }
        let state = Arc::make_mut(&mut self.0);
        state.keys.remove(key_id.as_bytes());
        state.version = state.version.saturating_add(1);
        Ok(())
    }

    /// Raised by every enrolment and every revocation: a verdict is only as new as the version it was given at.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// Whether a key is enrolled under this id.
    #[must_use]
    pub fn contains(&self, key_id: &str) -> bool {
        self.0.keys.contains_key(key_id.as_bytes())
    }

    /// The scheme of the key enrolled under this id: what tells which bytes of a message it signs.
    #[must_use]
    pub fn scheme(&self, key_id: &str) -> Option<Scheme> {
        self.0.keys.get(key_id.as_bytes()).map(|key| key.scheme())
    }

    /// The number of enrolled keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.keys.len()
    }

    /// Whether no key is enrolled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.keys.is_empty()
    }

    /// Verifies one signature.
    pub fn verify(&self, key_id: &str, message: &[u8], signature: &[u8]) -> Verdict {
        self.verify_by_id(key_id.as_bytes(), message, signature)
    }

    /// Verifies `(key id, message, signature)` items: one verdict each, in order. No item's verdict depends on another.
    #[must_use]
    pub fn verify_batch<I: AsRef<str>>(&self, items: &[(I, &[u8], &[u8])]) -> Vec<Verdict> {
        items
            .iter()
            .map(|(key_id, message, signature)| self.verify(key_id.as_ref(), message, signature))
            .collect()
    }

    /// Verifies items that lie in one buffer: `verdicts` is cleared and gets one verdict each, in order.
    pub fn verify_packed(&self, buffer: &[u8], items: &[PackedItem], verdicts: &mut Vec<Verdict>) {
        verdicts.clear();
        verdicts.extend(items.iter().map(|item| {
            let (Some(key_id), Some(message), Some(signature)) = (
                item.key_id.of(buffer),
                item.message.of(buffer),
                item.signature.of(buffer),
            ) else {
                return Verdict::Malformed;
            };
            self.verify_by_id(key_id, message, signature)
        }));
    }

    fn verify_by_id(&self, key_id: &[u8], message: &[u8], signature: &[u8]) -> Verdict {
        match self.0.keys.get(key_id) {
            Some(key) => key.verify(message, signature),
            None => Verdict::UnknownKey,
        }
    }
}
