"""The documents say what the code does: every key is explained, the sample is sound, the states are as drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from custody.model.policy import parse_policy
from custody.model.policy_reader import Reader
from support.draw_states import draw
from support.policy_builder import PolicyBuilder

DOCS = Path(__file__).parents[2] / "docs"


def test_the_sample_is_a_sound_policy() -> None:
    policy = parse_policy((DOCS / "samples" / "policy.toml").read_bytes())
    assert [wallet.id for wallet in policy.wallets] == ["hot-eth-1", "cold-eth-1"]


def test_every_key_that_is_read_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[tuple[str, str]] = set()
    original = Reader.value

    def value(reader: Reader, key: str, kind: type[object], what: str) -> object:
        table = re.match(r"[a-z_]*", reader.path(key))
        read.add((table[0] if table else "", key))
        return original(reader, key, kind, what)

    monkeypatch.setattr(Reader, "value", value)
    builder = PolicyBuilder(share="0.02")
    builder.document["assets"][1]["gas_limit"] = 90_000
    builder.document["limits"][0]["asset"] = builder.native
    builder.document["limits"].append({**builder.document["limits"][0], "id": "x", "asset": builder.token})
    builder.policy()
    text = (DOCS / "policy.md").read_text()
    sections = dict(re.findall(r"^## \[+([a-z]+)\]+\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL))
    assert set(sections) == set(builder.document)
    for table, key in read:
        if table != key:
            assert f"`{key}`" in sections[table], f"{table}.{key} is not explained in docs/policy.md"


def test_the_states_are_drawn_from_the_tables() -> None:
    assert (DOCS / "states.md").read_text() == draw()
