"""Deterministic test keys by name, signing through libraries that share no code with custody."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import coincurve
from nacl.signing import SigningKey

from custody import chain, crypto, statements
from custody.crypto import Scheme


def _secret(name: str) -> bytes:
    return hashlib.sha256(f"custody tests, {name}".encode()).digest()


@dataclass(frozen=True)
class EdKey:
    """An ed25519 key."""

    name: str

    @property
    def public(self) -> bytes:
        return SigningKey(_secret(self.name)).verify_key.encode()

    @property
    def key_id(self) -> str:
        return crypto.key_id(Scheme.ED25519, self.public)

    def sign(self, signed_type: str, deployment: bytes, body: bytes) -> bytes:
        message = statements.signed_message(signed_type, deployment, body)
        return SigningKey(_secret(self.name)).sign(message).signature


@dataclass(frozen=True)
class EthKey:
    """A secp256k1 key of an EVM wallet."""

    name: str

    @property
    def private(self) -> coincurve.PrivateKey:
        return coincurve.PrivateKey(_secret(self.name))

    @property
    def address(self) -> str:
        return chain.address_of(self.private.public_key.format())

    @property
    def public(self) -> bytes:
        return bytes.fromhex(self.address[2:])

    def sign_digest(self, digest: bytes) -> bytes:
        """r ‖ s, low-S."""
        return self.private.sign_recoverable(digest, hasher=None)[:64]

    def sign(self, signed_type: str, deployment: bytes, body: bytes) -> bytes:
        message = statements.signed_message(signed_type, deployment, body)
        signed = self.private.sign_recoverable(
            statements.signing_input(Scheme.ETHEREUM, message), hasher=None
        )
        return signed[:64] + bytes([27 + signed[64]])
