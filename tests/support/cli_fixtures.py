"""The fixture `world`: an operator's machine with its clock held, a server and two signers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custody.cli.session import Session
from support.cli_world import NOW_MS, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """One for each test."""
    monkeypatch.setattr(Session, "now_ms", lambda self: NOW_MS)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.delenv("CUSTODY_CONFIG", raising=False)
    made = World(tmp_path)
    yield made
    made.close()
