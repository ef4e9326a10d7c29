"""The server's own durable stops: made when something is found that must not be; only a quorum's RESUME ends one."""

from __future__ import annotations

from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.services.commands import Draft, State

__all__ = ["stop_draft"]


def stop_draft(state: State, place: int, scopes: tuple[str, ...], reason: str) -> Draft | None:
    """A halt of these scopes as the record at `place` (from 0) of a decision; None where the same is in force."""
    for halt in state.control.halts.values():
        if halt.scopes == scopes and halt.reason == reason:
            return None
    halt_id = f"server/{state.next_sequence + place}"
    message = governance_pb2.HaltRecorded(halt_id=halt_id, scopes=scopes, reason=reason)
    return Draft(record_pb2.RECORD_KIND_HALT_RECORDED, message, (state.ledger.decide_halt(halt_id, scopes),))
