"""The fixed keys of the vectors and how each scheme signs, by libraries that share no code with custody."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import coincurve
import nacl.signing
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Key:
    """A test key: `public` in the bytes that policy names, `text` as policy writes it."""

    scheme: str
    secret: bytes
    public: bytes
    text: str


def keys() -> list[Key]:
    """One key for each scheme; all secrets are published here, so none is ever used for anything else."""
    curve_secret, edwards_secret = _secret("secp256k1"), _secret("ed25519")
    point = coincurve.PrivateKey(curve_secret).public_key
    edwards = nacl.signing.SigningKey(edwards_secret).verify_key.encode()
    p256 = _p256().public_key()
    point256 = p256.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    address = keccak256(point.format(compressed=False)[1:])[-20:]
    line = (
        _ssh_key()
        .public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    )
    blob = base64.b64decode(line.split()[1])
    x_only = point.format(compressed=True)[1:]
    compressed = point.format(compressed=True)
    return [
        Key("ed25519", edwards_secret, edwards, edwards.hex()),
        Key("ecdsa-secp256k1-sha256", curve_secret, compressed, compressed.hex()),
        Key("ecdsa-p256-sha256", _secret("p256"), point256, point256.hex()),
        Key("bip340", curve_secret, x_only, x_only.hex()),
        Key("ethereum", curve_secret, address, checksummed(address)),
        Key("sshsig", _secret("sshsig"), blob, line.decode()),
    ]


def sign(key: Key, message: bytes) -> tuple[bytes, bytes]:
    """(what the scheme's signature function is given, the signature); the same on every run."""
    match key.scheme:
        case "ed25519":
            return message, nacl.signing.SigningKey(key.secret).sign(message).signature
        case "ecdsa-secp256k1-sha256":
            return message, _compact(coincurve.PrivateKey(key.secret).sign(message))
        case "ecdsa-p256-sha256":
            algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
            return message, _compact(_p256().sign(message, algorithm))
        case "bip340":
            digest = hashlib.sha256(message).digest()
            return digest, coincurve.PrivateKey(key.secret).sign_schnorr(digest, bytes(32))
        case "ethereum":
            prefix = b"\x19Ethereum Signed Message:\n" + str(len(message)).encode()
            digest = keccak256(prefix + message)
            signed = coincurve.PrivateKey(key.secret).sign_recoverable(digest, hasher=None)
            return digest, signed[:64] + bytes([27 + signed[64]])
        case "sshsig":
            return message, _ssh_keygen(message)
    raise ValueError(key.scheme)


def _secret(name: str) -> bytes:
    return hashlib.sha256(f"custody test vectors, {name}".encode()).digest()


def _p256() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(_secret("p256")), ec.SECP256R1())


def _ssh_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(_secret("sshsig"))


def _compact(der: bytes) -> bytes:
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(32) + s.to_bytes(32)


def _ssh_keygen(message: bytes) -> bytes:
    """The raw blob of a signature by the real ssh-keygen."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "key")
        path.touch(mode=0o600)
        path.write_bytes(
            _ssh_key().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
        )
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "custody/v1", "-f", str(path)]
        armor = subprocess.run(command, input=message, capture_output=True, check=True, timeout=20).stdout
    return base64.b64decode(b"".join(armor.splitlines()[1:-1]))


def checksummed(address: bytes) -> str:
    """EIP-55."""
    text = address.hex()
    nibbles = keccak256(text.encode()).hex()
    return "0x" + "".join(c.upper() if int(n, 16) > 7 else c for c, n in zip(text, nibbles, strict=False))


def keccak256(data: bytes) -> bytes:
    """Keccak-256 with the original padding, written out from the specification."""
    rate = 136
    padded = bytearray(data + bytes(rate - len(data) % rate))
    padded[len(data)] ^= 0x01
    padded[-1] ^= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), rate):
        for i in range(rate // 8):
            lane = int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
            lanes[i % 5][i // 5] ^= lane
        _permute(lanes)
    return b"".join(lanes[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def _turn(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK if by else lane


def _permute(a: list[list[int]]) -> None:
    state = 1
    for _ in range(24):
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[x - 1] ^ _turn(c[(x + 1) % 5], 1) for x in range(5)]
        for x in range(5):
            for y in range(5):
                a[x][y] ^= d[x]
        x, y, current = 1, 0, a[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, a[x][y] = a[x][y], _turn(current, (t + 1) * (t + 2) // 2 % 64)
        for y in range(5):
            row = [a[x][y] for x in range(5)]
            for x in range(5):
                a[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5])
        for bit in range(7):
            if state & 1:
                a[0][0] ^= 1 << ((1 << bit) - 1)
            state = (state << 1) ^ (0x171 if state & 0x80 else 0)
