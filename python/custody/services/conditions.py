"""What keeps money from moving right now, as the workers last saw it: blockers for people, and the server's health.

Nothing here is durable and no rule reads it: it explains, it never decides.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Condition", "ConditionKind", "Conditions"]


class ConditionKind(StrEnum):
    """Why something waits; `WORKER` is a failure that no withdrawal waits for by name."""

    FEE_ABOVE_CAP = "FEE_ABOVE_CAP"
    SIGNER_DOWN = "SIGNER_DOWN"
    SIGNER_REFUSES = "SIGNER_REFUSES"
    NODE_DOWN = "NODE_DOWN"
    HOUSE_EMPTY = "HOUSE_EMPTY"
    CAP_REACHED = "CAP_REACHED"
    WORKER = "WORKER"


_UNHEALTHY = frozenset({ConditionKind.SIGNER_DOWN, ConditionKind.NODE_DOWN, ConditionKind.WORKER})


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that waits. `subject` is a wallet, a network, a signer or a worker; `detail` is for people."""

    kind: ConditionKind
    subject: str
    tag: str
    detail: str = ""


class Conditions:
    """Safe to share between threads. One entry for each kind and subject."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: dict[tuple[ConditionKind, str], Condition] = {}

    def set(self, kind: ConditionKind, subject: str, tag: str, detail: str = "") -> None:
        """From now on this holds."""
        with self._lock:
            self._now[kind, subject] = Condition(kind, subject, tag, detail)

    def clear(self, kind: ConditionKind, subject: str) -> None:
        """This holds no longer."""
        with self._lock:
            self._now.pop((kind, subject), None)

    def get(self, kind: ConditionKind, subject: str) -> Condition | None:
        """The condition, if it holds."""
        with self._lock:
            return self._now.get((kind, subject))

    def all(self) -> tuple[Condition, ...]:
        """Everything that holds, by kind and subject."""
        with self._lock:
            return tuple(self._now[key] for key in sorted(self._now))

    def problems(self) -> tuple[str, ...]:
        """One sentence for each condition that makes the server unfit to serve; () when it is well."""
        return tuple(
            f"{condition.subject}: {condition.detail or condition.tag}"
            for condition in self.all()
            if condition.kind in _UNHEALTHY
        )
