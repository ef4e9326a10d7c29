//! Tables of enrolled keys, one for each point in a process: rings and schemes that share a key share its table.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use secp256k1::PublicKey;

use crate::fixed_base::{curve25519, secp256k1 as k1};

static OF_SECP256K1: LazyLock<Tables<[u8; 65], k1::Table>> = LazyLock::new(Tables::default);
static OF_ED25519: LazyLock<Tables<[u8; 32], curve25519::Table>> = LazyLock::new(Tables::default);

/// The table of a point; `None` never comes for a key that libsecp256k1 read.
pub(crate) fn of_secp256k1(point: &PublicKey) -> Option<Arc<k1::Table>> {
    OF_SECP256K1.of(point.serialize_uncompressed(), k1::Table::new)
}

/// The table of a key's negated point; `None` never comes for a key that ed25519-dalek read.
pub(crate) fn of_ed25519(public_key: &[u8; 32]) -> Option<Arc<curve25519::Table>> {
    OF_ED25519.of(*public_key, curve25519::Table::new)
}

/// Whether some ring holds the point's table now.
#[cfg(test)]
pub(crate) fn holds_secp256k1(point: &PublicKey) -> bool {
    let tables = OF_SECP256K1.lock();
    let table = tables.get(&point.serialize_uncompressed());
    table.is_some_and(|table| table.strong_count() > 0)
}

/// Tables by their points, held only as long as some ring holds them.
struct Tables<P, T>(Mutex<HashMap<P, Weak<T>>>);

impl<P, T> Default for Tables<P, T> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<P: Copy + Eq + std::hash::Hash, T> Tables<P, T> {
    /// The point's table, built without the lock held: two threads may build the same one, and one of them is kept.
    fn of(&self, point: P, build: impl FnOnce(&P) -> Option<T>) -> Option<Arc<T>> {
        if let Some(table) = self.lock().get(&point).and_then(Weak::upgrade) {
            return Some(table);
        }
        let built = Arc::new(build(&point)?);
        let mut tables = self.lock();
        if let Some(table) = tables.get(&point).and_then(Weak::upgrade) {
            return Some(table);
        }
        // Revoked keys leave no entry behind for longer than until the next enrolment.
        tables.retain(|_, table| table.strong_count() > 0);
        tables.insert(point, Arc::downgrade(&built));
        Some(built)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<P, Weak<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_one_table_for_as_long_as_someone_holds_it() {
        let tables = Tables::<u8, u32>::default();
        let first = tables.of(1, |_| Some(10)).unwrap();
        let again = tables.of(1, |_| Some(11)).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        drop((first, again));
        assert_eq!(*tables.of(1, |_| Some(12)).unwrap(), 12);
    }

    #[test]
    fn entries_of_dropped_tables_go_with_the_next_one() {
        let tables = Tables::<u8, u32>::default();
        for point in 0..100 {
            let _ = tables.of(point, |_| Some(0));
        }
        assert_eq!(tables.lock().len(), 1);
    }

    #[test]
    fn what_cannot_be_built_is_not_kept() {
        let tables = Tables::<u8, u32>::default();
        assert!(tables.of(1, |_| None).is_none());
        assert_eq!(*tables.of(1, |_| Some(1)).unwrap(), 1);
    }
}
