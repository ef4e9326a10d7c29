//! Verification by tables of an enrolled key's multiples: public data only, so no operation here hides its time.
//!
//! Each key's table is built once; a signature is then about 64 additions of table entries. An engine answers every check
//! exactly as the strict single verifier of its scheme would, or `Undecided`: then that verifier decides.

mod backend;
pub(crate) mod curve25519;
pub(crate) mod secp256k1;

pub use backend::{BACKEND_VARIABLE, Backend, BackendError, Ifma};

/// What an engine found for one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Valid by every rule of the scheme.
    Accept,
    /// Not valid.
    Reject,
    /// An exceptional addition or scalar came up: the strict single verifier decides.
    Undecided,
}
