from collections.abc import Sequence
from typing import final

from custody.crypto import Verdict

__all__ = ["Keyring", "backend", "key_id", "parse_public_key", "verify"]

@final
class Keyring:
    """The keys whose signatures count, under one version number.

    Safe to share between threads: `verify_batch` works on a snapshot taken when it is called.
    """

    def __new__(cls, *, backend: str | None = None) -> Keyring:
        """An empty ring. `backend`: for tests and benches; without it, as `custody.crypto.backend` says."""

    def enrol(self, key_id: str, scheme: str, public_key: bytes) -> None:
        """Read, check and enrol a key; raise `InvalidPublicKey`, or `Malformed` for an unfit or taken id.

        `public_key`: 32 bytes (ed25519, bip340), 33 or 65 (ECDSA), 20, 33 or 65 (ethereum), the SSH wire blob (sshsig).
        """

    def revoke(self, key_id: str) -> None:
        """Remove a key; raise `NotFound` where none is enrolled under this id."""

    @property
    def version(self) -> int:
        """The number that every enrolment and revocation raises."""

    @property
    def backend(self) -> str:
        """What batches run on: `portable` or `ifma`."""

    def verify_batch(self, items: Sequence[tuple[str, bytes, bytes]], threads: int = 1) -> list[Verdict]:
        """Verify `(key id, message, signature)` items: one `Verdict` each, in the same order.

        `threads`: 1 (the calling one, as by default) to 64, at most so many; raise `Malformed` for another number.
        """

    def __contains__(self, key_id: str, /) -> bool: ...
    def __len__(self) -> int: ...

def backend() -> str:
    """What a new `Keyring` verifies on; raise `Malformed` where CUSTODY_CRYPTO_BACKEND is unfit."""

def verify(scheme: str, public_key: bytes, message: bytes, signature: bytes) -> None:
    """Verify one signature by a key that is not enrolled; raise `InvalidSignature` or `InvalidPublicKey`."""

def key_id(scheme: str, public_key: bytes) -> str:
    """The id that a key has by itself; raise `InvalidPublicKey`."""

def parse_public_key(scheme: str, text: str) -> bytes:
    """A policy's text form of a key as bytes, checked; raise `InvalidPublicKey`."""
