"""Hashes, records, leaves and Merkle proofs of the façade, against hashlib and the written definitions."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody import statements
from custody.errors import Malformed


def _tagged(tag: str, *parts: int | bytes | str) -> bytes:
    data = b"custody/" + tag.encode() + b"/v1\0"
    for part in parts:
        if isinstance(part, int):
            data += part.to_bytes(8)
        else:
            raw = part.encode() if isinstance(part, str) else part
            data += len(raw).to_bytes(8) + raw
    return hashlib.sha256(data).digest()


def _tree(leaves: list[bytes]) -> bytes:
    if len(leaves) <= 1:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + _tree(leaves[:half]) + _tree(leaves[half:])).digest()


@given(st.lists(st.integers(0, 2**64 - 1) | st.binary(max_size=80) | st.text(max_size=20), max_size=6))
def test_tagged_hashes(parts: list[int | bytes | str]) -> None:
    assert statements.tagged_hash("some-tag", *parts) == _tagged("some-tag", *parts)


def test_named_hashes() -> None:
    assert statements.policy_hash(b"policy") == _tagged("policy", b"policy")
    digest = hashlib.sha256(b"statement").digest()
    assert statements.governance_hash(b"g" * 32, 2, b"statement") == _tagged(
        "governance", b"g" * 32, 2, digest
    )
    assert statements.journal_start(b"d" * 32, "server/main") == _tagged(
        "journal-start", b"d" * 32, "server/main"
    )
    numbers = b"".join(n.to_bytes(8) for n in (7, 1, 40))
    row = hashlib.sha256(b"custody/journal/v1\0" + b"p" * 32 + numbers + b"r" * 32).digest()
    assert statements.row_hash(b"p" * 32, 7, 1, 40, b"r" * 32) == row
    for wrong in ((b"p", 7, 1, 40, b"r" * 32), (b"p" * 32, 7, 1, 40, b"r")):
        with pytest.raises(Malformed):
            statements.row_hash(*wrong)


@given(st.text(min_size=1, max_size=20), st.permutations(["hot-1", "hot-2", "hot-3", "hot-4"]))
def test_a_route_is_the_greatest_hash_in_whatever_order(reference: str, wallets: list[str]) -> None:
    best = max(wallets, key=lambda wallet: _tagged("route", "backend", reference, wallet))
    assert statements.route("backend", reference, wallets) == best


@given(st.binary(min_size=1, max_size=200), st.lists(st.binary(max_size=200), max_size=20))
def test_records(header: bytes, leaves: list[bytes]) -> None:
    record, root = statements.build_record(header, leaves)
    assert statements.unpack_record(record) == (header, leaves)
    assert statements.record_root(record) == root == _tree([header, *leaves])
    with pytest.raises(Malformed):
        statements.record_root(record + b"\x18\x01")


def test_a_record_is_what_protobuf_writes() -> None:
    from custody.api.journal.v1 import record_pb2

    record, _ = statements.build_record(b"header", [b"one", b"", b"x" * 300])
    ordinary = record_pb2.Record(header=b"header", leaves=[b"one", b"", b"x" * 300])
    assert ordinary.SerializeToString() == record
    with pytest.raises(Malformed):
        statements.build_record(b"")


@given(
    st.binary(max_size=50),
    st.binary(max_size=300),
    st.lists(st.tuples(st.text(max_size=60), st.binary(max_size=65)), max_size=4),
)
def test_leaves(outcome: bytes, intent: bytes, signatures: list[tuple[str, bytes]]) -> None:
    leaf = statements.pack_leaf(outcome, intent, signatures)
    assert statements.unpack_leaf(leaf) == (outcome, intent, signatures)
    with pytest.raises(Malformed):
        statements.unpack_leaf(leaf[:-1] if leaf[-1:] else leaf + b"\0")
    with pytest.raises(Malformed):
        statements.unpack_leaf(leaf + b"\0\0\0")


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=40), st.data())
def test_merkle_proofs(leaves: list[bytes], data: st.DataObject) -> None:
    head = statements.tree_hash(leaves)
    assert head == _tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = statements.inclusion_proof(leaves, index)
    statements.verify_inclusion(leaves[index], index, len(leaves), proof, head)
    with pytest.raises(Malformed):
        statements.verify_inclusion(leaves[index] + b"!", index, len(leaves), proof, head)
    with pytest.raises(Malformed):
        statements.verify_inclusion(leaves[index], len(leaves), len(leaves), proof, head)
    old = index + 1
    old_head = statements.tree_hash(leaves[:old])
    proof = statements.consistency_proof(leaves, old)
    statements.verify_consistency(old, old_head, len(leaves), head, proof)
    with pytest.raises(Malformed):
        statements.verify_consistency(old, bytes(32), len(leaves), head, proof)
    with pytest.raises(Malformed):
        statements.consistency_proof(leaves, 0)
    with pytest.raises(Malformed):
        statements.inclusion_proof(leaves, len(leaves))
