"""Clients' own words in SQLite, beside the journal that holds their salted hashes: what is erased here is gone."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from custody.adapters.sqlite_file import open_file
from custody.errors import JournalError

__all__ = ["SqliteMetadata"]

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE metadata (
    withdrawal_id BLOB PRIMARY KEY,
    salt          BLOB NOT NULL,
    words         BLOB NOT NULL
) STRICT, WITHOUT ROWID
"""


class SqliteMetadata:
    """See `custody.ports.MetadataStore`. Any thread may call it. Errors are `JournalError`."""

    def __init__(self, path: Path) -> None:
        """Open or make the file."""
        self._name = str(path)
        self._lock = threading.Lock()
        self._connection = open_file(path, _SCHEMA, SCHEMA_VERSION, ("secure_delete = ON",))

    def put(self, items: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        """Store `(withdrawal id, salt, metadata as JSON)`, durable on return; see `custody.ports.MetadataStore.put`."""
        try:
            with self._lock:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?, ?)", items)
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise JournalError(self._name, f"cannot be written: {error}") from error

    def get(self, withdrawal_id: bytes) -> bytes | None:
        """The JSON, or None."""
        try:
            with self._lock:
                row = self._connection.execute(
                    "SELECT words FROM metadata WHERE withdrawal_id = ?", (withdrawal_id,)
                ).fetchone()
        except sqlite3.Error as error:
            raise JournalError(self._name, f"cannot be read: {error}") from error
        return None if row is None else bytes(row[0])

    def erase(self, withdrawal_ids: Sequence[bytes]) -> int:
        """Forget words and salts, in the file and in its log; how many there were."""
        try:
            with self._lock:
                self._connection.execute("BEGIN IMMEDIATE")
                cursor = self._connection.executemany(
                    "DELETE FROM metadata WHERE withdrawal_id = ?", [(id_,) for id_ in withdrawal_ids]
                )
                self._connection.execute("COMMIT")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                return cursor.rowcount
        except sqlite3.Error as error:
            raise JournalError(self._name, f"cannot be written: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
