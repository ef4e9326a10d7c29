"""Golden journals: every one that was ever written replays to its state hashes, and its snapshot is read for ever."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

import make_ledger
from custody import statements
from custody.api.journal.v1 import ledger_pb2, record_pb2
from custody.ledger import Ledger, Rules

GOLDEN = Path(__file__).parents[1] / "vectors" / "ledger"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))
KEYRING_VERSION = 1


def content(name: str) -> dict[str, Any]:
    """One golden journal."""
    read: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return read


def take(ledger: Ledger, golden: dict[str, Any], number: int) -> None:
    """Put a policy in force."""
    ledger.set_rules(Rules(json.dumps(golden["policies"][number]).encode()), KEYRING_VERSION)


def replay(ledger: Ledger, golden: dict[str, Any], row: dict[str, Any]) -> None:
    """One row, and its hash."""
    if "policy" in row:
        take(ledger, golden, row["policy"])
    else:
        ledger.apply_record(row["kind"], base64.b64decode(row["record"]), row["sequence"])
    assert ledger.state_hash().hex() == row["state_hash"], row
    ledger.conservation()


def test_there_is_one() -> None:
    assert "v1" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_replay_and_snapshot_give_the_committed_states(name: str) -> None:
    golden = content(name)
    snapshot = (GOLDEN / f"{name}.snapshot").read_bytes()
    before, after = golden["rows"][: golden["snapshot_after"]], golden["rows"][golden["snapshot_after"] :]
    assert before and after
    replayed = Ledger()
    for row in before:
        replay(replayed, golden, row)
    restored = Ledger.restore(snapshot)
    assert restored.state_hash().hex() == before[-1]["state_hash"]
    assert restored.snapshot() == replayed.snapshot()
    take(restored, golden, [row["policy"] for row in before if "policy" in row][-1])
    for row in after:
        replay(replayed, golden, row)
        replay(restored, golden, row)
    assert restored.snapshot() == replayed.snapshot()


def test_the_newest_journal_is_written_byte_for_byte() -> None:
    """Reading old bytes is not enough: other bytes for the same facts would be another format."""
    golden, made = content(NAMES[-1]), make_ledger.Golden()
    make_ledger.first_half(made)
    snapshot = made.ledger.snapshot()
    make_ledger.second_half(made)
    assert made.policies == golden["policies"]
    for row, expected in zip(made.rows, golden["rows"], strict=True):
        assert row == expected
    assert snapshot == (GOLDEN / f"{NAMES[-1]}.snapshot").read_bytes()


def test_the_newest_format_is_written_byte_for_byte() -> None:
    snapshot = (GOLDEN / "v1.snapshot").read_bytes()
    assert snapshot.startswith(b"custody.snapshot\x00\x00\x00\x01")
    assert Ledger.restore(snapshot).snapshot() == snapshot


def test_every_kind_of_fact_is_in_it() -> None:
    found = set()
    for row in content("v1")["rows"]:
        if "record" not in row:
            continue
        if row["kind"] == record_pb2.RECORD_KIND_WITHDRAWALS_SUBMITTED:
            continue
        _, leaves = statements.unpack_record(base64.b64decode(row["record"]))
        for fact in leaves[1:]:
            found.add(ledger_pb2.LedgerFact.FromString(fact).WhichOneof("fact"))
    assert found == {field.name for field in ledger_pb2.LedgerFact.DESCRIPTOR.oneofs_by_name["fact"].fields}


def test_they_stay_small() -> None:
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) <= 200_000
