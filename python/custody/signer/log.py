"""The signer's log: a fact is durable before anything is done about it, and the state is what its rows say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

from google.protobuf.message import Message

from custody.errors import CustodyError, JournalError
from custody.ports import Head, Journal
from custody.signer.records import head_of, seal, unseal
from custody.signer.state import SignerState

_PAGE: Final = 1_000
"""Rows read at a time on replay."""


class SignerLog:
    """One journal and the state that it makes. Every call but `head` needs the signer's lock."""

    def __init__(
        self, journal: Journal, state: SignerState, start_hash: bytes, on_fatal: Callable[[str], None]
    ) -> None:
        """Replay the journal into `state`; `start_hash` is what row 1 must follow.

        Raises InvariantBroken for a journal of another deployment or signer, or one that was changed.
        `on_fatal` is called once when an append fails: the process must stop, since the outcome is unknown.
        """
        self._journal = journal
        self._state = state
        self._on_fatal = on_fatal
        self._broken = ""
        self._head = Head(sequence=0, epoch=0, hash=start_hash)
        while rows := journal.read(self._head.sequence, _PAGE):
            for row in rows:
                state.apply(unseal(self._head, row))
                self._head = head_of(row)

    @property
    def head(self) -> Head:
        """The newest row."""
        return self._head

    @property
    def next_sequence(self) -> int:
        """The sequence that the next row will have."""
        return self._head.sequence + 1

    def append(self, message: Message, now_ms: int, principal: str = "system") -> int:
        """Make one fact durable, then true; return its sequence. `now_ms` is guarded time: it never goes back.

        Raises JournalError, now and ever after, when it may not be durable.
        """
        if self._broken:
            self._fail(self._broken)
        state = self._state
        row = seal(
            self._head,
            max(self._head.epoch, state.start_counter, 1),
            now_ms,
            principal,
            state.governance.policy.hash,
            message,
        )
        # Whatever goes wrong from here on, what is durable and what is believed may differ.
        try:
            self._journal.append([row])
            entry = unseal(self._head, row)
            self._head = head_of(row)
            state.apply(entry)
        except CustodyError as error:
            self._stop(str(error))
        except Exception as error:
            self._stop(f"unexpected {type(error).__name__}: {error}")
        return row.sequence

    def _stop(self, reason: str) -> NoReturn:
        self._broken = reason
        self._on_fatal(reason)
        self._fail(reason)

    def _fail(self, reason: str) -> NoReturn:
        raise JournalError("the signer's log", f"{reason}; this process signs nothing more")
