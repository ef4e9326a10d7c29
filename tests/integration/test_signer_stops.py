"""Threads that race and stops that come while a signature is under way: nothing is signed after authority was lost."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from custody import statements
from custody.errors import (
    Denied,
    Unavailable,
)
from custody.signer.facts import Version
from custody.signer.signing import Order, Signed, Signing
from custody.statements import SignedType
from support.signer_calls import FailingToken, activate, pay, refusal
from support.signer_world import ETHER, HOUR_MS, START_MS, TERMS, World

pytest_plugins = ["support.signer_fixtures"]


def test_two_threads_race_the_same_intent(world: World) -> None:
    world.signer("hot-1")
    calls = world.hsm("hot-1").signature_calls
    together = threading.Barrier(8)

    def race(_: int) -> bytes:
        together.wait()
        return pay(world).transaction

    with ThreadPoolExecutor(8) as pool:
        signed = set(pool.map(race, range(8)))
    assert len(signed) == 1
    assert world.hsm("hot-1").signature_calls == calls + 1
    assert [row.kind for row in world.rows("hot-1")].count(102) == 1


def test_threads_race_for_one_nonce_and_one_intent(world: World) -> None:
    world.signer("hot-1")
    calls = world.hsm("hot-1").signature_calls
    together = threading.Barrier(8)

    def race(number: int) -> str:
        together.wait()
        try:
            pay(world, start=number % 2, nonce=number // 4)
        except Denied as refused:
            return refused.tag
        return ""

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(race, range(8)))
    assert set(answers) <= {"", "intent.other_conflict", "conflict.bound"}
    signed = world.hsm("hot-1").signature_calls - calls
    state = world.signer("hot-1").core.state
    assert signed == len(state.conflicts) == len(state.references)
    assert signed in (1, 2)


def test_threads_race_for_the_last_of_a_cap(world: World) -> None:
    world.signer("hot-1")
    together = threading.Barrier(6)

    def race(number: int) -> bool:
        together.wait()
        try:
            return bool(pay(world, start=number, nonce=number, amount=6 * ETHER))
        except Denied as refused:
            assert refused.tag in ("cap.exceeded", "halt.wallet")
            return False

    with ThreadPoolExecutor(6) as pool:
        signed = sum(pool.map(race, range(6)))
    # Whoever meets the cap halts the wallet, and may so overtake one that was about to be signed.
    assert [row.kind for row in world.rows("hot-1")].count(102) == 3
    assert signed <= 3


def test_what_became_durable_before_a_halt_is_not_signed_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = world.signer("hot-1")
    complete, halts = Signing.complete, []

    def halted_meanwhile(self: Signing, version: Version, order: Order) -> Signed:
        halts.append(world.halt("hot-1", "payouts"))
        return complete(self, version, order)

    calls = signer.core.hsm.signature_calls
    with monkeypatch.context() as patch:
        patch.setattr(Signing, "complete", halted_meanwhile)
        assert refusal(pay, world) == "halt.payouts"
    assert [row.kind for row in world.rows("hot-1")][-2:] == [102, 106]
    assert refusal(pay, world) == "halt.payouts"
    world.restart("hot-1")
    assert refusal(pay, world) == "halt.payouts"
    assert signer.core.hsm.signature_calls == calls
    world.resume("hot-1", halts[0])
    assert pay(world).transaction
    assert [row.kind for row in world.rows("hot-1")].count(102) == 1


def test_a_statement_cancelled_after_it_became_durable_is_not_signed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = world.signer("cold-1")
    complete, body = Signing.complete, world.sweep()
    cancel = statements.encode(
        statements.CancelPendingBody("cy", hashlib.sha256(body).digest(), "not this one", START_MS, 100)
    )

    def cancelled_meanwhile(self: Signing, version: Version, order: Order) -> Signed:
        signer.halts.cancel_pending(cancel, *world.signature("cy", SignedType.CANCEL_PENDING, cancel))
        return complete(self, version, order)

    calls = signer.core.hsm.signature_calls
    monkeypatch.setattr(Signing, "complete", cancelled_meanwhile)
    assert (
        refusal(signer.sweeps.sign, world.context(), world.approved(body), 0, TERMS) == "statement.cancelled"
    )
    assert signer.core.hsm.signature_calls == calls


@pytest.mark.parametrize(
    ("meanwhile", "tag"), [("suspended", "quorum.incomplete"), ("activated", "governance.head_old")]
)
def test_authority_lost_after_it_became_durable_is_not_signed_on(
    world: World, monkeypatch: pytest.MonkeyPatch, meanwhile: str, tag: str
) -> None:
    signer = world.signer("cold-1")
    complete, body = Signing.complete, world.sweep()
    suspend = statements.encode(statements.SuspendBody("cy", "bo", "his laptop is gone", START_MS, 100))

    def lost(self: Signing, version: Version, order: Order) -> Signed:
        if meanwhile == "suspended":
            signer.halts.suspend(suspend, *world.signature("cy", SignedType.SUSPEND, suspend))
        else:
            activate(world, "hot-1", store_id=b"another store id", to="cold-1")
        return complete(self, version, order)

    calls = signer.core.hsm.signature_calls
    monkeypatch.setattr(Signing, "complete", lost)
    assert refusal(signer.sweeps.sign, world.context(), world.approved(body), 0, TERMS) == tag
    assert signer.core.hsm.signature_calls == calls


def test_an_intent_from_before_an_activation_is_not_signed_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = world.signer("hot-1").core.hsm.signature_calls
    complete = Signing.complete

    def activated(self: Signing, version: Version, order: Order) -> Signed:
        activate(world, intents_after_unix_ms=START_MS + HOUR_MS)
        return complete(self, version, order)

    monkeypatch.setattr(Signing, "complete", activated)
    assert refusal(pay, world) == "intent.before_activation"
    assert world.hsm("hot-1").signature_calls == calls


def test_a_halt_is_answered_when_nothing_is_in_the_token_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = world.signer("hot-1").core
    sign, asked, go_on = core.hsm.sign_digest, threading.Event(), threading.Event()

    def slow(label: str, digest: bytes) -> bytes:
        asked.set()
        assert go_on.wait(10)
        return sign(label, digest)

    monkeypatch.setattr(core, "hsm", FailingToken(core.hsm, slow))
    with ThreadPoolExecutor(2) as pool:
        paid = pool.submit(pay, world)
        assert asked.wait(10)
        halted = pool.submit(world.halt, "hot-1", "payouts")
        with pytest.raises(TimeoutError):
            halted.result(0.3)
        assert core.state.halts  # durable at once, answered later
        go_on.set()
        assert halted.result(10)
        assert paid.result(10).transaction
    assert [row.kind for row in world.rows("hot-1")][-3:] == [102, 106, 103]


def test_a_halt_does_not_wait_for_a_token_that_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    core = world.signer("hot-1").core
    sign, asked, go_on = core.hsm.sign_digest, threading.Event(), threading.Event()

    def hangs(label: str, digest: bytes) -> bytes:
        asked.set()
        go_on.wait(30)
        return sign(label, digest)

    monkeypatch.setattr(core, "hsm", FailingToken(core.hsm, hangs))
    monkeypatch.setattr("custody.signer.signing._SETTLE_S", 0.2)
    with ThreadPoolExecutor(1) as pool:
        paid = pool.submit(pay, world)
        assert asked.wait(10)
        with pytest.raises(Unavailable, match="durable"):
            world.halt("hot-1", "payouts")
        assert core.state.halts
        go_on.set()
        paid.result(10)
