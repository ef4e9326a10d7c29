//! What a signature covers: the message made of type, deployment and body, and what each scheme signs of it.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use sha3::Keccak256;

use crate::error::{Reason, WireError};
use crate::hash::{Hash, length};
use crate::schema::{
    CANCEL_BODY, CANCEL_PENDING_BODY, CHECKPOINT_BODY, HALT_BODY, JOURNAL_HEAD_BODY,
    POSSESSION_BODY, STATEMENT, SUSPEND_BODY, TOMBSTONE_BODY, WITHDRAWAL_INTENT,
};
use crate::schema_types::Message;

/// The types of signed messages; a signature for one never fits another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedType {
    /// A `WithdrawalIntent` by an initiator.
    Intent,
    /// A `CancelBody` by an initiator or operator.
    Cancel,
    /// A `Statement` by the operator who proposes it.
    Propose,
    /// A `Statement` by an operator in favour.
    Approve,
    /// A `Statement` by an operator against.
    Reject,
    /// A `HaltBody` by an operator.
    Halt,
    /// A `SuspendBody` by an operator.
    Suspend,
    /// A `CancelPendingBody` by an operator.
    CancelPending,
    /// A `TombstoneBody` by a signer's audit key.
    Tombstone,
    /// A `CheckpointBody` by a signer's audit key.
    Checkpoint,
    /// A `JournalHeadBody` by a signer's audit key.
    JournalHead,
    /// A `PossessionBody` by the key itself; the policy's salt stands in the deployment's place.
    Possession,
}

impl SignedType {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Intent,
        Self::Cancel,
        Self::Propose,
        Self::Approve,
        Self::Reject,
        Self::Halt,
        Self::Suspend,
        Self::CancelPending,
        Self::Tombstone,
        Self::Checkpoint,
        Self::JournalHead,
        Self::Possession,
    ];

    /// The name inside the signed message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Cancel => "cancel",
            Self::Propose => "propose",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Halt => "halt",
            Self::Suspend => "suspend",
            Self::CancelPending => "cancel-pending",
            Self::Tombstone => "tombstone",
            Self::Checkpoint => "checkpoint",
            Self::JournalHead => "journal-head",
            Self::Possession => "possession",
        }
    }

    /// The type of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// The message that bodies of this type are.
    #[must_use]
    pub fn message(self) -> &'static Message {
        match self {
            Self::Intent => &WITHDRAWAL_INTENT,
            Self::Cancel => &CANCEL_BODY,
            Self::Propose | Self::Approve | Self::Reject => &STATEMENT,
            Self::Halt => &HALT_BODY,
            Self::Suspend => &SUSPEND_BODY,
            Self::CancelPending => &CANCEL_PENDING_BODY,
            Self::Tombstone => &TOMBSTONE_BODY,
            Self::Checkpoint => &CHECKPOINT_BODY,
            Self::JournalHead => &JOURNAL_HEAD_BODY,
            Self::Possession => &POSSESSION_BODY,
        }
    }
}

/// Appends the signed message to `out`:
/// `"custody/" ‖ type ‖ "/v1" ‖ 0x00 ‖ deployment (32 bytes) ‖ u64be(length) ‖ body`.
pub fn put_signed_message(
    out: &mut Vec<u8>,
    signed_type: SignedType,
    deployment: &Hash,
    body: &[u8],
) {
    out.reserve(body.len().saturating_add(80));
    for piece in message_pieces(signed_type, deployment, &length(body).to_be_bytes(), body) {
        out.extend_from_slice(piece);
    }
}

/// The signed message.
#[must_use]
pub fn signed_message(signed_type: SignedType, deployment: &Hash, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_signed_message(&mut out, signed_type, deployment, body);
    out
}

/// SHA-256 of the signed message, without writing it out: what both ECDSA schemes and bip340 begin with.
#[must_use]
pub fn signed_message_sha256(signed_type: SignedType, deployment: &Hash, body: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    for piece in message_pieces(signed_type, deployment, &length(body).to_be_bytes(), body) {
        hasher.update(piece);
    }
    hasher.finalize().into()
}

fn message_pieces<'a>(
    signed_type: SignedType,
    deployment: &'a Hash,
    length: &'a [u8; 8],
    body: &'a [u8],
) -> [&'a [u8]; 6] {
    [
        b"custody/",
        signed_type.name().as_bytes(),
        b"/v1\0",
        deployment,
        length,
        body,
    ]
}

/// What is handed to the scheme's signature function: for `bip340` the SHA-256 of the message, for `ethereum` the
/// keccak-256 of its EIP-191 form (both 32 bytes, signed as they are), for all others the message, which the scheme
/// hashes itself.
///
/// # Errors
/// An unknown scheme.
pub fn signing_input<'a>(scheme: &str, message: &'a [u8]) -> Result<Cow<'a, [u8]>, WireError> {
    match scheme {
        "bip340" => Ok(Cow::Owned(Sha256::digest(message).to_vec())),
        "ethereum" => {
            let mut hasher = Keccak256::new();
            hasher.update(b"\x19Ethereum Signed Message:\n");
            hasher.update(message.len().to_string());
            hasher.update(message);
            Ok(Cow::Owned(hasher.finalize().to_vec()))
        }
        "ed25519" | "ecdsa-secp256k1-sha256" | "ecdsa-p256-sha256" | "sshsig" => {
            Ok(Cow::Borrowed(message))
        }
        _ => Err(Reason::UnknownName.at("scheme", 0)),
    }
}
