"""Bodies to values and back; whatever is read or written has passed the canonical walker in Rust."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from custody._core import wire
from custody.errors import Malformed
from custody.statements import _forms
from custody.statements.bodies import (
    CancelBody,
    CancelPendingBody,
    CheckpointBody,
    HaltBody,
    JournalHeadBody,
    PossessionBody,
    SuspendBody,
    TombstoneBody,
    WithdrawalIntent,
)
from custody.statements.proposals import PAYLOADS, ProposalKind, Statement


class SignedType(StrEnum):
    """The types of signed messages; a signature for one never fits another."""

    INTENT = "intent"
    CANCEL = "cancel"
    PROPOSE = "propose"
    APPROVE = "approve"
    REJECT = "reject"
    HALT = "halt"
    SUSPEND = "suspend"
    CANCEL_PENDING = "cancel-pending"
    TOMBSTONE = "tombstone"
    CHECKPOINT = "checkpoint"
    JOURNAL_HEAD = "journal-head"
    POSSESSION = "possession"


Body = (
    WithdrawalIntent
    | CancelBody
    | Statement
    | HaltBody
    | SuspendBody
    | CancelPendingBody
    | TombstoneBody
    | CheckpointBody
    | JournalHeadBody
    | PossessionBody
)

_BODIES: dict[SignedType, type[Any]] = {
    SignedType.INTENT: WithdrawalIntent,
    SignedType.CANCEL: CancelBody,
    SignedType.PROPOSE: Statement,
    SignedType.APPROVE: Statement,
    SignedType.REJECT: Statement,
    SignedType.HALT: HaltBody,
    SignedType.SUSPEND: SuspendBody,
    SignedType.CANCEL_PENDING: CancelPendingBody,
    SignedType.TOMBSTONE: TombstoneBody,
    SignedType.CHECKPOINT: CheckpointBody,
    SignedType.JOURNAL_HEAD: JournalHeadBody,
    SignedType.POSSESSION: PossessionBody,
}


def parse(signed_type: SignedType | str, body: bytes) -> Body:
    """The value of a body of a signed type. Raises Malformed with field, reason and byte offset."""
    try:
        cls = _BODIES[SignedType(signed_type)]
    except ValueError:
        raise Malformed("type", f"there is no signed type {signed_type!r}") from None
    if cls is Statement:
        return parse_statement(body)
    parsed: Body = _parse(cls, body)
    return parsed


def _parse(cls: type[Any], body: bytes) -> Any:
    return _forms.read(cls, wire.decode(cls.__name__, body))


def parse_statement(body: bytes) -> Statement:
    """A statement with its payload, both checked. Raises Malformed."""
    kind_number, payload, *rest = wire.decode("Statement", body)
    kind = ProposalKind(kind_number)
    values = (kind, _parse(PAYLOADS[kind], payload), *(0 if value is None else value for value in rest))
    return Statement(*values)


def parse_intent(body: bytes) -> WithdrawalIntent:
    """A withdrawal intent. Raises Malformed."""
    intent: WithdrawalIntent = _parse(WithdrawalIntent, body)
    return intent


def parse_cancel(body: bytes) -> CancelBody:
    """An intent's cancellation. Raises Malformed."""
    cancel: CancelBody = _parse(CancelBody, body)
    return cancel


def parse_halt(body: bytes) -> HaltBody:
    """A halt. Raises Malformed."""
    halt: HaltBody = _parse(HaltBody, body)
    return halt


def parse_suspend(body: bytes) -> SuspendBody:
    """A suspension. Raises Malformed."""
    suspend: SuspendBody = _parse(SuspendBody, body)
    return suspend


def parse_cancel_pending(body: bytes) -> CancelPendingBody:
    """A proposal's cancellation. Raises Malformed."""
    cancel: CancelPendingBody = _parse(CancelPendingBody, body)
    return cancel


def parse_tombstone(body: bytes) -> TombstoneBody:
    """A tombstone. Raises Malformed."""
    tombstone: TombstoneBody = _parse(TombstoneBody, body)
    return tombstone


def parse_checkpoint(body: bytes) -> CheckpointBody:
    """A checkpoint. Raises Malformed."""
    checkpoint: CheckpointBody = _parse(CheckpointBody, body)
    return checkpoint


def parse_journal_head(body: bytes) -> JournalHeadBody:
    """A signer's log head. Raises Malformed."""
    head: JournalHeadBody = _parse(JournalHeadBody, body)
    return head


def parse_possession(body: bytes) -> PossessionBody:
    """A proof of possession's body. Raises Malformed."""
    possession: PossessionBody = _parse(PossessionBody, body)
    return possession


def encode(message: Body | Any) -> bytes:
    """The canonical bytes of any message of this package, checked as a reader would. Raises Malformed."""
    if not isinstance(message, Statement):
        return wire.encode(type(message).__name__, _forms.write(message))
    if type(message.payload) is not PAYLOADS.get(message.kind):
        raise Malformed("payload", f"must be the body of kind {message.kind!r}")
    kind, _, *rest = (getattr(message, name) for name in message.__slots__)
    return wire.encode("Statement", (int(kind), encode(message.payload), *rest))
