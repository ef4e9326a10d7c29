"""SignerService, for the server: translates, and decides nothing."""

from __future__ import annotations

from typing import Final

from custody.api.signer.v1 import signer_pb2 as pb
from custody.api.v1 import common_pb2
from custody.errors import HsmError
from custody.rpc.endpoint import Call
from custody.signer.bootstrap import Signer
from custody.signer.conversion import authority_of, context_of, head_to, statement_of, terms_of
from custody.signer.core import SignerCore
from custody.signer.status import SigningState, status_of

_STATES: Final = {
    SigningState.ACTIVE: pb.SIGNER_STATE_ACTIVE,
    SigningState.HALTED: pb.SIGNER_STATE_HALTED,
    SigningState.FROZEN: pb.SIGNER_STATE_FROZEN,
}


class SignerService:
    """The methods of `custody.api.signer.v1.SignerService`."""

    def __init__(self, signer: Signer) -> None:
        """Serve this signer."""
        self._signer = signer

    def SignPayout(self, request: pb.SignPayoutRequest, call: Call) -> pb.SignPayoutResponse:
        """Sign one version of one payout."""
        signed = self._signer.payouts.sign(
            context_of(request.context),
            request.wallet,
            authority_of(request.withdrawal),
            terms_of(request.evm),
        )
        return pb.SignPayoutResponse(
            transaction=signed.transaction,
            transaction_hash=signed.transaction_hash,
            head=head_to(signed.head),
        )

    def SignSweep(self, request: pb.SignSweepRequest, call: Call) -> pb.SignSweepResponse:
        """Sign one version of one leg."""
        signed = self._signer.sweeps.sign(
            context_of(request.context),
            statement_of(request.statement),
            request.leg_index,
            terms_of(request.evm),
        )
        return pb.SignSweepResponse(
            transaction=signed.transaction,
            transaction_hash=signed.transaction_hash,
            head=head_to(signed.head),
        )

    def Tombstone(self, request: pb.TombstoneRequest, call: Call) -> pb.TombstoneResponse:
        """Promise never to pay an attempt."""
        buried = self._signer.tombstones.bury(context_of(request.context), authority_of(request.withdrawal))
        return pb.TombstoneResponse(
            tombstone=buried.body,
            signature=common_pb2.KeySignature(key_id=buried.key_id, signature=buried.signature),
            head=head_to(buried.head),
        )

    def Activate(self, request: pb.ActivateRequest, call: Call) -> pb.ActivateResponse:
        """Take a completed ACTIVATE."""
        activated = self._signer.activation.activate(
            context_of(request.context), statement_of(request.statement)
        )
        return pb.ActivateResponse(
            governance_sequence=activated.sequence,
            governance_hash=activated.hash,
            head=head_to(activated.head),
        )

    def Resume(self, request: pb.ResumeRequest, call: Call) -> pb.ResumeResponse:
        """Take a completed RESUME."""
        head = self._signer.halts.resume(context_of(request.context), statement_of(request.statement))
        return pb.ResumeResponse(head=head_to(head))

    def SignCheckpoint(self, request: pb.SignCheckpointRequest, call: Call) -> pb.SignCheckpointResponse:
        """Sign a checkpoint that extends the one before."""
        signed = self._signer.checkpoints.sign(
            context_of(request.context), request.checkpoint, tuple(request.consistency_proof)
        )
        return pb.SignCheckpointResponse(
            signature=common_pb2.KeySignature(key_id=signed.key_id, signature=signed.signature),
            head=head_to(signed.head),
        )

    def ListKeys(self, request: pb.ListKeysRequest, call: Call) -> pb.ListKeysResponse:
        """The keys of the token, each checked again now."""
        core = self._signer.core
        keys = [
            pb.TokenKey(
                wallet=key.wallet,
                scheme=key.scheme,
                public_key=key.public_key,
                usable=_usable(core, key.wallet),
            )
            for key in core.keys
        ]
        return pb.ListKeysResponse(keys=keys)

    def GetStatus(self, request: pb.GetStatusRequest, call: Call) -> pb.GetStatusResponse:
        """How the signer is."""
        return status_to(self._signer.core)


def status_to(core: SignerCore) -> pb.GetStatusResponse:
    """The status as server and operators are told."""
    status = status_of(core)
    return pb.GetStatusResponse(
        signer=core.id,
        state=_STATES[status.state],
        tag=status.tag,
        store_id=status.store_id,
        start_counter=status.start_counter,
        deployment=status.deployment,
        governance_sequence=status.governance_sequence,
        governance_hash=status.governance_hash,
        signer_epoch=status.signer_epoch,
        epoch=status.head.followed.epoch,
        head=head_to(status.head),
        halts=[
            pb.SignerHalt(halt_id=halt_id, scopes=halt.scopes, reason=halt.reason)
            for halt_id, halt in status.halts
        ],
        hsm_calls=status.hsm_calls,
        version=status.version,
    )


def _usable(core: SignerCore, label: str) -> bool:
    try:
        core.hsm.check_key(label)
    except HsmError:
        return False
    return True
