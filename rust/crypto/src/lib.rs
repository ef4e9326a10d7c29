//! Verification of signatures by enrolled keys: every item gets its own verdict, exactly the strict single verifier's.
//!
//! Nothing here holds a secret. The arithmetic is that of well-kept libraries: libsecp256k1 (ECDSA, BIP 340 and
//! Ethereum recovery), ed25519-dalek's `verify_strict`, and AWS-LC (P-256).

mod der;
mod error;
mod fixed_base;
mod key;
mod key_id;
mod keyring;
mod packed;
mod scheme;
mod ssh;
mod text;
mod verdict;

pub use der::ecdsa_from_der;
pub use error::{KeyError, VerifyError};
pub use fixed_base::{BACKEND_VARIABLE, Backend, BackendError, Ifma};
pub use key::verify_one;
pub use key_id::key_id;
pub use keyring::{Keyring, MAX_KEY_ID_LEN};
pub use packed::{PackedItem, Span};
pub use scheme::Scheme;
pub use text::parse_public_key;
pub use verdict::Verdict;
