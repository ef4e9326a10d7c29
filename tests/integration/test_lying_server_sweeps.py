"""A server that lies to its signers about sweeps and operators' messages: refused by tag."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial

import pytest

from custody import statements
from custody.api.journal.v1 import record_pb2
from custody.errors import Malformed
from custody.statements import ProposalKind, SignedType
from support.keys import EdKey
from support.lying import OTHER_ADDRESS, Asked, Swept
from support.signer_world import (
    ETH,
    ETHER,
    HOUR_MS,
    START_MS,
    TERMS,
    TOKEN,
    World,
)

pytest_plugins = ["support.signer_fixtures"]


@pytest.fixture
def asked(world: World) -> Asked:
    return Asked(world)


@pytest.fixture
def swept(world: World) -> Swept:
    return Swept(world)


def test_an_honest_sweep_is_signed_once(swept: Swept) -> None:
    authority = swept.world.approved(swept.world.sweep())
    first = swept.sweep(authority)
    calls = swept.world.hsm("cold-1").signature_calls
    assert swept.sweep(authority).transaction == first.transaction
    assert swept.world.hsm("cold-1").signature_calls == calls
    swept.refused("leg.other_conflict", lambda: swept.sweep(authority, replace(TERMS, nonce=1)))
    swept.refused("conflict.bound", swept.sweep)


def test_a_forged_approval(swept: Swept) -> None:
    world, body = swept.world, swept.world.sweep()
    honest = world.approved(body)
    thief = EdKey("thief")
    forged = replace(honest.approvals[1], signature=thief.sign(SignedType.APPROVE, world.id, body))
    unknown = replace(forged, key_id=thief.key_id)
    stranger = replace(unknown, operator="eve")
    other = world.approval("bo", world.sweep())
    for lie, tag in (
        (forged, "approval.bad_signature"),
        (unknown, "approval.unknown_key"),
        (stranger, "approval.unknown_operator"),
        (other, "approval.bad_signature"),
        (world.approval("bo", body, SignedType.PROPOSE), "approval.bad_signature"),
        (world.approval("bo", body, SignedType.REJECT), "approval.bad_signature"),
    ):
        given = replace(honest, approvals=(honest.approvals[0], lie))
        swept.refused(tag, partial(swept.sweep, given))
    assert swept.sweep(honest).transaction


@pytest.mark.parametrize("by", [[], ["ada"], ["ada", "ada"], ["ada", "dee"], ["dee", "dee"]])
def test_one_approval_short(swept: Swept, by: list[str]) -> None:
    body = swept.world.sweep()
    swept.refused("quorum.incomplete", lambda: swept.sweep(swept.world.approved(body, by)))
    assert swept.sweep(swept.world.approved(body, ["bo", "cy"])).transaction


def test_the_proposer_s_own_approval(swept: Swept) -> None:
    body = swept.world.sweep(proposer="ada")
    swept.refused("quorum.incomplete", lambda: swept.sweep(swept.world.approved(body, ["ada", "bo"], "ada")))


def test_without_the_proposer_s_signature(swept: Swept) -> None:
    body = swept.world.sweep()
    swept.refused("propose.missing", lambda: swept.sweep(swept.world.approved(body, proposer="")))
    approved = swept.world.approved(body)
    other = replace(approved, propose=swept.world.approval("cy", body, SignedType.PROPOSE))
    swept.refused("propose.other_operator", lambda: swept.sweep(other))


def test_the_planner_may_not_exceed_a_target(swept: Swept) -> None:
    over = swept.world.sweep(swept.world.leg(31 * ETHER), proposer="planner")
    swept.refused("sweep.planner_bound", lambda: swept.sweep(swept.world.approved(over, proposer="")))
    due = swept.world.sweep(swept.world.leg(30 * ETHER), proposer="planner")
    assert swept.sweep(swept.world.approved(due, proposer="")).transaction


def test_a_statement_of_another_time_deployment_or_authority(swept: Swept) -> None:
    world = swept.world
    for changes, tag in (
        ({"expires_unix_ms": START_MS}, "statement.expired"),
        ({"not_before_unix_ms": START_MS + 1}, "statement.too_early"),
        ({"expires_unix_ms": START_MS + 30 * HOUR_MS}, "statement.lifetime"),
        ({"policy_hash": bytes(32)}, "statement.policy"),
        ({"governance_hash": bytes(32)}, "governance.head_unknown"),
        ({"governance_sequence": 2}, "governance.head_unknown"),
        ({"signer_epoch": 2}, "statement.epoch"),
    ):
        body = world.sweep(**changes)
        swept.refused(tag, partial(swept.sweep, world.approved(body)))
    body = world.sweep()
    elsewhere = world.approved(body)
    lie = replace(
        elsewhere,
        approvals=tuple(
            replace(a, signature=EdKey(a.operator).sign(SignedType.APPROVE, bytes(32), body))
            for a in elsewhere.approvals
        ),
    )
    swept.refused("approval.bad_signature", lambda: swept.sweep(lie))
    context = world.context(deployment=bytes(32))
    swept.refused("deployment.other", lambda: swept.sweep(context=context))


def test_a_statement_of_another_kind(swept: Swept) -> None:
    body = swept.world.statement(ProposalKind.RESUME, statements.ResumeBody("ab" * 32, "not a sweep"))
    swept.refused("statement.kind", lambda: swept.sweep(swept.world.approved(body)))


def test_legs_that_the_policy_does_not_allow(swept: Swept) -> None:
    world = swept.world
    for changes, tag in (
        ({"to_address": OTHER_ADDRESS}, "sweep.address"),
        ({"to_wallet": "hot-eth-9"}, "sweep.unknown_wallet"),
        ({"fee_cap": ETHER}, "sweep.fee_cap"),
        ({"fee_asset": TOKEN}, "sweep.fee_asset"),
        ({"asset": "eip155:1/slip44:60"}, "sweep.unknown_asset"),
    ):
        body = world.sweep(world.leg(**changes))
        swept.refused(tag, partial(swept.sweep, world.approved(body)))


def test_a_leg_of_another_signer_and_one_that_is_not_there(swept: Swept) -> None:
    authority = swept.world.approved(swept.world.sweep())
    swept.world.signer("hot-1")
    swept.refused("wallet.not_held", lambda: swept.sweep(authority, signer="hot-1"))
    with pytest.raises(Malformed):
        swept.sweep(authority, leg=1)


def test_a_sweep_s_fee_and_gas(swept: Swept) -> None:
    world = swept.world
    fee = TERMS.gas_limit * TERMS.max_fee_per_gas
    below = world.approved(world.sweep(world.leg(fee_cap=fee - 1)))
    swept.refused("fee.cap", lambda: swept.sweep(below))
    at = world.approved(world.sweep(world.leg(fee_cap=fee)))
    swept.refused("fee.gas_limit", lambda: swept.sweep(at, replace(TERMS, gas_limit=21_001)))
    assert swept.sweep(at).transaction


def test_the_cold_outflow_cap(swept: Swept) -> None:
    world = swept.world
    half = world.leg(51 * ETHER)
    swept.sweep(world.approved(world.sweep(half)))
    again = world.approved(world.sweep(half))
    swept.refused(
        "cap.exceeded",
        lambda: swept.sweep(again, replace(TERMS, nonce=1)),
        records=[record_pb2.RECORD_KIND_SIGNER_HALTED],
    )


def test_a_cancelled_statement_and_a_suspended_operator(swept: Swept) -> None:
    world = swept.world
    body = world.sweep()
    cancel = statements.encode(
        statements.CancelPendingBody("cy", hashlib.sha256(body).digest(), "not this one", START_MS, 100)
    )
    halts = world.signer("cold-1").halts
    halts.cancel_pending(cancel, *world.signature("cy", SignedType.CANCEL_PENDING, cancel))
    swept.refused("statement.cancelled", lambda: swept.sweep(world.approved(body)))
    suspend = statements.encode(statements.SuspendBody("cy", "ada", "lost a laptop", START_MS, 101))
    halt_id = halts.suspend(suspend, *world.signature("cy", SignedType.SUSPEND, suspend)).halt_id
    other = world.sweep()
    swept.refused("quorum.incomplete", lambda: swept.sweep(world.approved(other)))
    assert swept.sweep(world.approved(other, ["bo", "cy"])).transaction
    world.resume("cold-1", halt_id, by=["ada", "bo"])
    assert swept.sweep(world.approved(world.sweep()), replace(TERMS, nonce=1)).transaction


@pytest.mark.parametrize("scope", ["all", "sweeps", f"asset:{ETH}", "wallet:cold-eth-1", "wallet:hot-eth-1"])
def test_a_halt_of_sweeps(swept: Swept, scope: str) -> None:
    swept.world.halt("cold-1", scope)
    swept.refused(f"halt.{scope.partition(':')[0]}", swept.sweep)


def test_what_an_operator_did_not_sign(asked: Asked) -> None:
    world = asked.world
    body = world.halt_body("all", operator="cy")
    halt = world.signer("hot-1").halts.halt
    asked.refused("approval.unknown_key", lambda: halt(body, *world.signature("ada", SignedType.HALT, body)))
    asked.refused(
        "approval.bad_signature", lambda: halt(body, *world.signature("cy", SignedType.SUSPEND, body))
    )
    stranger = world.halt_body("all", operator="eve")
    asked.refused(
        "approval.unknown_operator", lambda: halt(stranger, *world.signature("cy", SignedType.HALT, stranger))
    )


def test_a_suspended_operator_stops_but_undoes_nothing(swept: Swept) -> None:
    """Else one stolen key could cancel whatever the others approve, their RESUMEs too; what he halts they resume."""
    world, body = swept.world, swept.world.sweep()
    halts = world.signer("cold-1").halts
    suspend = statements.encode(statements.SuspendBody("ada", "cy", "stolen key", START_MS, 1))
    nobody = statements.encode(statements.SuspendBody("ada", "eve", "a slip of the pen", START_MS, 2))
    swept.refused(
        "suspend.unknown_operator",
        lambda: halts.suspend(nobody, *world.signature("ada", SignedType.SUSPEND, nobody)),
    )
    halts.suspend(suspend, *world.signature("ada", SignedType.SUSPEND, suspend))
    cancel = statements.encode(
        statements.CancelPendingBody("cy", hashlib.sha256(body).digest(), "mine now", START_MS, 1000)
    )
    signature = world.signature("cy", SignedType.CANCEL_PENDING, cancel)
    swept.refused("operator.suspended", lambda: halts.cancel_pending(cancel, *signature))
    world.resume("cold-1", world.halt("cold-1", "sweeps", operator="cy", number=1001))
    assert swept.sweep(world.approved(body)).transaction


def test_operators_messages_are_numbered(asked: Asked) -> None:
    world = asked.world
    body = world.halt_body("sweeps", number=5)
    signature = world.signature("cy", SignedType.HALT, body)
    halts = world.signer("hot-1").halts
    first = halts.halt(body, *signature)
    assert halts.halt(body, *signature).head == first.head
    for number in (4, 5):
        asked.refused("operator.number_used", partial(world.halt, "hot-1", "all", number=number))
    world.resume("hot-1", first.halt_id)
    assert halts.halt(body, *signature).halt_id == first.halt_id
    assert not world.signer("hot-1").core.state.halts  # a halt that was ended does not come back by replay
    world.halt("hot-1", "all", number=6)
    asked.refused("halt.all", asked.pay)


def test_resume_needs_a_quorum_and_a_halt(asked: Asked) -> None:
    world = asked.world
    halt_id = world.halt("hot-1", "all")
    for by in ([], ["ada"], ["ada", "ada"], ["dee", "ada"]):
        asked.refused("quorum.incomplete", partial(world.resume, "hot-1", halt_id, by=by))
    asked.refused("halt.unknown", lambda: world.resume("hot-1", "ab" * 32))
    resume, elsewhere = world.signer("hot-1").halts.resume, world.context(deployment=bytes(32))
    body = world.statement(ProposalKind.RESUME, statements.ResumeBody(halt_id, "over"))
    asked.refused("deployment.other", lambda: resume(elsewhere, world.approved(body)))
    asked.refused("statement.kind", lambda: resume(world.context(), world.approved(world.sweep())))
    asked.refused("halt.all", asked.pay)
    resume(world.context(), world.approved(body))
    rows = len(world.rows("hot-1"))
    resume(world.context(), world.approved(body))  # a lost answer: the same again
    assert len(world.rows("hot-1")) == rows
