"""Verdicts on mutated signatures equal those of libsodium and OpenSSL, which share no code with ours."""

from __future__ import annotations

import nacl.exceptions
import nacl.signing
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.crypto import Keyring, Scheme, Verdict

K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

ED25519 = nacl.signing.SigningKey(b"\x07" * 32)
K1 = ec.derive_private_key(7, ec.SECP256K1())
P256 = ec.derive_private_key(7, ec.SECP256R1())


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The compressed public point."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )


RING = Keyring()
RING.enrol("ed25519", Scheme.ED25519, bytes(ED25519.verify_key))
RING.enrol("k1", Scheme.ECDSA_SECP256K1_SHA256, point(K1))
RING.enrol("p256", Scheme.ECDSA_P256_SHA256, point(P256))

#: Which bits of the 64 bytes to flip, and which half to replace by a number at the edge of its range.
FLIPS = st.lists(st.integers(0, 511), max_size=2)
EDGES = st.sampled_from(
    ["", "zero", "one", "order", "order-1", "order+1", "ones", "negate-s", "add-order-to-s"]
)


def mutate(signature: bytes, flips: list[int], edge: str, half: int, order: int, byteorder: str) -> bytes:
    """The signature with one half at an edge and some bits flipped."""
    big = byteorder == "big"
    halves = [int.from_bytes(part, "big" if big else "little") for part in (signature[:32], signature[32:])]
    if edge == "negate-s":
        halves[1] = (order - halves[1]) % order
    elif edge == "add-order-to-s":
        halves[1] = min(halves[1] + order, 2**256 - 1)
    elif edge:
        values = {
            "zero": 0,
            "one": 1,
            "order": order,
            "order-1": order - 1,
            "order+1": order + 1,
            "ones": 2**256 - 1,
        }
        halves[half] = values[edge]
    out = bytearray(b"".join(part.to_bytes(32, "big" if big else "little") for part in halves))
    for bit in flips:
        out[bit // 8] ^= 1 << (bit % 8)
    return bytes(out)


def ours(key_id: str, message: bytes, signature: bytes) -> bool:
    """Whether the verdict is VALID; a form error cannot be, since the length is right."""
    [verdict] = RING.verify_batch([(key_id, message, signature)])
    assert verdict in (Verdict.VALID, Verdict.INVALID)
    return verdict is Verdict.VALID


def openssl(key: ec.EllipticCurvePrivateKey, message: bytes, signature: bytes) -> bool:
    """OpenSSL's verdict on r and s, of any size."""
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        key.public_key().verify(der, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def fixed(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """OpenSSL's signature as 64 bytes."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=64), FLIPS, EDGES, st.integers(0, 1))
def test_ed25519_as_libsodium(message: bytes, flips: list[int], edge: str, half: int) -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    signature = mutate(ED25519.sign(message).signature, flips, edge, half, order, "little")
    try:
        ED25519.verify_key.verify(message, signature)
        expected = True
    except nacl.exceptions.BadSignatureError:
        expected = False
    assert ours("ed25519", message, signature) is expected


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=64), FLIPS, EDGES, st.integers(0, 1))
def test_ecdsa_p256_as_openssl(message: bytes, flips: list[int], edge: str, half: int) -> None:
    signature = mutate(fixed(P256, message), flips, edge, half, P256_ORDER, "big")
    assert ours("p256", message, signature) is openssl(P256, message, signature)


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=64), FLIPS, EDGES, st.integers(0, 1))
def test_ecdsa_secp256k1_as_openssl_and_low_s(message: bytes, flips: list[int], edge: str, half: int) -> None:
    signature = mutate(fixed(K1, message), flips, edge, half, K1_ORDER, "big")
    is_low = int.from_bytes(signature[32:], "big") <= K1_ORDER // 2
    assert ours("k1", message, signature) is (is_low and openssl(K1, message, signature))
