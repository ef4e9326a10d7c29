"""AdminService: stopping things, and how the server is."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from custody.api.v1 import admin_pb2, common_pb2
from custody.model.quorum import SignedApproval
from custody.rpc.endpoint import Call
from custody.server.access import methods_of
from custody.server.health import Health
from custody.server.parts import Parts
from custody.server.withdrawal_message import cursor, timestamp
from custody.services.commands import State
from custody.services.queries import state_of

__all__ = ["Admin", "Stopping"]

_OPEN = 1_000_000  # withdrawals counted by state; those that ended are counted by nobody here


class Stopping(Protocol):
    """The use case behind halts and suspensions: verifies the operator's signature and records what it says."""

    def halt(self, body: bytes, signature: SignedApproval, request_id: str = "") -> str:
        """Record a HaltBody; its halt id."""

    def suspend(self, body: bytes, signature: SignedApproval, request_id: str = "") -> str:
        """Record a SuspendBody; its halt id."""


class Admin:
    """See admin.proto."""

    def __init__(self, parts: Parts, health: Health, stopping: Stopping) -> None:
        self._parts = parts
        self._health = health
        self._stopping = stopping

    def Halt(self, request: admin_pb2.HaltRequest, call: Call) -> admin_pb2.HaltResponse:
        """Record a durable stop."""
        halt_id = self._stopping.halt(request.halt, _signature(request.signature, call))
        writer = self._parts.writer
        return admin_pb2.HaltResponse(halt_id=halt_id, as_of=[cursor(writer.partition, writer.head.sequence)])

    def Suspend(self, request: admin_pb2.SuspendRequest, call: Call) -> admin_pb2.SuspendResponse:
        """Suspend an operator."""
        halt_id = self._stopping.suspend(request.suspend, _signature(request.signature, call))
        writer = self._parts.writer
        return admin_pb2.SuspendResponse(
            halt_id=halt_id, as_of=[cursor(writer.partition, writer.head.sequence)]
        )

    def Status(self, request: admin_pb2.StatusRequest, call: Call) -> admin_pb2.StatusResponse:
        """How the server is; of one moment but for the parts."""
        writer = self._parts.writer
        head = writer.head  # before the read: what is answered is at least as new as it says
        answer = writer.read(self._status)
        answer.as_of.append(cursor(writer.partition, head.sequence))
        answer.journal_hash = head.hash
        answer.version = self._parts.version
        answer.started_at.MergeFrom(timestamp(self._parts.started_ms) or answer.started_at)
        for part in self._health.parts():
            answer.parts.add(name=part.name, serving=part.serving, reason=part.reason)
        return answer

    def WhoAmI(self, request: admin_pb2.WhoAmIRequest, call: Call) -> admin_pb2.WhoAmIResponse:
        """Who the caller's certificate says it is, and what that may call."""
        principal = call.principal
        return admin_pb2.WhoAmIResponse(
            principal=principal.id, roles=[principal.role], methods=methods_of(principal)
        )

    @staticmethod
    def _status(state: State) -> admin_pb2.StatusResponse:
        control = state.control
        governance = control.governance
        counts = Counter(
            state_of(view, control.payouts.get(view.payout_id))
            for view in state.ledger.open_withdrawals(max_count=_OPEN)
        )
        halts = [
            admin_pb2.HaltStatus(
                halt_id=halt.halt_id,
                scopes=halt.scopes,
                by=halt.by,
                reason=halt.reason,
                since=timestamp(halt.since_ms),
            )
            for halt in control.halts.values()
        ]
        suspensions = [
            admin_pb2.HaltStatus(
                halt_id=suspension.halt_id,
                scopes=[f"operator:{suspension.operator}"],
                by=suspension.by,
                reason=suspension.reason,
                since=timestamp(suspension.since_ms),
            )
            for suspension in control.suspensions.values()
        ]
        return admin_pb2.StatusResponse(
            deployment=governance.deployment.hex(),
            policy_hash=governance.policy.hash.hex(),
            governance_sequence=governance.head_sequence,
            governance_hash=governance.head_hash,
            signer_epoch=governance.signer_epoch,
            epoch=state.epoch,
            halts=[*halts, *suspensions],
            withdrawals=counts,
        )


def _signature(signature: common_pb2.KeySignature, call: Call) -> SignedApproval:
    """The caller's: nobody brings another operator's."""
    return SignedApproval(call.principal.id, signature.key_id, signature.signature)
