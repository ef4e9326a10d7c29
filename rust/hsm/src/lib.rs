//! One PKCS#11 token over `cryptoki`: keys that never leave it, and signatures verified before anyone sees them.
//!
//! The module is initialised once in a process, with OS locking; a session is in one thread's hands at a time and is
//! dropped after any error; a token is found by its label, and logged in once, so that its PIN is really checked.

mod attributes;
mod data;
mod error;
mod keys;
mod module;
mod nonces;
mod point;
mod sign;
mod token;

pub use cryptoki::types::AuthPin;
pub use error::HsmError;
pub use token::Token;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere leaves nothing here half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
