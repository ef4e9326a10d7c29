"""Amounts in and out of units are exact, settings are refused by name, and what a machine remembers never goes back."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.cli.config import CliConfig, expanded, find
from custody.cli.memory import Memory
from custody.cli.words import duration, moment, parse_quantity, when
from custody.client import ClientConfig
from custody.errors import ConfigError, Denied, Malformed
from custody.model.money import MAX_AMOUNT, format_units
from custody.model.policy import AssetRule

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"


def _asset(decimals: int) -> AssetRule:
    return AssetRule("eip155:1/slip44:60", "ETH", decimals, "eip155:1", 1, None, True, None, 21_000)


@given(st.integers(0, MAX_AMOUNT), st.integers(0, 36))
def test_units_there_and_back_are_the_same_amount(amount: int, decimals: int) -> None:
    asset = _asset(decimals)
    assert parse_quantity(f"{format_units(amount, decimals)}ETH", asset) == amount
    assert parse_quantity(str(amount), asset) == amount


@pytest.mark.parametrize(
    "text",
    ["", "1.5", "ETH", "1,5ETH", "-1", "1.5USDC", "0x10", "1e18", "1.ETH", ".5ETH", "٣", "1.5 ETH x", "007"],
)
def test_what_could_be_misread_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_quantity(text, _asset(18))


def test_a_fraction_of_a_base_unit_and_too_much_are_refused() -> None:
    for text in ("0.0000001ETH", f"{2**128}ETH", str(2**128)):
        with pytest.raises(Malformed):
            parse_quantity(text, _asset(6))


def test_times() -> None:
    assert [duration(ms) for ms in (0, 999, 59_000, 61_000, 3_600_000, 90_061_000)] == [
        "0 s",
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h 0 min",
        "1 d 1 h",
    ]
    assert when(1_800_000_060_000, 1_800_000_000_000) == "2027-01-15 08:01:00 UTC (in 1 min 0 s)"
    assert when(1_799_999_999_000, 1_800_000_000_000) == "2027-01-15 07:59:59 UTC (1 s ago)"


def test_the_samples_are_read() -> None:
    cli = CliConfig.load(SAMPLES / "cli.toml")
    assert (cli.operator, [signer.id for signer in cli.signers]) == ("ada", ["hot-1", "cold-1"])
    assert cli.ssh_key is not None and expanded(cli.ssh_key) == Path.home() / ".ssh" / "id_ed25519"
    client = ClientConfig.load(SAMPLES / "client.toml")
    assert (client.initiator, client.defaults.limit_class) == ("backend-eu", "retail")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('operator = "ada"', 'operator = "Ada"', "operator"),
        ('operator = "ada"', 'operator = "ada"\nkey = "x"', "key"),
        ('genesis_hash = "00', 'genesis_hash = "', "deployment.genesis_hash"),
        ('id = "cold-1"', 'id = "hot-1"', "signers"),
        (
            'address = "custody.example.internal:7401"',
            'address = "custody.example.internal"',
            "server.address",
        ),
        ("timeout_ms = 10000", "timeout_ms = 0", "server.timeout_ms"),
    ],
)
def test_a_setting_that_is_wrong_is_named(tmp_path: Path, old: str, new: str, field: str) -> None:
    text = (SAMPLES / "cli.toml").read_text()
    assert old in text
    (tmp_path / "cli.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        CliConfig.load(tmp_path / "cli.toml")
    assert refused.value.field == field


def test_where_the_configuration_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUSTODY_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/xdg-here")
    assert find(None) == Path("/etc/xdg-here/custody/cli.toml")
    monkeypatch.setenv("CUSTODY_CONFIG", "/a/cli.toml")
    assert (find(None), find(Path("/b"))) == (Path("/a/cli.toml"), Path("/b"))


@given(st.lists(st.tuples(st.integers(1, 9), st.binary(min_size=32, max_size=32)), max_size=12))
def test_the_head_never_goes_back(heads: list[tuple[int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, seen = Path(folder) / "deep" / "state.json", (0, b"")
        for sequence, digest in heads:
            memory = Memory(path, b"d" * 32)
            if sequence < seen[0] or (sequence == seen[0] and digest != seen[1]):
                with pytest.raises(Denied):
                    memory.check_head(sequence, digest)
            else:
                memory.check_head(sequence, digest)
            memory.remember_head(sequence, digest)
            seen = max(seen, (sequence, digest), key=lambda head: head[0])
            assert memory.head() == seen


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=12))
def test_numbers_only_rise(clock: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory(Path(folder) / "state.json", b"d" * 32)
        numbers = [memory.next_number("ada", now_ms) for now_ms in clock]
        assert numbers == sorted(set(numbers))
        assert all(number >= now_ms for number, now_ms in zip(numbers, clock, strict=True))
        assert memory.next_number("bo", 5) == 5


_TAKE = """
import sys
from pathlib import Path
from custody.cli.memory import Memory
memory = Memory(Path(sys.argv[1]), b"d" * 32)
print(*(memory.next_number("ada", 0) for _ in range(25)))
"""


def test_runs_at_the_same_time_never_use_a_number_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _TAKE, str(tmp_path / "state.json")]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    taken = [int(number) for run in runs for number in run.communicate(timeout=60)[0].split()]
    assert sorted(taken) == list(range(1, 76))


def test_the_file_is_private_and_a_spoilt_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    Memory(path, b"d" * 32).remember_head(3, b"h" * 32)
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {
        (b"d" * 32).hex(): {"head_sequence": 3, "head_hash": (b"h" * 32).hex()}
    }
    for content in ("", "[]", "{"):
        path.write_text(content)
        with pytest.raises(ConfigError):
            Memory(path, b"d" * 32).next_number("ada", 1)


@pytest.mark.parametrize("unix_ms", [2**64 - 1, 253_402_300_800_000, -(2**63) * 1000])
def test_a_time_beyond_every_calendar_is_shown(unix_ms: int) -> None:
    """An initiator may write any `pay_before`: nobody's look at its withdrawal fails by that."""
    assert when(unix_ms, 0).startswith(f"{unix_ms} ms after 1970 (")
    assert moment(253_402_300_799_999) == "9999-12-31 23:59:59 UTC"
