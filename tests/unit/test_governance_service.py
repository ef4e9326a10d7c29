"""Proposals from the statement to the quorum: proposed in one's own name, counted once, read as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from custody.errors import Denied, Malformed
from custody.model.proposal import ProposalState
from custody.services.governance import DecisionItem, KindNotImplemented
from custody.services.proposal_queries import list_proposals, read_proposal
from custody.statements import (
    LiabilityTransferBody,
    ProposalKind,
    ReleaseBody,
    ReleaseItem,
    ResumeBody,
    SignedType,
)
from support.bench import ETH, Bench
from support.deployment import ETHER, HOUR_MS, Options
from support.governance import ALICE, RESUME, fill


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, Options(hold_above=5 * ETHER)) as made:
        yield made
        assert not made.fatal


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
