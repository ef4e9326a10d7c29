"""A signer whose store and token are not of one history signs nothing until a quorum says what was spent."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from custody.errors import (
    ConfigError,
    HsmError,
    Malformed,
)
from custody.signer import bootstrap, ceremony
from custody.signer.hsm import Hsm
from custody.signer.keys import HeldKey, check_against_policy, held_keys
from custody.signer.status import SigningState, status_of
from custody.signer.store import StoreFolder, TokenMark
from custody.statements import ActivateBody, ProposalKind, SpentAmount
from support.signer_calls import Killed, activate, pay, refusal
from support.signer_world import ETH, ETHER, HOUR_MS, START_MS, TERMS, TOKEN, World
from support.softhsm import PIN, SPARE

pytest_plugins = ["support.signer_fixtures"]


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
