"""The configuration loader: what it refuses and how it says so, and secrets that never print."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from custody.config import Secret, load, parse
from custody.errors import ConfigError
from custody.server.config import ServerConfig


@dataclass(frozen=True, slots=True)
class Leaf:
    name: str
    size: int = 7

    def __post_init__(self) -> None:
        if self.size > 100:
            raise ConfigError("size", "is too large")


@dataclass(frozen=True, slots=True)
class Root:
    leaf: Leaf
    file: Path
    pin: Secret | None = None
    hash: bytes = b""
    flag: bool = False
    mode: Literal["a", "b"] = "a"
    leaves: tuple[Leaf, ...] = ()
    names: tuple[str, ...] = field(default=("x",))


GOOD: dict[str, Any] = {"leaf": {"name": "n"}, "file": "f.pem"}


def test_what_is_given_is_read_and_the_rest_has_its_default(tmp_path: Path) -> None:
    read = parse(
        GOOD
        | {
            "hash": "0aff",
            "flag": True,
            "mode": "b",
            "leaves": [{"name": "l", "size": 1}],
            "names": ["p", "q"],
        },
        Root,
        tmp_path,
    )
    assert read == Root(
        Leaf("n"), tmp_path / "f.pem", None, b"\x0a\xff", True, "b", (Leaf("l", 1),), ("p", "q")
    )
    assert parse(GOOD | {"file": "/abs"}, Root, tmp_path).file == Path("/abs")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"extra": 1}, "extra"),
        ({"leaf": {"name": "n", "nmae": "n"}}, "leaf.nmae"),
        ({"leaf": {}}, "leaf.name"),
        ({"leaf": "text"}, "leaf"),
        ({"leaf": {"name": ""}}, "leaf.name"),
        ({"leaf": {"name": 1}}, "leaf.name"),
        ({"leaf": {"name": "n", "size": "7"}}, "leaf.size"),
        ({"leaf": {"name": "n", "size": True}}, "leaf.size"),
        ({"leaf": {"name": "n", "size": 7.0}}, "leaf.size"),
        ({"leaf": {"name": "n", "size": 101}}, "leaf.size"),
        ({"leaves": [{"name": "a"}, {"name": "b", "size": 101}]}, "leaves[1].size"),
        ({"leaves": [{"name": "a"}, {}]}, "leaves[1].name"),
        ({"leaves": {"name": "a"}}, "leaves"),
        ({"names": ["a", 2]}, "names[1]"),
        ({"flag": 1}, "flag"),
        ({"flag": "true"}, "flag"),
        ({"mode": "c"}, "mode"),
        ({"hash": "0A"}, "hash"),
        ({"hash": "0"}, "hash"),
        ({"hash": ""}, "hash"),
        ({"pin": "1234"}, "pin"),
        ({"pin": "env:"}, "pin"),
        ({"pin": "text:1234"}, "pin"),
    ],
)
def test_what_is_wrong_is_refused_by_its_path(tmp_path: Path, change: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD | change, Root, tmp_path)
    assert caught.value.field == path
    assert "1234" not in str(caught.value)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="file: is missing"):
        parse({"leaf": {"name": "n"}}, Root, tmp_path)


def test_files_that_cannot_be_read_or_are_no_toml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml", Root)
    for content in (b"a = ", b"\xff", b"x" * (1 << 20) + b"x"):
        (tmp_path / "bad.toml").write_bytes(content)
        with pytest.raises(ConfigError, match=r"bad\.toml"):
            load(tmp_path / "bad.toml", Root)


def test_a_secret_is_read_where_its_reference_says_and_never_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTODY_TEST_PIN", "s3cret")
    (tmp_path / "pin").write_text("fr0mfile\n")
    secret, file = Secret("env:CUSTODY_TEST_PIN"), Secret("file:pin", tmp_path)
    assert (secret.read(), file.read()) == ("s3cret", "fr0mfile")
    for shown in (repr(secret), str(file), f"{Root(Leaf('n'), tmp_path, secret)}"):
        assert "s3cret" not in shown
        assert "fr0mfile" not in shown


def test_a_secret_that_is_not_there_or_empty_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUSTODY_TEST_PIN", raising=False)
    (tmp_path / "empty").write_text("\n")
    for reference in ("env:CUSTODY_TEST_PIN", "file:none", "file:empty"):
        with pytest.raises(ConfigError):
            Secret(reference, tmp_path).read()


def test_the_sample_is_a_server_toml_and_shows_the_defaults() -> None:
    sample = load(Path("docs/samples/server.toml"), ServerConfig)
    assert [signer.id for signer in sample.signers] == ["hot-1", "cold-1"]
    for name in ("limits", "workers", "log"):
        shown = getattr(sample, name)
        assert shown == type(shown)()
