//! RFC 6962 Merkle trees: the head, inclusion and consistency proofs, and their checks.

use sha2::{Digest, Sha256};

use crate::hash::Hash;

/// The hash of one leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(leaf);
    hasher.finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// The tree's head over leaf hashes; of none, SHA-256 of nothing.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut level = leaves.to_vec();
    if level.is_empty() {
        return Sha256::digest([]).into();
    }
    // A node without a right sibling moves up unchanged: the same tree as the RFC's split at the largest power of two.
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node_hash(left, right),
                [alone] => *alone,
                _ => [0; 32],
            })
            .collect();
    }
    level.first().copied().unwrap_or([0; 32])
}

/// The tree's head over leaves.
#[must_use]
pub fn tree_hash<L: AsRef<[u8]>>(leaves: &[L]) -> Hash {
    root(
        &leaves
            .iter()
            .map(|leaf| leaf_hash(leaf.as_ref()))
            .collect::<Vec<_>>(),
    )
}

/// The largest power of two below `n`, for `n` above 1.
fn split(n: usize) -> usize {
    n.checked_next_power_of_two()
        .map_or(1 << (usize::BITS - 1), |power| power >> 1)
}

/// The path from leaf `index` to the head, nearest first; `None` if there is no such leaf.
#[must_use]
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut leaves, mut index, mut path) = (leaves, index, Vec::new());
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at_checked(split(leaves.len()))?;
        match index.checked_sub(left.len()) {
            None => {
                path.push(root(right));
                leaves = left;
            }
            Some(rest) => {
                path.push(root(left));
                (leaves, index) = (right, rest);
            }
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that the leaf is number `index` of the `size` leaves under `head` (RFC 9162 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], head: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size.saturating_sub(1), *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == *head
}

/// The proof that the tree of the first `old` leaves is a prefix of the whole; `None` if `old` is 0 or too many.
#[must_use]
pub fn consistency_proof(leaves: &[Hash], old: usize) -> Option<Vec<Hash>> {
    if old == 0 || old > leaves.len() {
        return None;
    }
    let (mut leaves, mut old, mut whole, mut path) = (leaves, old, true, Vec::new());
    while old < leaves.len() {
        let (left, right) = leaves.split_at_checked(split(leaves.len()))?;
        match old.checked_sub(left.len()) {
            Some(rest) if rest > 0 => {
                path.push(root(left));
                (leaves, old, whole) = (right, rest, false);
            }
            _ => {
                path.push(root(right));
                leaves = left;
            }
        }
    }
    if !whole {
        path.push(root(leaves));
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that the tree of `old_size` leaves under `old_head` is a prefix of the tree of `new_size`
/// under `new_head` (RFC 9162 2.1.4.2). An empty old tree proves nothing and is refused.
#[must_use]
pub fn verify_consistency(
    old_size: u64,
    old_head: &Hash,
    new_size: u64,
    new_head: &Hash,
    proof: &[Hash],
) -> bool {
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_head == new_head;
    }
    let (first, rest) = match proof.split_first() {
        _ if old_size.is_power_of_two() => (old_head, proof),
        Some((first, rest)) => (first, rest),
        None => return false,
    };
    let (mut node, mut last) = (old_size.saturating_sub(1), new_size.saturating_sub(1));
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_head && new_hash == *new_head
}
