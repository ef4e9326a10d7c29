"""Durable stops: halts by scope and suspended operators; only a quorum's RESUME ends one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from custody import statements
from custody.api.journal.v1 import governance_pb2 as pb
from custody.errors import InvariantBroken, Malformed
from custody.model.proposal_book import read_signature
from custody.model.quorum import SignedApproval

Activity = Literal["intake", "payouts", "sweeps"]

SYSTEM = "system"
"""Who stops when the server does it by itself."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A stop in force; `body` and `signature` are the operator's, none for the server's own."""

    halt_id: str
    scopes: tuple[str, ...]
    by: str
    reason: str
    since_ms: int
    body: bytes = b""
    signature: SignedApproval | None = None


@dataclass(frozen=True, slots=True)
class Suspension:
    """An operator whose approvals do not count, except to resume."""

    halt_id: str
    operator: str
    by: str
    reason: str
    since_ms: int
    body: bytes = b""
    signature: SignedApproval | None = None


class Stop(Protocol):
    """Anything with an id and scopes: a `Halt`, or a signer's own form of it."""

    @property
    def halt_id(self) -> str:
        """What a RESUME names."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is stopped."""


def halted_by(
    halts: Iterable[Stop],
    *,
    activity: Activity,
    wallet: str | None = None,
    asset: str | None = None,
    customer: str | None = None,
    destination: str | None = None,
) -> str | None:
    """The id of the first halt that stops this activity for this wallet, asset, customer or destination."""
    stopped = {"all", str(activity)}
    for kind, name in (
        ("wallet", wallet),
        ("asset", asset),
        ("customer", customer),
        ("destination", destination),
    ):
        if name is not None:
            stopped.add(scope_key(f"{kind}:{name}"))
    for halt in halts:
        if not stopped.isdisjoint(map(scope_key, halt.scopes)):
            return halt.halt_id
    return None


def scope_key(scope: str) -> str:
    """What scopes are compared by: a hex address is one address however its letters are cased."""
    return scope.lower() if scope.lower().startswith("destination:0x") else scope


class HaltBook:
    """Halts and suspensions in force by id, in the order they came, and each operator's highest message number."""

    def __init__(self) -> None:
        self.halts: dict[str, Halt] = {}
        self.suspensions: dict[str, Suspension] = {}
        self.numbers: dict[str, int] = {}
        self.seen: set[str] = set()

    @property
    def suspended(self) -> frozenset[str]:
        """Who is suspended."""
        return frozenset(suspension.operator for suspension in self.suspensions.values())

    def halted(self, message: pb.HaltRecorded, now_ms: int) -> None:
        """Scopes are stopped."""
        self._new(message.halt_id)
        if not message.scopes:
            raise InvariantBroken(f"halt {message.halt_id} stops nothing")
        by, signature = SYSTEM, None
        if message.halt:
            by, signature = self._number_of_halt(message.halt), read_signature(message.signature)
        scopes = tuple(message.scopes)
        self.halts[message.halt_id] = Halt(
            message.halt_id, scopes, by, message.reason, now_ms, message.halt, signature
        )

    def _number_of_halt(self, body: bytes) -> str:
        try:
            halt = statements.parse_halt(body)
        except Malformed as error:
            raise InvariantBroken(f"a record holds a halt that cannot be read: {error}") from None
        self._take_number(halt.operator, halt.number)
        return halt.operator

    def suspended_operator(self, message: pb.SuspensionRecorded, now_ms: int) -> None:
        """An operator's approvals stop counting."""
        self._new(message.halt_id)
        try:
            body = statements.parse_suspend(message.suspend)
        except Malformed as error:
            raise InvariantBroken(f"a record holds a suspension that cannot be read: {error}") from None
        if body.operator != message.operator:
            raise InvariantBroken(f"suspension {message.halt_id} names two operators")
        self._take_number(body.by, body.number)
        signature = read_signature(message.signature)
        self.suspensions[message.halt_id] = Suspension(
            message.halt_id, body.operator, body.by, body.reason, now_ms, message.suspend, signature
        )

    def cancelled_pending(self, body: bytes) -> None:
        """A cancellation used up its operator's number."""
        try:
            cancel = statements.parse_cancel_pending(body)
        except Malformed as error:
            raise InvariantBroken(f"a record holds a cancellation that cannot be read: {error}") from None
        self._take_number(cancel.operator, cancel.number)

    def lifted(self, message: pb.HaltLifted) -> None:
        """A quorum ended one; a signer's own halt is known to that signer alone."""
        known = self.halts.pop(message.halt_id, None) or self.suspensions.pop(message.halt_id, None)
        if known is None and not message.halt_id.startswith("signer/"):
            raise InvariantBroken(f"halt {message.halt_id} is not in force")

    def _new(self, halt_id: str) -> None:
        if not halt_id or halt_id in self.seen:
            raise InvariantBroken(f"halt {halt_id} is there already")
        self.seen.add(halt_id)

    def _take_number(self, operator: str, number: int) -> None:
        if number <= self.numbers.get(operator, 0):
            raise InvariantBroken(f"operator {operator}: message number {number} is not above the last")
        self.numbers[operator] = number

    def canonical(self) -> object:
        """The same for the same stops, for the state's hash."""
        halts = [self.halts[key] for key in sorted(self.halts)]
        suspensions = [self.suspensions[key] for key in sorted(self.suspensions)]
        return {
            "halts": halts,
            "suspensions": suspensions,
            "numbers": self.numbers,
            "seen": sorted(self.seen),
        }
