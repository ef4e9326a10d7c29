"""The whole demo in small, as a person starts it: its one object, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

KEYS = [
    "submitted",
    "accepted",
    "duplicates",
    "denied",
    "cancelled",
    "final",
    "paid_twice",
    "lost",
    "sweeps_executed",
    "approvals_counted",
    "halts",
    "server_kills",
    "signer_kills",
    "ledger_equals_chain",
    "seconds",
]
DENIED = {
    "destination.malformed": 5,
    "id.reused": 5,
    "limit.customer-token-daily": 5,
    "signature.cosign_missing": 5,
    "signature.invalid": 5,
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "custody.cli.main", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.timeout(300)
def test_the_demo_holds_and_prints_one_object() -> None:
    done = run("--json", "--withdrawals", "60")
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert list(told) == KEYS
    assert told["submitted"] == 60 == told["accepted"] + told["duplicates"] + sum(told["denied"].values())
    assert told["denied"] == DENIED
    assert told["duplicates"] == 5
    assert told["cancelled"] == 3
    assert told["final"] + told["cancelled"] == told["accepted"]
    assert told["paid_twice"] == told["lost"] == 0
    assert told["ledger_equals_chain"] is True
    assert min(told[name] for name in ("sweeps_executed", "halts", "server_kills", "signer_kills")) >= 1
    # 6 openings, a RESUME and a sweep, two approvals each at least.
    assert told["approvals_counted"] >= 16


def test_too_few_withdrawals_are_a_usage_error() -> None:
    done = run("--withdrawals", "3")
    assert done.returncode == 2
    assert "at least" in done.stderr


@pytest.mark.soak
@pytest.mark.timeout(1_500)
def test_the_whole_demo_holds_three_times_in_a_row() -> None:
    for _ in range(3):
        done = run("--json", "--withdrawals", "500")
        assert done.returncode == 0, done.stderr + done.stdout
        told = json.loads(done.stdout)
        assert told["denied"] == DENIED
        assert told["final"] + told["cancelled"] == told["accepted"] == 470
        assert told["paid_twice"] == told["lost"] == 0
        assert told["ledger_equals_chain"] is True
