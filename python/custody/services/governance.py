"""What operators ask for: proposals, approvals and rejections, and the stops that one of them may make alone.

Signatures are verified in the caller's thread; what they add up to is decided in the writer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from custody import statements
from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.errors import Denied, Malformed, NotFound
from custody.model.policy import PLANNER, Policy
from custody.model.proposal import Proposal, ProposalState
from custody.model.quorum import SignedApproval, check_proposer, verify_operator_signature
from custody.services.commands import Decision, Draft, State
from custody.services.deciding import Decided, decide_on
from custody.services.proposing import IMPLEMENTED, KindNotImplemented, open_proposal
from custody.services.signatures import stored
from custody.services.writer import Writer
from custody.statements import SignedType

__all__ = ["DecisionItem", "DecisionResult", "Governor", "KindNotImplemented"]


@dataclass(frozen=True, slots=True)
class DecisionItem:
    """One operator's signature over one statement, of type `approve` or `reject`."""

    proposal_id: str
    statement_sha256: bytes
    signature: SignedApproval
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What became of one decision; `state` is None where there is no such proposal."""

    proposal_id: str
    counted: bool
    tag: str = ""
    detail: str = ""
    state: ProposalState | None = None


class _Rules(NamedTuple):
    policy: Policy
    deployment: bytes
    suspended: frozenset[str]


class Governor:
    """The use cases of operators. Any thread may call it."""

    def __init__(self, writer: Writer) -> None:
        """Decide in this writer."""
        self._writer = writer

    def propose(self, body: bytes, signature: SignedApproval, request_id: str = "") -> str:
        """Open a proposal; the same statement again gives the same id.

        Raises `Malformed`, `KindNotImplemented`, or `Denied` with the tag of the rule that refuses.
        """
        statement = statements.parse_statement(body)
        if statement.kind not in IMPLEMENTED:
            raise KindNotImplemented(
                f"proposals of kind {statement.kind.name} are not carried out by this version"
            )
        if statement.proposer == PLANNER:
            raise Denied("propose.other_operator", "the planner proposes by itself")
        rules = self._rules()
        check_proposer(rules.policy, rules.deployment, body, statement, signature, rules.suspended)
        return self._writer.execute(
            lambda state: open_proposal(state, body, statement, signature),
            principal=signature.operator,
            request_id=request_id,
        )

    def decide(self, item: DecisionItem, *, approve: bool, request_id: str = "") -> DecisionResult:
        """Record an approval or a rejection. A refusal is a result with a tag, for a batch never half-answers."""
        try:
            proposal = self._writer.read(lambda state: state.control.proposals.get(item.proposal_id))
            if proposal is None:
                raise NotFound("proposal", item.proposal_id)
            if proposal.sha256 != item.statement_sha256:
                raise Denied("approval.other_statement", "the statement that was signed is another one")
            rules = self._rules()
            signed_type = SignedType.APPROVE if approve else SignedType.REJECT
            verify_operator_signature(
                rules.policy, rules.deployment, signed_type, proposal.statement_bytes, item.signature
            )
            decided: Decided = self._writer.execute(
                lambda state: decide_on(state, proposal.id, item.signature, approve, item.reason),
                principal=item.signature.operator,
                request_id=request_id,
            )
        except NotFound as missing:
            return DecisionResult(item.proposal_id, False, "proposal.unknown", str(missing))
        except Denied as denied:
            return self._refused(item, denied.tag, denied.detail)
        except Malformed as malformed:
            return self._refused(item, "request.malformed", str(malformed))
        return DecisionResult(item.proposal_id, decided.counted, decided.tag, "", decided.state)

    def _refused(self, item: DecisionItem, tag: str, detail: str) -> DecisionResult:
        proposal = self._writer.read(lambda state: state.control.proposals.get(item.proposal_id))
        return DecisionResult(item.proposal_id, False, tag, detail, proposal.state if proposal else None)

    def cancel_pending(self, body: bytes, signature: SignedApproval, request_id: str = "") -> str:
        """Cancel a proposal that is not executed yet; the proposal's id. Raises `NotFound`, `Denied`, `Malformed`."""
        cancel = statements.parse_cancel_pending(body)
        self._verify(SignedType.CANCEL_PENDING, cancel.operator, body, signature)

        def command(state: State) -> Decision[str]:
            control = state.control
            proposal_id = control.proposal_of_statement.get(cancel.statement_sha256)
            if proposal_id is None:
                raise NotFound("proposal of statement", cancel.statement_sha256.hex())
            proposal = control.proposals[proposal_id]
            if proposal.state is ProposalState.CANCELLED:
                return Decision((), proposal_id)
            _check_open(proposal)
            if cancel.operator in control.suspended:  # else one thief could undo whatever the others approve
                raise Denied("operator.suspended", f"{cancel.operator} is suspended")
            _check_number(state, cancel.operator, cancel.number)
            message = governance_pb2.ProposalClosed(
                proposal_id=proposal_id,
                phase=governance_pb2.PROPOSAL_PHASE_CANCELLED,
                tag="proposal.cancelled",
                cancel=body,
                signature=stored(control.governance.policy, signature),
            )
            return Decision((Draft(record_pb2.RECORD_KIND_PROPOSAL_CLOSED, message),), proposal_id)

        return self._writer.execute(command, principal=cancel.operator, request_id=request_id)

    def halt(self, body: bytes, signature: SignedApproval, request_id: str = "") -> str:
        """Stop what an operator's HaltBody says; the halt's id, the same again for the same body."""
        halt = statements.parse_halt(body)
        self._verify(SignedType.HALT, halt.operator, body, signature)
        halt_id = hashlib.sha256(body).hexdigest()

        def command(state: State) -> Decision[str]:
            if state.control.halt_known(halt_id):
                return Decision((), halt_id)
            _check_number(state, halt.operator, halt.number)
            message = governance_pb2.HaltRecorded(
                halt_id=halt_id,
                halt=body,
                signature=stored(state.control.governance.policy, signature),
                scopes=halt.scopes,
                reason=halt.reason,
            )
            fact = state.ledger.decide_halt(halt_id, halt.scopes)
            return Decision((Draft(record_pb2.RECORD_KIND_HALT_RECORDED, message, (fact,)),), halt_id)

        return self._writer.execute(command, principal=halt.operator, request_id=request_id)

    def suspend(self, body: bytes, signature: SignedApproval, request_id: str = "") -> str:
        """Suspend an operator; the suspension's id, the same again for the same body."""
        suspend = statements.parse_suspend(body)
        self._verify(SignedType.SUSPEND, suspend.by, body, signature)
        halt_id = hashlib.sha256(body).hexdigest()

        def command(state: State) -> Decision[str]:
            if state.control.halt_known(halt_id):
                return Decision((), halt_id)
            policy = state.control.governance.policy
            try:
                policy.operator(suspend.operator)
            except NotFound:
                raise Denied(
                    "suspend.unknown_operator", f"no operator {suspend.operator!r} in the policy"
                ) from None
            _check_number(state, suspend.by, suspend.number)
            message = governance_pb2.SuspensionRecorded(
                halt_id=halt_id, suspend=body, signature=stored(policy, signature), operator=suspend.operator
            )
            return Decision((Draft(record_pb2.RECORD_KIND_SUSPENSION_RECORDED, message),), halt_id)

        return self._writer.execute(command, principal=suspend.by, request_id=request_id)

    def _rules(self) -> _Rules:
        def read(state: State) -> _Rules:
            governance = state.control.governance
            return _Rules(governance.policy, governance.deployment, state.control.suspended)

        return self._writer.read(read)

    def _verify(self, signed_type: SignedType, operator: str, body: bytes, signature: SignedApproval) -> None:
        if signature.operator != operator:
            raise Denied("approval.other_operator", f"signed for {operator}, brought by {signature.operator}")
        rules = self._rules()
        verify_operator_signature(rules.policy, rules.deployment, signed_type, body, signature)


def _check_open(proposal: Proposal) -> None:
    if proposal.ended:
        raise Denied("proposal.ended", f"it is {proposal.state}")


def _check_number(state: State, operator: str, number: int) -> None:
    """Numbers per operator strictly increase, so that no message is lost unseen or repeated."""
    highest = state.control.numbers.get(operator, 0)
    if number <= highest:
        raise Denied("operator.number_used", f"{operator} has used numbers up to {highest}")
