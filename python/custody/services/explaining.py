"""Explains intents: what submitting one now would answer, from memory and from what left it; changes nothing."""

from __future__ import annotations

import threading

from custody import statements
from custody.errors import Malformed
from custody.ledger import reference_key
from custody.services.commands import State
from custody.services.forgetting import Found, OldAnswers
from custody.services.writer import Busy, Writer

__all__ = ["Explainer"]

_TRIES = 4  # memory lets go once a second
_AT_ONCE = (
    4  # each asks every limit, between the writer's groups: a flood of questions delays payments by no more
)
_PATIENCE_S = 1.0


class Explainer:
    """Safe to share between threads."""

    def __init__(self, writer: Writer, old: OldAnswers) -> None:
        """`old` knows what left the ledger's memory."""
        self._writer = writer
        self._old = old
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def explain(self, intent: bytes, initiator: str | None) -> tuple[bytes, int]:
        """An ExplainWithdrawalResponse's bytes for an initiator, told what it may know; for people (None) everything.

        And the row that it is as of. Raises `Busy` when memory changes under it again and again, or too many ask.
        """
        if not self._turns.acquire(timeout=_PATIENCE_S):
            raise Busy("explain", "as many are explained as may be at once; try again")
        try:
            return self._explain(intent, initiator)
        finally:
            self._turns.release()

    def _explain(self, intent: bytes, initiator: str | None) -> tuple[bytes, int]:
        ledger = self._writer.rulebook.ledger
        principal, attempt = initiator or "", 0
        key: bytes | None = None
        try:
            read = statements.parse_intent(intent)
        except Malformed:
            pass  # that is the answer
        else:
            principal = initiator or read.initiator
            if principal == read.initiator:
                key, attempt = reference_key(read.initiator, read.reference), read.attempt
        for _ in range(_TRIES):
            generation, found = self._old.look_up(ledger, key, attempt)
            answer, as_of = self._ask(principal, intent, initiator is None, generation, found)
            if answer is not None:
                return answer, as_of
        raise Busy("explain", "memory is changing; try again")

    def _ask(
        self, principal: str, intent: bytes, everything: bool, generation: int, found: list[Found]
    ) -> tuple[bytes | None, int]:
        def read(state: State) -> tuple[bytes | None, int]:
            answer = state.ledger.explain(
                principal,
                intent,
                state.now_ms,
                everything=everything,
                generation=generation,
                found=found,
            )
            return answer, state.next_sequence - 1

        return self._writer.read(read)
