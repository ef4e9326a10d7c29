"""A proposal and its life, as one table; decisions are kept in the order received, counted or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from custody.errors import InvariantBroken
from custody.model.policy import Policy
from custody.model.quorum import SignedApproval, Tally, count, tally
from custody.statements import Statement


class ProposalState(StrEnum):
    """Where a proposal is; the names of the journal's ProposalPhase."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"
    EXECUTED = "EXECUTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    SUPERSEDED = "SUPERSEDED"
    FAILED = "FAILED"


_S = ProposalState

TRANSITIONS: Mapping[ProposalState | None, frozenset[ProposalState]] = MappingProxyType(
    {
        None: frozenset({_S.OPEN}),
        _S.OPEN: frozenset({_S.APPROVED, _S.REJECTED, _S.EXPIRED, _S.CANCELLED, _S.SUPERSEDED, _S.FAILED}),
        _S.APPROVED: frozenset({_S.EXECUTED, _S.EXPIRED, _S.CANCELLED, _S.FAILED}),
        _S.EXECUTED: frozenset(),
        _S.REJECTED: frozenset(),
        _S.EXPIRED: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.SUPERSEDED: frozenset(),
        _S.FAILED: frozenset(),
    }
)
"""Every legal change."""

END_STATES = frozenset(state for state in ProposalState if not TRANSITIONS[state])


def check_transition(state: ProposalState | None, new: ProposalState, what: str = "") -> None:
    """Raise InvariantBroken for a change that is not in the table."""
    if new not in TRANSITIONS[state]:
        raise InvariantBroken(f"proposal {what}: {state} does not become {new}")


@dataclass(frozen=True, slots=True)
class Approval:
    """One operator's decision as recorded; `counted` is what was true when it came (see `Proposal.tally`)."""

    operator: str
    key_id: str
    scheme: str
    signature: bytes
    evidence: bytes
    approve: bool
    reason: str
    counted: bool
    not_counted_tag: str
    recorded_ms: int

    @property
    def signed(self) -> SignedApproval:
        """The signature as `check_authority` and signers take it."""
        return SignedApproval(self.operator, self.key_id, self.signature, self.evidence)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One statement on its way through its quorum. `propose` is None for the planner's."""

    id: str
    statement_bytes: bytes
    sha256: bytes
    statement: Statement
    propose: SignedApproval | None
    propose_scheme: str
    state: ProposalState
    opened_ms: int
    opened_sequence: int
    approvals: tuple[Approval, ...] = ()
    supersedes: str = ""
    superseded_by: str = ""
    tag: str = ""
    approved_ms: int = 0
    ended_ms: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in END_STATES

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved, in order, with repetitions."""
        return tuple(approval.operator for approval in self.approvals if approval.approve)

    @property
    def rejecters(self) -> frozenset[str]:
        """Who rejected; a rejection stands, whatever the same operator approves."""
        return frozenset(approval.operator for approval in self.approvals if not approval.approve)

    def tally(self, policies: Policy | Iterable[Policy], suspended: frozenset[str]) -> Tally:
        """How far its quorum is now."""
        return tally(policies, self.statement, self.approvers, suspended, self.rejecters)

    def counting_approvals(self, policy: Policy, suspended: frozenset[str]) -> tuple[SignedApproval, ...]:
        """The signatures that count now, one per operator: what a signer is given."""
        given = [approval for approval in self.approvals if approval.approve]
        verdicts = count(policy, self.statement, self.approvers, suspended, self.rejecters)
        return tuple(a.signed for a, verdict in zip(given, verdicts, strict=True) if verdict.counted)
