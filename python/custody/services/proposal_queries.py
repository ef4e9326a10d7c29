"""Reads proposals and sweeps of one moment, in pages from the newest on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from custody.errors import Denied, NotFound
from custody.model.leg import Leg, LegState
from custody.model.proposal import Approval, Proposal, ProposalState
from custody.model.quorum import Group, count
from custody.services.commands import State
from custody.services.newest import newest_first
from custody.statements import ProposalKind, SweepBody

T = TypeVar("T")

__all__ = ["ProposalRead", "SweepRead", "list_proposals", "list_sweeps", "read_proposal", "read_sweep"]


@dataclass(frozen=True, slots=True)
class ProposalRead:
    """A proposal with its quorum and each decision's standing: as it is now, or as it was when it ended."""

    proposal: Proposal
    groups: tuple[Group, ...]
    decisions: tuple[tuple[Approval, bool, str], ...]


@dataclass(frozen=True, slots=True)
class SweepRead:
    """A sweep's proposal and legs."""

    proposal: Proposal
    legs: tuple[Leg, ...]


def read_proposal(state: State, proposal_id: str) -> ProposalRead:
    """One proposal. Raises `NotFound`."""
    proposal = state.control.proposals.get(proposal_id)
    if proposal is None:
        raise NotFound("proposal", proposal_id)
    return _read(state, proposal)


def read_sweep(state: State, proposal_id: str) -> SweepRead:
    """One sweep. Raises `NotFound`, for a proposal of another kind too."""
    proposal = state.control.proposals.get(proposal_id)
    if proposal is None or not isinstance(proposal.statement.payload, SweepBody):
        raise NotFound("sweep", proposal_id)
    return SweepRead(proposal, state.control.legs_of(proposal_id))


def list_proposals(
    state: State,
    *,
    states: Collection[ProposalState],
    kinds: Collection[ProposalKind],
    waiting_for: str,
    before: str,
    size: int,
) -> tuple[list[ProposalRead], str]:
    """One page, newest first, and the id to go on from (empty at the end)."""

    def wanted(proposal: Proposal) -> ProposalRead | None:
        if (states and proposal.state not in states) or (kinds and proposal.statement.kind not in kinds):
            return None
        if waiting_for and proposal.state is not ProposalState.OPEN:
            return None
        read = _read(state, proposal)
        waits = any(waiting_for in group.can_still_approve for group in read.groups)
        return read if waits or not waiting_for else None

    return _page(state, wanted, before, size)


def list_sweeps(
    state: State, *, states: Collection[LegState], before: str, size: int
) -> tuple[list[SweepRead], str]:
    """One page of sweeps that have a leg in one of these states (or any), newest first."""

    def wanted(proposal: Proposal) -> SweepRead | None:
        if not isinstance(proposal.statement.payload, SweepBody):
            return None
        legs = state.control.legs_of(proposal.id)
        return SweepRead(proposal, legs) if not states or any(leg.state in states for leg in legs) else None

    return _page(state, wanted, before, size)


def _page(
    state: State, wanted: Callable[[Proposal], T | None], before: str, size: int
) -> tuple[list[T], str]:
    if before and before not in state.control.proposals:
        raise NotFound("page", before)
    page: list[T] = []
    last, begun = "", not before
    for proposal_id, proposal in newest_first(state.control.proposals):
        if not begun:
            begun = proposal_id == before
            continue
        if len(page) == size:
            return page, last
        found = wanted(proposal)
        if found is not None:
            page.append(found)
        last = proposal_id
    return page, ""


def _read(state: State, proposal: Proposal) -> ProposalRead:
    governance, suspended = state.control.governance, state.control.suspended
    made_under = governance.policy_at(proposal.statement.governance_sequence)
    policies = {policy.hash: policy for policy in (made_under, governance.policy)}
    try:
        groups = proposal.tally(policies.values(), suspended).groups
    except Denied:  # a later policy lets nobody approve this kind
        groups = ()
    if proposal.ended:
        counted = sum(1 for approval in proposal.approvals if approval.approve and approval.counted)
        groups = tuple(Group(group.name, group.needed, counted, ()) for group in groups)
        decisions = tuple((a, a.counted, a.not_counted_tag) for a in proposal.approvals)
        return ProposalRead(proposal, groups, decisions)
    verdicts = iter(
        count(governance.policy, proposal.statement, proposal.approvers, suspended, proposal.rejecters)
    )
    decisions_now: list[tuple[Approval, bool, str]] = []
    for approval in proposal.approvals:
        if approval.approve:
            verdict = next(verdicts)
            decisions_now.append((approval, verdict.counted, verdict.tag))
        else:
            decisions_now.append((approval, approval.counted, approval.not_counted_tag))
    return ProposalRead(proposal, groups, tuple(decisions_now))
