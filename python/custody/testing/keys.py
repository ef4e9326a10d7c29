"""Keys made for one stack and kept in its directory: initiators' ed25519 keys in PEM, operators' SSH keys."""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from custody import crypto, statements
from custody.crypto import Scheme
from custody.statements import SignedType

__all__ = ["OperatorKey", "SystemKey", "write_private"]


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


@dataclass(frozen=True, slots=True)
class SystemKey:
    """An ed25519 key of a system (a backend, a risk engine), in a PEM file."""

    path: Path
    public_hex: str

    @staticmethod
    def make(path: Path) -> SystemKey:
        """A new key in `path`."""
        private = Ed25519PrivateKey.generate()
        write_private(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return SystemKey(path, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex())


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """An operator's ssh-ed25519 key, in the files that ssh-keygen would make."""

    operator: str
    path: Path
    line: str
    private: Ed25519PrivateKey

    @staticmethod
    def make(operator: str, path: Path) -> OperatorKey:
        """A new key in `path` and `path`.pub."""
        private = Ed25519PrivateKey.generate()
        write_private(path, private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        line = f"{public} {operator}@demo"
        path.with_name(path.name + ".pub").write_text(line + "\n")
        return OperatorKey(operator, path, line, private)

    @property
    def public(self) -> bytes:
        """The key's blob."""
        return crypto.parse_public_key(Scheme.SSHSIG, self.line)

    @property
    def key_id(self) -> str:
        """Its SHA256 fingerprint."""
        return crypto.key_id(Scheme.SSHSIG, self.public)

    def sign(self, signed_type: SignedType, deployment: bytes, body: bytes) -> bytes:
        """The blob that `ssh-keygen -Y sign -n custody/v1` would make over a signed message."""
        message = statements.signing_input(
            Scheme.SSHSIG, statements.signed_message(signed_type, deployment, body)
        )
        names = [b"custody/v1", b"", b"sha512"]
        to_sign = b"SSHSIG" + b"".join(map(_string, [*names, hashlib.sha512(message).digest()]))
        signature = _string(b"ssh-ed25519") + _string(self.private.sign(to_sign))
        parts = b"".join(map(_string, [self.public, *names, signature]))
        return b"SSHSIG" + struct.pack(">I", 1) + parts


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value
