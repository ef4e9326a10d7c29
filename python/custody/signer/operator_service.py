"""SignerOperatorService, for operators on a port of their own: translates, and decides nothing."""

from __future__ import annotations

from custody.api.signer.v1 import operator_pb2 as pb
from custody.rpc.endpoint import Call
from custody.signer.bootstrap import Signer
from custody.signer.conversion import head_to
from custody.signer.service import status_to


class SignerOperatorService:
    """The methods of `custody.api.signer.v1.SignerOperatorService`."""

    def __init__(self, signer: Signer) -> None:
        """Serve this signer."""
        self._signer = signer

    def Halt(self, request: pb.HaltRequest, call: Call) -> pb.HaltResponse:
        """Record a durable stop."""
        stopped = self._signer.halts.halt(request.halt, request.signature.key_id, request.signature.signature)
        return pb.HaltResponse(halt_id=stopped.halt_id, head=head_to(stopped.head))

    def Suspend(self, request: pb.SuspendRequest, call: Call) -> pb.SuspendResponse:
        """Suspend an operator."""
        stopped = self._signer.halts.suspend(
            request.suspend, request.signature.key_id, request.signature.signature
        )
        return pb.SuspendResponse(halt_id=stopped.halt_id, head=head_to(stopped.head))

    def CancelPending(self, request: pb.CancelPendingRequest, call: Call) -> pb.CancelPendingResponse:
        """Never carry a statement out."""
        head = self._signer.halts.cancel_pending(
            request.cancel, request.signature.key_id, request.signature.signature
        )
        return pb.CancelPendingResponse(head=head_to(head))

    def Status(self, request: pb.StatusRequest, call: Call) -> pb.StatusResponse:
        """How the signer is."""
        return pb.StatusResponse(status=status_to(self._signer.core))
