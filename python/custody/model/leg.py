"""A sweep's leg and its life, as one table; it is planned only after its proposal's quorum is complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from custody.errors import InvariantBroken
from custody.model.transaction import Seen, Version
from custody.statements import SweepLeg


class LegState(StrEnum):
    """Where a leg is."""

    WAITING = "WAITING"
    DUE = "DUE"
    PLANNED = "PLANNED"
    SIGNED = "SIGNED"
    BROADCAST = "BROADCAST"
    CONFIRMED = "CONFIRMED"
    MOVED = "MOVED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"
    CANCELLED = "CANCELLED"


class LegEvent(StrEnum):
    """What happened to it; each is one journal record's word."""

    PROPOSED = "proposed"
    APPROVED = "proposal approved"
    PROPOSAL_ENDED = "proposal ended"
    PLANNED = "planned"
    SIGNED = "signed"
    BROADCAST = "broadcast"
    CONFIRMED = "confirmed"
    REORGED = "reorged"
    MOVED = "final, moved"
    FAILED = "final, not moved"
    ABANDONED = "abandoned"


_S, _E = LegState, LegEvent

TRANSITIONS: Mapping[tuple[LegState | None, LegEvent], LegState] = MappingProxyType(
    {
        (None, _E.PROPOSED): _S.WAITING,
        (_S.WAITING, _E.APPROVED): _S.DUE,
        (_S.WAITING, _E.PROPOSAL_ENDED): _S.CANCELLED,
        (_S.DUE, _E.PROPOSAL_ENDED): _S.CANCELLED,
        (_S.DUE, _E.PLANNED): _S.PLANNED,
        (_S.PLANNED, _E.SIGNED): _S.SIGNED,
        (_S.PLANNED, _E.ABANDONED): _S.ABANDONED,
        (_S.PLANNED, _E.FAILED): _S.FAILED,
        (_S.SIGNED, _E.PLANNED): _S.SIGNED,
        (_S.SIGNED, _E.SIGNED): _S.SIGNED,
        (_S.SIGNED, _E.BROADCAST): _S.BROADCAST,
        (_S.SIGNED, _E.CONFIRMED): _S.CONFIRMED,
        (_S.SIGNED, _E.MOVED): _S.MOVED,
        (_S.SIGNED, _E.FAILED): _S.FAILED,
        (_S.BROADCAST, _E.PLANNED): _S.BROADCAST,
        (_S.BROADCAST, _E.SIGNED): _S.BROADCAST,
        (_S.BROADCAST, _E.BROADCAST): _S.BROADCAST,
        (_S.BROADCAST, _E.CONFIRMED): _S.CONFIRMED,
        (_S.BROADCAST, _E.MOVED): _S.MOVED,
        (_S.BROADCAST, _E.FAILED): _S.FAILED,
        (_S.CONFIRMED, _E.SIGNED): _S.CONFIRMED,
        (_S.CONFIRMED, _E.BROADCAST): _S.CONFIRMED,
        (_S.CONFIRMED, _E.CONFIRMED): _S.CONFIRMED,
        (_S.CONFIRMED, _E.REORGED): _S.BROADCAST,
        (_S.CONFIRMED, _E.MOVED): _S.MOVED,
        (_S.CONFIRMED, _E.FAILED): _S.FAILED,
        (_S.MOVED, _E.SIGNED): _S.MOVED,
        (_S.MOVED, _E.BROADCAST): _S.MOVED,
        (_S.FAILED, _E.SIGNED): _S.FAILED,
        (_S.FAILED, _E.BROADCAST): _S.FAILED,
        **{
            (state, _E.PROPOSAL_ENDED): state
            for state in (
                _S.PLANNED,
                _S.SIGNED,
                _S.BROADCAST,
                _S.CONFIRMED,
                _S.MOVED,
                _S.FAILED,
                _S.ABANDONED,
            )
        },
    }
)
"""Every legal change. What is planned may be signed already, so a proposal's end no longer stops it."""

END_STATES = frozenset({LegState.MOVED, LegState.FAILED, LegState.ABANDONED, LegState.CANCELLED})


def next_state(state: LegState | None, event: LegEvent, what: str = "") -> LegState:
    """The state after an event; None before the first. Raises InvariantBroken for anything not in the table."""
    found = TRANSITIONS.get((state, event))
    if found is None:
        raise InvariantBroken(f"leg {what}: {event} does not happen in {state}")
    return found


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of a proposed sweep; `id` is `PROPOSAL_ID/INDEX`, `terms` what the statement binds."""

    id: str
    proposal_id: str
    index: int
    terms: SweepLeg
    state: LegState
    conflict_key: str = ""
    nonce: int = -1
    versions: tuple[Version, ...] = ()
    planned_ms: int = 0
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
        if not self.versions or self.versions[-1].signed or self.ended:
            return None
        return self.versions[-1]

    @property
    def signed_versions(self) -> tuple[Version, ...]:
        """The versions whose bytes are durable."""
        return tuple(version for version in self.versions if version.signed)
