"""Operators' signatures by the real ssh-keygen: from files, with passphrases, by the agent; each verified in Rust."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from custody import crypto
from custody.api.v1 import proposal_pb2
from custody.cli import sshsig
from custody.crypto import Scheme
from custody.errors import ConfigError, InvalidSignature, Malformed
from support.cli_world import World

pytest_plugins = ["support.cli_fixtures"]

MESSAGE = b"custody/approve/v1\0" + bytes(range(256))


def _keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> bytes:
    """A new key; gives its public blob."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "a comment", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return crypto.parse_public_key(Scheme.SSHSIG, path.with_suffix(".pub").read_text())


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent of this test's own."""
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if socket.exists():
                break
            time.sleep(0.02)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield
    finally:
        process.terminate()
        process.wait(10)


def _add(path: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(path)], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def test_a_file_signs_and_rust_agrees(tmp_path: Path) -> None:
    public = _keygen(tmp_path / "id")
    blob = sshsig.sign(MESSAGE, tmp_path / "id", [])
    crypto.verify(Scheme.SSHSIG, public, MESSAGE, blob)
    assert sshsig.public_key_of(blob) == public
    with pytest.raises(InvalidSignature):
        crypto.verify(Scheme.SSHSIG, public, MESSAGE + b"x", blob)


def test_the_agent_signs_by_the_public_file_and_by_the_enrolled_key(tmp_path: Path, agent: None) -> None:
    public, other = _keygen(tmp_path / "id"), _keygen(tmp_path / "other")
    _add(tmp_path / "other")
    _add(tmp_path / "id")
    (tmp_path / "id").unlink()  # the private half is the agent's alone
    crypto.verify(Scheme.SSHSIG, public, MESSAGE, sshsig.sign(MESSAGE, tmp_path / "id.pub", []))
    crypto.verify(Scheme.SSHSIG, public, MESSAGE, sshsig.sign(MESSAGE, None, [public]))
    crypto.verify(Scheme.SSHSIG, other, MESSAGE, sshsig.sign(MESSAGE, None, [b"not held", other]))


def test_an_agent_without_the_key_says_what_to_do(tmp_path: Path, agent: None) -> None:
    _keygen(tmp_path / "other")
    _add(tmp_path / "other")
    with pytest.raises(ConfigError, match="ssh-add FILE"):
        sshsig.sign(MESSAGE, None, [_keygen(tmp_path / "id")])


def test_neither_key_nor_agent_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(ConfigError, match="--key FILE"):
        sshsig.sign(MESSAGE, None, [b"x"])


def test_no_such_file_and_no_key_in_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        sshsig.sign(MESSAGE, tmp_path / "none", [])
    (tmp_path / "bad").write_text("nothing")
    (tmp_path / "bad").chmod(0o600)
    with pytest.raises(ConfigError, match="did not sign with bad"):
        sshsig.sign(MESSAGE, tmp_path / "bad", [])


def test_a_passphrase_is_asked_for_by_ssh_keygen_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = _keygen(tmp_path / "id", passphrase="open sesame")
    answer = tmp_path / "askpass"
    answer.write_text('#!/bin/sh\nprintf "%s\\n" "$ANSWER"\n')
    answer.chmod(0o700)
    monkeypatch.setenv("SSH_ASKPASS", str(answer))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    monkeypatch.setenv("ANSWER", "open sesame")
    crypto.verify(Scheme.SSHSIG, public, MESSAGE, sshsig.sign(MESSAGE, tmp_path / "id", []))
    monkeypatch.setenv("ANSWER", "open barley")
    with pytest.raises(ConfigError) as refused:
        sshsig.sign(MESSAGE, tmp_path / "id", [])
    assert "barley" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "-----BEGIN SSH SIGNATURE-----", "x" * 99])
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        sshsig.dearmor(text)


@pytest.mark.parametrize(
    "blob", [b"", b"SSHSIG", b"SSHSIG\0\0\0\1\xff\xff\xff\xff", b"SSHSIG\0\0\0\2\0\0\0\1x"]
)
def test_a_blob_that_is_none_names_no_key(blob: bytes) -> None:
    with pytest.raises(Malformed):
        sshsig.public_key_of(blob)


def test_the_command_approves_by_the_agent(world: World, agent: None) -> None:
    world.put(world.statement())
    _add(world.key("ada"))
    world.key("ada").unlink()
    assert world.run("proposal", "approve", "P1", "--yes").code == 2  # the file of cli.toml is gone
    assert world.run("proposal", "approve", "P1", "--agent", "--yes").code == 0
    assert world.run("proposal", "approve", "P1", "--key", f"{world.key('ada')}.pub", "--yes").code == 0
    assert len(world.server.sent(proposal_pb2.ApproveRequest)) == 2


def test_the_console_script_asks_on_a_terminal_and_signs(world: World) -> None:
    """The real process on a real terminal: `no` signs nothing, `yes` signs."""
    world.put(world.statement(expires_unix_ms=_real_now_ms() + 3_600_000))
    command = [sys.executable, "-m", "custody.cli.main", "proposal", "approve", "P1"]
    command += ["--config", str(world.operators["ada"])]
    for answer, code, sent in ((b"no\n", 1, 0), (b"y\n", 1, 0), (b"yes\n", 0, 1)):
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            command, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
        )
        os.write(leader, answer)
        out, err = process.communicate(timeout=60)
        os.close(leader)
        os.close(follower)
        assert process.returncode == code, (answer, out, err)
        assert b"20 ETH" in out
        assert len(world.server.sent(proposal_pb2.ApproveRequest)) == sent


def _real_now_ms() -> int:
    return time.time_ns() // 1_000_000
