"""Explains intents: what submitting one now would answer, from memory and from what left it; changes nothing."""

from __future__ import annotations

from custody import statements
from custody.errors import Malformed
from custody.ledger import reference_key
from custody.services.forgetting import Found, OldAnswers
from custody.services.writer import Busy, Writer

__all__ = ["Explainer"]

_TRIES = 4  # memory lets go once a second


class Explainer:
    """Safe to share between threads."""

    def __init__(self, writer: Writer, old: OldAnswers) -> None:
        """`old` knows what left the ledger's memory."""
        self._writer = writer
        self._old = old

    def explain(self, intent: bytes, initiator: str | None) -> bytes:
        """An ExplainWithdrawalResponse's bytes for an initiator, told what it may know; for people (None) everything.

        Raises `Busy` when memory changes under it again and again.
        """
        ledger = self._writer.rulebook.ledger
        principal, keys = initiator or "", []
        try:
            read = statements.parse_intent(intent)
        except Malformed:
            pass  # that is the answer
        else:
            principal = initiator or read.initiator
            if principal == read.initiator:
                keys = [reference_key(read.initiator, read.reference)]
        for _ in range(_TRIES):
            generation, found = self._old.look_up(ledger, keys)
            answer = self._ask(principal, intent, initiator is None, generation, found)
            if answer is not None:
                return answer
        raise Busy("explain", "memory is changing; try again")

    def _ask(
        self, principal: str, intent: bytes, everything: bool, generation: int, found: list[Found]
    ) -> bytes | None:
        return self._writer.read(
            lambda state: state.ledger.explain(
                principal,
                intent,
                state.now_ms,
                everything=everything,
                generation=generation,
                found=found,
            )
        )
