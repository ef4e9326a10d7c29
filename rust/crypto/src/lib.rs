//! Verification of signatures by enrolled keys: every item gets its own verdict, exactly the strict single verifier's.
//!
//! Nothing here holds a secret. A batch by enrolled keys goes through `fixed_base`, our own arithmetic over tables of each
//! key's multiples (P-256: AWS-LC). One signature by a key that is not enrolled (`verify_one`), and everything that an
//! engine leaves undecided, goes through well-kept libraries alone: libsecp256k1, ed25519-dalek's `verify_strict`, AWS-LC.
#![deny(unsafe_code)]

mod batch;
mod der;
mod enrolled;
mod error;
mod fixed_base;
mod key;
mod key_id;
mod keyring;
mod packed;
mod scheme;
mod ssh;
mod tables;
mod task;
mod text;
mod threads;
mod verdict;

pub use der::ecdsa_from_der;
pub use error::{KeyError, ThreadsError, VerifyError};
pub use fixed_base::{BACKEND_VARIABLE, Backend, BackendError, Ifma};
pub use key::verify_one;
pub use key_id::key_id;
pub use keyring::{CheckedKey, Keyring, MAX_KEY_ID_LEN};
pub use packed::{PackedItem, Span};
pub use scheme::Scheme;
pub use text::parse_public_key;
pub use threads::Threads;
pub use verdict::Verdict;
