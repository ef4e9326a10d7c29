"""secp256k1's verifications as SEC 1 and BIP 340 write them down, on Python's integers: slow, and no library's code."""

from __future__ import annotations

import hashlib

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

#: An affine point; None is the identity.
Point = tuple[int, int] | None


def add(a: Point, b: Point) -> Point:
    """The sum of two points, whatever they are (SEC 1, 2.2.1)."""
    if a is None:
        return b
    if b is None:
        return a
    (x1, y1), (x2, y2) = a, b
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = 3 * x1 * x1 * pow(2 * y1, -1, P) if a == b else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def combine(u1: int, u2: int, q: Point) -> Point:
    """u1·G + u2·Q, by doubling and adding one bit after another."""
    both = add(G, q)
    total: Point = None
    for bit in range(max(u1.bit_length(), u2.bit_length()) - 1, -1, -1):
        total = add(total, total)
        here = (u1 >> bit & 1, u2 >> bit & 1)
        if here == (1, 1):
            total = add(total, both)
        elif here == (1, 0):
            total = add(total, G)
        elif here == (0, 1):
            total = add(total, q)
    return total


def lift_x(x: int, odd: int = 0) -> Point:
    """The point of this x and parity of y, or None where there is none (BIP 340's lift_x for even y)."""
    if x >= P:
        return None
    square = (pow(x, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    return x, y if y % 2 == odd else P - y


def nonce_point(digest: bytes, signature: bytes, q: Point) -> Point:
    """R of a 64-byte ECDSA signature with low S (SEC 1, 4.1.4, and BIP 62), or None where it is refused before."""
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if not (0 < r < N and 0 < s <= N // 2):
        return None
    over_s = pow(s, -1, N)
    return combine(int.from_bytes(digest) * over_s % N, r * over_s % N, q)


def ecdsa(digest: bytes, signature: bytes, q: Point) -> bool:
    """Whether 64 bytes are this key's signature, S low."""
    point = nonce_point(digest, signature, q)
    return point is not None and point[0] % N == int.from_bytes(signature[:32])


def ethereum(digest: bytes, signature: bytes, q: Point) -> bool:
    """Whether 65 bytes are this key's signature: R has x = r exactly, and the parity that v says."""
    point = nonce_point(digest, signature[:64], q)
    if point is None or signature[64] not in (0, 1, 27, 28):
        return False
    return point[0] == int.from_bytes(signature[:32]) and point[1] % 2 == signature[64] % 27


def schnorr(message: bytes, signature: bytes, x: bytes) -> bool:
    """Whether 64 bytes are this x-only key's signature (BIP 340, Verify)."""
    key = lift_x(int.from_bytes(x))
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if key is None or r >= P or s >= N:
        return False
    tag = hashlib.sha256(b"BIP0340/challenge").digest()
    e = int.from_bytes(hashlib.sha256(tag + tag + signature[:32] + x + message).digest()) % N
    point = combine(s, N - e, key)
    return point is not None and point[1] % 2 == 0 and point[0] == r
