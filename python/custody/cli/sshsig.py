"""Signs with the operator's SSH key by the real ssh-keygen: files, passphrases, the agent and security keys are its."""

from __future__ import annotations

import base64
import binascii
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from custody.cli.config import expanded
from custody.errors import ConfigError, Malformed

__all__ = ["NAMESPACE", "dearmor", "public_key_of", "sign"]

NAMESPACE: Final = "custody/v1"
_TIMEOUT_S: Final = 180  # a passphrase to type, a key to touch
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


def sign(message: bytes, key: Path | None, enrolled: Sequence[bytes]) -> bytes:
    """The raw SSHSIG blob over a message.

    `key` is a private key file, or a .pub whose private half the agent has; None takes the first of the operator's
    `enrolled` keys (SSH wire blobs) that the agent has. Raises ConfigError, saying what to do.
    """
    program = shutil.which("ssh-keygen")
    if program is None:
        raise ConfigError("ssh-keygen", "is not installed: apt-get install openssh-client")
    if key is not None:
        path = expanded(key)
        if not path.is_file():
            raise ConfigError("key", f"{path}: there is no such file")
        return dearmor(_run(program, path, message))
    with tempfile.TemporaryDirectory(prefix="custody-") as folder:
        public = Path(folder) / "key.pub"
        public.write_text(_line(_from_agent(enrolled)) + "\n")
        return dearmor(_run(program, public, message))


def _run(program: str, key: Path, message: bytes) -> str:
    command = [program, "-q", "-Y", "sign", "-n", NAMESPACE, "-O", "hashalg=sha512", "-f", str(key)]
    try:
        done = subprocess.run(command, input=message, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError("key", f"ssh-keygen did not sign within {_TIMEOUT_S} seconds") from None
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", "replace").strip().replace("\n", "; ")
        raise ConfigError("key", f"ssh-keygen did not sign with {key.name}: {why}")
    return done.stdout.decode("ascii", "replace")


def _from_agent(enrolled: Sequence[bytes]) -> bytes:
    if not os.environ.get("SSH_AUTH_SOCK"):
        raise ConfigError(
            "key", "no key is given and no agent runs: --key FILE, ssh_key in cli.toml, or ssh-add"
        )
    listing = subprocess.run(
        ["ssh-add", "-L"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    ).stdout
    held = set()
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) >= 2:
            try:
                held.add(base64.b64decode(fields[1], validate=True))
            except binascii.Error:
                continue
    for blob in enrolled:
        if blob in held:
            return blob
    raise ConfigError("key", "the agent has none of the operator's keys: ssh-add FILE, or --key FILE")


def dearmor(armored: str) -> bytes:
    """The blob inside an armored SSH signature. Raises Malformed."""
    text = armored.strip()
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise Malformed("signature", "is no armored SSH signature")
    try:
        return base64.b64decode("".join(text[len(_BEGIN) : -len(_END)].split()), validate=True)
    except binascii.Error:
        raise Malformed("signature", "is no armored SSH signature") from None


def public_key_of(blob: bytes) -> bytes:
    """The public key (SSH wire form) that a signature blob says made it. Raises Malformed."""
    head = b"SSHSIG" + (1).to_bytes(4, "big")
    size = int.from_bytes(blob[len(head) : len(head) + 4], "big")
    start = len(head) + 4
    if not blob.startswith(head) or len(blob) < start + size or size == 0:
        raise Malformed("signature", "is no SSH signature blob")
    return blob[start : start + size]


def _line(blob: bytes) -> str:
    size = int.from_bytes(blob[:4], "big")
    return f"{blob[4 : 4 + size].decode('ascii')} {base64.b64encode(blob).decode()}"
