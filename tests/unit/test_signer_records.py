"""Rows of a signer's log: what was written is read, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from custody import statements
from custody.api.journal.v1 import record_pb2, signer_pb2
from custody.errors import InvariantBroken
from custody.ports import Head, Row
from custody.signer.records import seal, unseal

HEAD = Head(6, 2, bytes(range(32)))
MESSAGE = signer_pb2.SignerFrozen(tag="head.forked", detail="row 9")


def rehashed(row: Row, **changes: object) -> Row:
    """The row changed, with a hash that fits."""
    changed = replace(row, **changes)  # type: ignore[arg-type]
    fitting = statements.row_hash(
        changed.prev_hash, changed.sequence, changed.epoch, changed.kind, changed.root
    )
    return replace(changed, hash=fitting)


def test_what_was_sealed_is_unsealed() -> None:
    row = seal(HEAD, 3, 1_000, "ada", bytes(32), MESSAGE)
    entry = unseal(HEAD, row)
    assert (entry.sequence, entry.recorded_ms, entry.message) == (7, 1_000, MESSAGE)
    assert (row.epoch, row.kind, row.prev_hash) == (3, record_pb2.RECORD_KIND_SIGNER_FROZEN, HEAD.hash)


def test_every_kind_of_a_signer_has_its_message() -> None:
    names = [name for name, kind in record_pb2.RecordKind.items() if kind >= 100]
    assert len(names) == 13
    for name in names:
        message = getattr(signer_pb2, name.removeprefix("RECORD_KIND_").title().replace("_", ""))()
        row = seal(HEAD, 3, 1_000, "ada", bytes(32), message)
        assert row.kind == record_pb2.RecordKind.Value(name)
        assert unseal(HEAD, row).message == message


@pytest.mark.parametrize("field", ["sequence", "epoch", "kind", "prev_hash", "root", "hash", "record"])
def test_a_row_with_one_thing_changed_is_refused(field: str) -> None:
    row = seal(HEAD, 3, 1_000, "ada", bytes(32), MESSAGE)
    value = getattr(row, field)
    changed: Any = value + 1 if isinstance(value, int) else value[:-1] + bytes([value[-1] ^ 1])
    with pytest.raises(InvariantBroken):
        unseal(HEAD, replace(row, **{field: changed}))


def test_a_row_that_hashes_well_but_does_not_follow() -> None:
    row = seal(HEAD, 3, 1_000, "ada", bytes(32), MESSAGE)
    other, root = statements.build_record(b"header", [b"one", b"two"])
    for lie in (
        rehashed(row, sequence=8),
        rehashed(row, prev_hash=bytes(32)),
        rehashed(row, epoch=1),
        rehashed(row, kind=record_pb2.RECORD_KIND_STARTED),
        rehashed(row, record=other),
        rehashed(row, record=other, root=root),
    ):
        with pytest.raises(InvariantBroken):
            unseal(HEAD, lie)
