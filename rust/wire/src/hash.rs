//! Tagged hashes: `H(tag, parts…)` = SHA-256("custody/" ‖ tag ‖ "/v1" ‖ 0x00 ‖ parts), so that no hash serves two uses.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// A part of a tagged hash.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Hashed as u64 big-endian.
    Int(u64),
    /// Hashed with its length as u64 big-endian before it.
    Bytes(&'a [u8]),
}

/// SHA-256 of plain bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// `H(tag, parts…)`.
#[must_use]
pub fn tagged_hash(tag: &str, parts: &[Part<'_>]) -> Hash {
    let mut hasher = Sha256::new();
    for piece in [b"custody/".as_slice(), tag.as_bytes(), b"/v1\0"] {
        hasher.update(piece);
    }
    for part in parts {
        match part {
            Part::Int(value) => hasher.update(value.to_be_bytes()),
            Part::Bytes(bytes) => {
                hasher.update(length(bytes).to_be_bytes());
                hasher.update(bytes);
            }
        }
    }
    hasher.finalize().into()
}

/// The length as a u64; no slice is longer.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A policy's hash; of the genesis policy, the deployment id.
#[must_use]
pub fn policy_hash(file: &[u8]) -> Hash {
    tagged_hash("policy", &[Part::Bytes(file)])
}

/// The governance head after statement number `n` (genesis is 1, so `n` is at least 2).
#[must_use]
pub fn governance_hash(previous: &Hash, n: u64, statement_sha256: &Hash) -> Hash {
    tagged_hash(
        "governance",
        &[
            Part::Bytes(previous),
            Part::Int(n),
            Part::Bytes(statement_sha256),
        ],
    )
}

/// The index of the wallet that pays `reference` for ever: the greatest H(route, initiator, reference, wallet id).
/// `None` if there is no wallet.
#[must_use]
pub fn route(initiator: &str, reference: &str, wallet_ids: &[&str]) -> Option<usize> {
    let rank = |wallet: &str| {
        let parts = [initiator, reference, wallet].map(|text| Part::Bytes(text.as_bytes()));
        tagged_hash("route", &parts)
    };
    let best = wallet_ids
        .iter()
        .enumerate()
        .max_by_key(|(_, wallet)| (rank(wallet), **wallet));
    best.map(|(index, _)| index)
}

/// Row 1's previous hash.
#[must_use]
pub fn journal_start(deployment: &Hash, journal: &str) -> Hash {
    tagged_hash(
        "journal-start",
        &[Part::Bytes(deployment), Part::Bytes(journal.as_bytes())],
    )
}

/// A journal row's hash; its parts all have fixed lengths.
#[must_use]
pub fn row_hash(previous: &Hash, seq: u64, epoch: u64, kind: u64, root: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"custody/journal/v1\0");
    hasher.update(previous);
    for number in [seq, epoch, kind] {
        hasher.update(number.to_be_bytes());
    }
    hasher.update(root);
    hasher.finalize().into()
}
