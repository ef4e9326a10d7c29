"""A server and signers of the real protos, played in this process; an honest answer unless a test says otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from custody import statements
from custody.api.signed.v1 import statement_pb2
from custody.api.signer.v1 import operator_pb2, operator_pb2_grpc, signer_pb2
from custody.api.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    event_pb2,
    event_pb2_grpc,
    proposal_pb2,
    proposal_pb2_grpc,
    sweep_pb2,
    sweep_pb2_grpc,
    treasury_pb2,
    treasury_pb2_grpc,
    withdrawal_pb2,
    withdrawal_pb2_grpc,
)
from custody.errors import CustodyError, NotFound
from custody.rpc.errors import status_of, to_grpc


def _refusing(method: Callable[..., Any]) -> Callable[..., Any]:
    """A servicer's method whose custody errors become statuses, as the real endpoint's do."""

    def call(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request)
        except CustodyError as error:
            code, message, details = to_grpc(status_of(error))
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
            return context.abort(code, message)

    return call


@dataclass
class FakeServer(
    admin_pb2_grpc.AdminServiceServicer,
    proposal_pb2_grpc.ProposalServiceServicer,
    sweep_pb2_grpc.SweepServiceServicer,
    treasury_pb2_grpc.TreasuryServiceServicer,
    withdrawal_pb2_grpc.WithdrawalServiceServicer,
    event_pb2_grpc.EventServiceServicer,
):
    """Keeps requests in `got`; raises what `fails` holds for a method's name."""

    status: admin_pb2.StatusResponse = field(default_factory=admin_pb2.StatusResponse)
    proposals: dict[str, proposal_pb2.Proposal] = field(default_factory=dict)
    withdrawals: dict[str, withdrawal_pb2.Withdrawal] = field(default_factory=dict)
    sweeps: list[sweep_pb2.Sweep] = field(default_factory=list)
    wallets: list[treasury_pb2.Wallet] = field(default_factory=list)
    balances: list[treasury_pb2.Balance] = field(default_factory=list)
    events: list[event_pb2.Event] = field(default_factory=list)
    counted: bool = True
    tag: str = ""
    spoils: bytes = b""
    """Put behind the statement in the answer to Propose."""
    cancel_outcome: int = withdrawal_pb2.CANCEL_OUTCOME_CANCELLED
    fails: dict[str, CustodyError] = field(default_factory=dict)
    got: list[Any] = field(default_factory=list)

    def _take(self, request: Any) -> None:
        self.got.append(request)
        error = self.fails.get(type(request).__name__)
        if error is not None:
            raise error

    def sent(self, kind: type[Any]) -> list[Any]:
        """The requests of one kind."""
        return [request for request in self.got if isinstance(request, kind)]

    @_refusing
    def Status(self, request: Any) -> Any:
        self._take(request)
        return self.status

    @_refusing
    def WhoAmI(self, request: Any) -> Any:
        self._take(request)
        return admin_pb2.WhoAmIResponse(principal="ada", roles=["operator"], methods=["a.B.C"])

    @_refusing
    def Halt(self, request: Any) -> Any:
        self._take(request)
        return admin_pb2.HaltResponse(halt_id=hashlib.sha256(request.halt).hexdigest())

    @_refusing
    def Suspend(self, request: Any) -> Any:
        self._take(request)
        return admin_pb2.SuspendResponse(halt_id=hashlib.sha256(request.suspend).hexdigest())

    @_refusing
    def Propose(self, request: Any) -> Any:
        self._take(request)
        proposal_id = f"PROPOSAL{len(self.proposals) + 1}"
        self.proposals[proposal_id] = proposal_pb2.Proposal(
            proposal_id=proposal_id,
            statement_bytes=request.statement,
            statement=statement_pb2.Statement.FromString(request.statement),
            state=proposal_pb2.PROPOSAL_STATE_OPEN,
        )
        answer = proposal_pb2.ProposeResponse(proposal=self.proposals[proposal_id])
        answer.proposal.statement_bytes += self.spoils
        return answer

    @_refusing
    def GetProposal(self, request: Any) -> Any:
        self._take(request)
        if request.proposal_id not in self.proposals:
            raise NotFound("proposal", request.proposal_id)
        return proposal_pb2.GetProposalResponse(proposal=self.proposals[request.proposal_id])

    @_refusing
    def ListProposals(self, request: Any) -> Any:
        self._take(request)
        found = [
            proposal
            for proposal in self.proposals.values()
            if (not request.states or proposal.state in request.states)
            and (not request.kinds or proposal.statement.kind in request.kinds)
        ]
        return proposal_pb2.ListProposalsResponse(proposals=found)

    def _decide(self, request: Any) -> list[proposal_pb2.ApprovalResult]:
        self._take(request)
        return [
            proposal_pb2.ApprovalResult(
                proposal_id=item.proposal_id,
                counted=self.counted,
                tag=self.tag,
                state=proposal_pb2.PROPOSAL_STATE_OPEN,
            )
            for item in request.items
        ]

    @_refusing
    def Approve(self, request: Any) -> Any:
        return proposal_pb2.ApproveResponse(results=self._decide(request))

    @_refusing
    def Reject(self, request: Any) -> Any:
        return proposal_pb2.RejectResponse(results=self._decide(request))

    @_refusing
    def CancelProposal(self, request: Any) -> Any:
        self._take(request)
        return proposal_pb2.CancelProposalResponse()

    @_refusing
    def GetWithdrawal(self, request: Any) -> Any:
        self._take(request)
        for known in self.withdrawals.values():
            wanted = request.key.withdrawal_id or request.key.reference
            if wanted in (known.withdrawal_id, statements.parse_intent(known.intent_bytes).reference):
                return withdrawal_pb2.GetWithdrawalResponse(withdrawal=known)
        raise NotFound("withdrawal", request.key.withdrawal_id)

    @_refusing
    def BatchGetWithdrawals(self, request: Any) -> Any:
        self._take(request)
        none = withdrawal_pb2.Withdrawal()
        found = [self.withdrawals.get(key.withdrawal_id, none) for key in request.keys]
        return withdrawal_pb2.BatchGetWithdrawalsResponse(withdrawals=found)

    @_refusing
    def ListWithdrawals(self, request: Any) -> Any:
        self._take(request)
        return withdrawal_pb2.ListWithdrawalsResponse(withdrawals=self.withdrawals.values())

    @_refusing
    def CancelWithdrawals(self, request: Any) -> Any:
        self._take(request)
        result = withdrawal_pb2.CancelResult(outcome=self.cancel_outcome)  # type: ignore[arg-type]
        return withdrawal_pb2.CancelWithdrawalsResponse(results=[result] * len(request.items))

    @_refusing
    def ExplainWithdrawal(self, request: Any) -> Any:
        self._take(request)
        answer = withdrawal_pb2.ExplainWithdrawalResponse(
            outcome=withdrawal_pb2.OUTCOME_ACCEPTED, remedy=withdrawal_pb2.REMEDY_NONE
        )
        if request.intent:
            answer.pool_available.amount, answer.hold.amount = "7", "5"
            answer.rules.add(tag="id.reused", verdict=withdrawal_pb2.VERDICT_PASSES)
            answer.rules.add(
                tag="halt.intake", verdict=withdrawal_pb2.VERDICT_FAILS, decides=True, detail="\x1b[2J"
            )
            answer.limits.add(
                limit_id="daily",
                action=withdrawal_pb2.LIMIT_ACTION_HOLD,
                coverage=withdrawal_pb2.LIMIT_COVERAGE_COVERED,
                verdict=withdrawal_pb2.VERDICT_PASSES,
                lifetime=True,
                counted=withdrawal_pb2.LimitCount(amount="1", amount_bound="9", amount_left="8", count=2),
            )
        return answer

    @_refusing
    def ListSweeps(self, request: Any) -> Any:
        self._take(request)
        return sweep_pb2.ListSweepsResponse(sweeps=self.sweeps)

    @_refusing
    def GetSweep(self, request: Any) -> Any:
        self._take(request)
        for sweep in self.sweeps:
            if sweep.sweep_id == request.sweep_id:
                return sweep_pb2.GetSweepResponse(sweep=sweep)
        raise NotFound("sweep", request.sweep_id)

    @_refusing
    def ListWallets(self, request: Any) -> Any:
        self._take(request)
        return treasury_pb2.ListWalletsResponse(wallets=self.wallets)

    @_refusing
    def GetBalances(self, request: Any) -> Any:
        self._take(request)
        return treasury_pb2.GetBalancesResponse(balances=self.balances)

    def _unused(self, request: Any, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "the CLI does not call this")

    SubmitWithdrawals = EstimateFee = ProposeSweep = ListAssets = _unused

    def Subscribe(self, request: Any, context: Any) -> Iterator[Any]:
        self.got.append(request)
        after = max((cursor.sequence for cursor in request.cursors), default=0)
        for event in self.events:
            if event.cursor.sequence > after:
                yield event_pb2.SubscribeResponse(event=event)


@dataclass
class FakeSigner(operator_pb2_grpc.SignerOperatorServiceServicer):
    """One signer's endpoint for operators."""

    id: str
    deployment: bytes
    store_id: bytes = b"s" * 16
    fails: dict[str, CustodyError] = field(default_factory=dict)
    got: list[Any] = field(default_factory=list)

    def _take(self, request: Any) -> None:
        self.got.append(request)
        error = self.fails.get(type(request).__name__)
        if error is not None:
            raise error

    @_refusing
    def Halt(self, request: Any) -> Any:
        self._take(request)
        return operator_pb2.HaltResponse(halt_id=hashlib.sha256(request.halt).hexdigest())

    @_refusing
    def Suspend(self, request: Any) -> Any:
        self._take(request)
        return operator_pb2.SuspendResponse(halt_id=hashlib.sha256(request.suspend).hexdigest())

    @_refusing
    def CancelPending(self, request: Any) -> Any:
        self._take(request)
        return operator_pb2.CancelPendingResponse()

    @_refusing
    def Status(self, request: Any) -> Any:
        self._take(request)
        status = signer_pb2.GetStatusResponse(
            signer=self.id,
            state=signer_pb2.SIGNER_STATE_ACTIVE,
            deployment=self.deployment,
            store_id=self.store_id,
            governance_sequence=1,
        )
        return operator_pb2.StatusResponse(status=status)


def add_all(fake: FakeServer, server: grpc.Server) -> None:
    """Register every service of the fake."""
    admin_pb2_grpc.add_AdminServiceServicer_to_server(fake, server)
    proposal_pb2_grpc.add_ProposalServiceServicer_to_server(fake, server)
    sweep_pb2_grpc.add_SweepServiceServicer_to_server(fake, server)
    treasury_pb2_grpc.add_TreasuryServiceServicer_to_server(fake, server)
    withdrawal_pb2_grpc.add_WithdrawalServiceServicer_to_server(fake, server)
    event_pb2_grpc.add_EventServiceServicer_to_server(fake, server)
