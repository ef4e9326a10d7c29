"""What a signer keeps through crashes, restarts, restored backups, clocks that leap, and threads that race."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from custody import chain, crypto, statements
from custody.errors import (
    HsmError,
    InvariantBroken,
    JournalError,
)
from custody.model.clock import TIME_TAG
from custody.signer.signing import plan_of
from custody.statements import SignedType, SpentAmount
from support.keys import EthKey
from support.signer_calls import FailingToken, Killed, activate, pay, refusal
from support.signer_world import ETH, ETHER, GWEI, HOUR_MS, START_MS, TERMS, World

pytest_plugins = ["support.signer_fixtures"]


# Restarts


def test_replay_gives_the_identical_state(world: World) -> None:
    pay(world)
    world.halt("hot-1", "sweeps")
    signer = world.signer("hot-1")
    bury = world.signed(world.intent(world.reference_of("hot-1", 9)))
    signer.tombstones.bury(world.context(), bury)
    before = signer.core.state.state_hash()
    rows = len(world.rows("hot-1"))
    world.stop("hot-1")
    again = world.signer("hot-1").core
    assert len(world.rows("hot-1")) == rows + 1
    assert again.state.state_hash() != before  # the start is counted
    again.state.start_counter -= 1
    assert again.state.state_hash() == before


def test_a_restart_keeps_windows_answers_bindings_and_promises(world: World) -> None:
    first = pay(world, amount=18 * ETHER)
    buried = world.signed(world.intent(world.reference_of("hot-1", 9)))
    promise = world.signer("hot-1").tombstones.bury(world.context(), buried)
    followed = world.signer("hot-1").core.state.followed.position
    assert world.restart("hot-1").core.state.followed.position == followed
    calls = world.hsm("hot-1").signature_calls
    assert pay(world, amount=18 * ETHER).transaction == first.transaction
    again = world.signer("hot-1").tombstones.bury(world.context(), buried)
    assert (again.body, again.signature) == (promise.body, promise.signature)
    assert refusal(pay, world, 0, 1, 18 * ETHER) == "intent.other_conflict"
    assert refusal(pay, world, 1, 0) == "conflict.bound"
    assert refusal(pay, world, 1, 1, 2 * ETHER) == "cap.exceeded"
    assert world.hsm("hot-1").signature_calls == calls


@pytest.mark.parametrize("before_the_token", [True, False])
def test_killed_between_intent_and_signature(
    world: World, monkeypatch: pytest.MonkeyPatch, before_the_token: bool
) -> None:
    """The retry gives one signature under the same conflict key, of the digest that was durable."""
    core = world.signer("hot-1").core
    sign = core.hsm.sign_digest

    def dies(label: str, digest: bytes) -> bytes:
        if not before_the_token:
            sign(label, digest)
        raise Killed

    monkeypatch.setattr(core, "hsm", FailingToken(core.hsm, dies))
    with pytest.raises(Killed):
        pay(world)
    world.restart("hot-1")
    assert refusal(pay, world, 0, 1) == "intent.other_conflict"
    assert refusal(pay, world, 1, 0) == "conflict.bound"
    state = world.signer("hot-1").core.state
    bury = world.signer("hot-1").tombstones.bury
    authority = world.signed(world.intent(world.reference_of("hot-1")), ["backend", "risk"])
    assert refusal(bury, world.context(), authority) == "tombstone.too_late"
    world.clock.advance(3 * HOUR_MS)  # past pay_before: its nonce must not stay open for ever
    rows = len(world.rows("hot-1"))
    signed = pay(world)
    assert [row.kind for row in world.rows("hot-1", rows)] == [103]
    (use,) = state.conflicts.values()
    assert [version.transaction for version in use.versions] == [signed.transaction]
    assert chain.effects(signed.transaction).conflict_key in state.conflicts


def test_a_token_that_fails_and_one_that_signs_with_another_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = world.signer("hot-1").core
    thief = EthKey("thief")

    def fails(label: str, digest: bytes) -> bytes:
        raise HsmError("token", "device removed")

    for sign in (fails, lambda label, digest: thief.sign_digest(digest), lambda label, digest: bytes(64)):
        with monkeypatch.context() as patch:
            patch.setattr(core, "hsm", FailingToken(core.hsm, sign))
            with pytest.raises(HsmError):
                pay(world)
    state = core.state
    (use,) = state.conflicts.values()
    assert [version.failures for version in use.versions] == [3]
    assert pay(world).transaction == use.versions[0].transaction


def test_a_good_signature_of_something_else_is_not_released(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was signed, what is released is verified by itself against the plan."""
    wallet = world.policy.wallet("hot-eth-1")
    asset = world.policy.asset(ETH)
    thief = plan_of(31337, asset, EthKey("thief").address, ETHER, TERMS)
    unsigned = chain.build(thief)
    signature = world.hsm("hot-1").sign_digest(wallet.id, chain.signing_digest(unsigned))
    other = chain.assemble(unsigned, signature, wallet.address)
    with monkeypatch.context() as patch:
        patch.setattr("custody.signer.signing.chain.assemble", lambda *_: other)
        with pytest.raises(HsmError):
            pay(world)
    assert pay(world).transaction != other


def test_an_append_that_fails_stops_everything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    core = world.signer("hot-1").core
    calls = core.hsm.signature_calls

    def fails(rows: object) -> None:
        raise JournalError("signer/hot-1", "disk full")

    monkeypatch.setattr(core.log._journal, "append", fails)
    with pytest.raises(JournalError):
        pay(world)
    monkeypatch.undo()
    with pytest.raises(JournalError):
        pay(world)
    assert core.hsm.signature_calls == calls
    assert len(world.fatal) == 1
    world.fatal.clear()


@pytest.mark.parametrize("part", ["journal", "state"])
def test_anything_unexpected_at_an_append_stops_everything(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """What is durable and what is believed may differ from there on: nothing more is signed or promised."""
    core = world.signer("hot-1").core
    calls = core.hsm.signature_calls

    def fails(*_: object) -> None:
        raise OverflowError("nobody thought of this")

    target: tuple[object, str] = (core.log._journal, "append") if part == "journal" else (core.state, "apply")
    with monkeypatch.context() as patch:
        patch.setattr(*target, fails)
        with pytest.raises(JournalError):
            pay(world)
    with pytest.raises(JournalError):
        pay(world)
    assert core.hsm.signature_calls == calls
    assert len(world.fatal) == 1
    world.fatal.clear()


def test_windows_are_full_and_no_more_whatever_a_quorum_says_was_spent(world: World) -> None:
    for _ in range(2):
        world.signer("hot-1")
        activate(world, spent=(SpentAmount(ETH, 2**128 - 1),))
        spent = world.signer("hot-1").core.state.caps.spent(START_MS)
        assert spent[f"hot-eth-1 {ETH} {HOUR_MS}"] >= 20 * ETHER
        assert world.restart("hot-1").core.state.caps.spent(START_MS) == spent
    assert refusal(pay, world) == "cap.exceeded"


def test_a_log_that_was_changed_is_refused(world: World) -> None:
    pay(world)
    world.stop("hot-1")
    path = world.folder / "hot-1" / "journal.db"
    connection = sqlite3.connect(path)
    (record,) = connection.execute("SELECT record FROM rows WHERE kind = 102").fetchone()
    altered = record[:-1] + bytes([record[-1] ^ 1])
    connection.execute("UPDATE rows SET record = ? WHERE kind = 102", (altered,))
    connection.commit()
    connection.close()
    with pytest.raises(InvariantBroken):
        world.signer("hot-1")


# Time


def test_a_clock_that_steps_back_does_not_reopen_the_windows(world: World) -> None:
    pay(world, amount=19 * ETHER)
    world.clock.wall_ms -= 10 * HOUR_MS
    world.restart("hot-1")
    assert refusal(pay, world, 1, 1, 2 * ETHER) == "cap.exceeded"


def test_windows_open_again_after_their_time(world: World) -> None:
    pay(world, amount=19 * ETHER)
    world.clock.advance(HOUR_MS + 1)
    assert pay(world, 1, 1, 2 * ETHER).transaction


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_leaps_halts_until_a_quorum_confirms_it(world: World, restarted: bool) -> None:
    pay(world, amount=19 * ETHER)
    world.clock.wall_ms += 25 * HOUR_MS
    if restarted:
        world.restart("hot-1")
    assert refusal(pay, world, 1, 1, 2 * ETHER) == "halt.all"
    world.restart("hot-1")
    assert refusal(pay, world, 1, 1, 2 * ETHER) == "halt.all"
    core = world.signer("hot-1").core
    (halt_id,) = core.state.halts
    world.resume("hot-1", halt_id)
    intent = world.intent(world.reference_of("hot-1", 1), pay_before_unix_ms=START_MS + 30 * HOUR_MS)
    signed = world.signer("hot-1").payouts.sign(
        world.context(), "hot-eth-1", world.signed(intent), replace(TERMS, nonce=1)
    )
    assert signed.transaction
    assert core.state.recorded_ms == world.clock.wall_ms


def test_an_operator_s_halt_that_speaks_of_the_clock_is_only_a_halt(world: World) -> None:
    """It neither hides a clock that leaps, nor lets a RESUME be judged by the wall clock."""
    halt_id = world.halt("hot-1", "sweeps", reason=TIME_TAG)
    world.restart("hot-1")
    assert pay(world).transaction
    world.clock.wall_ms += 25 * HOUR_MS
    assert refusal(pay, world, 1, 1) == "halt.all"
    assert len(world.signer("hot-1").core.state.halts) == 2
    assert refusal(world.resume, "hot-1", halt_id) == "statement.lifetime"


# Checkpoints


def test_checkpoints_only_ever_extend(world: World) -> None:
    world.journal.grow(7)
    leaves = world.journal.hashes[1:]
    sign = world.signer("hot-1").checkpoints.sign

    def body(
        size: int, rows: list[bytes] = leaves, journal: str = "server/main", at: int = START_MS
    ) -> bytes:
        checkpoint = statements.CheckpointBody(journal, size, statements.tree_hash(rows[:size]), at)
        return statements.encode(checkpoint)

    def proof(old: int, new: int, rows: list[bytes] = leaves) -> list[bytes]:
        return statements.consistency_proof(rows[:new], old)

    first = sign(world.context(), body(3), [])
    assert sign(world.context(), body(3), []).signature == first.signature
    other = [*leaves[:2], bytes(32), *leaves[3:]]
    for lie, given, tag in (
        (body(6), [], "checkpoint.inconsistent"),
        (body(6, other), proof(3, 6, other), "checkpoint.inconsistent"),
        (body(2), [], "checkpoint.smaller"),
        (body(6, journal="server/other"), proof(3, 6), "checkpoint.other_journal"),
        (body(6, at=START_MS - 1), proof(3, 6), "checkpoint.time"),
    ):
        assert refusal(sign, world.context(), lie, given) == tag
    beyond = world.journal.fork(8)
    beyond.grow(3)
    more = beyond.hashes[1:]
    assert refusal(sign, world.context(), body(10, more), proof(3, 10, more)) == "checkpoint.beyond_head"
    second = sign(world.context(), body(8), proof(3, 8))
    key = world.signer("hot-1").core.audit_key
    message = statements.signed_message(SignedType.CHECKPOINT, world.id, body(8))

    crypto.verify(key.scheme, key.public_key, message, second.signature)
    world.restart("hot-1")
    assert (
        refusal(world.signer("hot-1").checkpoints.sign, world.context(), body(3), []) == "checkpoint.smaller"
    )


def test_a_replacement_is_signed_under_the_same_conflict_key(world: World) -> None:
    first = pay(world)
    authority = world.signed(world.intent(world.reference_of("hot-1")), ["backend", "risk"])
    dearer = replace(TERMS, max_fee_per_gas=44 * GWEI, max_priority_fee_per_gas=3 * GWEI)
    second = world.signer("hot-1").payouts.sign(world.context(), "hot-eth-1", authority, dearer)
    one, two = chain.effects(first.transaction), chain.effects(second.transaction)
    assert one.conflict_key == two.conflict_key
    assert (one.to, one.amount) == (two.to, two.amount)
    assert pay(world).transaction == first.transaction  # the first answer stands
