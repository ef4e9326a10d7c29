//! The packed leaf of one withdrawal: outcome, intent, then each key id and signature, each after its u32be length.

use crate::error::{Reason, WireError};

/// A leaf's parts, borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// The packed outcome.
    pub outcome: &'a [u8],
    /// The intent's body as received.
    pub intent: &'a [u8],
    /// Key ids and signatures, in the order given.
    pub signatures: Vec<(&'a str, &'a [u8])>,
}

/// Appends a packed leaf to `out`.
///
/// # Errors
/// A part of 4 GiB or more.
pub fn pack_leaf(
    out: &mut Vec<u8>,
    outcome: &[u8],
    intent: &[u8],
    signatures: &[(&str, &[u8])],
) -> Result<(), WireError> {
    put(out, outcome)?;
    put(out, intent)?;
    for (key_id, signature) in signatures {
        put(out, key_id.as_bytes())?;
        put(out, signature)?;
    }
    Ok(())
}

fn put(out: &mut Vec<u8>, part: &[u8]) -> Result<(), WireError> {
    let length = u32::try_from(part.len()).map_err(|_| Reason::TooLarge.at("", out.len()))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
    Ok(())
}

/// Takes a packed leaf apart.
///
/// # Errors
/// Bytes that end inside a part, a key id without a signature or that is not UTF-8.
pub fn unpack_leaf(leaf: &[u8]) -> Result<Leaf<'_>, WireError> {
    let mut rest = leaf;
    let outcome = take(leaf, &mut rest, "outcome")?;
    let intent = take(leaf, &mut rest, "intent")?;
    let mut signatures = Vec::new();
    while !rest.is_empty() {
        let offset = leaf.len().saturating_sub(rest.len());
        let key_id = take(leaf, &mut rest, "key_id")?;
        let key_id =
            std::str::from_utf8(key_id).map_err(|_| Reason::BadUtf8.at("key_id", offset))?;
        signatures.push((key_id, take(leaf, &mut rest, "signature")?));
    }
    Ok(Leaf {
        outcome,
        intent,
        signatures,
    })
}

fn take<'a>(leaf: &[u8], rest: &mut &'a [u8], name: &str) -> Result<&'a [u8], WireError> {
    let cut = || Reason::Truncated.at(name, leaf.len().saturating_sub(rest.len()));
    let (length, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| cut())?;
    let (part, after) = after.split_at_checked(length).ok_or_else(cut)?;
    *rest = after;
    Ok(part)
}
