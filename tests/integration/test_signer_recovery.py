"""What a signer keeps through crashes, restarts, restored backups, clocks that leap, and threads that race."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from custody import chain, crypto, statements
from custody.errors import (
    ConfigError,
    Denied,
    HsmError,
    InvariantBroken,
    JournalError,
    Malformed,
    Unavailable,
)
from custody.model.clock import TIME_TAG
from custody.signer import bootstrap, ceremony
from custody.signer.facts import Version
from custody.signer.hsm import Hsm
from custody.signer.keys import HeldKey, check_against_policy, held_keys
from custody.signer.signing import Order, Signed, Signing, plan_of
from custody.signer.status import SigningState, status_of
from custody.signer.store import StoreFolder, TokenMark
from custody.statements import ActivateBody, ProposalKind, SignedType, SpentAmount
from support.keys import EthKey
from support.signer_world import ETH, ETHER, GWEI, HOUR_MS, START_MS, TERMS, TOKEN, World
from support.softhsm import PIN, SPARE

pytest_plugins = ["support.signer_fixtures"]


class Killed(BaseException):
    """The process dies here."""


def pay(world: World, start: int = 0, nonce: int = 0, amount: int = ETHER) -> Signed:
    """Have hot-1 pay one of its withdrawals."""
    authority = world.signed(world.intent(world.reference_of("hot-1", start), amount), ["backend", "risk"])
    return world.signer("hot-1").payouts.sign(
        world.context(), "hot-eth-1", authority, replace(TERMS, nonce=nonce)
    )


def refusal(call: object, *arguments: object) -> str:
    """The tag that a call is refused with."""
    with pytest.raises(Denied) as raised:
        call(*arguments)  # type: ignore[operator]
    return raised.value.tag


def activate(
    world: World, signer: str = "hot-1", *, store_id: bytes | None = None, to: str = "", **body: object
) -> None:
    """Have a quorum make a store the active one."""
    governance = world.signer(to or signer).core.state.governance
    wanted = store_id or world.signer(signer).core.state.store_id
    payload = ActivateBody(signer, wanted, START_MS - HOUR_MS, ())
    statement = world.statement(
        ProposalKind.ACTIVATE,
        replace(payload, **body),  # type: ignore[arg-type]
        governance_sequence=governance.head_sequence,
        governance_hash=governance.head_hash,
        signer_epoch=governance.signer_epoch,
    )
    world.signer(to or signer).activation.activate(world.context(), world.approved(statement))


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

    monkeypatch.setattr(core, "hsm", _Token(core.hsm, dies))
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


class _Token:
    """A token whose signing is another function."""

    def __init__(self, hsm: object, sign: object) -> None:
        self._hsm = hsm
        self.sign_digest = sign

    def __getattr__(self, name: str) -> object:
        return getattr(self._hsm, name)


def test_a_token_that_fails_and_one_that_signs_with_another_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = world.signer("hot-1").core
    thief = EthKey("thief")

    def fails(label: str, digest: bytes) -> bytes:
        raise HsmError("token", "device removed")

    for sign in (fails, lambda label, digest: thief.sign_digest(digest), lambda label, digest: bytes(64)):
        with monkeypatch.context() as patch:
            patch.setattr(core, "hsm", _Token(core.hsm, sign))
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

    target = (core.log._journal, "append") if part == "journal" else (core.state, "apply")
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


# Store and token


def test_an_old_copy_of_the_store_starts_frozen(world: World) -> None:
    world.signer("hot-1")
    world.stop("hot-1")
    shutil.copytree(world.folder / "hot-1", world.folder / "copy")
    world.restart("hot-1")
    pay(world)
    world.stop("hot-1")
    shutil.rmtree(world.folder / "hot-1")
    shutil.move(world.folder / "copy", world.folder / "hot-1")
    status = status_of(world.signer("hot-1").core)
    assert (status.state, status.tag) == (SigningState.FROZEN, "store.mismatch")
    assert refusal(pay, world, 1, 1) == "signer.frozen"
    assert refusal(pay, world) == "signer.frozen"
    authority = world.signed(world.intent(world.reference_of("hot-1", 3)))
    assert refusal(world.signer("hot-1").tombstones.bury, world.context(), authority) == "signer.frozen"
    for _ in range(4):  # starting it often does not make the counters meet
        world.restart("hot-1")
        assert refusal(pay, world, 1, 1) == "signer.frozen"


def test_an_old_copy_that_was_started_does_not_stop_the_real_store(world: World) -> None:
    world.signer("hot-1")
    world.stop("hot-1")
    shutil.copytree(world.folder / "hot-1", world.folder / "copy")
    for _ in range(3):
        world.restart("hot-1")
    world.stop("hot-1")
    shutil.move(world.folder / "hot-1", world.folder / "real")
    shutil.move(world.folder / "copy", world.folder / "hot-1")
    counters = [world.restart("hot-1").core.state.start_counter for _ in range(3)]
    assert counters == [1, 1, 1]  # a start that may not sign is none
    world.stop("hot-1")
    shutil.move(world.folder / "hot-1", world.folder / "copy")
    shutil.move(world.folder / "real", world.folder / "hot-1")
    assert status_of(world.signer("hot-1").core).state is SigningState.ACTIVE


def test_a_token_of_another_store(world: World) -> None:
    state = world.signer("hot-1").core.state
    TokenMark(b"another store id", state.start_counter).write(world.hsm("hot-1"))
    assert status_of(world.restart("hot-1").core).tag == "store.mismatch"


def test_a_token_without_a_mark_and_the_store_of_another_signer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hot-1", "hot-2"):
        world.signer(name)
        world.stop(name)
    with pytest.raises(ConfigError, match="hot-2"):
        bootstrap.build(world.config("hot-1", "hot-2"), world.hsm("hot-1"), world.clock, world.fatal.append)
    monkeypatch.setattr(TokenMark, "read", staticmethod(lambda hsm: None))
    with pytest.raises(HsmError, match="init"):
        world.signer("hot-1")


def test_an_empty_store_and_a_used_token_start_frozen_until_a_quorum_says_what_was_spent(
    world: World,
) -> None:
    pay(world)
    world.stop("hot-1")
    shutil.rmtree(world.folder / "hot-1")
    core = world.signer("hot-1").core
    assert status_of(core).tag == "store.mismatch"
    activate(world, spent=(SpentAmount(ETH, ETHER),))
    assert status_of(core).state is SigningState.ACTIVE
    mark = TokenMark.read(world.hsm("hot-1"))
    assert mark is not None
    assert mark.store_id == core.state.store_id
    assert pay(world, 1, 1).transaction
    token_payment = world.signed(world.intent(world.reference_of("hot-1", 2), asset=TOKEN))
    terms = replace(TERMS, nonce=2, gas_limit=60_000)
    pay_token = world.signer("hot-1").payouts.sign
    assert refusal(pay_token, world.context(), "hot-eth-1", token_payment, terms) == "cap.exceeded"
    world.restart("hot-1")
    assert status_of(world.signer("hot-1").core).state is SigningState.HALTED


def test_after_an_activation_old_intents_are_refused_and_windows_are_full(world: World) -> None:
    world.signer("hot-1")
    activate(world, intents_after_unix_ms=START_MS + HOUR_MS)
    assert refusal(pay, world) == "intent.before_activation"
    later = world.intent(world.reference_of("hot-1"), submit_before_unix_ms=START_MS + HOUR_MS + 1)
    sign = world.signer("hot-1").payouts.sign
    assert refusal(sign, world.context(), "hot-eth-1", world.signed(later), TERMS) == "cap.exceeded"


def test_activating_another_store_freezes_this_one(world: World) -> None:
    world.signer("hot-1")
    activate(world, store_id=b"another store id")
    assert refusal(pay, world) == "signer.frozen"
    assert status_of(world.signer("hot-1").core).tag == "store.other"


def test_activating_another_signer_moves_the_epoch_for_all(world: World) -> None:
    core = world.signer("cold-1").core
    activate(world, "hot-1", store_id=b"another store id", to="cold-1")
    assert status_of(core).state is SigningState.ACTIVE
    assert core.state.governance.signer_epoch == 2
    sweep = world.approved(world.sweep())
    sign = world.signer("cold-1").sweeps.sign
    assert refusal(sign, world.context(), sweep, 0, TERMS) == "governance.head_old"


def test_activation_needs_its_quorum_and_happens_once(world: World) -> None:
    core = world.signer("hot-1").core
    body = world.statement(ProposalKind.ACTIVATE, ActivateBody("hot-1", core.state.store_id, START_MS, ()))
    take = world.signer("hot-1").activation.activate
    assert refusal(take, world.context(), world.approved(body, ["ada"])) == "quorum.incomplete"
    assert refusal(take, world.context(), world.approved(world.sweep())) == "statement.kind"
    elsewhere = world.context(deployment=bytes(32))
    assert refusal(take, elsewhere, world.approved(body)) == "deployment.other"
    first = take(world.context(), world.approved(body))
    assert take(world.context(), world.approved(body)) == first
    assert first.sequence == 2


def test_a_start_that_was_cut_short_is_no_mismatch(world: World) -> None:
    """The log is raised before the token: a kill between leaves the token one behind."""
    world.signer("hot-1")
    world.restart("hot-1")
    state = world.signer("hot-1").core.state
    TokenMark(state.store_id, state.start_counter - 1).write(world.hsm("hot-1"))
    assert status_of(world.restart("hot-1").core).state is SigningState.ACTIVE


@pytest.mark.parametrize("difference", [-2, 1, 2])
def test_any_other_counter_is_a_mismatch(world: World, difference: int) -> None:
    for _ in range(3):
        world.restart("hot-1")
    state = world.signer("hot-1").core.state
    TokenMark(state.store_id, state.start_counter + difference).write(world.hsm("hot-1"))
    assert status_of(world.restart("hot-1").core).tag == "store.mismatch"


def test_a_forked_journal_is_left_by_an_activation_from_row_one(world: World) -> None:
    world.journal.grow(5)
    pay(world)
    other = world.journal.fork(3)
    other.grow(4, "restored")
    world.journal = other
    assert refusal(pay, world, 1, 1) == "head.forked"
    activate(world, spent=(SpentAmount(ETH, 0), SpentAmount(TOKEN, 0)))
    assert pay(world, 1, 1).transaction
    assert world.signer("hot-1").core.state.followed.position == world.journal.claim().position


def test_an_activation_is_not_taken_again_by_an_older_copy(world: World) -> None:
    """The token remembers the newest one: no backup of the store comes to life by a statement that is spent."""
    world.signer("hot-1")
    world.stop("hot-1")
    shutil.copytree(world.folder / "hot-1", world.folder / "copy")
    core = world.signer("hot-1").core
    payload = ActivateBody("hot-1", core.state.store_id, START_MS - HOUR_MS, (SpentAmount(ETH, 0),))
    authority = world.approved(world.statement(ProposalKind.ACTIVATE, payload))
    world.signer("hot-1").activation.activate(world.context(), authority)
    assert pay(world).transaction
    world.stop("hot-1")
    shutil.move(world.folder / "hot-1", world.folder / "real")
    shutil.move(world.folder / "copy", world.folder / "hot-1")
    copy = world.signer("hot-1")
    assert copy.core.state.governance.head_sequence == 1
    assert refusal(copy.activation.activate, world.context(), authority) == "governance.head_old"
    assert refusal(pay, world, 0, 1) == "signer.frozen"
    world.stop("hot-1")
    shutil.rmtree(world.folder / "hot-1")
    shutil.move(world.folder / "real", world.folder / "hot-1")
    assert status_of(world.signer("hot-1").core).state is SigningState.ACTIVE


def test_a_copy_from_before_an_activation_is_a_mismatch_whatever_its_counter(world: World) -> None:
    world.signer("hot-1")
    shutil.copytree(world.folder / "hot-1", world.folder / "copy")  # while it runs
    activate(world, spent=(SpentAmount(ETH, 0),))
    world.stop("hot-1")
    shutil.rmtree(world.folder / "hot-1")
    shutil.move(world.folder / "copy", world.folder / "hot-1")
    assert status_of(world.signer("hot-1").core).tag == "store.mismatch"


def test_an_activation_that_did_not_reach_the_token(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between log and token, the next start finishes it; a token that fails leaves the signer frozen."""
    world.signer("hot-1")
    world.stop("hot-1")
    shutil.rmtree(world.folder / "hot-1")  # an empty store, a used token
    world.signer("hot-1")
    spent = (SpentAmount(ETH, 0), SpentAmount(TOKEN, 0))

    def killed(self: TokenMark, hsm: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(TokenMark, "write", killed)
        with pytest.raises(Killed):
            activate(world, spent=spent)
    assert status_of(world.restart("hot-1").core).state is SigningState.ACTIVE
    assert status_of(world.restart("hot-1").core).state is SigningState.ACTIVE

    def broken(self: TokenMark, hsm: object) -> None:
        raise HsmError("the token", "is full")

    with monkeypatch.context() as patch:
        patch.setattr(TokenMark, "write", broken)
        with pytest.raises(HsmError):
            activate(world, spent=spent)
    assert refusal(pay, world) == "signer.frozen"


def test_a_stolen_server_does_not_lock_the_next_one_out_for_ever(world: World) -> None:
    """It can claim the highest of all epochs; a quorum's ACTIVATE takes the next leader as it is."""
    honest = world.journal
    stolen = honest.fork(1)
    stolen.epoch = 2**63 - 1
    stolen.grow()
    world.journal = stolen
    pay(world)
    world.journal = honest
    honest.grow(2, "honest")
    assert refusal(pay, world, 1, 1) == "epoch.old"
    spent = (SpentAmount(ETH, 0), SpentAmount(TOKEN, 0))
    activate(world, spent=spent)
    world.restart("hot-1")
    assert refusal(pay, world, 1, 1) == "head.forked"
    activate(world, spent=spent)
    world.restart("hot-1")
    assert pay(world, 1, 1).transaction


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


# Threads


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


# Stops and what is under way


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

    monkeypatch.setattr(core, "hsm", _Token(core.hsm, slow))
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

    monkeypatch.setattr(core, "hsm", _Token(core.hsm, hangs))
    monkeypatch.setattr("custody.signer.signing._SETTLE_S", 0.2)
    with ThreadPoolExecutor(1) as pool:
        paid = pool.submit(pay, world)
        assert asked.wait(10)
        with pytest.raises(Unavailable, match="durable"):
            world.halt("hot-1", "payouts")
        assert core.state.halts
        go_on.set()
        paid.result(10)


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


# The ceremony


def test_init_makes_everything_in_an_empty_token_alone(world: World, tmp_path: Path) -> None:
    module = world.genesis.tokens["hot-1"].module
    with Hsm(module, SPARE[0], PIN) as hsm:
        store = StoreFolder(tmp_path / "new")
        for keys in ([], ["audit"], ["w", "w"]):
            with pytest.raises(Malformed):
                ceremony.initialise(hsm, store, "s-1", keys)
        assert (
            refusal(ceremony.prove, hsm, store, "s-1", bytes(32), "HOT", "eip155:1", ["w"])
            == "prove.no_store"
        )
        made = ceremony.initialise(hsm, store, "s-1", ["w"])
        assert refusal(ceremony.initialise, hsm, store, "s-1", ["w"]) == "init.store_exists"
        other = StoreFolder(tmp_path / "other")
        assert refusal(ceremony.initialise, hsm, other, "s-1", ["w"]) == "init.token_used"
        assert (
            refusal(ceremony.prove, hsm, store, "s-2", bytes(32), "HOT", "eip155:1", ["w"])
            == "prove.no_store"
        )
        ceremony.prove(hsm, store, "s-1", bytes(32), "HOT", "eip155:1", ["w"])
        birth = store.read_birth()
        assert birth is not None
        assert [item.wallet for item in birth.possessions] == ["w", "audit"]
        assert made["store_id"] == birth.store_id
        mark = TokenMark.read(hsm)
        assert mark == TokenMark(bytes.fromhex(birth.store_id), 0)
    with Hsm(module, SPARE[1], PIN) as hsm:
        hsm.generate_ed25519("somebody's")
        assert (
            refusal(ceremony.initialise, hsm, StoreFolder(tmp_path / "third"), "s-1", ["w"])
            == "init.token_used"
        )
    with Hsm(module, SPARE[2], PIN) as hsm:
        TokenMark(bytes(16), 3).write(hsm)
        assert (
            refusal(ceremony.initialise, hsm, StoreFolder(tmp_path / "fourth"), "s-1", ["w"])
            == "init.token_used"
        )


def test_a_token_of_another_signer(world: World) -> None:
    for audit_alone in (False, True):
        mine, theirs = world.hsm("hot-1"), world.hsm("hot-2")
        keys = held_keys(theirs, ("hot-eth-2",))
        policy = world.policy
        if audit_alone:
            keys = (held_keys(mine, ("hot-eth-1",))[0], keys[1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("custody.signer.keys.held_keys", lambda hsm, labels, keys=keys: keys_named(keys))
            with pytest.raises(HsmError, match="audit" if audit_alone else "hot-eth-1"):
                check_against_policy(mine, policy, "hot-1")


def keys_named(keys: tuple[HeldKey, ...]) -> tuple[HeldKey, ...]:
    """These keys under hot-1's names."""
    return (replace(keys[0], wallet="hot-eth-1"), keys[1])
