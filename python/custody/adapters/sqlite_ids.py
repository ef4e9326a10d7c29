"""The ids that left the ledger's memory, in SQLite: an index over the journal, in a file of its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from custody.adapters.sqlite_file import open_file
from custody.errors import JournalError
from custody.ports import IdMark, OldPlace

__all__ = ["SqliteIds"]

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE places (
    key      BLOB NOT NULL,
    attempt  INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    leaf     INTEGER NOT NULL,
    state    INTEGER NOT NULL,
    PRIMARY KEY (key, attempt)
) STRICT, WITHOUT ROWID;
CREATE TABLE mark (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL,
    hash     BLOB NOT NULL
) STRICT
"""
_ASKED_AT_ONCE = 500


class SqliteIds:
    """See `custody.ports.IdStore`. Any thread may call it. Errors are `JournalError`."""

    def __init__(self, path: Path) -> None:
        """Open or make the file."""
        self._name = str(path)
        self._lock = threading.Lock()
        self._connection = open_file(path, _SCHEMA, SCHEMA_VERSION)

    def put(self, places: Sequence[OldPlace], mark: IdMark | None = None) -> None:
        """Store places, and how far the journal is followed, durable on return."""
        try:
            with self._lock, self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?)", places)
                if mark is not None:
                    self._connection.execute("INSERT OR REPLACE INTO mark VALUES (1, ?, ?)", mark)
        except sqlite3.Error as error:
            raise JournalError(self._name, f"cannot be written: {error}") from error

    def find(self, keys: Sequence[bytes]) -> list[OldPlace]:
        """All places of these references, by key and attempt."""
        found: list[OldPlace] = []
        ordered = sorted(set(keys))
        try:
            with self._lock:
                for start in range(0, len(ordered), _ASKED_AT_ONCE):
                    some = ordered[start : start + _ASKED_AT_ONCE]
                    holes = ", ".join("?" * len(some))
                    query = f"SELECT * FROM places WHERE key IN ({holes}) ORDER BY key, attempt"
                    found += [OldPlace(*row) for row in self._connection.execute(query, some)]
        except sqlite3.Error as error:
            raise JournalError(self._name, f"cannot be read: {error}") from error
        return found

    def mark(self) -> IdMark:
        """How far the journal is followed."""
        try:
            with self._lock:
                row = self._connection.execute("SELECT sequence, hash FROM mark").fetchone()
        except sqlite3.Error as error:
            raise JournalError(self._name, f"cannot be read: {error}") from error
        return IdMark(0, b"") if row is None else IdMark(*row)

    def clear(self) -> None:
        """Forget everything."""
        try:
            with self._lock, self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute("DELETE FROM places")
                self._connection.execute("DELETE FROM mark")
        except sqlite3.Error as error:
            raise JournalError(self._name, f"cannot be written: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
