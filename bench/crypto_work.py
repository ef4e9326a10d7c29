"""What a verifier's bench verifies: distinct messages, signed by a few keys in turn, by libraries that are not ours."""

from __future__ import annotations

import hashlib
import importlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import coincurve
import nacl.signing
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from custody import crypto
from custody.crypto import Keyring, Scheme

# coincurve's own door to libsecp256k1, which has no types.
_libsecp256k1 = importlib.import_module("coincurve._libsecp256k1")
ffi, lib = _libsecp256k1.ffi, _libsecp256k1.lib

__all__ = ["Item", "Signer", "Work", "der", "signer"]

MESSAGE_LEN = 200

# (key id, message, signature), as `verify_batch` takes it.
Item = tuple[str, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Signer:
    """A key pair: what is enrolled, and how it signs a message."""

    key_id: str
    public_key: bytes
    sign: Callable[[bytes], bytes]


def signer(scheme: Scheme, chance: random.Random) -> Signer:
    """Make a key pair of the scheme."""
    public_key, sign = _MAKERS[scheme](chance.randbytes(32))
    return Signer(crypto.key_id(scheme, public_key), public_key, sign)


class Work:
    """Items of one scheme by so many keys in turn, and the same items with some signatures spoilt."""

    def __init__(self, scheme: Scheme, *, keys: int, items: int, seed: int = 1) -> None:
        chance = random.Random(f"{scheme} {keys} {seed}")
        self.scheme = scheme
        self.signers = [signer(scheme, chance) for _ in range(keys)]
        length = 32 if scheme is Scheme.ETHEREUM else MESSAGE_LEN
        self.items: list[Item] = []
        for index in range(items):
            by, message = self.signers[index % keys], chance.randbytes(length)
            self.items.append((by.key_id, message, by.sign(message)))

    def ring(self, backend: str) -> Keyring:
        """Enrol every key."""
        ring = Keyring(backend=backend)
        for each in self.signers:
            ring.enrol(each.key_id, self.scheme, each.public_key)
        return ring

    def spoilt(self, hundredths: int) -> list[Item]:
        """Return the items, so many in a hundred of them with a bit of s flipped, spread evenly."""
        flipped = []
        for index, (key_id, message, signature) in enumerate(self.items):
            if (index + 1) * hundredths // 100 > index * hundredths // 100:
                # Near the end: in s, whatever the scheme, and never the byte v or what frames an SSH signature.
                place = len(signature) - 6
                signature = b"".join(
                    (signature[:place], bytes([signature[place] ^ 1]), signature[place + 1 :])
                )
            flipped.append((key_id, message, signature))
        return flipped


def der(items: Sequence[Item]) -> list[Item]:
    """Return the items with 64-byte signatures brought into DER."""
    return [
        (
            key_id,
            message,
            encode_dss_signature(
                int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            ),
        )
        for key_id, message, signature in items
    ]


def _ed25519(secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    key = nacl.signing.SigningKey(secret)
    return bytes(key.verify_key), lambda message: key.sign(message).signature


def _secp256k1(secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    key = coincurve.PrivateKey(secret)
    return key.public_key.format(), lambda message: key.sign_recoverable(message)[:64]


def _p256(secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    key = ec.derive_private_key(int.from_bytes(secret, "big") >> 1, ec.SECP256R1())
    form = serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return key.public_key().public_bytes(*form), sign


def _bip340(secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    key, pair = coincurve.PrivateKey(secret), ffi.new("secp256k1_keypair *")
    lib.secp256k1_keypair_create(key.context.ctx, pair, secret)

    def sign(message: bytes) -> bytes:
        # PrivateKey.sign_schnorr takes 32 bytes alone.
        made = ffi.new("unsigned char[64]")
        lib.secp256k1_schnorrsig_sign_custom(key.context.ctx, made, message, len(message), pair, ffi.NULL)
        return bytes(ffi.buffer(made))

    return key.public_key.format()[1:], sign


def _ethereum(secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    key = coincurve.PrivateKey(secret)
    return key.public_key.format(), lambda digest: key.sign_recoverable(digest, hasher=None)


def _sshsig(secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    key = nacl.signing.SigningKey(secret)
    kind = b"ssh-ed25519"
    blob = _string(kind) + _string(bytes(key.verify_key))
    head = _string(b"custody/v1") + _string(b"") + _string(b"sha512")

    def sign(message: bytes) -> bytes:
        made = key.sign(b"SSHSIG" + head + _string(hashlib.sha512(message).digest())).signature
        inner = _string(_string(kind) + _string(made))
        return b"SSHSIG" + (1).to_bytes(4, "big") + _string(blob) + head + inner

    return blob, sign


def _string(field: bytes) -> bytes:
    return len(field).to_bytes(4, "big") + field


_MAKERS: dict[Scheme, Callable[[bytes], tuple[bytes, Callable[[bytes], bytes]]]] = {
    Scheme.ED25519: _ed25519,
    Scheme.ECDSA_SECP256K1_SHA256: _secp256k1,
    Scheme.ECDSA_P256_SHA256: _p256,
    Scheme.BIP340: _bip340,
    Scheme.ETHEREUM: _ethereum,
    Scheme.SSHSIG: _sshsig,
}
