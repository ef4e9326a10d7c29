"""Every proposal; one statement has one proposal, and a decision is recorded only while the proposal lives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from custody import statements
from custody.api.journal.v1 import governance_pb2 as pb
from custody.api.journal.v1 import record_pb2
from custody.errors import InvariantBroken, Malformed
from custody.model.proposal import Approval, Proposal, ProposalState, check_transition
from custody.model.quorum import SignedApproval
from custody.statements import Statement


def read_signature(message: record_pb2.StoredSignature) -> SignedApproval:
    """A signature as a record holds it."""
    return SignedApproval(message.principal, message.key_id, message.signature, message.evidence)


def read_statement(body: bytes) -> Statement:
    """A statement as a record holds it. Raises InvariantBroken: what a journal holds was written by us."""
    try:
        return statements.parse_statement(body)
    except Malformed as error:
        raise InvariantBroken(f"a record holds a statement that cannot be read: {error}") from None


class ProposalBook:
    """Proposals by id; `of_statement` by the SHA-256 of the statement's bytes."""

    def __init__(self) -> None:
        self.proposals: dict[str, Proposal] = {}
        self.of_statement: dict[bytes, str] = {}
        self.cancelled: set[bytes] = set()
        self._active: dict[str, None] = {}

    def active(self) -> Iterator[Proposal]:
        """Proposals that have not ended, in the order opened."""
        return (self.proposals[proposal_id] for proposal_id in list(self._active))

    def opened(self, message: pb.ProposalOpened, now_ms: int, sequence: int) -> Proposal:
        """A proposal came in."""
        digest = hashlib.sha256(message.statement).digest()
        if not message.proposal_id or message.proposal_id in self.proposals or digest in self.of_statement:
            raise InvariantBroken(f"proposal {message.proposal_id} or its statement is there already")
        propose = read_signature(message.propose) if message.HasField("propose") else None
        check_transition(None, ProposalState.OPEN, message.proposal_id)
        proposal = Proposal(
            message.proposal_id,
            message.statement,
            digest,
            read_statement(message.statement),
            propose,
            message.propose.scheme,
            ProposalState.OPEN,
            now_ms,
            sequence,
            supersedes=message.supersedes,
        )
        self._put(proposal)
        self.of_statement[digest] = proposal.id
        return proposal

    def decided(self, message: pb.ApprovalRecorded, now_ms: int) -> None:
        """One operator approved or rejected."""
        known = self._known(message.proposal_id)
        if known.ended:
            raise InvariantBroken(f"proposal {known.id}: a decision after its end")
        signature = message.signature
        approval = Approval(
            signature.principal,
            signature.key_id,
            signature.scheme,
            signature.signature,
            signature.evidence,
            message.approve,
            message.reason,
            message.counted,
            message.not_counted_tag,
            now_ms,
        )
        self._put(replace(known, approvals=(*known.approvals, approval)))

    def closed(self, message: pb.ProposalClosed, now_ms: int) -> Proposal:
        """It changed its phase."""
        known = self._known(message.proposal_id)
        name = pb.ProposalPhase.Name(message.phase).removeprefix("PROPOSAL_PHASE_")
        if name not in ProposalState.__members__:
            raise InvariantBroken(f"proposal {known.id}: no phase")
        state = ProposalState[name]
        check_transition(known.state, state, known.id)
        changed = replace(known, state=state, tag=message.tag, superseded_by=message.superseded_by)
        if state is ProposalState.APPROVED:
            changed = replace(changed, approved_ms=now_ms)
        else:
            changed = replace(changed, ended_ms=now_ms)
        if state is ProposalState.CANCELLED:
            self.cancelled.add(known.sha256)
        self._put(changed)
        return changed

    def _known(self, proposal_id: str) -> Proposal:
        known = self.proposals.get(proposal_id)
        if known is None:
            raise InvariantBroken(f"proposal {proposal_id} was never opened")
        return known

    def _put(self, proposal: Proposal) -> None:
        self.proposals[proposal.id] = proposal
        if proposal.ended:
            self._active.pop(proposal.id, None)
        else:
            self._active[proposal.id] = None

    def canonical(self) -> object:
        """The same for the same proposals, for the state's hash."""
        return [self.proposals[proposal_id] for proposal_id in sorted(self.proposals)]
