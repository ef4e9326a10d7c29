"""The words of an answer: what became of an item, what may be done next, where a withdrawal is."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of one item."""

    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    HELD = "HELD"
    DUPLICATE = "DUPLICATE"
    REJECTED = "REJECTED"
    INVALID = "INVALID"
    BUSY = "BUSY"


class Remedy(StrEnum):
    """What may be done next; UNKNOWN: ask a person."""

    UNKNOWN = "UNKNOWN"
    NONE = "NONE"
    RETRY_SAME = "RETRY_SAME"
    NEW_ATTEMPT = "NEW_ATTEMPT"
    FIX = "FIX"
    NEVER = "NEVER"


class State(StrEnum):
    """Where a withdrawal is; UNKNOWN is not an end."""

    UNKNOWN = "UNKNOWN"
    HELD = "HELD"
    QUEUED = "QUEUED"
    SIGNING = "SIGNING"
    BROADCAST = "BROADCAST"
    CONFIRMED = "CONFIRMED"
    FINAL = "FINAL"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REFUNDED = "REFUNDED"

    @property
    def is_end(self) -> bool:
        """Whether it never changes again."""
        return self in _ENDS


_ENDS = frozenset({State.FINAL, State.REJECTED, State.CANCELLED, State.EXPIRED, State.REFUNDED})


class CancelOutcome(StrEnum):
    """What became of a cancellation."""

    UNKNOWN = "UNKNOWN"
    CANCELLED = "CANCELLED"
    TOO_LATE = "TOO_LATE"
    PENDING = "PENDING"
    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID"
