"""What an operator sees is what an operator signs: the statement's own bytes, judged by the pinned policy."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from custody import crypto, statements
from custody.api.signed.v1 import statement_pb2
from custody.api.v1 import common_pb2, proposal_pb2, withdrawal_pb2
from custody.crypto import Scheme
from custody.errors import Denied, InvalidSignature
from custody.statements import (
    FeeMode,
    ProposalKind,
    ReleaseBody,
    ReleaseItem,
    ResumeBody,
    SignedType,
    SweepBody,
    WithdrawalIntent,
)
from support.cli_world import NOW_MS, World, id_of
from support.policy_builder import ETH, ETHER, TOKEN, USD, SshKey

pytest_plugins = ["support.cli_fixtures"]

GOLDEN = """\
Proposal      P1
State         OPEN
Kind          SWEEP
Proposed by   bo
Expires       2027-01-15 09:00:00 UTC (in 1 h 0 min)
Policy        {policy}
              the pinned policy
Governance    head 1
              {policy}
Signer epoch  1
Nonce         6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e
SHA-256       {sha256}

Leg 1 of 1    cold-eth-1 (COLD on eip155:31337) {cold}
  to          hot-eth-1 (HOT on eip155:31337) {hot}
              {grouped}
              {hot}
  amount      20 ETH
              20000000000000000000 base units
  asset       eip155:31337/slip44:60
  fee cap     0.01 ETH
              10000000000000000 base units of eip155:31337/slip44:60
Total         20 ETH
              20000000000000000000 base units

Quorum        treasury: 0 of 2 approvals; ada, cy may still approve
"""


def test_a_sweep_is_shown_whole(world: World) -> None:
    body = world.put(world.statement())
    ran = world.run("proposal", "show", "P1")
    hot = world.policy.wallet("hot-eth-1").address
    expected = GOLDEN.format(
        policy=world.deployment.hex(),
        sha256=hashlib.sha256(body).hexdigest(),
        hot=hot,
        cold=world.policy.wallet("cold-eth-1").address,
        grouped="0x" + " ".join(hot[start : start + 4] for start in range(2, 42, 4)),
    )
    assert (ran.code, ran.out) == (0, expected)


def test_a_token_is_shown_in_its_own_units(world: World) -> None:
    (leg,) = world.statement().payload.legs  # type: ignore[union-attr]
    world.put(world.statement(payload=SweepBody((replace(leg, asset=TOKEN, amount=1_500_000 * USD + 1),))))
    out = world.run("proposal", "show", "P1").out
    assert "1500000.000001 USDX\n" in out and "1500000000001 base units\n" in out


def test_an_approval_signs_exactly_the_bytes_shown(world: World) -> None:
    body = world.put(world.statement())
    ran = world.run("proposal", "approve", "P1", "--yes")
    assert ran.code == 0, ran.err
    (request,) = world.server.sent(proposal_pb2.ApproveRequest)
    (item,) = request.items
    key = SshKey("ada")
    assert item.key_id == key.key_id
    assert item.scheme == common_pb2.SIGNATURE_SCHEME_SSHSIG
    assert item.statement_sha256 == hashlib.sha256(body).digest()
    message = statements.signed_message(SignedType.APPROVE, world.deployment, body)
    crypto.verify(Scheme.SSHSIG, key.public, message, item.signature)
    for other in (SignedType.REJECT, SignedType.PROPOSE):
        with pytest.raises(InvalidSignature):
            message = statements.signed_message(other, world.deployment, body)
            crypto.verify(Scheme.SSHSIG, key.public, message, item.signature)


def test_a_rejection_is_of_its_own_type(world: World) -> None:
    body = world.put(world.statement())
    assert world.run("proposal", "reject", "P1", "--reason", "not due", "--yes").code == 0
    (request,) = world.server.sent(proposal_pb2.RejectRequest)
    message = statements.signed_message(SignedType.REJECT, world.deployment, body)
    crypto.verify(Scheme.SSHSIG, SshKey("ada").public, message, request.items[0].signature)
    assert request.items[0].reason == "not due"


def _no_approval(world: World, tag: str) -> None:
    """Nothing is signed, the tag is told, and `show` warns."""
    ran = world.run("proposal", "approve", "P1", "--yes", "--json")
    assert (ran.code, ran.json["error"]["tag"]) == (1, tag)
    assert not world.server.sent(proposal_pb2.ApproveRequest)
    shown = world.run("proposal", "show", "P1")
    assert shown.code == (0 if "Kind" in shown.out else 1)


def _leg(world: World, **changes: Any) -> SweepBody:
    (leg,) = world.statement().payload.legs  # type: ignore[union-attr]
    return SweepBody((replace(leg, **changes),))


ATTACKS: dict[str, tuple[Any, str]] = {
    "the address of a thief": (
        lambda w: {"payload": _leg(w, to_address="0x70997970C51812dc3A010C7d01b50e0d17dc79C8")},
        "sweep.address",
    ),
    "another wallet's address": (
        lambda w: {"payload": _leg(w, to_address=w.policy.wallet("hot-eth-2").address)},
        "sweep.address",
    ),
    "a wallet of nobody": (lambda w: {"payload": _leg(w, to_wallet="hot-eth-9")}, "sweep.unknown_wallet"),
    "a fee above the cap": (lambda w: {"payload": _leg(w, fee_cap=ETHER)}, "sweep.fee_cap"),
    "hot to hot": (lambda w: {"payload": _leg(w, from_wallet="hot-eth-2")}, "sweep.direction"),
    "another policy": (lambda w: {"policy_hash": b"p" * 32}, "statement.policy"),
    "another governance head": (lambda w: {"governance_hash": b"g" * 32}, "governance.head_unknown"),
    "a head nobody can prove": (
        lambda w: {"governance_sequence": 2, "governance_hash": b"g" * 32},
        "governance.head_unknown",
    ),
    "another signer epoch": (lambda w: {"signer_epoch": 2}, "statement.epoch"),
    "expired": (lambda w: {"expires_unix_ms": NOW_MS}, "statement.expired"),
    "not yet": (lambda w: {"not_before_unix_ms": NOW_MS + 1}, "statement.too_early"),
    "valid for years": (lambda w: {"expires_unix_ms": NOW_MS + 10**11}, "statement.lifetime"),
    "proposed by nobody": (lambda w: {"proposer": "mallory"}, "approval.unknown_operator"),
    "the planner above its bound": (
        lambda w: {"proposer": "planner", "payload": _leg(w, amount=51 * ETHER)},
        "sweep.planner_bound",
    ),
    "the planner ends a halt": (
        lambda w: {
            "proposer": "planner",
            "kind": ProposalKind.RESUME,
            "payload": ResumeBody("ab" * 32, "fine"),
        },
        "propose.planner_kind",
    ),
    "a kind without a quorum": (
        lambda w: {
            "kind": ProposalKind.LIABILITY_TRANSFER,
            "payload": statements.LiabilityTransferBody(ETH, 1, "customers", "house", "x"),
        },
        "quorum.nobody",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_policy_or_head_do_not_allow_is_not_signed(world: World, attack: str) -> None:
    changes, tag = ATTACKS[attack]
    world.put(world.statement(**changes(world)))
    _no_approval(world, tag)


def test_a_copy_that_differs_from_the_bytes_is_not_signed(world: World) -> None:
    harmless = statement_pb2.Statement.FromString(statements.encode(world.statement()))
    world.put(world.statement(payload=_leg(world, amount=40 * ETHER)), statement=harmless)
    _no_approval(world, "cli.server_copy_differs")


def test_what_is_shown_comes_from_the_bytes_and_not_from_the_copy(world: World) -> None:
    harmless = statement_pb2.Statement.FromString(statements.encode(world.statement()))
    world.put(world.statement(payload=_leg(world, amount=40 * ETHER)), statement=harmless)
    assert "40 ETH" in world.run("proposal", "show", "P1").out


@pytest.mark.parametrize(
    "spoil", [lambda b: b + b"\x58\x01", lambda b: b[:-1], lambda b: b"", lambda b: b * 2]
)
def test_bytes_that_are_no_statement_are_not_signed(world: World, spoil: Any) -> None:
    world.put(spoil(statements.encode(world.statement())))
    _no_approval(world, "cli.no_statement")


def test_another_proposal_than_asked_for_is_not_signed(world: World) -> None:
    world.put(world.statement())
    world.server.proposals["P2"] = world.server.proposals["P1"]
    ran = world.run("proposal", "approve", "P2", "--yes", "--json")
    assert (ran.code, ran.json["error"]["tag"]) == (1, "cli.other_proposal")


def test_a_head_older_than_one_seen_is_not_signed(world: World) -> None:
    world.put(world.statement())
    known = {world.deployment.hex(): {"head_sequence": 2, "head_hash": "22" * 32}}
    world.state.write_text(json.dumps(known))
    _no_approval(world, "governance.head_old")


def test_another_deployment_is_another_memory(world: World) -> None:
    world.put(world.statement())
    world.state.write_text(json.dumps({"00" * 32: {"head_sequence": 9, "head_hash": "22" * 32}}))
    assert world.run("proposal", "approve", "P1", "--yes").code == 0


def test_a_memory_that_cannot_be_read_stops_everything(world: World) -> None:
    world.put(world.statement())
    world.state.write_text("{")
    assert world.run("proposal", "approve", "P1", "--yes").code == 2
    assert not world.server.sent(proposal_pb2.ApproveRequest)


def test_a_policy_file_that_is_not_the_pinned_one_stops_everything(world: World) -> None:
    world.put(world.statement())
    (world.directory / "policy.toml").write_bytes(world.policy.raw + b"\n")
    ran = world.run("proposal", "approve", "P1", "--yes", "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (2, "configuration")


WITHDRAWAL = id_of("backend-eu", "ref-1")
HOSTILE = "fine\x1b[2K\x1b[1A\u202egnp.exe\u2066\n\rApproved [bold]by[/bold] all\u200b"


def test_hostile_text_of_the_server_is_shown_escaped(world: World) -> None:
    approval = proposal_pb2.Approval(
        operator=f"bo{HOSTILE}", decision=proposal_pb2.DECISION_APPROVE, signature=b"x", reason=HOSTILE
    )
    group = proposal_pb2.QuorumGroup(name=HOSTILE, needed=2, can_still_approve=[HOSTILE])
    world.put(world.statement(), approvals=[approval], quorum=[group])
    out = world.run("proposal", "show", "P1").out
    assert not {"\x1b", "\u202e", "\u2066", "\u200b", "\r"} & set(out)
    assert "\\u{1b}[2K" in out and "[bold]by[/bold]" in out
    assert "BUT THE SIGNATURE SHOWN IS NOT THEIRS" in out
    for arguments in (["inbox"], ["proposal", "list"], ["proposal", "show", "P1"]):
        lines = world.run(*arguments, "--json").out
        assert lines.isascii() and "\x1b" not in lines


def test_genuine_decisions_are_told_from_forged_ones(world: World) -> None:
    body = world.put(world.statement())
    genuine = SshKey("cy").sign(SignedType.APPROVE, world.deployment, body)
    for operator, signature in (("cy", genuine), ("ada", genuine)):
        world.server.proposals["P1"].approvals.add(
            operator=operator,
            key_id=SshKey(operator).key_id,
            decision=proposal_pb2.DECISION_APPROVE,
            signature=signature,
            counted=True,
        )
    shown = world.run("proposal", "show", "P1", "--json").json
    assert [(a["operator"], a["genuine"]) for a in shown["approvals"]] == [("cy", True), ("ada", False)]


def test_an_approval_that_does_not_count_exits_1(world: World) -> None:
    world.put(world.statement(proposer="ada"))
    world.server.counted, world.server.tag = False, "approval.proposer"
    ran = world.run("proposal", "approve", "P1", "--yes", "--json")
    assert ran.code == 1
    assert ran.json == {
        "results": [
            {"proposal_id": "P1", "counted": False, "tag": "approval.proposer", "detail": "", "state": "OPEN"}
        ]
    }


def test_without_a_yes_nothing_is_signed(world: World) -> None:
    world.put(world.statement())
    for arguments in ([], ["--json"]):
        ran = world.run("proposal", "approve", "P1", *arguments)
        assert ran.code == 1
    assert not world.server.sent(proposal_pb2.ApproveRequest)


def test_a_key_of_somebody_else_is_refused_before_anything_is_sent(world: World) -> None:
    world.put(world.statement())
    ran = world.run("proposal", "approve", "P1", "--yes", "--key", str(world.key("cy")))
    assert ran.code == 2 and "is no key of ada" in ran.err
    assert not world.server.sent(proposal_pb2.ApproveRequest)


def test_many_are_signed_at_once(world: World) -> None:
    world.put(world.statement(), "P1")
    world.put(world.statement(nonce=b"m" * 16), "P2")
    ran = world.run("proposal", "approve", "P1", "P2", "--yes", "--json")
    assert ran.code == 0 and [r["proposal_id"] for r in ran.json["results"]] == ["P1", "P2"]
    (request,) = world.server.sent(proposal_pb2.ApproveRequest)
    assert len(request.items) == 2


def test_one_bad_among_many_means_none_is_sent(world: World) -> None:
    world.put(world.statement(), "P1")
    world.put(world.statement(signer_epoch=7), "P2")
    assert world.run("proposal", "approve", "P1", "P2", "--yes").code == 1
    assert not world.server.sent(proposal_pb2.ApproveRequest)


def test_the_inbox_judges_each(world: World) -> None:
    world.put(world.statement(), "P1")
    world.put(world.statement(signer_epoch=7), "P2")
    world.put(b"nonsense", "P3")
    ran = world.run("inbox", "--json")
    assert ran.code == 0
    by_id = {entry["proposal_id"]: entry for entry in ran.json["proposals"]}
    assert by_id["P1"]["approvable"] is True
    assert by_id["P1"]["statement"]["payload"]["legs"][0]["amount"] == str(20 * ETHER)
    assert by_id["P1"]["statement"]["payload"]["legs"][0]["amount_units"] == "20 ETH"
    assert by_id["P2"]["refusal"]["tag"] == "statement.epoch"
    assert by_id["P3"]["refusal"]["tag"] == "cli.no_statement"
    (request,) = world.server.sent(proposal_pb2.ListProposalsRequest)
    assert request.waiting_for == "ada"


def _held(world: World) -> bytes:
    intent = WithdrawalIntent(
        "backend-eu", "ref-1", 1, ETH, 3 * ETHER, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "", "customers",
        "c-1", "", FeeMode.HOUSE, None, 0, NOW_MS + 1000, NOW_MS + 2000, 1,
    )  # fmt: skip
    body = statements.encode(intent)
    world.server.withdrawals[WITHDRAWAL] = withdrawal_pb2.Withdrawal(
        withdrawal_id=WITHDRAWAL, intent_bytes=body
    )
    return body


def test_a_release_shows_the_intents_that_it_names(world: World) -> None:
    body = _held(world)
    payload = ReleaseBody((ReleaseItem(WITHDRAWAL, hashlib.sha256(body).digest()),))
    world.put(world.statement(kind=ProposalKind.RELEASE, payload=payload))
    out = world.run("proposal", "show", "P1").out
    assert "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" in out and "3 ETH" in out and "CANNOT" not in out
    assert world.run("proposal", "approve", "P1", "--yes").code == 0


def test_a_release_of_an_intent_that_is_not_the_one_shown_is_not_signed(world: World) -> None:
    _held(world)
    world.put(
        world.statement(kind=ProposalKind.RELEASE, payload=ReleaseBody((ReleaseItem(WITHDRAWAL, b"x" * 32),)))
    )
    _no_approval(world, "cli.release_unknown")


def test_no_such_proposal_exits_4_and_a_refusal_1_and_no_server_3(world: World) -> None:
    assert world.run("proposal", "show", "P9").code == 4
    world.put(world.statement())
    world.server.fails["ApproveRequest"] = Denied("proposal.closed", "it ended")
    ran = world.run("proposal", "approve", "P1", "--yes", "--json")
    assert (ran.code, ran.json) == (
        1,
        {"error": {"kind": "refused", "tag": "proposal.closed", "detail": "it ended"}},
    )
    world.stop_server()
    assert world.run("proposal", "show", "P1").code == 3
