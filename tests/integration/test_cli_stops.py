"""Stops reach everyone at once and need no server; ending one takes a statement at the newest proven head."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from typing import Any

import pytest

from custody import crypto, statements
from custody.api.signed.v1 import statement_pb2
from custody.api.signer.v1 import operator_pb2
from custody.api.v1 import admin_pb2, proposal_pb2
from custody.crypto import Scheme
from custody.errors import Denied
from custody.model.governance import Governance
from custody.statements import ActivateBody, ProposalKind, SignedType, Statement
from support.cli_world import NOW_MS, World
from support.policy_builder import ETH, ETHER, SshKey

pytest_plugins = ["support.cli_fixtures"]


def _halts(world: World) -> list[tuple[bytes, Any]]:
    sent = [(one.halt, one.signature) for one in world.server.sent(admin_pb2.HaltRequest)]
    for signer in world.signers:
        sent += [(one.halt, one.signature) for one in signer.got if isinstance(one, operator_pb2.HaltRequest)]
    return sent


def test_a_halt_reaches_server_and_signers_with_the_same_signed_bytes(world: World) -> None:
    ran = world.run("halt", "payouts", f"asset:{ETH}", "--reason", "something is wrong", "--json")
    assert ran.code == 0, ran.err
    sent = _halts(world)
    assert len(sent) == 3 and len({body for body, _ in sent}) == 1
    body, signature = sent[0]
    halt = statements.parse_halt(body)
    assert (halt.operator, halt.scopes, halt.reason) == (
        "ada",
        ("payouts", f"asset:{ETH}"),
        "something is wrong",
    )
    assert (halt.issued_unix_ms, halt.number) == (NOW_MS, NOW_MS)
    message = statements.signed_message(SignedType.HALT, world.deployment, body)
    crypto.verify(Scheme.SSHSIG, SshKey("ada").public, message, signature.signature)
    answer = ran.json
    assert answer["halt_id"] == hashlib.sha256(body).hexdigest()
    assert answer["complete"] is True and answer["number"] == NOW_MS
    assert answer["unlisted_signers"] == []
    assert [(one["name"], one["taken"]) for one in answer["reached"]] == [
        ("server", True),
        ("signer/signer-hot-eth-1", True),
        ("signer/signer-cold-eth-1", True),
    ]


def test_a_signer_that_is_not_listed_is_named(world: World) -> None:
    path = world.write_config()
    text = path.read_text()
    path.write_text(text[: text.rindex("[[signers]]")])
    ran = world.run("halt", "all", "--reason", "x", "--json")
    assert (ran.code, ran.json["unlisted_signers"]) == (0, ["signer-cold-eth-1"])
    assert "does not list signer-cold-eth-1" in ran.err


def test_numbers_rise_though_the_clock_stands_still(world: World) -> None:
    numbers = [world.run("halt", "all", "--reason", "again", "--json").json["number"] for _ in range(3)]
    assert numbers == [NOW_MS, NOW_MS + 1, NOW_MS + 2]
    world.state.unlink()  # a lost memory falls back to the clock
    assert world.run("halt", "all", "--reason", "again", "--json").json["number"] == NOW_MS


def test_a_halt_needs_no_server(world: World) -> None:
    world.stop_server()
    ran = world.run("halt", "all", "--reason", "the server lies", "--wait", "0", "--json")
    assert ran.code == 6
    assert [one["taken"] for one in ran.json["reached"]] == [False, True, True]
    assert ran.json["reached"][0]["error"]["kind"] == "unreachable"
    assert all(
        any(isinstance(one, operator_pb2.HaltRequest) for one in signer.got) for signer in world.signers
    )


def test_a_signer_that_refuses_is_told_apart(world: World) -> None:
    world.signers[1].fails["HaltRequest"] = Denied("message.number", "an older one")
    ran = world.run("halt", "all", "--reason", "x", "--wait", "0", "--json")
    assert ran.code == 6
    assert ran.json["reached"][2]["error"] == {
        "kind": "refused",
        "tag": "message.number",
        "detail": "an older one",
    }


def test_nobody_reached_exits_3_and_says_so(world: World) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        world.write_config(server=address, signers=[address, address])
        ran = world.run("halt", "all", "--reason", "x", "--wait", "0", "--json")
    assert ran.code == 3 and ran.json["complete"] is False
    assert "nobody" in ran.err


def test_all_are_asked_at_the_same_time(world: World) -> None:
    """Two signers that accept a connection and never answer cost one timeout, not two."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        world.write_config(signers=[address, address])
        started = time.monotonic()
        ran = world.run("halt", "all", "--reason", "x", "--wait", "0", "--json")
        assert time.monotonic() - started < 1.9
    assert [one["taken"] for one in ran.json["reached"]] == [True, False, False]


@pytest.mark.parametrize("scope", ["everything", "wallet:", "asset:ETH", ""])
def test_a_scope_that_is_none_is_refused_before_it_is_signed(world: World, scope: str) -> None:
    ran = world.run("halt", scope, "--reason", "x", "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (2, "malformed")
    assert _halts(world) == []


@pytest.mark.parametrize("reason", ["", "two\nlines", "\x1b[2J", "abc\u202edef"])
def test_a_reason_that_could_mislead_is_refused_before_it_is_signed(world: World, reason: str) -> None:
    assert world.run("halt", "all", "--reason", reason).code == 2
    assert _halts(world) == []


def test_a_suspension_reaches_everyone(world: World) -> None:
    ran = world.run("suspend", "cy", "--reason", "lost key", "--yes", "--json")
    assert ran.code == 0 and len(ran.json["reached"]) == 3
    (request,) = world.server.sent(admin_pb2.SuspendRequest)
    body = statements.parse("suspend", request.suspend)
    assert (body.by, body.operator) == ("ada", "cy")  # type: ignore[union-attr]
    assert world.run("suspend", "mallory", "--reason", "x", "--yes").code == 4


def test_a_cancellation_names_exactly_the_statement_and_reaches_everyone(world: World) -> None:
    body = world.put(world.statement())
    ran = world.run("proposal", "cancel", "P1", "--reason", "wrong amount", "--yes", "--json")
    assert ran.code == 0 and ran.json["complete"] is True
    (request,) = world.server.sent(proposal_pb2.CancelProposalRequest)
    cancel = statements.parse_cancel_pending(request.cancel)
    assert cancel.statement_sha256 == hashlib.sha256(body).digest()
    for signer in world.signers:
        assert [one.cancel for one in signer.got] == [request.cancel]


def _proposed(world: World) -> Statement:
    (request,) = world.server.sent(proposal_pb2.ProposeRequest)
    message = statements.signed_message(SignedType.PROPOSE, world.deployment, request.statement)
    crypto.verify(Scheme.SSHSIG, SshKey("ada").public, message, request.signature.signature)
    return statements.parse_statement(request.statement)


def test_a_resume_names_its_halt_at_the_pinned_head(world: World) -> None:
    ran = world.run("resume", "ab" * 32, "--reason", "looked into", "--yes", "--json")
    assert ran.code == 0, ran.err
    statement = _proposed(world)
    assert statement.payload == statements.ResumeBody("ab" * 32, "looked into")
    assert (statement.proposer, statement.governance_sequence) == ("ada", 1)
    assert statement.policy_hash == statement.governance_hash == world.deployment
    assert statement.expires_unix_ms == NOW_MS + world.policy.proposal_lifetime_ms
    (proposed,) = ran.json["proposals"]
    assert proposed["proposal_id"] == "PROPOSAL1"
    assert proposed["statement"]["payload"] == {"halt_id": "ab" * 32, "reason": "looked into"}


def test_an_approver_of_a_resume_is_told_which_halt_it_ends(world: World) -> None:
    world.server.status.halts.add(halt_id="ab" * 32, scopes=["payouts"], by="bo", reason="odd\x1b[2J")
    payload = statements.ResumeBody("ab" * 32, "looked into")
    world.put(world.statement(kind=ProposalKind.RESUME, payload=payload))
    out = world.run("proposal", "show", "P1").out
    assert "Hearsay       server: it stops payouts: odd\\u{1b}[2J, by bo\n" in out
    world.put(world.statement(kind=ProposalKind.RESUME, payload=statements.ResumeBody("cd" * 32, "x")), "P2")
    assert "neither the server nor a signer shows such a halt" in world.run("proposal", "show", "P2").out


def test_an_approver_of_an_activation_is_told_what_the_signer_says(world: World) -> None:
    payload = ActivateBody("signer-hot-eth-1", b"s" * 16, NOW_MS, ())
    world.put(world.statement(kind=ProposalKind.ACTIVATE, payload=payload))
    assert "itself says that this is its store" in world.run("proposal", "show", "P1").out
    world.signers[0].store_id = b"t" * 16
    assert f"ITS STORE IS {'74' * 16}" in world.run("proposal", "show", "P1").out


def test_resume_all_takes_the_halts_that_are_shown(world: World) -> None:
    world.server.status.halts.add(halt_id="ab" * 32, scopes=["all"])
    world.server.status.halts.add(halt_id="cd" * 32, scopes=["all"])
    ran = world.run("resume", "--all", "--reason", "x", "--yes", "--json")
    assert [one["statement"]["payload"]["halt_id"] for one in ran.json["proposals"]] == ["ab" * 32, "cd" * 32]


def test_resume_needs_a_halt_and_a_reason(world: World) -> None:
    assert world.run("resume", "--reason", "x", "--yes").code == 2
    assert world.run("resume", "ab" * 32, "--yes").code == 2
    assert world.run("resume", "--all", "--reason", "x", "--yes").code == 4
    assert not world.server.sent(proposal_pb2.ProposeRequest)


def test_every_nonce_is_another(world: World) -> None:
    for _ in range(2):
        world.run("resume", "ab" * 32, "--reason", "x", "--yes")
    nonces = [
        statements.parse_statement(r.statement).nonce for r in world.server.sent(proposal_pb2.ProposeRequest)
    ]
    assert len(set(nonces)) == 2 and all(len(nonce) == 16 for nonce in nonces)


def _activation(world: World, approvers: tuple[str, ...], scheme: str = SignedType.APPROVE) -> bytes:
    """An executed ACTIVATE at genesis, as the server shows it; gives its bytes."""
    payload = ActivateBody("signer-hot-eth-1", b"s" * 16, NOW_MS, ())
    statement = world.statement(kind=ProposalKind.ACTIVATE, payload=payload)
    body = world.put(statement, "A1", state=proposal_pb2.PROPOSAL_STATE_EXECUTED)
    for name in approvers:
        world.server.proposals["A1"].approvals.add(
            operator=name,
            key_id=SshKey(name).key_id,
            decision=proposal_pb2.DECISION_APPROVE,
            signature=SshKey(name).sign(scheme, world.deployment, body),
            counted=True,
        )
    world.server.status.governance_sequence = 2
    return body


def test_a_head_beyond_genesis_is_proven_and_remembered(world: World) -> None:
    body = _activation(world, ("ada", "cy"))
    head = Governance.genesis(world.policy).advance(body, statements.parse_statement(body))
    assert world.run("resume", "ab" * 32, "--reason", "x", "--yes").code == 0
    statement = _proposed(world)
    assert (statement.governance_sequence, statement.governance_hash) == (2, head.head_hash)
    assert statement.signer_epoch == 2
    known = json.loads(world.state.read_text())[world.deployment.hex()]
    assert (known["head_sequence"], known["head_hash"]) == (2, head.head_hash.hex())
    # from now on the same machine refuses what was made at the old head, and a server that hides the new one
    world.put(world.statement())
    ran = world.run("proposal", "approve", "P1", "--yes", "--json")
    assert (ran.code, ran.json["error"]["tag"]) == (1, "governance.head_old")
    del world.server.proposals["A1"]
    ran = world.run("proposal", "approve", "P1", "--yes", "--json")
    assert (ran.code, ran.json["error"]["tag"]) == (1, "governance.head_old")


@pytest.mark.parametrize("approvers", [(), ("ada",), ("bo", "ada"), ("ada", "ada")])
def test_a_head_without_its_quorum_is_not_believed(world: World, approvers: tuple[str, ...]) -> None:
    _activation(world, approvers)
    ran = world.run("resume", "ab" * 32, "--reason", "x", "--yes", "--json")
    assert (ran.code, ran.json["error"]["tag"]) == (1, "governance.unproven")
    assert not world.server.sent(proposal_pb2.ProposeRequest)


def test_rejections_offered_as_approvals_prove_nothing(world: World) -> None:
    _activation(world, ("ada", "cy"), SignedType.REJECT)
    ran = world.run("resume", "ab" * 32, "--reason", "x", "--yes", "--json")
    assert ran.json["error"]["tag"] == "governance.unproven"


def test_two_statements_after_one_head_are_a_fork(world: World) -> None:
    _activation(world, ("ada", "cy"))
    world.server.proposals["A2"] = world.server.proposals["A1"]
    ran = world.run("resume", "ab" * 32, "--reason", "x", "--yes", "--json")
    assert ran.json["error"]["tag"] == "governance.forked"


def test_a_sweep_by_hand_goes_to_the_policys_address(world: World) -> None:
    ran = world.run("sweep", "propose", "--leg", "cold-eth-1,hot-eth-2,ETH,1.5ETH", "--yes", "--json")
    assert ran.code == 0, ran.err
    (leg,) = _proposed(world).payload.legs  # type: ignore[union-attr]
    assert leg.to_address == world.policy.wallet("hot-eth-2").address
    assert (leg.amount, leg.fee_asset, leg.fee_cap) == (3 * ETHER // 2, ETH, ETHER // 100)


@pytest.mark.parametrize(
    "leg",
    [
        "cold-eth-1,hot-eth-1,ETH,1.0000000000000000001ETH",
        "cold-eth-1,hot-eth-1,ETH,1.5",
        "cold-eth-1,hot-eth-1,ETH,1.5USDX",
        "cold-eth-1,hot-eth-1,ETH,-5",
        "cold-eth-1,hot-eth-1,ETH",
        "cold-eth-1,hot-eth-1,ETH,007",
    ],
)
def test_an_amount_that_is_not_exact_is_refused(world: World, leg: str) -> None:
    assert world.run("sweep", "propose", "--leg", leg, "--yes").code == 2
    assert not world.server.sent(proposal_pb2.ProposeRequest)


def test_what_the_policy_does_not_allow_is_not_even_proposed(world: World) -> None:
    assert world.run("sweep", "propose", "--leg", "hot-eth-1,hot-eth-2,ETH,5", "--yes").code == 1
    assert world.run("sweep", "propose", "--leg", "cold-eth-1,hot-eth-9,ETH,5", "--yes").code == 4
    assert not world.server.sent(proposal_pb2.ProposeRequest)


def test_an_opening_names_block_and_pool(world: World) -> None:
    arguments = ["--wallet", "cold-eth-1", "--asset", "USDX", "--amount", "12.5USDX", "--block-height", "7"]
    ran = world.run("opening", "propose", *arguments, "--block-hash", "0x" + "aB" * 32, "--yes", "--json")
    assert ran.code == 0, ran.err
    opening = _proposed(world).payload
    assert isinstance(opening, statements.OpeningBody)
    assert (opening.amount, opening.pool, opening.block_height) == (12_500_000, "customers", 7)
    assert opening.block_hash == bytes.fromhex("ab" * 32)
    assert ran.json["statement"]["payload"]["amount_units"] == "12.5 USDX"


def test_an_activation_asks_the_signer_for_its_store(world: World) -> None:
    ran = world.run("activate", "propose", "signer-hot-eth-1", "--spent", "ETH=2ETH", "--yes", "--json")
    assert ran.code == 0, ran.err
    activate = _proposed(world).payload
    assert isinstance(activate, ActivateBody)
    assert (activate.store_id, activate.intents_after_unix_ms) == (b"s" * 16, NOW_MS)
    assert activate.spent == (statements.SpentAmount(ETH, 2 * ETHER),)


def test_the_copy_in_the_answer_must_be_what_was_proposed(world: World) -> None:
    world.server.spoils = b"\x58\x01"
    ran = world.run("resume", "ab" * 32, "--reason", "x", "--yes", "--json")
    assert (ran.code, ran.json["error"]["tag"]) == (1, "cli.server_copy_differs")


def test_kinds_of_the_protos_and_of_statements_have_the_same_names() -> None:
    assert {kind.name for kind in ProposalKind} == {
        name.removeprefix("PROPOSAL_KIND_") for name in statement_pb2.ProposalKind.keys()[1:]
    }


@pytest.mark.parametrize(
    "spoilt",
    [
        "no JSON",
        "[]",
        '{"DEPLOYMENT": 7}',
        '{"DEPLOYMENT": {"numbers": {"ada": "9"}}}',
        '{"DEPLOYMENT": {"head_sequence": "1"}}',
        '{"DEPLOYMENT": {"head_hash": "zz"}}',
    ],
)
def test_a_damaged_memory_keeps_nobody_from_a_halt_and_is_told(world: World, spoilt: str) -> None:
    world.run("halt", "all", "--reason", "first")
    world.state.write_text(spoilt.replace("DEPLOYMENT", world.deployment.hex()))
    ran = world.run("halt", "all", "--reason", "again", "--json")
    assert (ran.code, ran.json["number"]) == (0, NOW_MS)
    assert "state" in ran.err and "number from the clock" in ran.err
    refused = world.run("suspend", "bo", "--reason", "x", "--yes")
    assert refused.code == 2 and "state" in refused.err
