"""A payout and its life, as one table: nothing else changes its state, and PAID never changes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from custody.errors import InvariantBroken
from custody.model.transaction import EvmTerms, Seen, Version, conflict_key

__all__ = [
    "END_STATES",
    "TRANSITIONS",
    "EvmTerms",
    "Payout",
    "PayoutEvent",
    "PayoutState",
    "Seen",
    "Version",
    "conflict_key",
    "next_state",
]


class PayoutState(StrEnum):
    """Where a payout is."""

    PLANNED = "PLANNED"
    SIGNED = "SIGNED"
    BROADCAST = "BROADCAST"
    CONFIRMED = "CONFIRMED"
    PAID = "PAID"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"


class PayoutEvent(StrEnum):
    """What happened to it; each is one journal record's word."""

    PLANNED = "planned"
    SIGNED = "signed"
    BROADCAST = "broadcast"
    CONFIRMED = "confirmed"
    REORGED = "reorged"
    PAID = "final, paid"
    FAILED = "final, not paid"
    ABANDONED = "abandoned"


_S, _E = PayoutState, PayoutEvent

TRANSITIONS: Mapping[tuple[PayoutState | None, PayoutEvent], PayoutState] = MappingProxyType(
    {
        (None, _E.PLANNED): _S.PLANNED,
        (_S.PLANNED, _E.SIGNED): _S.SIGNED,
        (_S.PLANNED, _E.ABANDONED): _S.ABANDONED,
        (_S.PLANNED, _E.FAILED): _S.FAILED,
        (_S.SIGNED, _E.PLANNED): _S.SIGNED,
        (_S.SIGNED, _E.SIGNED): _S.SIGNED,
        (_S.SIGNED, _E.BROADCAST): _S.BROADCAST,
        (_S.SIGNED, _E.CONFIRMED): _S.CONFIRMED,
        (_S.SIGNED, _E.PAID): _S.PAID,
        (_S.SIGNED, _E.FAILED): _S.FAILED,
        (_S.BROADCAST, _E.PLANNED): _S.BROADCAST,
        (_S.BROADCAST, _E.SIGNED): _S.BROADCAST,
        (_S.BROADCAST, _E.BROADCAST): _S.BROADCAST,
        (_S.BROADCAST, _E.CONFIRMED): _S.CONFIRMED,
        (_S.BROADCAST, _E.PAID): _S.PAID,
        (_S.BROADCAST, _E.FAILED): _S.FAILED,
        (_S.CONFIRMED, _E.SIGNED): _S.CONFIRMED,
        (_S.CONFIRMED, _E.BROADCAST): _S.CONFIRMED,
        (_S.CONFIRMED, _E.CONFIRMED): _S.CONFIRMED,
        (_S.CONFIRMED, _E.REORGED): _S.BROADCAST,
        (_S.CONFIRMED, _E.PAID): _S.PAID,
        (_S.CONFIRMED, _E.FAILED): _S.FAILED,
        (_S.PAID, _E.SIGNED): _S.PAID,
        (_S.PAID, _E.BROADCAST): _S.PAID,
        (_S.FAILED, _E.SIGNED): _S.FAILED,
        (_S.FAILED, _E.BROADCAST): _S.FAILED,
    }
)
"""Every legal change. A later version may be signed or broadcast while an earlier one becomes final; it pays nobody."""

END_STATES = frozenset({PayoutState.PAID, PayoutState.FAILED, PayoutState.ABANDONED})


def next_state(state: PayoutState | None, event: PayoutEvent, what: str = "") -> PayoutState:
    """The state after an event; None before the first. Raises InvariantBroken for anything not in the table."""
    found = TRANSITIONS.get((state, event))
    if found is None:
        raise InvariantBroken(f"payout {what}: {event} does not happen in {state}")
    return found


@dataclass(frozen=True, slots=True)
class Payout:
    """The transaction that pays one or many withdrawals; `net_amounts` of each version in `withdrawal_ids`' order."""

    id: str
    wallet: str
    withdrawal_ids: tuple[bytes, ...]
    conflict_key: str
    nonce: int
    state: PayoutState
    versions: tuple[Version, ...]
    planned_ms: int
    seen: Seen | None = None
    fee_paid: int = 0
    tag: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.state in END_STATES

    @property
    def unsigned(self) -> Version | None:
        """The version that may be signed at any moment; ask the signer with exactly its terms."""
        last = self.versions[-1]
        return None if last.signed or self.ended else last

    @property
    def signed_versions(self) -> tuple[Version, ...]:
        """The versions whose bytes are durable."""
        return tuple(version for version in self.versions if version.signed)
