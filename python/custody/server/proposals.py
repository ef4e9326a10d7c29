"""ProposalService: translates between the API and `services/governance.py`, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from custody.api.signed.v1 import statement_pb2
from custody.api.v1 import common_pb2, proposal_pb2
from custody.errors import Malformed
from custody.model.proposal import ProposalState
from custody.model.quorum import SignedApproval
from custody.rpc.endpoint import Call
from custody.rpc.errors import NotImplementedYet
from custody.server import conversion
from custody.server.withdrawal_message import cursor
from custody.server.withdrawals import wait_for
from custody.services.commands import State
from custody.services.governance import DecisionItem, Governor, KindNotImplemented
from custody.services.proposal_queries import ProposalRead, list_proposals, read_proposal
from custody.services.writer import Writer
from custody.statements import ProposalKind

__all__ = ["Proposals", "page_size", "propose"]

PAGE = 100
LARGEST_PAGE = 1_000
MOST_ITEMS = 100
_REASON_BYTES = 512


class Proposals:
    """See proposal.proto. The operator who signs is the one whose certificate calls."""

    def __init__(self, writer: Writer, governor: Governor) -> None:
        self._writer = writer
        self._governor = governor

    def Propose(self, request: proposal_pb2.ProposeRequest, call: Call) -> proposal_pb2.ProposeResponse:
        """Open a proposal, or find the one of this statement."""
        proposal_id = propose(self._governor, request.statement, request.signature, call, request.request_id)
        return proposal_pb2.ProposeResponse(proposal=self._message(proposal_id))

    def GetProposal(
        self, request: proposal_pb2.GetProposalRequest, call: Call
    ) -> proposal_pb2.GetProposalResponse:
        """One proposal."""
        wait_for(self._writer, request.min_cursor, call)
        return proposal_pb2.GetProposalResponse(proposal=self._message(request.proposal_id))

    def ListProposals(
        self, request: proposal_pb2.ListProposalsRequest, call: Call
    ) -> proposal_pb2.ListProposalsResponse:
        """One page, newest first."""
        size = page_size(request.page_size)
        states = frozenset(_state(number) for number in request.states)
        kinds = frozenset(_kind(number) for number in request.kinds)
        wait_for(self._writer, request.min_cursor, call)

        def read(state: State) -> tuple[list[ProposalRead], str, int]:
            page, last = list_proposals(
                state,
                states=states,
                kinds=kinds,
                waiting_for=request.waiting_for,
                before=request.page_token,
                size=size,
            )
            return page, last, state.next_sequence - 1

        page, last, sequence = self._writer.read(read)
        as_of = cursor(self._writer.partition, sequence)
        found = [conversion.proposal_message(each) for each in page]
        for message in found:
            message.as_of.CopyFrom(as_of)
        return proposal_pb2.ListProposalsResponse(proposals=found, next_page_token=last, as_of=[as_of])

    def Approve(self, request: proposal_pb2.ApproveRequest, call: Call) -> proposal_pb2.ApproveResponse:
        """Approve many, one result each."""
        return proposal_pb2.ApproveResponse(
            results=self._decide(request.items, True, call, request.request_id)
        )

    def Reject(self, request: proposal_pb2.RejectRequest, call: Call) -> proposal_pb2.RejectResponse:
        """Reject many, one result each."""
        for index, item in enumerate(request.items):
            if not item.reason:
                raise Malformed(f"items[{index}].reason", "is required of a rejection")
        return proposal_pb2.RejectResponse(
            results=self._decide(request.items, False, call, request.request_id)
        )

    def CancelProposal(
        self, request: proposal_pb2.CancelProposalRequest, call: Call
    ) -> proposal_pb2.CancelProposalResponse:
        """Cancel one that is not executed yet."""
        signature = SignedApproval(call.principal.id, request.signature.key_id, request.signature.signature)
        proposal_id = self._governor.cancel_pending(request.cancel, signature, request.request_id)
        return proposal_pb2.CancelProposalResponse(proposal=self._message(proposal_id))

    def _decide(
        self, items: Sequence[proposal_pb2.ApprovalInput], approve: bool, call: Call, request_id: str
    ) -> list[proposal_pb2.ApprovalResult]:
        if not 1 <= len(items) <= MOST_ITEMS:
            raise Malformed("items", f"{len(items)} of 1 to {MOST_ITEMS}")
        for index, item in enumerate(items):
            if len(item.reason.encode()) > _REASON_BYTES:
                raise Malformed(f"items[{index}].reason", f"at most {_REASON_BYTES} bytes")
        results: list[proposal_pb2.ApprovalResult] = []
        for item in items:
            signature = SignedApproval(call.principal.id, item.key_id, item.signature, item.evidence)
            decision = DecisionItem(item.proposal_id, item.statement_sha256, signature, item.reason)
            result = self._governor.decide(decision, approve=approve, request_id=request_id)
            state = proposal_pb2.PROPOSAL_STATE_UNSPECIFIED
            if result.state is not None:
                state = proposal_pb2.ProposalState.Value(f"PROPOSAL_STATE_{result.state.value}")
            results.append(
                proposal_pb2.ApprovalResult(
                    proposal_id=result.proposal_id,
                    counted=result.counted,
                    tag=result.tag,
                    detail=result.detail,
                    state=state,
                )
            )
        return results

    def _message(self, proposal_id: str) -> proposal_pb2.Proposal:
        read, sequence = self._writer.read(
            lambda state: (read_proposal(state, proposal_id), state.next_sequence - 1)
        )
        message = conversion.proposal_message(read)
        message.as_of.CopyFrom(cursor(self._writer.partition, sequence))
        return message


def propose(
    governor: Governor, statement: bytes, signature: common_pb2.KeySignature, call: Call, request_id: str
) -> str:
    """Open a proposal in the caller's name; its id."""
    signed = SignedApproval(call.principal.id, signature.key_id, signature.signature)
    try:
        return governor.propose(statement, signed, request_id)
    except KindNotImplemented as error:
        raise NotImplementedYet(str(error)) from None


def page_size(asked: int) -> int:
    """How many a page holds. Raises `Malformed` above the most."""
    if asked > LARGEST_PAGE:
        raise Malformed("page_size", f"at most {LARGEST_PAGE}")
    return asked or PAGE


def _state(number: int) -> ProposalState:
    if number not in proposal_pb2.ProposalState.values() or not number:
        raise Malformed("states", f"{number} is no state")
    name = proposal_pb2.ProposalState.Name(proposal_pb2.ProposalState.ValueType(number))
    return ProposalState[name.removeprefix("PROPOSAL_STATE_")]


def _kind(number: int) -> ProposalKind:
    if number not in statement_pb2.ProposalKind.values() or not number:
        raise Malformed("kinds", f"{number} is no kind")
    return ProposalKind(number)
