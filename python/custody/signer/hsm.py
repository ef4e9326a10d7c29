"""The HSM token of this signer: its keys never leave it, and no signature leaves here before it is verified.

Every failure raises HsmError in one line that says why. The token may have signed though the call failed:
a request counts as signed from the moment it was durable. No PIN is ever in a message or a repr.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from custody._core.hsm import Token


class Hsm:
    """One logged-in PKCS#11 token. Safe to share between threads; after it spawn processes, never fork."""

    def __init__(self, module_path: str, token_label: str, pin: str) -> None:
        """Load the PKCS#11 module (once in a process), find the token and log in.

        Raises HsmError when the module or the token is missing, several tokens have the label, the token is
        open in this process already (a second login would accept any PIN), or the PIN is wrong: it is tried
        once, since real tokens lock. Our copy of the PIN is wiped; the caller's str cannot be.
        """
        self._token = Token(module_path, token_label, pin)

    @property
    def label(self) -> str:
        """The token's label."""
        return self._token.label

    @property
    def signature_calls(self) -> int:
        """How many signatures have been asked of the token through this object, answered or not."""
        return self._token.signature_calls

    def close(self) -> None:
        """Wait for calls under way, log out and close all sessions. Later calls raise HsmError."""
        self._token.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Hsm(label={self.label!r})"

    def generate_secp256k1(self, key_label: str) -> bytes:
        """Make a key that can only sign and never leave; return its public key, compressed (33 bytes).

        Raises HsmError when anything in the token has this label.
        """
        return self._token.generate_secp256k1(key_label)

    def generate_ed25519(self, key_label: str) -> bytes:
        """Make an Ed25519 key in the token; return its public key (32 bytes). Raises as for secp256k1."""
        return self._token.generate_ed25519(key_label)

    def public_key(self, key_label: str) -> bytes:
        """The public key: compressed (33 bytes) for secp256k1, 32 bytes for Ed25519."""
        return self._token.public_key(key_label)

    def key_labels(self) -> list[str]:
        """The labels of all private keys in the token, sorted; a label used twice is there twice."""
        return self._token.key_labels()

    def check_key(self, key_label: str) -> None:
        """Raise HsmError, naming the attribute, unless the key was made in the token and cannot leave it."""
        self._token.check_key(key_label)

    def sign_digest(self, key_label: str, digest: bytes) -> bytes:
        """Sign 32 bytes with a secp256k1 key: r ‖ s (64 bytes), low-S, verified by libsecp256k1.

        Raises Malformed for another length (tokens sign any), HsmError when the token fails, its signature
        does not verify, or its r repeats: then this process signs nothing more with that key.
        """
        return self._token.sign_digest(key_label, digest)

    def sign_ed25519(self, key_label: str, message: bytes) -> bytes:
        """Sign a message with an Ed25519 key (64 bytes), verified strictly by ed25519-dalek."""
        return self._token.sign_ed25519(key_label, message)

    def read_data(self, label: str) -> bytes | None:
        """The value of a private data object in the token, None when there is none."""
        return self._token.read_data(label)

    def write_data(self, label: str, value: bytes) -> None:
        """Create a private data object in the token, or replace it; a crash leaves the old or the new."""
        self._token.write_data(label, value)
