"""Counts one operator's decision, and what it makes of the proposal: decided in the writer, once for one statement."""

from __future__ import annotations

from dataclasses import dataclass

from custody.api.journal.v1 import governance_pb2, record_pb2, withdrawal_pb2
from custody.errors import Denied, NotFound
from custody.ledger import LedgerState, ulid_bytes
from custody.model.proposal import Proposal, ProposalState
from custody.model.quorum import MAX_APPROVALS, SignedApproval, check_statement, count, tally
from custody.services.commands import Decision, Draft, State
from custody.services.proposing import judged_at
from custody.services.signatures import stored
from custody.statements import ReleaseBody

__all__ = ["Decided", "close_draft", "decide_on", "release_rejected"]


@dataclass(frozen=True, slots=True)
class Decided:
    """Whether the decision counts and why not, and the proposal's state after it."""

    counted: bool
    tag: str
    state: ProposalState


def close_draft(proposal_id: str, phase: governance_pb2.ProposalPhase.ValueType, tag: str = "") -> Draft:
    """A proposal's new phase."""
    message = governance_pb2.ProposalClosed(proposal_id=proposal_id, phase=phase, tag=tag)
    return Draft(record_pb2.RECORD_KIND_PROPOSAL_CLOSED, message)


def decide_on(
    state: State, proposal_id: str, signature: SignedApproval, approve: bool, reason: str
) -> Decision[Decided]:
    """Record a decision whose signature was verified. Raises Denied when the proposal takes none any more."""
    control = state.control
    policy = control.governance.policy
    proposal = control.proposals.get(proposal_id)
    if proposal is None:
        raise NotFound("proposal", proposal_id)
    if proposal.ended:
        raise Denied("proposal.ended", f"it is {proposal.state}")
    if judged_at(state, proposal.statement) >= proposal.statement.expires_unix_ms:
        raise Denied("statement.expired", f"it expired at {proposal.statement.expires_unix_ms}")
    if len(proposal.approvals) >= MAX_APPROVALS:
        raise Denied("approval.too_many", f"at most {MAX_APPROVALS} decisions on one proposal")
    tag = _tag(state, proposal, signature.operator, approve)
    message = governance_pb2.ApprovalRecorded(
        proposal_id=proposal_id,
        signature=stored(policy, signature),
        approve=approve,
        reason=reason,
        counted=not tag,
        not_counted_tag=tag,
    )
    drafts = [Draft(record_pb2.RECORD_KIND_APPROVAL_RECORDED, message)]
    after = proposal.state
    if not tag and proposal.state is ProposalState.OPEN:
        closing = _closing(state, proposal, signature.operator, approve)
        drafts += closing
        if closing:
            phase = closing[0].message.phase  # type: ignore[attr-defined]
            after = ProposalState[governance_pb2.ProposalPhase.Name(phase).removeprefix("PROPOSAL_PHASE_")]
    return Decision(tuple(drafts), Decided(not tag, tag, after))


def _tag(state: State, proposal: Proposal, operator: str, approve: bool) -> str:
    """Why a decision does not count; empty when it does."""
    policy = state.control.governance.policy
    if approve:
        approvers = [*proposal.approvers, operator]
        return count(policy, proposal.statement, approvers, state.control.suspended, proposal.rejecters)[
            -1
        ].tag
    quorum = policy.quorum_for(proposal.statement.kind)
    if quorum is None or operator not in quorum.of:
        return "approval.not_in_quorum"
    if operator in proposal.rejecters:
        return "approval.duplicate"
    return "approval.proposer" if operator == proposal.statement.proposer else ""


def _closing(state: State, proposal: Proposal, operator: str, approve: bool) -> list[Draft]:
    """What follows from the decision: the quorum is complete, or can no longer be."""
    governance = state.control.governance
    made_under = governance.policy_at(proposal.statement.governance_sequence)
    policies = {policy.hash: policy for policy in (made_under, governance.policy)}
    approvers = [*proposal.approvers, operator] if approve else list(proposal.approvers)
    rejecters = proposal.rejecters if approve else proposal.rejecters | {operator}
    found = tally(policies.values(), proposal.statement, approvers, state.control.suspended, rejecters)
    if found.complete:
        now_ms = judged_at(state, proposal.statement)
        try:
            check_statement(
                governance,
                governance.policy,
                governance.deployment,
                proposal.statement_bytes,
                max(now_ms, proposal.statement.not_before_unix_ms),
                state.control.cancelled,
            )
        except Denied as denied:
            return [close_draft(proposal.id, governance_pb2.PROPOSAL_PHASE_FAILED, denied.tag)]
        return [close_draft(proposal.id, governance_pb2.PROPOSAL_PHASE_APPROVED)]
    if found.impossible:
        closed = close_draft(proposal.id, governance_pb2.PROPOSAL_PHASE_REJECTED, "proposal.rejected")
        return [closed, *release_rejected(state, proposal)]
    return []


def release_rejected(state: State, proposal: Proposal) -> list[Draft]:
    """The withdrawals of a rejected RELEASE end CANCELLED, once their signer has promised never to pay them."""
    payload = proposal.statement.payload
    if not isinstance(payload, ReleaseBody):
        return []
    drafts: list[Draft] = []
    for item in payload.items:
        view = state.ledger.withdrawal(item.withdrawal_id)
        raw = ulid_bytes(item.withdrawal_id)
        if view is None or view.state is not LedgerState.HELD or raw in state.control.cancellations:
            continue
        message = withdrawal_pb2.CancellationRequested(
            withdrawal_id=raw, end=withdrawal_pb2.WITHDRAWAL_END_CANCELLED, tag="release.rejected"
        )
        drafts.append(Draft(record_pb2.RECORD_KIND_CANCELLATION_REQUESTED, message))
    return drafts
