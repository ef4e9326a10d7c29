"""The façade over a real SoftHSM2 token, in processes of its own: the module reads its configuration once."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from custody.testing.hsm_token import TokenPaths, find_softhsm, make_token

PIN = "7391-correct"
SO_PIN = "so-pin-11"

START = """
import hashlib, os, sys, threading
import coincurve
from custody import chain
from custody.errors import HsmError, InvalidSignature, Malformed
from custody.signer.hsm import Hsm

MODULE, PIN = sys.argv[1], os.environ["TEST_PIN"]

def digest(text):
    return hashlib.sha256(str(text).encode()).digest()

def verifies(public, digest, signature):
    recover = coincurve.PublicKey.from_signature_and_message
    found = (recover(signature + bytes([parity]), digest, hasher=None) for parity in (0, 1))
    return public in [key.format() for key in found]

def error(call, *arguments, kind=HsmError):
    try:
        call(*arguments)
    except kind as raised:
        assert PIN not in str(raised) and PIN not in repr(raised), raised
        return str(raised)
    raise AssertionError("nothing was raised")
"""


@pytest.fixture
def token(tmp_path: Path) -> TokenPaths:
    return make_token(tmp_path, "custody", PIN, SO_PIN)


def run(token: TokenPaths, script: str) -> str:
    """Run a script against the token in a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", START + textwrap.dedent(script), token.module_path],
        env={**os.environ, "SOFTHSM2_CONF": str(token.conf), "TEST_PIN": PIN},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_missing_part_is_one_clear_line(token: TokenPaths) -> None:
    out = run(
        token,
        """
        print(error(Hsm, "/no/such/module.so", "custody", PIN))
        print(error(Hsm, MODULE, "another", PIN))
        print(error(Hsm, MODULE, "custody", PIN + "x"))
        """,
    )
    module, label, pin = out.splitlines()
    assert module.startswith("hsm: PKCS#11 module /no/such/module.so cannot be read: ")
    assert label == "hsm: no token is labelled another"
    assert pin == "hsm: wrong PIN for token custody; not retried"


def test_two_tokens_with_one_label_are_refused(token: TokenPaths) -> None:
    make_token(token.conf.parent, "custody", "other-pin", SO_PIN)
    out = run(token, 'print(error(Hsm, MODULE, "custody", PIN))')
    assert out == "hsm: 2 tokens are labelled custody; one must be\n"


def test_a_second_login_never_takes_a_wrong_pin(token: TokenPaths) -> None:
    run(
        token,
        """
        with Hsm(MODULE, "custody", PIN) as hsm:
            assert "already open" in error(Hsm, MODULE, "custody", "0000")
            assert repr(hsm) == "Hsm(label='custody')"
            hsm.key_labels()
        assert "is closed" in error(hsm.key_labels)
        assert "wrong PIN" in error(Hsm, MODULE, "custody", "0000")
        Hsm(MODULE, "custody", PIN).close()
        """,
    )


def test_a_transaction_is_signed_by_a_key_that_another_process_made(token: TokenPaths) -> None:
    made = run(
        token,
        """
        with Hsm(MODULE, "custody", PIN) as hsm:
            print(hsm.generate_secp256k1("hot").hex())
            hsm.generate_ed25519("audit")
            hsm.write_data("store", b"an id")
            assert hsm.signature_calls == 0
            assert "exists already" in error(hsm.generate_secp256k1, "hot")
        """,
    ).strip()
    run(
        token,
        f"""
        hsm = Hsm(MODULE, "custody", PIN)
        assert hsm.key_labels() == ["audit", "hot"]
        assert hsm.read_data("store") == b"an id" and hsm.read_data("none") is None
        public = hsm.public_key("hot")
        assert public.hex() == {made!r}
        hsm.check_key("hot")
        sender = chain.address_of(public)
        plan = chain.EvmPlan(31337, 0, 1, 100, 21_000, "eip155:31337/slip44:60", "0x" + "11" * 20, 5)
        for nonce in range(20):
            unsigned = chain.build(plan)
            signature = hsm.sign_digest("hot", chain.signing_digest(unsigned))
            signed = chain.assemble(unsigned, signature, sender)
            chain.verify_signed(signed, plan, sender)
            assert chain.effects(signed).sender == sender
        assert hsm.signature_calls == 20
        other = chain.address_of(coincurve.PrivateKey(b"\\1" * 32).public_key.format())
        error(chain.assemble, unsigned, signature, other, kind=InvalidSignature)
        """,
    )


def test_only_a_digest_is_signed_and_nothing_else_reaches_the_token(token: TokenPaths) -> None:
    run(
        token,
        """
        hsm = Hsm(MODULE, "custody", PIN)
        hsm.generate_secp256k1("hot")
        for length in (0, 20, 31, 33, 64):
            error(hsm.sign_digest, "hot", bytes(length), kind=Malformed)
        assert "does not exist" in error(hsm.sign_digest, "cold", bytes(32))
        assert "not an Ed25519 key" in error(hsm.sign_ed25519, "hot", b"message")
        assert hsm.signature_calls == 0
        """,
    )


def test_two_hundred_signatures_are_low_s(token: TokenPaths) -> None:
    run(
        token,
        """
        hsm = Hsm(MODULE, "custody", PIN)
        public = hsm.generate_secp256k1("hot")
        half = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
        for n in range(200):
            signature = hsm.sign_digest("hot", digest(n))
            assert 0 < int.from_bytes(signature[32:], "big") <= half
            assert verifies(public, digest(n), signature)
        """,
    )


def test_eight_threads_sign_at_once(token: TokenPaths) -> None:
    run(
        token,
        """
        hsm = Hsm(MODULE, "custody", PIN)
        public = hsm.generate_secp256k1("hot")
        done, failed = [], []
        def work(thread):
            try:
                for n in range(50):
                    what = digest((thread, n))
                    assert verifies(public, what, hsm.sign_digest("hot", what))
                    done.append(what)
                    if n % 10 == 0:
                        hsm.write_data(f"counter {thread % 2}", str(n).encode())
                        assert hsm.read_data(f"counter {thread % 2}") is not None
            except BaseException as error:
                failed.append(error)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert not failed, failed
        assert len(set(done)) == 400 == hsm.signature_calls
        """,
    )


def test_a_forked_child_signs_nothing_and_the_parent_goes_on(token: TokenPaths) -> None:
    run(
        token,
        """
        hsm = Hsm(MODULE, "custody", PIN)
        hsm.generate_secp256k1("hot")
        child = os.fork()
        if child == 0:
            try:
                message = error(hsm.sign_digest, "hot", bytes(32)) + error(Hsm, MODULE, "custody", PIN)
                hsm.close()
                os._exit(0 if message.count("forked") == 2 else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        hsm.sign_digest("hot", bytes(32))
        """,
    )


def test_a_child_forked_while_the_token_is_busy_ends(token: TokenPaths) -> None:
    """The thread that holds the token's lock does not exist in the child: closing there must not wait for it."""
    run(
        token,
        """
        import signal, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested
        hsm = Hsm(MODULE, "custody", PIN)
        hsm.generate_secp256k1("hot")
        over = threading.Event()
        def sign():
            while not over.is_set():
                hsm.sign_digest("hot", os.urandom(32))
        threads = [threading.Thread(target=sign) for _ in range(2)]
        for thread in threads: thread.start()
        ended = []
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(5)
                hsm.close()
                del hsm
                os._exit(0)
            ended.append(os.waitpid(child, 0)[1])
        over.set()
        for thread in threads: thread.join()
        assert ended == [0] * 20, ended
        hsm.sign_digest("hot", bytes(32))
        """,
    )


def test_a_token_that_vanishes_is_an_error_and_never_a_hang(token: TokenPaths) -> None:
    run(
        token,
        f"""
        import shutil
        hsm = Hsm(MODULE, "custody", PIN)
        hsm.generate_secp256k1("hot")
        hsm.sign_digest("hot", bytes(32))
        shutil.rmtree({str(token.conf.parent / "tokens")!r})
        for _ in range(3):
            error(hsm.sign_digest, "hot", bytes(32))
        hsm.close()
        error(Hsm, MODULE, "custody", PIN)
        """,
    )


def test_making_a_token_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path(find_softhsm()).is_file()
    with pytest.raises(RuntimeError, match="did not make token custody"):
        make_token(tmp_path, "custody", "1", "1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt-get install softhsm2"):
        make_token(tmp_path, "custody", PIN, SO_PIN)
