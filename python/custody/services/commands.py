"""What a command is: a short function from the writer's state to the records that make its decision so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from custody.ledger import Ledger
from custody.model.control import ControlState

__all__ = ["Decision", "Draft", "State", "SubmitReply"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """One record to write: a RecordKind, the message it names, and the LedgerFacts (bytes) that go with it."""

    kind: int
    message: Message
    ledger: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """What was decided: the records that make it so, in order, and what the caller is told once they are durable."""

    drafts: tuple[Draft, ...]
    reply: T


@dataclass(slots=True)
class State:
    """All that the writer owns, as a command sees it. A command reads it and changes nothing.

    `now_ms` is guarded time, for every rule. `wall_ms` is the machine's clock, believed or not: while time is frozen it
    is what a statement that confirms the time was dated by, and good for nothing else.
    """

    ledger: Ledger
    control: ControlState
    now_ms: int
    next_sequence: int
    epoch: int
    wall_ms: int = 0


@dataclass(frozen=True, slots=True)
class SubmitReply:
    """A SubmitWithdrawalsResponse's bytes; or, when `stale`, nothing: keys or policy changed, prepare again."""

    response: bytes
    stale: bool
