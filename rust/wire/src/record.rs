//! A journal row's record: one header and its leaves, and the Merkle root over them.
//!
//! `custody.api.journal.v1.Record{bytes header = 1; repeated bytes leaves = 2}`, in its one canonical encoding.

use crate::error::{Reason, WireError};
use crate::hash::Hash;
use crate::merkle::{leaf_hash, root};
use crate::reader::{Reader, WireType, put_delimited};

/// The parts of a record, borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Leaf 0 of the tree; never empty.
    pub header: &'a [u8],
    /// Leaf i of the tree is `leaves[i - 1]`.
    pub leaves: Vec<&'a [u8]>,
}

/// Takes a record apart.
///
/// # Errors
/// Anything but one header that is not empty, then any number of leaves.
pub fn unpack_record(record: &[u8]) -> Result<Record<'_>, WireError> {
    let mut reader = Reader::new(record);
    let (mut header, mut leaves) = (None, Vec::new());
    while !reader.is_done() {
        let at = reader.at();
        let (number, wire) = reader.tag().map_err(|reason| reason.at("", at))?;
        let name = match number {
            1 => "header",
            2 => "leaves",
            _ => return Err(Reason::UnknownField(number).at("", at)),
        };
        if wire != WireType::Length {
            return Err(Reason::WireType.at(name, at));
        }
        let bytes = reader.delimited().map_err(|reason| reason.at(name, at))?;
        match (number, header) {
            (1, None) if bytes.is_empty() => return Err(Reason::ExplicitDefault.at(name, at)),
            (1, None) => header = Some(bytes),
            (1, Some(_)) if leaves.is_empty() => return Err(Reason::FieldRepeated.at(name, at)),
            (1, Some(_)) => return Err(Reason::FieldOrder.at(name, at)),
            (_, None) => return Err(Reason::Missing.at("header", at)),
            (_, Some(_)) => leaves.push(bytes),
        }
    }
    let header = header.ok_or_else(|| Reason::Missing.at("header", record.len()))?;
    Ok(Record { header, leaves })
}

/// The root of a record.
///
/// # Errors
/// As [`unpack_record`].
pub fn record_root(record: &[u8]) -> Result<Hash, WireError> {
    let parts = unpack_record(record)?;
    Ok(root_of(parts.header, &parts.leaves))
}

fn root_of<L: AsRef<[u8]>>(header: &[u8], leaves: &[L]) -> Hash {
    let hashes: Vec<Hash> = std::iter::once(header)
        .chain(leaves.iter().map(AsRef::as_ref))
        .map(leaf_hash)
        .collect();
    root(&hashes)
}

/// Builds a record and its root.
///
/// # Errors
/// An empty header.
pub fn build_record<L: AsRef<[u8]>>(
    header: &[u8],
    leaves: &[L],
) -> Result<(Vec<u8>, Hash), WireError> {
    if header.is_empty() {
        return Err(Reason::Missing.at("header", 0));
    }
    let size = leaves.iter().fold(header.len(), |sum, leaf| {
        sum.saturating_add(leaf.as_ref().len()).saturating_add(4)
    });
    let mut record = Vec::with_capacity(size.saturating_add(8));
    put_delimited(&mut record, 1, header);
    for leaf in leaves {
        put_delimited(&mut record, 2, leaf.as_ref());
    }
    Ok((record, root_of(header, leaves)))
}
