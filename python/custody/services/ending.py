"""How a withdrawal comes to its end before it is signed: decided in the writer, where nobody can plan it meanwhile."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from custody.api.journal.v1 import record_pb2, withdrawal_pb2
from custody.errors import InvariantBroken
from custody.ledger import End, LedgerState, WithdrawalView, ulid_bytes, ulid_text
from custody.model.policy import Policy
from custody.ports import Authority, Tombstone
from custody.services.commands import Decision, Draft, State
from custody.statements import CancelBody

__all__ = ["BATCH", "CancelResult", "Waiting", "begin_expired", "end", "owed", "request", "waiting_for"]

CancelOutcome = Literal["CANCELLED", "TOO_LATE", "PENDING", "NOT_FOUND", "INVALID"]

BATCH = 200
"""Expiries begun in one step."""

_ENDS = {
    withdrawal_pb2.WITHDRAWAL_END_CANCELLED: End.CANCELLED,
    withdrawal_pb2.WITHDRAWAL_END_EXPIRED: End.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class CancelResult:
    """One answer; `outcome` in the names of `custody.api.v1.CancelOutcome`."""

    reference: str
    outcome: CancelOutcome
    withdrawal_id: str = ""
    tag: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One withdrawal whose tombstone is awaited."""

    view: WithdrawalView
    policy: Policy
    deployment: bytes


def request(
    state: State, cancel: CancelBody, body: bytes, stored: record_pb2.StoredSignature
) -> Decision[CancelResult]:
    """Record a cancellation, so that no payout is planned from here on."""
    reference = cancel.reference
    view = state.ledger.by_reference(cancel.initiator, reference, cancel.attempt)
    if view is None:
        return Decision((), CancelResult(reference, "NOT_FOUND", tag="withdrawal.unknown"))
    if view.intent_sha256 != cancel.intent_sha256:
        return Decision((), CancelResult(reference, "INVALID", view.withdrawal_id, "cancel.other_intent"))
    raw = ulid_bytes(view.withdrawal_id)
    if view.end is End.CANCELLED:
        return Decision((), CancelResult(reference, "CANCELLED", view.withdrawal_id))
    if view.state not in (LedgerState.HELD, LedgerState.QUEUED):
        tag = "cancel.too_late" if view.state is LedgerState.ASSIGNED else "cancel.ended"
        return Decision((), CancelResult(reference, "TOO_LATE", view.withdrawal_id, tag))
    pending = CancelResult(reference, "PENDING", view.withdrawal_id)
    if raw in state.control.cancellations:
        return Decision((), pending)
    message = withdrawal_pb2.CancellationRequested(
        withdrawal_id=raw,
        cancel=body,
        signature=stored,
        end=withdrawal_pb2.WITHDRAWAL_END_CANCELLED,
        tag="withdrawal.cancelled",
    )
    return Decision((Draft(record_pb2.RECORD_KIND_CANCELLATION_REQUESTED, message),), pending)


def waiting_for(state: State, withdrawal_id: str) -> Waiting | None:
    if ulid_bytes(withdrawal_id) not in state.control.cancellations:
        return None
    view = state.ledger.withdrawal(withdrawal_id)
    if view is None:
        raise InvariantBroken(f"withdrawal {withdrawal_id} is cancelled and not in the ledger")
    governance = state.control.governance
    return Waiting(view, governance.policy, governance.deployment)


def owed(state: State) -> list[tuple[bytes, str]]:
    """Withdrawals whose promise is awaited, with their wallets, the oldest request first."""
    found: list[tuple[bytes, str]] = []
    for raw in state.control.cancellations:
        view = state.ledger.withdrawal(ulid_text(raw))
        found.append((raw, view.wallet if view is not None else ""))
    return found


def begin_expired(state: State) -> Decision[int]:
    """What passed its pay_before is not planned any more; how many were begun."""
    known = state.control.cancellations
    due = state.ledger.expired(state.now_ms, BATCH + len(known))
    fresh = [raw for raw in map(ulid_bytes, due) if raw not in known][:BATCH]
    drafts = tuple(
        Draft(
            record_pb2.RECORD_KIND_CANCELLATION_REQUESTED,
            withdrawal_pb2.CancellationRequested(
                withdrawal_id=raw, end=withdrawal_pb2.WITHDRAWAL_END_EXPIRED, tag="intent.expired"
            ),
        )
        for raw in fresh
    )
    return Decision(drafts, len(fresh))


def end(state: State, withdrawal_id: str, authority: Authority, tombstone: Tombstone) -> Decision[None]:
    """The hold returns, with the promise beside it; nothing when it ended meanwhile."""
    raw = ulid_bytes(withdrawal_id)
    cancellation = state.control.cancellations.get(raw)
    view = state.ledger.withdrawal(withdrawal_id)
    if (
        cancellation is None
        or view is None
        or view.intent_sha256 != hashlib.sha256(authority.intent).digest()
    ):
        return Decision((), None)
    how = _ENDS[cancellation.end]  # type: ignore[index]
    fact = state.ledger.decide_void(withdrawal_id, how, state.now_ms)
    audit = state.control.governance.policy.signer_of(view.wallet).audit
    item = withdrawal_pb2.EndedWithdrawal(
        withdrawal_id=raw,
        end=cancellation.end,  # type: ignore[arg-type]
        tag=cancellation.tag,
        tombstone=tombstone.body,
        tombstone_signature=record_pb2.StoredSignature(
            principal=state.control.governance.policy.signer_of(view.wallet).id,
            key_id=tombstone.key_id,
            scheme=audit.scheme.value,
            signature=tombstone.signature,
        ),
    )
    message = withdrawal_pb2.WithdrawalsEnded(items=[item])
    return Decision((Draft(record_pb2.RECORD_KIND_WITHDRAWALS_ENDED, message, (fact,)),), None)
