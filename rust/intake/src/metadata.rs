//! The client's own words: stored beside the journal, erasable; the journal holds a hash that is salted per item.

use std::collections::BTreeMap;

use custody_ledger::tags;
use custody_wire::Part::{Bytes, Int};
use custody_wire::tagged_hash;

use crate::refusal::Refusal;

const MAX_PAIRS: usize = 16;
const MAX_BYTES: usize = 2_048;

/// What is stored of an item's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub salt: [u8; 32],
    /// The pairs as a JSON object, in order of key.
    pub json: Vec<u8>,
    /// H(metadata, salt, json): all that the journal holds.
    pub hash: [u8; 32],
}

/// Packs an item's metadata; `None` when there is none.
pub(crate) fn pack(
    pairs: &BTreeMap<String, String>,
    salt: &[u8; 32],
    index: usize,
) -> Result<Option<Metadata>, Refusal> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let bytes = pairs.iter().fold(0_usize, |sum, (key, value)| {
        sum.saturating_add(key.len()).saturating_add(value.len())
    });
    if pairs.len() > MAX_PAIRS || bytes > MAX_BYTES {
        let detail = format!(
            "metadata: {} pairs and {bytes} bytes, at most {MAX_PAIRS} and {MAX_BYTES}",
            pairs.len()
        );
        return Err(Refusal::fix(tags::ITEM_METADATA, detail));
    }
    let json = serde_json::to_vec(pairs)
        .map_err(|error| Refusal::fix(tags::ITEM_METADATA, error.to_string()))?;
    let salt = tagged_hash(
        "metadata-salt",
        &[Bytes(salt), Int(u64::try_from(index).unwrap_or(u64::MAX))],
    );
    let hash = tagged_hash("metadata", &[Bytes(&salt), Bytes(&json)]);
    Ok(Some(Metadata { salt, json, hash }))
}
