"""Proposals from the statement to its execution: counted once, carried out once, with authority checked again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from custody.errors import Denied, Malformed, NotFound
from custody.model.proposal import ProposalState
from custody.services.governance import DecisionItem, KindNotImplemented
from custody.services.proposal_queries import list_proposals, read_proposal
from custody.statements import (
    ActivateBody,
    CancelPendingBody,
    HaltBody,
    LiabilityTransferBody,
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
from support.deployment import ETHER, HOUR_MS, NETWORK, Options
from support.keys import EthKey

ALICE = EthKey("alice").address
RESUME = ResumeBody("ab" * 32, "all is well")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, Options(hold_above=5 * ETHER)) as made:
        yield made
        assert not made.fatal


def opening(bench: Bench, wallet: str = "hot-1", amount: int = 50 * ETHER, asset: str = ETH) -> OpeningBody:
    address = bench.policy.wallet(wallet).address
    bench.node.fund(address, asset, amount)
    block = bench.node.head()
    bench.node.mine(3)
    return OpeningBody(wallet, asset, amount, "customers", NETWORK, block.height, block.hash)


def fill(bench: Bench) -> None:
    bench.open("hot-1", ETH, 100 * ETHER)
    bench.open("cold-1", ETH, 10 * ETHER, "house")


# Proposing.


def test_the_same_statement_twice_is_the_same_proposal(bench: Bench) -> None:
    body = bench.deployment.statement(ProposalKind.RESUME, RESUME, "dee")
    signature = bench.deployment.sign("dee", SignedType.PROPOSE, body)
    assert bench.governor.propose(body, signature) == bench.governor.propose(body, signature)
    assert len(bench.control.proposals) == 1


def test_a_statement_that_is_not_its_proposers_is_refused(bench: Bench) -> None:
    body = bench.deployment.statement(ProposalKind.RESUME, RESUME, "dee")
    for signature, tag in (
        (bench.deployment.sign("ada", SignedType.PROPOSE, body), "propose.other_operator"),
        (bench.deployment.sign("dee", SignedType.APPROVE, body), "approval.bad_signature"),
        (
            replace(bench.deployment.sign("ada", SignedType.PROPOSE, body), operator="dee"),
            "approval.unknown_key",
        ),
    ):
        with pytest.raises(Denied) as raised:
            bench.governor.propose(body, signature)
        assert raised.value.tag == tag
    assert not bench.control.proposals


def test_what_the_planner_alone_may_propose_nobody_else_may(bench: Bench) -> None:
    body = bench.deployment.statement(ProposalKind.RESUME, RESUME, "planner")
    with pytest.raises(Denied) as raised:
        bench.governor.propose(body, bench.deployment.sign("dee", SignedType.PROPOSE, body))
    assert raised.value.tag == "propose.other_operator"


def test_bytes_that_are_no_canonical_statement_are_malformed(bench: Bench) -> None:
    body = bench.deployment.statement(ProposalKind.RESUME, RESUME, "dee") + b"\x58\x01"
    with pytest.raises(Malformed):
        bench.governor.propose(body, bench.deployment.sign("dee", SignedType.PROPOSE, body))


def test_kinds_of_later_versions_say_so(bench: Bench) -> None:
    payload = LiabilityTransferBody(ETH, 1, "customers", "house", "t-1")
    with pytest.raises(KindNotImplemented):
        bench.propose(ProposalKind.LIABILITY_TRANSFER, payload, "dee")


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"governance_sequence": 2}, "governance.head_unknown"),
        ({"governance_hash": b"x" * 32}, "governance.head_unknown"),
        ({"signer_epoch": 2}, "statement.epoch"),
        ({"policy_hash": b"p" * 32}, "statement.policy"),
        ({"expires_unix_ms": 1}, "statement.expired"),
    ],
)
def test_a_statement_of_another_head_epoch_policy_or_time_is_refused(
    bench: Bench, changes: dict[str, object], tag: str
) -> None:
    with pytest.raises(Denied) as raised:
        bench.propose(ProposalKind.RESUME, RESUME, "dee", **changes)
    assert raised.value.tag == tag


# Deciding.


def test_two_of_three_approve_and_it_is_approved(bench: Bench) -> None:
    proposal = bench.propose(ProposalKind.RESUME, RESUME, "dee")
    first = bench.decide(proposal, "ada")
    assert (first.counted, first.state) == (True, ProposalState.OPEN)
    second = bench.decide(proposal, "bo")
    assert (second.counted, second.state) == (True, ProposalState.APPROVED)


def test_approvals_that_do_not_count_are_recorded_with_the_reason(bench: Bench) -> None:
    proposal = bench.propose(ProposalKind.RESUME, RESUME, "ada")
    assert bench.decide(proposal, "ada").tag == "approval.proposer"
    assert bench.decide(proposal, "bo").counted
    again = bench.decide(proposal, "bo")
    assert (again.counted, again.tag, again.state) == (False, "approval.duplicate", ProposalState.OPEN)
    assert bench.decide(proposal, "dee").tag == "approval.not_in_quorum"
    recorded = bench.control.proposals[proposal.id].approvals
    assert [approval.counted for approval in recorded] == [False, True, False, False]
    assert bench.decide(proposal, "cy").state is ProposalState.APPROVED


@pytest.mark.parametrize("approve", [True, False])
def test_a_signature_of_the_other_decision_or_of_another_statement_counts_for_nothing(
    bench: Bench, approve: bool
) -> None:
    proposal = bench.propose(ProposalKind.RESUME, RESUME, "dee")
    other = bench.propose(ProposalKind.RESUME, RESUME, "dee")
    wrong = SignedType.REJECT if approve else SignedType.APPROVE
    given = bench.deployment.sign("ada", wrong, proposal.statement_bytes)
    result = bench.governor.decide(DecisionItem(proposal.id, proposal.sha256, given), approve=approve)
    assert (result.counted, result.tag) == (False, "approval.bad_signature")
    right = SignedType.APPROVE if approve else SignedType.REJECT
    given = bench.deployment.sign("ada", right, other.statement_bytes)
    result = bench.governor.decide(DecisionItem(proposal.id, proposal.sha256, given), approve=approve)
    assert result.tag == "approval.bad_signature"
    result = bench.governor.decide(DecisionItem(proposal.id, other.sha256, given), approve=approve)
    assert result.tag == "approval.other_statement"
    assert not bench.control.proposals[proposal.id].approvals


def test_an_unknown_proposal_is_a_result_and_no_error(bench: Bench) -> None:
    signature = bench.deployment.sign("ada", SignedType.APPROVE, b"")
    result = bench.governor.decide(DecisionItem("01ARYZ6S41ZZZZZZZZZZZZZZZZ", b"", signature), approve=True)
    assert (result.counted, result.tag, result.state) == (False, "proposal.unknown", None)


def test_a_rejection_that_makes_the_quorum_impossible_ends_it(bench: Bench) -> None:
    proposal = bench.propose(ProposalKind.RESUME, RESUME, "dee")
    assert bench.decide(proposal, "ada", approve=False).state is ProposalState.OPEN
    assert bench.decide(proposal, "bo", approve=False).state is ProposalState.REJECTED
    assert bench.decide(proposal, "cy").tag == "proposal.ended"


def test_who_rejected_does_not_approve_afterwards(bench: Bench) -> None:
    proposal = bench.propose(ProposalKind.RESUME, RESUME, "dee")
    bench.decide(proposal, "ada", approve=False)
    assert bench.decide(proposal, "ada").tag == "approval.rejected"
    bench.decide(proposal, "bo")
    assert bench.decide(proposal, "cy").state is ProposalState.APPROVED


def test_an_approval_after_expiry_does_not_count_and_the_proposal_expires(bench: Bench) -> None:
    proposal = bench.propose(ProposalKind.RESUME, RESUME, "dee")
    bench.decide(proposal, "ada")
    bench.clock.advance(HOUR_MS)
    assert bench.decide(proposal, "bo").tag == "statement.expired"
    bench.governance.step()
    ended = bench.control.proposals[proposal.id]
    assert (ended.state, ended.tag) == (ProposalState.EXPIRED, "statement.expired")


def test_a_suspended_operators_approval_stops_counting_except_to_resume(bench: Bench) -> None:
    fill(bench)
    held = bench.withdraw("w-1", 6 * ETHER, ALICE)
    view = bench.ledger.withdrawal(held)
    assert view is not None
    release = bench.propose(
        ProposalKind.RELEASE, ReleaseBody((ReleaseItem(held, view.intent_sha256),)), "dee"
    )
    bench.decide(release, "ada")
    suspension = bench.suspend("cy", "ada")
    assert bench.decide(release, "bo").state is ProposalState.OPEN
    resume = bench.approve(ProposalKind.RESUME, ResumeBody(suspension, "it was a test"))
    assert resume.state is ProposalState.EXECUTED, "a suspended operator helped to resume"
    assert not bench.control.suspended
    bench.check()


def test_a_suspension_after_the_quorum_stops_what_is_not_carried_out_yet(bench: Bench) -> None:
    fill(bench)
    held = bench.withdraw("w-1", 6 * ETHER, ALICE)
    view = bench.ledger.withdrawal(held)
    assert view is not None
    release = bench.propose(
        ProposalKind.RELEASE, ReleaseBody((ReleaseItem(held, view.intent_sha256),)), "dee"
    )
    bench.decide(release, "ada")
    bench.decide(release, "bo")
    bench.suspend("cy", "ada")
    bench.governance.step()
    ended = bench.control.proposals[release.id]
    assert (ended.state, ended.tag) == (ProposalState.FAILED, "quorum.incomplete")
    assert bench.state_of(held) == "HELD"


# Carrying out.


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


# One operator alone.


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


# Reading.


def test_a_proposal_shows_its_quorum_as_it_is_and_as_it_was(bench: Bench) -> None:
    proposal = bench.propose(ProposalKind.RESUME, RESUME, "ada")
    bench.decide(proposal, "bo")
    read = bench.writer.read(lambda state: read_proposal(state, proposal.id))
    (group,) = read.groups
    assert (group.needed, group.counted, group.can_still_approve) == (2, 1, ("cy",))
    waiting = {"states": (), "kinds": (), "before": "", "size": 10}
    for operator, found in (("cy", 1), ("bo", 0), ("ada", 0)):
        page, last = bench.writer.read(
            lambda state, who=operator: list_proposals(state, waiting_for=who, **waiting)  # type: ignore[arg-type, misc]
        )
        assert (len(page), last) == (found, "")
    bench.decide(proposal, "cy")
    bench.governance.step()
    read = bench.writer.read(lambda state: read_proposal(state, proposal.id))
    assert read.proposal.state is ProposalState.EXECUTED
    assert (read.groups[0].counted, read.groups[0].can_still_approve) == (2, ())


def test_lists_go_on_where_the_page_before_ended(bench: Bench) -> None:
    made = [bench.propose(ProposalKind.RESUME, RESUME, "dee").id for _ in range(5)]
    seen: list[str] = []
    before = ""
    for _ in range(4):
        page, before = bench.writer.read(
            lambda state, b=before: list_proposals(  # type: ignore[misc]
                state, states=(), kinds=(), waiting_for="", before=b, size=2
            )
        )
        seen += [read.proposal.id for read in page]
        if not before:
            break
    assert seen == made[::-1]


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
