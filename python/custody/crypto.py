"""Signatures of enrolled keys, verified in Rust: each item gets its own verdict, and none is true."""

from __future__ import annotations

import enum
from typing import NoReturn

from custody._core import crypto as _core

__all__ = ["Keyring", "Scheme", "Verdict", "backend", "key_id", "parse_public_key", "verify"]


class Scheme(enum.StrEnum):
    """A signature scheme, by its name in policy and on the wire."""

    ED25519 = "ed25519"
    ECDSA_SECP256K1_SHA256 = "ecdsa-secp256k1-sha256"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    BIP340 = "bip340"
    ETHEREUM = "ethereum"
    SSHSIG = "sshsig"


class Verdict(enum.Enum):
    """The outcome for one signature; compare it (`is Verdict.VALID`), it refuses `bool()`.

    INVALID has its scheme's form and does not verify; MALFORMED (a wrong length, a broken blob) has not the
    form; UNKNOWN_KEY: no key is enrolled under that id.
    """

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN_KEY = "unknown_key"
    MALFORMED = "malformed"

    def __bool__(self) -> NoReturn:
        """Refuse: `if verdict:` would accept every outcome."""
        raise TypeError("a Verdict is not a bool: compare it with Verdict.VALID")


Keyring = _core.Keyring


def backend() -> str:
    """Return what a new `Keyring` verifies batches on: `portable` or `ifma` (eight lanes of AVX-512).

    The variable CUSTODY_CRYPTO_BACKEND (`portable`, `ifma`, `auto`; read once) chooses; `auto`, the quickest that
    the processor has, where it is unset. Raises `Malformed` for another word, or `ifma` without the instructions.
    """
    return _core.backend()


def verify(scheme: Scheme, public_key: bytes, message: bytes, signature: bytes) -> None:
    """Verify one signature by a key that is not enrolled; return only if it is valid.

    `public_key` is as `Keyring.enrol` takes it. Raises `InvalidSignature` for every signature that is not
    valid, of whatever length, `InvalidPublicKey` for a key that would not be enrolled.
    """
    _core.verify(scheme, public_key, message, signature)


def key_id(scheme: Scheme, public_key: bytes) -> str:
    """Return the id a key has by itself.

    `SHA256:…` as `ssh-keygen -l` prints it for ed25519, P-256 and sshsig; otherwise lower-case hex SHA-256 of
    the key's canonical bytes (compressed point, x-only point, address). Raises `InvalidPublicKey`.
    """
    return _core.key_id(scheme, public_key)


def parse_public_key(scheme: Scheme, text: str) -> bytes:
    """Read a policy's text form of a key (hex, `0x` address, OpenSSH line) into checked, canonical bytes.

    Raises `InvalidPublicKey`.
    """
    return _core.parse_public_key(scheme, text)
