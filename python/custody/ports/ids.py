"""Where the ids are that left the ledger's memory: I/O only, no rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

__all__ = ["IdMark", "IdStore", "OldPlace"]


class OldPlace(NamedTuple):
    """Where the journal holds an old attempt: its reference's key (16 bytes), its row and leaf (from 1), its end.

    `state` is a number of `custody.api.journal.v1.ForgottenState`.
    """

    key: bytes
    attempt: int
    sequence: int
    leaf: int
    state: int


class IdMark(NamedTuple):
    """The newest journal row that the store follows, and its hash; 0 and empty for none."""

    sequence: int
    hash: bytes


class IdStore(Protocol):
    """An index over the journal: it can be deleted, and is filled again from the rows when the server starts.

    What it says is where to look. Only the journal says what was answered there.
    """

    def put(self, places: Sequence[OldPlace], mark: IdMark | None = None) -> None:
        """Store places in one transaction, durable on return; one may come again. `mark`: followed so far."""

    def find(self, keys: Sequence[bytes]) -> list[OldPlace]:
        """All places of these references, by key and attempt."""

    def mark(self) -> IdMark:
        """How far the journal is followed."""

    def clear(self) -> None:
        """Forget everything: another journal is followed, from its beginning."""

    def close(self) -> None:
        """Give the store up."""
