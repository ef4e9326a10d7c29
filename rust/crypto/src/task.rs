//! What one item of a batch comes to, once its scheme has parsed and hashed it.

use std::sync::Arc;

use crate::fixed_base::{Answer, curve25519, secp256k1};
use crate::verdict::Verdict;

/// What a batch has to do for an item.
pub(crate) enum Task<'a> {
    /// The form alone decides.
    Done(Verdict),
    /// For the secp256k1 engine.
    Secp256k1(secp256k1::Check<'a>),
    /// For the curve25519 engine.
    Curve25519(curve25519::Check<'a>),
    /// For the curve25519 engine too, over bytes made from the message.
    Made(Made<'a>),
    /// For the single verifier.
    Single,
}

/// An Ed25519 check over bytes that the item does not have itself.
pub(crate) struct Made<'a> {
    pub(crate) table: &'a Arc<curve25519::Table>,
    pub(crate) public_key: &'a [u8; 32],
    pub(crate) signature: &'a [u8; 64],
    pub(crate) signed: Signed,
}

impl Made<'_> {
    pub(crate) fn check(&self) -> curve25519::Check<'_> {
        let (r, s) = halves(self.signature);
        curve25519::Check {
            table: self.table,
            public_key: *self.public_key,
            r,
            s,
            message: self.signed.bytes(),
        }
    }
}

/// Longest bytes that an SSH key signs: PROTOCOL.sshsig's, with our namespace and SHA-512.
const MAX_SIGNED_LEN: usize = 102;

/// Up to `MAX_SIGNED_LEN` bytes, without an allocation for each item.
pub(crate) struct Signed {
    bytes: [u8; MAX_SIGNED_LEN],
    len: usize,
}

impl Signed {
    /// The parts one after another; `None` where they are too long, which no lawful ones are.
    pub(crate) fn of(parts: &[&[u8]]) -> Option<Self> {
        let mut signed = Self {
            bytes: [0; MAX_SIGNED_LEN],
            len: 0,
        };
        for part in parts {
            let end = signed.len.checked_add(part.len())?;
            signed.bytes.get_mut(signed.len..end)?.copy_from_slice(part);
            signed.len = end;
        }
        Some(signed)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The two numbers of a 64-byte signature.
pub(crate) fn halves(signature: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    let (low, high) = signature.split_at(32);
    first.copy_from_slice(low);
    second.copy_from_slice(high);
    (first, second)
}

impl Answer {
    /// The verdict, unless the single verifier is to give it.
    pub(crate) const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Accept => Some(Verdict::Valid),
            Self::Reject => Some(Verdict::Invalid),
            Self::Undecided => None,
        }
    }
}
