"""Takes signed withdrawals: checked in the caller's thread, decided by the writer, answered once they are durable."""

from __future__ import annotations

from collections.abc import Callable

from custody.ledger import prepare
from custody.services.forgetting import OldAnswers
from custody.services.writer import Busy, Writer

__all__ = ["Intake"]

_TRIES = 4  # keys and policy change a few times a year; more in a row than this is no change of policy


class Intake:
    """The batch path. Bytes in, bytes out: no item is ever touched here."""

    def __init__(self, writer: Writer, salt: Callable[[], bytes], old: OldAnswers) -> None:
        """`salt` gives 32 fresh random bytes for the metadata's hashes."""
        self._writer = writer
        self._salt = salt
        self._old = old

    def submit(self, request: bytes, initiator: str) -> bytes:
        """Answer a SubmitWithdrawalsRequest's bytes with a SubmitWithdrawalsResponse's.

        Raises `Malformed` when the request as a whole cannot be read, `Busy` when it was not taken.
        """
        rulebook = self._writer.rulebook
        for _ in range(_TRIES):
            rules, version = rulebook.rules, rulebook.keyring.version
            prepared = prepare(request, initiator, rules, rulebook.keyring, self._salt())
            for _ in range(_TRIES):
                self._old.ask(rulebook.ledger, prepared)
                reply = self._writer.submit(prepared)
                if not reply.stale:
                    return reply.response
                if rulebook.rules is not rules or rulebook.keyring.version != version:
                    break
        raise Busy("intake", "keys, policy or memory are changing; try again")
