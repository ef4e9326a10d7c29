"""Keys that sign intents: from a file here, or anything else that can sign a message and say its id."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from custody import crypto, statements
from custody.crypto import Scheme
from custody.errors import ConfigError

__all__ = ["FileKey", "IntentKey", "load_key"]

_SECP256K1_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_LARGEST_FILE_BYTES: Final = 64 << 10

_Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


class IntentKey(Protocol):
    """A key that is enrolled in the policy: a file's, a key service's, an HSM's."""

    @property
    def key_id(self) -> str:
        """As the policy knows it."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The raw signature of a signed message (`custody/intent/v1` and so on), in the form of the key's scheme."""
        ...


class FileKey:
    """A private key in this process: ed25519, P-256 or secp256k1. Neither printed nor pickled."""

    __slots__ = ("_private", "key_id", "public", "scheme")

    def __init__(self, private: object) -> None:
        """Raises ConfigError for a key of another kind."""
        if isinstance(private, ed25519.Ed25519PrivateKey):
            self.scheme = Scheme.ED25519
            form = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        elif isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
            self.scheme = Scheme.ECDSA_P256_SHA256
            form = (serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
        elif isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256K1):
            self.scheme = Scheme.ECDSA_SECP256K1_SHA256
            form = (serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
        else:
            raise ConfigError("key", "must be an ed25519, P-256 or secp256k1 private key")
        self._private: _Private = private
        self.public: bytes = private.public_key().public_bytes(*form)
        self.key_id: str = crypto.key_id(self.scheme, self.public)

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        given = statements.signing_input(self.scheme, message)
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(given)
        r, s = decode_dss_signature(self._private.sign(given, ec.ECDSA(hashes.SHA256())))
        if self.scheme is Scheme.ECDSA_SECP256K1_SHA256:
            s = min(s, _SECP256K1_ORDER - s)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def __repr__(self) -> str:
        return f"FileKey({self.key_id})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a private key is not pickled")


def load_key(path: Path, passphrase: str | None = None) -> FileKey:
    """Read a PEM (PKCS#8, SEC 1) or OpenSSH private key. Raises ConfigError, which never shows the file's content."""
    try:
        content = path.read_bytes()[:_LARGEST_FILE_BYTES]
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}") from None
    secret = passphrase.encode() if passphrase is not None else None
    load = (
        serialization.load_ssh_private_key
        if b"BEGIN OPENSSH PRIVATE KEY" in content
        else serialization.load_pem_private_key
    )
    try:
        private: object = load(content, secret)
    except TypeError:
        why = (
            "is encrypted: give its passphrase" if secret is None else "is not encrypted: give no passphrase"
        )
        raise ConfigError(str(path), why) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(
            str(path), "is no private key that can be read, or the passphrase is wrong"
        ) from None
    return FileKey(private)
