"""One verification by each library that Python has for it: keys parsed once, hashing and parsing included.

Signatures come in the form that the library itself takes (coincurve and `cryptography`: DER), which is in its favour;
`p256_fixed` starts from r‖s, as whoever receives JOSE or passkey signatures must.
"""

from __future__ import annotations

from collections.abc import Callable

import coincurve
import nacl.exceptions
import nacl.signing
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_keys.main import KeyAPI

__all__ = [
    "coincurve_bip340",
    "coincurve_ecdsa",
    "cryptography_ed25519",
    "cryptography_p256",
    "eth_keys",
    "nacl_ed25519",
    "p256_fixed",
]

# (message, signature) -> valid?
Verify = Callable[[bytes, bytes], bool]

_SHA256 = ec.ECDSA(hashes.SHA256())


def coincurve_ecdsa(public_key: bytes) -> Verify:
    """Return the verifier of DER signatures over SHA-256."""
    key = coincurve.PublicKey(public_key)
    return lambda message, signature: key.verify(signature, message)


def coincurve_bip340(public_key: bytes) -> Verify:
    """Return the verifier of 64-byte signatures."""
    key = coincurve.PublicKeyXOnly(public_key)
    return lambda message, signature: key.verify(signature, message)


def eth_keys(public_key: bytes) -> Verify:
    """Return the verifier of 65-byte signatures over a digest: recover, then compare, on coincurve."""
    api = KeyAPI(CoinCurveECCBackend)
    key = api.PublicKey.from_compressed_bytes(public_key)

    def verify(digest: bytes, signature: bytes) -> bool:
        found: object = api.Signature(signature).recover_public_key_from_msg_hash(digest)
        return found == key

    return verify


def nacl_ed25519(public_key: bytes) -> Verify:
    """Return PyNaCl's verifier (libsodium)."""
    key = nacl.signing.VerifyKey(public_key)

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(message, signature)
        except nacl.exceptions.BadSignatureError:
            return False
        return True

    return verify


def cryptography_ed25519(public_key: bytes) -> Verify:
    """Return the verifier of `cryptography` (OpenSSL)."""
    key = ed25519.Ed25519PublicKey.from_public_bytes(public_key)

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify


def cryptography_p256(public_key: bytes) -> Verify:
    """Return the verifier of DER signatures of `cryptography` (OpenSSL)."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message, _SHA256)
        except InvalidSignature:
            return False
        return True

    return verify


def p256_fixed(public_key: bytes) -> Verify:
    """Return the same for 64-byte signatures, which it must first bring into DER."""
    verify = cryptography_p256(public_key)

    def verify_fixed(message: bytes, signature: bytes) -> bool:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        return verify(message, encode_dss_signature(r, s))

    return verify_fixed
