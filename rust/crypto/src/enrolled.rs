//! An enrolled key: its single verifier, and the table from which a batch's engine verifies.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::error::KeyError;
use crate::fixed_base::{curve25519, secp256k1};
use crate::key::Key;
use crate::scheme::{Scheme, ecdsa_secp256k1, ed25519, ethereum};
use crate::tables;
use crate::task::Task;
use crate::verdict::Verdict;

/// One enrolled key. Costs up to 512 KiB, shared with every ring that enrols the same point.
pub(crate) struct Enrolled {
    key: Key,
    table: Table,
}

enum Table {
    /// P-256 verifies by its library alone.
    None,
    Secp256k1(Arc<secp256k1::Table>),
    Curve25519(Arc<curve25519::Table>),
    /// An Ethereum address shows its point with its first valid signature, and never before.
    Learnt(OnceLock<Arc<secp256k1::Table>>),
}

impl Enrolled {
    /// Reads and checks a key, and builds its table.
    pub(crate) fn new(scheme: Scheme, public_key: &[u8]) -> Result<Self, KeyError> {
        let key = Key::parse(scheme, public_key)?;
        let secp256k1 = |point| tables::of_secp256k1(point).map(Table::Secp256k1);
        let curve25519 = |bytes| tables::of_ed25519(bytes).map(Table::Curve25519);
        let table = match &key {
            Key::EcdsaP256(_) => Some(Table::None),
            Key::EcdsaSecp256k1(key) => secp256k1(key.point()),
            Key::Ethereum(ethereum::Key::Point(key)) => secp256k1(key.point()),
            Key::Bip340(key) => secp256k1(&key.point()),
            Key::Ethereum(ethereum::Key::Address(_)) => Some(Table::Learnt(OnceLock::new())),
            Key::Ed25519(key) => curve25519(key.as_bytes()),
            Key::Sshsig(key) => curve25519(key.ed25519().as_bytes()),
        };
        Ok(Self {
            key,
            table: table.ok_or(KeyError::NotOnCurve)?,
        })
    }

    pub(crate) const fn scheme(&self) -> Scheme {
        self.key.scheme()
    }

    /// The single strict verifier's verdict: no table is used, and none is learnt.
    pub(crate) fn verify_single(&self, message: &[u8], signature: &[u8]) -> Verdict {
        self.key.verify(message, signature)
    }

    /// The same verdict for a batch that has no engine for it; an address's first valid signature gives it its table.
    pub(crate) fn verify_and_learn(&self, message: &[u8], signature: &[u8]) -> Verdict {
        if let (Key::Ethereum(key), Table::Learnt(place)) = (&self.key, &self.table) {
            // Recovered once: an address that has learnt nothing yet makes every bad signature of its own dear enough.
            let signer = match key.signer(message, signature) {
                Ok(signer) => signer,
                Err(verdict) => return verdict,
            };
            if place.get().is_none()
                && let Some(table) = tables::of_secp256k1(&signer)
            {
                // Another thread's table is of the same point, as every later signer's is: a second point of an address
                // takes 2^80 hashes of its own owner.
                let _ = place.set(table);
            }
            return Verdict::Valid;
        }
        self.verify_single(message, signature)
    }

    /// What a batch has to do for one item: an engine's check, a verdict already certain, or the single verifier.
    pub(crate) fn task<'a>(&'a self, message: &'a [u8], signature: &'a [u8]) -> Task<'a> {
        match (&self.key, &self.table) {
            (Key::EcdsaSecp256k1(_), Table::Secp256k1(table)) => {
                ecdsa_secp256k1::task(table, message, signature)
            }
            (Key::Bip340(key), Table::Secp256k1(table)) => key.task(table, message, signature),
            (Key::Ethereum(_), Table::Secp256k1(table)) => {
                ethereum::task(table, message, signature)
            }
            (Key::Ethereum(_), Table::Learnt(place)) => match place.get() {
                Some(table) => ethereum::task(table, message, signature),
                None => Task::Single,
            },
            (Key::Ed25519(key), Table::Curve25519(table)) => {
                ed25519::task(table, key.as_bytes(), message, signature)
            }
            (Key::Sshsig(key), Table::Curve25519(table)) => key.task(table, message, signature),
            _ => Task::Single,
        }
    }

    /// Whether an engine verifies this key's signatures by now.
    #[cfg(test)]
    pub(crate) fn has_table(&self) -> bool {
        match &self.table {
            Table::None => false,
            Table::Secp256k1(_) | Table::Curve25519(_) => true,
            Table::Learnt(place) => place.get().is_some(),
        }
    }
}

impl fmt::Debug for Enrolled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Enrolled")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "enrolled_tests.rs"]
mod tests;
