//! What is signed and hashed: the canonical form of signed bodies, signed messages, digests and record roots.
//!
//! Bytes are checked as received and never re-encoded; whatever [`check`] accepts has exactly one encoding.

pub mod form;
pub mod merkle;
pub mod messages;
pub mod rules;
pub mod schema;
pub mod schema_types;

mod error;
mod hash;
mod intent;
mod leaf;
mod names;
mod reader;
mod record;
mod signed;
mod table;
mod tree;
mod values;
mod walker;

pub use error::{Reason, WireError};
pub use form::parse_amount;
pub use hash::{
    Hash, Part, governance_hash, journal_start, policy_hash, route, row_hash, sha256, tagged_hash,
};
pub use intent::{FeeMode, Intent, parse_intent};
pub use leaf::{Leaf, pack_leaf, unpack_leaf};
pub use record::{Record, build_record, record_root, unpack_record};
pub use signed::{
    SignedType, put_signed_message, signed_message, signed_message_sha256, signing_input,
};
pub use tree::{Node, Tree, decode, encode};
pub use walker::{check, payload_of};
