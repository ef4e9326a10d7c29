"""The journal in memory, for tests: the same refusals as the durable ones, and gone with the process."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from custody import statements
from custody.errors import JournalError, NotFound
from custody.ports import Head, Row, RowFields

__all__ = ["MemoryJournal"]


class MemoryJournal:
    """See `custody.ports.Journal`. It is held to the same contract tests as the durable adapters."""

    def __init__(self, name: str, deployment: bytes) -> None:
        """Begin empty."""
        self.name = name
        self._rows: list[Row] = []
        self._head = Head(0, 0, statements.journal_start(deployment, name))
        self._lock = threading.Lock()
        self._closed = False

    def head(self) -> Head:
        """The newest row."""
        return self._head

    def append(self, rows: Sequence[Row]) -> None:
        """Keep rows that extend the head, all or none."""
        self._opened()
        head = self._head
        for row in rows:
            digest = statements.row_hash(head.hash, row.sequence, row.epoch, row.kind, row.root)
            follows = row.sequence == head.sequence + 1 and row.epoch >= max(head.epoch, 1)
            if not follows or row.prev_hash != head.hash or row.hash != digest:
                raise JournalError(self.name, f"row {row.sequence} does not extend row {head.sequence}")
            head = Head(row.sequence, row.epoch, row.hash)
        with self._lock:
            self._rows.extend(rows)
            self._head = head

    def read(self, after: int, limit: int) -> list[Row]:
        """At most `limit` rows above `after`, ascending."""
        self._opened()
        with self._lock:
            return self._rows[max(after, 0) : max(after, 0) + max(limit, 0)]

    def fields(self, after: int, limit: int) -> list[RowFields]:
        """As `read`, without the records."""
        return [RowFields(row.sequence, row.epoch, row.kind, row.root) for row in self.read(after, limit)]

    def get(self, sequence: int) -> Row:
        """One row. Raises `NotFound`."""
        rows = self.read(sequence - 1, 1) if sequence > 0 else []
        if not rows:
            raise NotFound("journal row", str(sequence))
        return rows[0]

    def close(self) -> None:
        """Refuse every call from now on."""
        self._closed = True

    def _opened(self) -> None:
        if self._closed:
            raise JournalError(self.name, "the journal is closed")
