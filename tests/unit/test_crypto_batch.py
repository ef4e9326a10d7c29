"""Batches by enrolled keys: backends, threads, items that are none, and who may verify by tables at all."""

from __future__ import annotations

import ast
import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import coincurve
import nacl.signing
import pytest

import custody.signer
from custody import chain
from custody.crypto import Keyring, Scheme, Verdict, backend, parse_public_key, verify
from custody.errors import InvalidSignature, Malformed

BACKENDS = sorted({"portable", Keyring(backend="auto").backend})
EXPECTED = (Verdict.VALID, Verdict.INVALID, Verdict.MALFORMED, Verdict.UNKNOWN_KEY)
Item = tuple[str, bytes, bytes]


class Keys:
    """One key of each of the schemes that have an engine, and their signatures."""

    def __init__(self) -> None:
        self.ed = nacl.signing.SigningKey(b"\x01" * 32)
        self.ec = coincurve.PrivateKey(b"\x02" * 32)
        point = self.ec.public_key.format()
        self.public = {
            Scheme.ED25519: bytes(self.ed.verify_key),
            Scheme.ECDSA_SECP256K1_SHA256: point,
            Scheme.BIP340: point[1:],
            Scheme.ETHEREUM: point,
        }

    def enrol(self, ring: Keyring) -> Keyring:
        for scheme, public in self.public.items():
            ring.enrol(scheme.value, scheme, public)
        return ring

    def sign(self, scheme: Scheme, message: bytes) -> bytes:
        if scheme is Scheme.ED25519:
            return self.ed.sign(message).signature
        if scheme is Scheme.BIP340:
            return self.ec.sign_schnorr(message)
        if scheme is Scheme.ETHEREUM:
            return self.ec.sign_recoverable(message, hasher=None)
        return self.ec.sign_recoverable(message)[:64]

    def items(self, count: int, seed: int = 1) -> tuple[list[Item], list[Verdict]]:
        """Items of all schemes mixed, three in sixteen of them bad, and their verdicts."""
        chance = random.Random(seed)
        items, expected = [], []
        for _ in range(count):
            scheme = chance.choice(list(self.public))
            message = chance.randbytes(32)
            signature = self.sign(scheme, message)
            outcome = chance.choice((*EXPECTED, *[Verdict.VALID] * 12))
            if outcome is Verdict.INVALID:
                place = chance.randrange(64)
                signature = signature[:place] + bytes([signature[place] ^ 4]) + signature[place + 1 :]
            elif outcome is Verdict.MALFORMED:
                signature = signature[:-1]
            name = "nobody" if outcome is Verdict.UNKNOWN_KEY else scheme.value
            items.append((name, message, signature))
            expected.append(outcome)
        return items, expected


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_item_has_its_verdict_whatever_the_backend_and_threads(
    keys: Keys, name: str, threads: int
) -> None:
    ring = keys.enrol(Keyring(backend=name))
    assert ring.backend == name
    for count in (0, 1, 2, 7, 8, 9, 63, 65, 500):
        items, expected = keys.items(count, seed=count)
        assert ring.verify_batch(items, threads=threads) == expected
        assert ring.verify_batch(tuple(items), threads) == expected


def test_a_batch_agrees_with_the_single_verifier(keys: Keys) -> None:
    ring = keys.enrol(Keyring())
    items, _ = keys.items(200, seed=77)
    for (name, message, signature), verdict in zip(items, ring.verify_batch(items), strict=True):
        if name == "nobody":
            assert verdict is Verdict.UNKNOWN_KEY
        elif verdict is Verdict.VALID:
            verify(Scheme(name), keys.public[Scheme(name)], message, signature)
        else:
            with pytest.raises(InvalidSignature):
                verify(Scheme(name), keys.public[Scheme(name)], message, signature)


@pytest.mark.parametrize("threads", [0, -1, 65, 10**6, -(2**63)])
def test_numbers_of_threads_that_are_none_are_refused(threads: int) -> None:
    with pytest.raises(Malformed, match=f"threads: a batch is split over 1 to 64 threads, not {threads}"):
        Keyring().verify_batch([], threads=threads)


def test_a_number_that_no_machine_has_is_refused() -> None:
    with pytest.raises(OverflowError):
        Keyring().verify_batch([], threads=2**64)


@pytest.mark.parametrize(
    "item",
    [
        ("key", b"message"),
        ("key", b"message", b"signature", b"more"),
        ["key", b"message", b"signature"],
        (b"key", b"message", b"signature"),
        ("key", "message", b"signature"),
        ("key", b"message", bytearray(64)),
        ("key", b"message", None),
        None,
    ],
)
def test_an_item_that_is_none_is_named_and_nothing_verified(item: object) -> None:
    good = ("key", b"message", b"signature")
    with pytest.raises(TypeError, match=r"items\[1\] must be a tuple \(key id: str, message: bytes, sig"):
        Keyring().verify_batch([good, item])  # type: ignore[list-item]


def test_items_that_are_no_sequence_are_refused() -> None:
    with pytest.raises(TypeError, match="Sequence"):
        Keyring().verify_batch(iter(()))  # type: ignore[arg-type]


def test_an_id_that_is_no_utf_8_is_nobody_and_stops_no_batch(keys: Keys) -> None:
    ring = keys.enrol(Keyring())
    good = (Scheme.ED25519.value, b"m", keys.sign(Scheme.ED25519, b"m"))
    verdicts = ring.verify_batch([good, ("\ud800", b"m", good[2]), ("", b"m", good[2]), good])
    assert verdicts == [Verdict.VALID, Verdict.UNKNOWN_KEY, Verdict.UNKNOWN_KEY, Verdict.VALID]


def in_a_process(word: str | None, code: str) -> subprocess.CompletedProcess[str]:
    """Run code with CUSTODY_CRYPTO_BACKEND set to the word."""
    environment = {name: value for name, value in os.environ.items() if name != "CUSTODY_CRYPTO_BACKEND"}
    if word is not None:
        environment["CUSTODY_CRYPTO_BACKEND"] = word
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )


SHOW = "from custody import crypto; print(crypto.backend(), crypto.Keyring().backend)"


@pytest.mark.parametrize("word", [None, "", "auto", *BACKENDS])
def test_the_variable_chooses_the_backend(word: str | None) -> None:
    done = in_a_process(word, SHOW)
    name = word if word in BACKENDS else Keyring(backend="auto").backend
    assert (done.stdout.split(), done.returncode) == ([name, name], 0), done.stderr


@pytest.mark.parametrize("word", ["IFMA", "avx2", "portable,ifma", "0"])
@pytest.mark.parametrize("call", ["backend()", "Keyring()"])
def test_another_word_is_refused_and_never_another_backend(word: str, call: str) -> None:
    done = in_a_process(word, f"from custody import crypto; crypto.{call}")
    assert done.returncode == 1
    told = done.stderr.splitlines()[-1]
    assert told == (
        f'custody.errors.Malformed: CUSTODY_CRYPTO_BACKEND: no backend is named "{word}": '
        "the words are portable, ifma and auto"
    )


def test_another_backend_by_argument_is_refused() -> None:
    with pytest.raises(Malformed, match='backend: no backend is named "fast": the words are portable'):
        Keyring(backend="fast")
    assert backend() in BACKENDS


def test_a_key_revoked_while_batches_run_is_unknown_in_every_later_one(keys: Keys) -> None:
    ring = keys.enrol(Keyring())
    items, expected = keys.items(400, seed=5)
    revoked = Scheme.ECDSA_SECP256K1_SHA256.value
    without = [
        Verdict.UNKNOWN_KEY if name == revoked else verdict
        for (name, _, _), verdict in zip(items, expected, strict=True)
    ]
    is_revoked = threading.Event()
    wrong: list[str] = []

    def check() -> None:
        for _ in range(30):
            must_be_without = is_revoked.is_set()
            found = ring.verify_batch(items, threads=2)
            # A batch has one snapshot: all of the key's items or none of them.
            if found != without and (must_be_without or found != expected):
                wrong.append(f"revoked before: {must_be_without}")

    threads = [threading.Thread(target=check) for _ in range(3)]
    for thread in threads:
        thread.start()
    ring.revoke(revoked)
    is_revoked.set()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert wrong == []
    assert ring.verify_batch(items) == without


def test_other_threads_run_while_a_batch_is_verified(keys: Keys) -> None:
    ring = keys.enrol(Keyring(backend="portable"))
    items, expected = keys.items(500, seed=9)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.001):
            ticks.append(time.perf_counter())

    ticker = threading.Thread(target=tick)
    ticker.start()
    started = time.perf_counter()
    # Tens of milliseconds in one call.
    verdicts = ring.verify_batch(items * 20)
    ended = time.perf_counter()
    done.set()
    ticker.join(timeout=10)
    assert verdicts == expected * 20
    tenth = (ended - started) / 10
    assert any(started + tenth < at < ended - tenth for at in ticks), f"no tick in {tenth * 10:.3f} s"


def test_an_address_learns_its_point_from_a_valid_signature_alone(keys: Keys) -> None:
    owner, thief = coincurve.PrivateKey(b"\x03" * 32), coincurve.PrivateKey(b"\x04" * 32)
    text = chain.address_of(owner.public_key.format(compressed=False))
    address = parse_public_key(Scheme.ETHEREUM, text)
    digest = hashlib.sha256(b"payment").digest()
    good = owner.sign_recoverable(digest, hasher=None)
    stolen = thief.sign_recoverable(digest, hasher=None)
    for name in BACKENDS:
        ring = Keyring(backend=name)
        ring.enrol("key", Scheme.ETHEREUM, address)
        for _ in range(3):
            assert ring.verify_batch([("key", digest, stolen)] * 20) == [Verdict.INVALID] * 20
        both = [("key", digest, stolen), ("key", digest, good)] * 10
        assert ring.verify_batch(both, threads=2) == [Verdict.INVALID, Verdict.VALID] * 10
        assert ring.verify_batch(both) == [Verdict.INVALID, Verdict.VALID] * 10
        ring.revoke("key")
        assert ring.verify_batch(both) == [Verdict.UNKNOWN_KEY] * 20


# ---- the signer


SIGNER = Path(custody.signer.__file__).parent
# What the signer may take from the façade: nothing that verifies by tables.
ALLOWED = {"Scheme", "key_id", "parse_public_key", "verify"}


def taken_from_crypto(tree: ast.Module) -> Iterator[str]:
    """The names that a module takes from custody.crypto, by whatever import."""
    aliases = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "custody":
            aliases |= {each.asname or each.name for each in node.names if each.name == "crypto"}
        elif isinstance(node, ast.ImportFrom) and node.module == "custody.crypto":
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name == "custody.crypto")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("custody._core"):
            yield "custody._core"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield node.attr


def test_the_signer_verifies_by_the_libraries_alone() -> None:
    """Two implementations must agree before money moves: tables at the server, libraries at the signer."""
    taken = {
        path.name: set(taken_from_crypto(ast.parse(path.read_text(encoding="utf-8"))))
        for path in SIGNER.rglob("*.py")
    }
    assert set().union(*taken.values()) - {"custody._core"} <= ALLOWED, taken
    assert {name for name, names in taken.items() if "custody._core" in names} <= {"hsm.py"}
    assert "verify" in taken["authority.py"], "the test sees what is taken"
    for path in SIGNER.rglob("*.py"):
        words = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute | ast.Name)
        }
        assert not words & {"Keyring", "verify_batch", "Intake"}, path.name


@pytest.mark.parametrize(
    "source",
    [
        "from custody.crypto import Keyring",
        "from custody import crypto\ncrypto.Keyring()",
        "from custody import crypto as c\nc.Keyring()",
        "import custody.crypto",
        "from custody._core import crypto",
    ],
)
def test_that_test_sees_every_way_round(source: str) -> None:
    assert not set(taken_from_crypto(ast.parse(source))) <= ALLOWED
