"""Any one change of a sound policy is refused, or changes what it says and nothing else."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from custody.errors import Malformed
from custody.model.policy import Policy, parse_policy
from support.policy_builder import PolicyBuilder, write_toml

_BUILDER = PolicyBuilder(share="0.02")
_RAW = _BUILDER.toml()
_POLICY = parse_policy(_RAW)
_DOCUMENT = _BUILDER.document
Path = tuple[str | int, ...]


def _leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path


_LEAVES = list(_leaves(_DOCUMENT))


def _at(document: Any, path: Path) -> Any:
    for step in path:
        document = document[step]
    return document


@st.composite
def corruptions(draw: st.DrawFn) -> tuple[Path, dict[str, Any]]:
    """One leaf of the document, changed, dropped, or of another type."""
    path = draw(st.sampled_from(_LEAVES))
    document = copy.deepcopy(_DOCUMENT)
    holder, last = _at(document, path[:-1]), path[-1]
    old = holder[last]
    others = st.sampled_from([_at(_DOCUMENT, other) for other in _LEAVES])
    new = draw(
        st.one_of(st.just(None), others, _near(old), st.sampled_from(["", "0", 0, -1, True, 1.5, [], {}]))
    )
    if new is None:
        del holder[last]
    else:
        holder[last] = new
    return path, document


def _near(old: Any) -> st.SearchStrategy[Any]:
    if isinstance(old, str) and old:
        spots = st.integers(0, len(old) - 1)
        letters = st.sampled_from("0123456789abcdefABCDEF-: \x00é")
        return st.builds(lambda at, letter: old[:at] + letter + old[at + 1 :], spots, letters) | st.builds(
            lambda at: old[:at] + old[at + 1 :], spots
        )
    return st.integers(-2, 70)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _flat(getattr(value, field.name), f"{path}.{field.name}".lstrip("."))
    elif isinstance(value, tuple):
        yield f"{path}#", len(value)
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}<{key}>")
    else:
        yield path, value


def _differences(policy: Policy) -> set[str]:
    before, after = dict(_flat(_POLICY.tables)), dict(_flat(policy.tables))
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


_PROVED = {"id", "kind", "network", "signer", "key", "audit"}


@settings(max_examples=600)
@given(corruptions())
def test_a_change_is_refused_or_changes_only_what_it_says(corruption: tuple[Path, dict[str, Any]]) -> None:
    path, document = corruption
    try:
        policy = parse_policy(write_toml(document).encode())
    except Malformed as error:
        assert error.reason
        return
    table = str(path[0])
    place = f"{table}[{path[1]}]" if table != "deployment" else ""
    for difference in _differences(policy):
        assert difference.startswith(place), (path, difference)
    changed = _at(document, path[:-1]) != _at(_DOCUMENT, path[:-1])
    assert (policy.hash != _POLICY.hash) == changed
    if changed and table in ("wallets", "signers"):
        assert path[2] not in _PROVED or not _differences(policy), path
    assert not (changed and path[:2] == ("deployment", "salt"))


@settings(max_examples=300)
@given(st.integers(0, len(_RAW) - 1), st.integers(0, 255))
def test_any_byte_may_be_wrong(at: int, value: int) -> None:
    raw = bytearray(_RAW)
    raw[at] = value
    try:
        policy = parse_policy(bytes(raw))
    except Malformed:
        return
    assert (policy.hash == _POLICY.hash) == (bytes(raw) == _RAW)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_malformed(raw: bytes) -> None:
    try:
        parse_policy(raw)
    except Malformed:
        return
    raise AssertionError("so short a policy cannot be sound")
