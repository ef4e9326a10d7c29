//! The enrolled keys under one version number; a clone is a snapshot that later changes never touch.

use std::collections::HashMap;
use std::sync::Arc;

use crate::batch::{self, Item};
use crate::enrolled::Enrolled;
use crate::error::KeyError;
use crate::fixed_base::Backend;
use crate::packed::PackedItem;
use crate::scheme::Scheme;
use crate::threads::Threads;
use crate::verdict::Verdict;

/// Longest key id in bytes: a fingerprint is 50, a hex hash 64; the bound keeps a policy's typo out of the map.
pub const MAX_KEY_ID_LEN: usize = 128;

/// The keys whose signatures count.
///
/// Cloning costs one reference count: a thread verifies against its snapshot while another enrols or revokes.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<State>);

#[derive(Clone, Debug)]
struct State {
    backend: Backend,
    version: u64,
    // By the id's bytes: packed batches look up without decoding UTF-8. Never iterated into output.
    keys: HashMap<Box<[u8]>, Arc<Enrolled>>,
}

/// A key that was read and checked, and whose table is built: what takes milliseconds, done outside of any lock.
#[derive(Debug)]
pub struct CheckedKey(Arc<Enrolled>);

impl CheckedKey {
    /// Reads and checks a key, and builds its table.
    ///
    /// # Errors
    /// `KeyError` where the key is not a valid, safe key of its scheme.
    pub fn new(scheme: Scheme, public_key: &[u8]) -> Result<Self, KeyError> {
        Enrolled::new(scheme, public_key).map(|key| Self(Arc::new(key)))
    }
}

impl Default for Keyring {
    fn default() -> Self {
        Self::new()
    }
}

impl Keyring {
    /// An empty ring at version 0, on the quickest backend of this processor.
    #[must_use]
    pub fn new() -> Self {
        Self::with_backend(Backend::best())
    }

    /// An empty ring at version 0, whose batches run on this backend.
    #[must_use]
    pub fn with_backend(backend: Backend) -> Self {
        Self(Arc::new(State {
            backend,
            version: 0,
            keys: HashMap::new(),
        }))
    }

    /// What its batches run on.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.0.backend
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
        self.check_new(key_id)?;
        self.enrol_checked(key_id, &CheckedKey::new(scheme, public_key)?)
    }

    /// Enrols a checked key, and raises the version.
    ///
    /// # Errors
    /// `KeyError` where the id is unfit or already enrolled; the ring is then unchanged.
    pub fn enrol_checked(&mut self, key_id: &str, key: &CheckedKey) -> Result<(), KeyError> {
        self.check_new(key_id)?;
        let state = Arc::make_mut(&mut self.0);
        state
            .keys
            .insert(key_id.as_bytes().into(), Arc::clone(&key.0));
        state.version = state.version.saturating_add(1);
        Ok(())
    }

    /// Whether a key may be enrolled under this id.
    ///
    /// # Errors
    /// `KeyError` where the id is unfit or already enrolled.
    pub fn check_new(&self, key_id: &str) -> Result<(), KeyError> {
        if key_id.is_empty() || key_id.len() > MAX_KEY_ID_LEN {
            return Err(KeyError::KeyId);
        }
        if self.contains(key_id) {
            return Err(KeyError::AlreadyEnrolled);
        }
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

    /// Verifies one signature by its scheme's single strict verifier, the libraries' alone.
    pub fn verify(&self, key_id: &str, message: &[u8], signature: &[u8]) -> Verdict {
        match self.0.keys.get(key_id.as_bytes()) {
            Some(key) => key.verify_single(message, signature),
            None => Verdict::UnknownKey,
        }
    }

    /// Verifies `(key id, message, signature)` items: one verdict each, in order, each what `verify` gives. No item's
    /// verdict depends on another.
    #[must_use]
    pub fn verify_batch<I: AsRef<str> + Sync>(&self, items: &[(I, &[u8], &[u8])]) -> Vec<Verdict> {
        self.verify_batch_on(Threads::ONE, items)
    }

    /// Verifies as `verify_batch`, over at most so many threads.
    #[must_use]
    pub fn verify_batch_on<I: AsRef<str> + Sync>(
        &self,
        threads: Threads,
        items: &[(I, &[u8], &[u8])],
    ) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::Invalid; items.len()];
        let item = |place: usize| {
            let (key_id, message, signature) = items.get(place).ok_or(Verdict::Malformed)?;
            self.item(key_id.as_ref().as_bytes(), message, signature)
        };
        batch::verify(self.0.backend, threads, &item, &mut verdicts);
        verdicts
    }

    /// Verifies items that lie in one buffer: `verdicts` is cleared and gets one verdict each, in order.
    pub fn verify_packed(&self, buffer: &[u8], items: &[PackedItem], verdicts: &mut Vec<Verdict>) {
        self.verify_packed_on(Threads::ONE, buffer, items, verdicts);
    }

    /// Verifies as `verify_packed`, over at most so many threads.
    pub fn verify_packed_on(
        &self,
        threads: Threads,
        buffer: &[u8],
        items: &[PackedItem],
        verdicts: &mut Vec<Verdict>,
    ) {
        // Taken, so that a panic leaves the caller none.
        let mut given = std::mem::take(verdicts);
        given.clear();
        given.resize(items.len(), Verdict::Invalid);
        let item = |place: usize| {
            let item = items.get(place).ok_or(Verdict::Malformed)?;
            match (
                item.key_id.of(buffer),
                item.message.of(buffer),
                item.signature.of(buffer),
            ) {
                (Some(key_id), Some(message), Some(signature)) => {
                    self.item(key_id, message, signature)
                }
                _ => Err(Verdict::Malformed),
            }
        };
        batch::verify(self.0.backend, threads, &item, &mut given);
        *verdicts = given;
    }

    fn item<'a>(
        &'a self,
        key_id: &[u8],
        message: &'a [u8],
        signature: &'a [u8],
    ) -> Result<Item<'a>, Verdict> {
        let key = self.0.keys.get(key_id).ok_or(Verdict::UnknownKey)?;
        Ok(Item {
            key,
            message,
            signature,
        })
    }
}
