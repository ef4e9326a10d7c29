"""Verdicts on mutated signatures, in batches and on every backend, equal those of verifiers with no code of ours.

These are libsodium, OpenSSL, and secp256k1 on Python's integers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import coincurve
import nacl.exceptions
import nacl.signing
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.crypto import Keyring, Scheme, Verdict, verify
from custody.errors import InvalidSignature as Refused
from custody.errors import Malformed
from support import plain_secp256k1 as plain

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
L = 2**252 + 27742317777372353535851937790883648493


@dataclass(frozen=True)
class Subject:
    """A key under test: how it signs, and what the other verifiers say."""

    scheme: Scheme
    public_key: bytes
    order: int
    byteorder: Literal["big", "little"]
    sign: Callable[[bytes], bytes]
    #: (message, signature of the right length) to whether it is valid.
    accepts: Callable[[bytes, bytes], bool]


def openssl(key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> bool:
    """OpenSSL's verdict on r and s, of any size."""
    der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    try:
        key.verify(der, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The compressed public point."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )


def affine(public_key: coincurve.PublicKey) -> plain.Point:
    """The point as integers."""
    x, y = public_key.point()
    return x, y


def ed25519(seed: int) -> Subject:
    """A key of libsodium's."""
    key = nacl.signing.SigningKey(bytes([seed]) * 32)

    def accepts(message: bytes, signature: bytes) -> bool:
        try:
            key.verify_key.verify(message, signature)
        except nacl.exceptions.BadSignatureError:
            return False
        return True

    sign = key.sign
    return Subject(Scheme.ED25519, bytes(key.verify_key), L, "little", lambda m: sign(m).signature, accepts)


def p256(seed: int) -> Subject:
    """A key of OpenSSL's."""
    key = ec.derive_private_key(seed, ec.SECP256R1())

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    public = key.public_key()
    return Subject(
        Scheme.ECDSA_P256_SHA256, point(key), P256_ORDER, "big", sign, lambda m, s: openssl(public, m, s)
    )


def secp256k1(seed: int) -> Subject:
    """ECDSA, by OpenSSL and by the integers: they must agree, but for OpenSSL's taking either S."""
    key = coincurve.PrivateKey(seed.to_bytes(32))
    q = affine(key.public_key)
    public = ec.derive_private_key(seed, ec.SECP256K1()).public_key()

    def accepts(message: bytes, signature: bytes) -> bool:
        verdict = plain.ecdsa(hashlib.sha256(message).digest(), signature, q)
        is_low = int.from_bytes(signature[32:]) <= plain.N // 2
        assert verdict is (is_low and openssl(public, message, signature))
        return verdict

    public_key = key.public_key.format()
    scheme = Scheme.ECDSA_SECP256K1_SHA256
    return Subject(scheme, public_key, plain.N, "big", lambda m: key.sign_recoverable(m)[:64], accepts)


def bip340(seed: int) -> Subject:
    """Schnorr, by the integers."""
    key = coincurve.PrivateKey(seed.to_bytes(32))
    x = key.public_key.format()[1:]

    def sign(message: bytes) -> bytes:
        return key.sign_schnorr(hashlib.sha256(message).digest(), bytes(32))

    def accepts(message: bytes, signature: bytes) -> bool:
        return plain.schnorr(hashlib.sha256(message).digest(), signature, x)

    return Subject(Scheme.BIP340, x, plain.N, "big", sign, accepts)


def ethereum(seed: int) -> Subject:
    """Recoverable ECDSA, by the integers."""
    key = coincurve.PrivateKey(seed.to_bytes(32))
    q = affine(key.public_key)

    def sign(message: bytes) -> bytes:
        return key.sign_recoverable(hashlib.sha256(message).digest(), hasher=None)

    def accepts(message: bytes, signature: bytes) -> bool:
        return plain.ethereum(hashlib.sha256(message).digest(), signature, q)

    return Subject(Scheme.ETHEREUM, key.public_key.format(), plain.N, "big", sign, accepts)


#: Two of each scheme. The keys 1, n − 1 and 2 have table entries that meet the generator's.
SUBJECTS = [
    *(ed25519(seed) for seed in (7, 8)),
    *(p256(seed) for seed in (7, 8)),
    *(secp256k1(seed) for seed in (1, plain.N - 1)),
    *(bip340(seed) for seed in (1, 7)),
    *(ethereum(seed) for seed in (1, 2)),
]
DIGESTED = (Scheme.BIP340, Scheme.ETHEREUM)


def rings() -> list[Keyring]:
    """One for each backend that this processor has, with every subject's key under its number."""
    found = [Keyring(backend="portable")]
    try:
        found.append(Keyring(backend="ifma"))
    except Malformed:
        print("this processor has no AVX-512 IFMA: only the portable backend is tested")
    for ring in found:
        for number, subject in enumerate(SUBJECTS):
            ring.enrol(str(number), subject.scheme, subject.public_key)
    return found


RINGS = rings()

EDGES = st.sampled_from(
    ["", "zero", "one", "order", "order-1", "order+1", "p", "half", "ones", "negate", "add-order", "foreign"]
)


@dataclass(frozen=True)
class Case:
    """One signature and how it is bent."""

    subject: int
    #: Whose signature it is, where the edge is "foreign".
    other: int
    message: bytes
    flips: list[int]
    edge: str
    half: int
    v: int | None


CASES = st.builds(
    Case,
    subject=st.integers(0, len(SUBJECTS) - 1),
    other=st.integers(0, len(SUBJECTS) - 1),
    message=st.binary(max_size=64),
    flips=st.lists(st.integers(0, 519), max_size=2),
    edge=EDGES,
    half=st.integers(0, 1),
    v=st.sampled_from([None, None, None, 0, 1, 2, 3, 26, 27, 28, 29, 255]),
)


def bent(case: Case) -> bytes:
    """The subject's signature, of the right length, bent as the case says."""
    subject = SUBJECTS[case.subject]
    signature = subject.sign(case.message)
    length, order = len(signature), subject.order
    if case.edge == "foreign":
        signature = SUBJECTS[case.other].sign(case.message)[:length].ljust(length, b"\0")
    start = 32 * case.half
    number = int.from_bytes(signature[start : start + 32], subject.byteorder)
    values = {
        "zero": 0,
        "one": 1,
        "order": order,
        "order-1": order - 1,
        "order+1": order + 1,
        "p": plain.P,
        "half": order // 2,
        "ones": 2**256 - 1,
        "negate": (order - number) % 2**256,
        "add-order": min(number + order, 2**256 - 1),
    }
    number = values.get(case.edge, number)
    out = bytearray(signature[:start] + number.to_bytes(32, subject.byteorder) + signature[start + 32 :])
    if case.v is not None and length == 65:
        out[64] = case.v
    for bit in case.flips:
        out[bit // 8 % length] ^= 1 << (bit % 8)
    return bytes(out)


@settings(max_examples=200, deadline=None)
@given(st.lists(CASES, min_size=1, max_size=24), st.integers(1, 3))
def test_batches_as_the_others_verify(cases: list[Case], threads: int) -> None:
    items: list[tuple[str, bytes, bytes]] = []
    expected: list[Verdict] = []
    for case in cases:
        subject, signature = SUBJECTS[case.subject], bent(case)
        signed = case.message
        if subject.scheme in DIGESTED:
            signed = hashlib.sha256(signed).digest()
        items.append((str(case.subject), signed, signature))
        valid = subject.accepts(case.message, signature)
        expected.append(Verdict.VALID if valid else Verdict.INVALID)
        try:
            verify(subject.scheme, subject.public_key, signed, signature)
            assert valid
        except Refused:
            assert not valid
    for ring in RINGS:
        assert ring.verify_batch(items) == expected
        assert ring.verify_batch(items * 9, threads=threads) == expected * 9


@settings(max_examples=100, deadline=None)
@given(CASES, st.integers(0, 140))
def test_other_lengths_are_malformed(case: Case, length: int) -> None:
    signature = bent(case)
    other = (signature * 3)[:length]
    if length == len(signature):
        return
    item = (str(case.subject), bytes(32), other)
    for ring in RINGS:
        assert ring.verify_batch([item] * 9) == [Verdict.MALFORMED] * 9


def test_every_subject_signs_what_all_accept() -> None:
    """The mutations start from something valid: without this, refusing everything would pass."""
    items = []
    for number, subject in enumerate(SUBJECTS):
        signature = subject.sign(b"message")
        assert subject.accepts(b"message", signature)
        signed = hashlib.sha256(b"message").digest() if subject.scheme in DIGESTED else b"message"
        items.append((str(number), signed, signature))
    for ring in RINGS:
        assert ring.verify_batch(items) == [Verdict.VALID] * len(items)
