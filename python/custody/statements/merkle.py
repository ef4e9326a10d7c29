"""RFC 6962 Merkle trees over any leaves; a proof that does not hold raises and never answers False."""

from __future__ import annotations

from collections.abc import Sequence

from custody._core import wire


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """The head of the tree over the leaves, 32 bytes."""
    return wire.tree_hash(list(leaves))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The path from leaf `index` (from 0) to the head, nearest first. Raises Malformed if none such."""
    return wire.inclusion_proof(list(leaves), index)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], head: bytes) -> None:
    """Raises Malformed unless `proof` shows `leaf` to be number `index` of `size` leaves under `head`."""
    wire.verify_inclusion(leaf, index, size, list(proof), head)


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """The proof that the tree of the first `old_size` leaves is a prefix of the whole. Raises Malformed."""
    return wire.consistency_proof(list(leaves), old_size)


def verify_consistency(
    old_size: int, old_head: bytes, new_size: int, new_head: bytes, proof: Sequence[bytes]
) -> None:
    """Raises Malformed unless `proof` shows that the old tree is a prefix of the new one."""
    wire.verify_consistency(old_size, old_head, new_size, new_head, list(proof))
