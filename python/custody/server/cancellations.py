"""CancelWithdrawals: translates between the API and `services/cancellations.py`, and decides nothing."""

from __future__ import annotations

from typing import Literal

from custody.api.v1 import withdrawal_pb2
from custody.errors import Malformed
from custody.ports import KeySig
from custody.rpc.endpoint import Call
from custody.server.withdrawal_message import cursor
from custody.services.cancellations import Canceller
from custody.services.commands import State
from custody.services.ending import CancelResult
from custody.services.queries import read_withdrawal
from custody.services.writer import Writer

__all__ = ["MOST_ITEMS", "cancel_withdrawals"]

MOST_ITEMS = 1_000
_PATIENCE_S = 5.0


def cancel_withdrawals(
    writer: Writer, canceller: Canceller, request: withdrawal_pb2.CancelWithdrawalsRequest, call: Call
) -> withdrawal_pb2.CancelWithdrawalsResponse:
    """Answer each item by itself, in order."""
    if not 1 <= len(request.items) <= MOST_ITEMS:
        raise Malformed("items", f"{len(request.items)} of 1 to {MOST_ITEMS}")
    role: Literal["initiator", "operator"] = "initiator" if call.principal.role == "initiator" else "operator"
    results: list[CancelResult] = []
    for item in request.items:
        signature = KeySig(item.signature.key_id, item.signature.signature)
        # A signer that does not answer is not waited for again, nor past the caller's patience.
        ask = call.remaining_s() > _PATIENCE_S and not any(result.tag == "signer.down" for result in results)
        results.append(canceller.cancel(item.cancel, signature, role, call.principal.id, ask=ask))
    states, sequence = writer.read(lambda state: (_states(state, results), state.next_sequence - 1))
    return withdrawal_pb2.CancelWithdrawalsResponse(
        results=[
            withdrawal_pb2.CancelResult(
                reference=result.reference,
                outcome=withdrawal_pb2.CancelOutcome.Value(f"CANCEL_OUTCOME_{result.outcome}"),
                withdrawal_id=result.withdrawal_id,
                state=found,
                tag=result.tag,
                detail=result.detail,
            )
            for result, found in zip(results, states, strict=True)
        ],
        as_of=[cursor(writer.partition, sequence)],
    )


def _states(state: State, results: list[CancelResult]) -> list[withdrawal_pb2.WithdrawalState.ValueType]:
    found: list[withdrawal_pb2.WithdrawalState.ValueType] = []
    for result in results:
        view = state.ledger.withdrawal(result.withdrawal_id) if result.withdrawal_id else None
        name = "UNSPECIFIED" if view is None else read_withdrawal(state, view).state
        found.append(withdrawal_pb2.WithdrawalState.Value(f"WITHDRAWAL_STATE_{name}"))
    return found
