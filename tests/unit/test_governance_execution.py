"""Proposals carried out once, with authority checked again, and what one operator does alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from custody.errors import Denied, Malformed, NotFound
from custody.model.proposal import ProposalState
from custody.statements import (
    ActivateBody,
    CancelPendingBody,
    HaltBody,
    OpeningBody,
    ProposalKind,
    ReleaseBody,
    ReleaseItem,
    ResumeBody,
    SignedType,
    SweepBody,
    SweepLeg,
    encode,
)
from support.bench import ETH, TOKEN, Bench
from support.deployment import ETHER, NETWORK, Options
from support.governance import ALICE, RESUME, fill, opening


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, Options(hold_above=5 * ETHER)) as made:
        yield made
        assert not made.fatal


def test_a_release_queues_what_was_held_and_it_is_paid(bench: Bench) -> None:
    fill(bench)
    held = bench.withdraw("w-1", 6 * ETHER, ALICE)
    assert bench.state_of(held) == "HELD"
    view = bench.ledger.withdrawal(held)
    assert view is not None
    body = ReleaseBody((ReleaseItem(held, view.intent_sha256),))
    assert bench.approve(ProposalKind.RELEASE, body).state is ProposalState.EXECUTED
    bench.pay()
    assert bench.state_of(held) == "POSTED"
    bench.check()


def test_a_release_of_another_intent_or_of_nothing_held_is_refused(bench: Bench) -> None:
    fill(bench)
    held = bench.withdraw("w-1", 6 * ETHER, ALICE)
    queued = bench.withdraw("w-2", ETHER, ALICE)
    view = bench.ledger.withdrawal(held)
    assert view is not None
    item = ReleaseItem(held, view.intent_sha256)
    for items, tag in (
        ((ReleaseItem(held, b"x" * 32),), "release.other_intent"),
        ((ReleaseItem(queued, view.intent_sha256),), "release.not_held"),
        ((item, item), "release.duplicate"),
    ):
        with pytest.raises((Denied, Malformed)) as raised:
            bench.propose(ProposalKind.RELEASE, ReleaseBody(items), "dee")
        assert not isinstance(raised.value, Denied) or raised.value.tag == tag


def test_a_rejected_release_cancels_with_its_own_tag_and_a_tombstone(bench: Bench) -> None:
    fill(bench)
    held = bench.withdraw("w-1", 6 * ETHER, ALICE)
    view = bench.ledger.withdrawal(held)
    assert view is not None
    proposal = bench.propose(
        ProposalKind.RELEASE, ReleaseBody((ReleaseItem(held, view.intent_sha256),)), "dee"
    )
    bench.decide(proposal, "ada", approve=False)
    bench.decide(proposal, "bo", approve=False)
    bench.cancellations.step()
    assert bench.state_of(held) == "CANCELLED"
    (ended,) = bench.control.ended.values()
    assert ended.tag == "release.rejected" and ended.tombstone
    bench.check()


def test_an_opening_that_the_chain_bears_out_comes_into_the_ledger_once(bench: Bench) -> None:
    body = opening(bench)
    assert bench.approve(ProposalKind.OPENING, body).state is ProposalState.EXECUTED
    assert bench.ledger.available(ETH, "wallet:hot-1") == 50 * ETHER
    with pytest.raises(Denied) as raised:
        bench.propose(ProposalKind.OPENING, body, "dee")
    assert raised.value.tag == "opening.already_open"
    bench.check()


@pytest.mark.parametrize(
    ("changes", "tag"),
    [({"amount": 51 * ETHER}, "opening.balance"), ({"block_hash": b"x" * 32}, "opening.block")],
)
def test_an_opening_that_the_chain_denies_fails(bench: Bench, changes: dict[str, object], tag: str) -> None:
    ended = bench.approve(ProposalKind.OPENING, replace(opening(bench), **changes))  # type: ignore[arg-type]
    assert (ended.state, ended.tag) == (ProposalState.FAILED, tag)
    assert bench.ledger.available(ETH, "wallet:hot-1") == 0


def test_an_opening_waits_until_its_block_is_final_and_its_node_answers(bench: Bench) -> None:
    address = bench.policy.wallet("hot-1").address
    bench.node.fund(address, ETH, ETHER)
    block = bench.node.head()
    body = OpeningBody("hot-1", ETH, ETHER, "customers", NETWORK, block.height, block.hash)
    proposal = bench.approve(ProposalKind.OPENING, body)
    assert proposal.state is ProposalState.APPROVED
    bench.node.mine(3)
    bench.node.down = True
    bench.governance.step()
    assert bench.control.proposals[proposal.id].state is ProposalState.APPROVED
    bench.node.down = False
    bench.governance.step()
    assert bench.control.proposals[proposal.id].state is ProposalState.EXECUTED


def test_a_halt_stops_payouts_and_a_quorum_resumes_them_at_server_and_signers(bench: Bench) -> None:
    fill(bench)
    halt_id = bench.halt("payouts")
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.pay(3)
    assert bench.state_of(withdrawal) == "QUEUED"
    for signer in bench.signers.values():
        signer.halts[halt_id] = ("payouts",)
    late = bench.signers["signer-hot-1"]
    late.down = True
    assert (
        bench.approve(ProposalKind.RESUME, ResumeBody(halt_id, "it was a test")).state
        is ProposalState.EXECUTED
    )
    assert not bench.control.halts and not bench.ledger.halts()
    assert not bench.signers["signer-cold-1"].halts
    late.down = False
    bench.clock.advance(20_000)
    bench.governance.step()
    assert not late.halts, "brought to it once it answered"
    bench.pay()
    assert bench.state_of(withdrawal) == "POSTED"
    bench.check()


def test_a_signers_own_halt_is_resumed_there_alone(bench: Bench) -> None:
    halt_id = "signer/signer-hot-1/7"
    bench.signers["signer-hot-1"].halts[halt_id] = ("wallet:hot-1",)
    assert (
        bench.approve(ProposalKind.RESUME, ResumeBody(halt_id, "caps raised")).state is ProposalState.EXECUTED
    )
    assert not bench.signers["signer-hot-1"].halts
    assert not bench.signers["signer-cold-1"].resumed


def test_a_resume_is_brought_after_a_crash_too(bench: Bench) -> None:
    halt_id = bench.halt("payouts")
    signer = bench.signers["signer-hot-1"]
    signer.halts[halt_id] = ("payouts",)
    signer.down = True
    bench.approve(ProposalKind.RESUME, ResumeBody(halt_id, "it was a test"))
    bench.restart()
    signer.down = False
    bench.governance.step()
    assert not signer.halts


def test_an_activation_advances_governance_and_every_signer_follows(bench: Bench) -> None:
    stale = bench.propose(ProposalKind.RESUME, RESUME, "dee")
    body = ActivateBody("signer-hot-1", b"s" * 16, bench.clock.now_ms(), ())
    assert bench.approve(ProposalKind.ACTIVATE, body).state is ProposalState.EXECUTED
    governance = bench.control.governance
    assert (governance.head_sequence, governance.signer_epoch) == (2, 2)
    assert all(len(signer.activated) == 1 for signer in bench.signers.values())
    bench.governance.step()
    ended = bench.control.proposals[stale.id]
    assert (ended.state, ended.tag) == (ProposalState.FAILED, "governance.head_old")
    bench.check()
    assert bench.control.governance.head_sequence == 2


def test_a_halt_is_recorded_once_and_numbers_rise(bench: Bench) -> None:
    body = encode(HaltBody("ada", ("payouts",), "a test", 1, 5))
    signature = bench.deployment.sign("ada", SignedType.HALT, body)
    halt_id = bench.governor.halt(body, signature)
    assert halt_id == hashlib.sha256(body).hexdigest()
    assert bench.governor.halt(body, signature) == halt_id
    assert len(bench.control.halts) == 1
    for number in (5, 4):
        with pytest.raises(Denied) as raised:
            bench.halt("sweeps", number=number)
        assert raised.value.tag == "operator.number_used"
    bench.halt("sweeps", number=6)
    bench.check()


def test_nobody_halts_in_anothers_name(bench: Bench) -> None:
    body = encode(HaltBody("ada", ("payouts",), "a test", 1, 1))
    bo = bench.deployment.sign("bo", SignedType.HALT, body)
    for signature in (bo, replace(bo, operator="ada")):
        with pytest.raises(Denied):
            bench.governor.halt(body, signature)
    assert not bench.control.halts


def test_one_operator_cancels_what_is_pending_for_good(bench: Bench) -> None:
    proposal = bench.propose(ProposalKind.RESUME, RESUME, "dee")
    bench.decide(proposal, "ada")
    bench.decide(proposal, "bo")
    body = encode(CancelPendingBody("cy", proposal.sha256, "not now", 1, 1))
    signature = bench.deployment.sign("cy", SignedType.CANCEL_PENDING, body)
    assert bench.governor.cancel_pending(body, signature) == proposal.id
    assert bench.governor.cancel_pending(body, signature) == proposal.id
    assert bench.control.proposals[proposal.id].state is ProposalState.CANCELLED
    assert proposal.sha256 in bench.control.cancelled
    unknown = encode(CancelPendingBody("cy", b"x" * 32, "not now", 1, 2))
    with pytest.raises(NotFound):
        bench.governor.cancel_pending(
            unknown, bench.deployment.sign("cy", SignedType.CANCEL_PENDING, unknown)
        )
    bench.check()


def test_a_suspended_operator_cancels_no_proposal(bench: Bench) -> None:
    suspension = bench.suspend("bo", "cy")
    resume = bench.propose(ProposalKind.RESUME, ResumeBody(suspension, "it was a test"), "ada")
    body = encode(CancelPendingBody("cy", resume.sha256, "not now", 1, 1))
    with pytest.raises(Denied, match=r"operator\.suspended"):
        bench.governor.cancel_pending(body, bench.deployment.sign("cy", SignedType.CANCEL_PENDING, body))
    assert bench.control.proposals[resume.id].state is ProposalState.OPEN


def test_an_opened_token_and_a_leg_do_not_mix(bench: Bench) -> None:
    """An asset that a sweep already moves cannot be opened afterwards: it would be counted twice."""
    fill(bench)
    wallet = bench.policy.wallet("hot-1")
    leg = SweepLeg("cold-1", "hot-1", wallet.address, ETH, ETHER, ETH, 10**16)
    bench.approve(ProposalKind.SWEEP, SweepBody((leg,)))
    bench.pay()
    with pytest.raises(Denied) as raised:
        bench.propose(ProposalKind.OPENING, opening(bench, asset=ETH), "dee")
    assert raised.value.tag == "opening.already_open"
    assert (
        bench.approve(ProposalKind.OPENING, opening(bench, amount=7, asset=TOKEN)).state
        is ProposalState.EXECUTED
    )
