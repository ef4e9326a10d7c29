"""The journal in SQLite: one STRICT table, durable before `append` returns, one process at a time.

What makes a row durable (WAL with synchronous=FULL) is checked when the file is opened; anything less is refused.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from custody import statements
from custody.adapters.sqlite_checkpoint import Checkpointer
from custody.errors import JournalError, NotFound
from custody.ports import Head, Row, RowFields

__all__ = ["SqliteJournal"]

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x43757374  # "Cust"
_PAGE_SIZE = 4096
_BUSY_TIMEOUT_S = 5.0
_READ_LIMIT = 100_000  # rows; nobody may ask for an unbounded answer

_SCHEMA = """
CREATE TABLE rows (
    sequence  INTEGER PRIMARY KEY,
    epoch     INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    prev_hash BLOB NOT NULL CHECK (length(prev_hash) = 32),
    root      BLOB NOT NULL CHECK (length(root) = 32),
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    record    BLOB NOT NULL
) STRICT
"""
_COLUMNS = "sequence, epoch, kind, prev_hash, root, hash, record"


class SqliteJournal:
    """A journal in one SQLite file; see `custody.ports.Journal`.

    `name` and `deployment` fix the hash that row 1 follows, so a file of another journal or deployment is refused.
    Appends come from one thread at a time, reads from any.
    """

    def __init__(self, path: Path, name: str, deployment: bytes) -> None:
        """Open or make the file. Raises `JournalError` when it is in use, damaged, newer, or not durable enough."""
        self.name = name
        self._path = path
        self._start = statements.journal_start(deployment, name)
        self._local = threading.local()
        self._guard = threading.Lock()
        self._open: list[sqlite3.Connection] = []
        self._closed = False
        self._lock_file = _lock(path)
        try:
            self._writer = self._connect()
            _prepare(self._writer, path)
            self._head = self._read_head()
            self._check_beginning()
            self._checkpointer = Checkpointer(path, self._connect)
        except BaseException:
            self._shut()
            raise

    def head(self) -> Head:
        """The newest durable row."""
        return self._head

    def append(self, rows: Sequence[Row]) -> None:
        """Store rows in one durable transaction; see `custody.ports.Journal.append`."""
        if self._closed:
            raise JournalError(self.name, "the journal is closed")
        if not rows:
            return
        head = self._extend(rows)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany(
                f"INSERT INTO rows ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(r.sequence, r.epoch, r.kind, r.prev_hash, r.root, r.hash, r.record) for r in rows],
            )
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            self._closed = True  # what happened is unknown: nothing more is written through this object
            raise JournalError(self.name, f"append failed: {error}") from error
        self._head = head
        self._checkpointer.appended(self._writer, sum(len(row.record) for row in rows))

    def read(self, after: int, limit: int) -> list[Row]:
        """At most `limit` rows above `after`, ascending."""
        sql = f"SELECT {_COLUMNS} FROM rows WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return [Row(*row) for row in self._query(sql, (after, min(limit, _READ_LIMIT)))]

    def fields(self, after: int, limit: int) -> list[RowFields]:
        """As `read`, without the records."""
        sql = "SELECT sequence, epoch, kind, root FROM rows WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return [RowFields(*row) for row in self._query(sql, (after, min(limit, _READ_LIMIT)))]

    def get(self, sequence: int) -> Row:
        """One row. Raises `NotFound`."""
        found = self._query(f"SELECT {_COLUMNS} FROM rows WHERE sequence = ?", (sequence,))
        if not found:
            raise NotFound("journal row", str(sequence))
        return Row(*found[0])

    def close(self) -> None:
        """Close every connection and give the lock up."""
        if not self._closed:
            self._closed = True
        self._shut()

    def _extend(self, rows: Sequence[Row]) -> Head:
        head = self._head
        for row in rows:
            sound = (
                row.sequence == head.sequence + 1
                and row.epoch >= max(head.epoch, 1)
                and row.prev_hash == head.hash
                and row.hash
                == statements.row_hash(row.prev_hash, row.sequence, row.epoch, row.kind, row.root)
            )
            if not sound:
                raise JournalError(self.name, f"row {row.sequence} does not extend row {head.sequence}")
            head = Head(row.sequence, row.epoch, row.hash)
        return head

    def _query(self, sql: str, arguments: tuple[int, ...]) -> list[tuple]:  # type: ignore[type-arg]
        if self._closed:
            raise JournalError(self.name, "the journal is closed")
        try:
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
                connection.execute("PRAGMA query_only = ON")
            return connection.execute(sql, arguments).fetchall()
        except (sqlite3.Error, OverflowError) as error:
            raise JournalError(self.name, f"read failed: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise JournalError(str(self._path), f"cannot be opened: {error}") from error
        with self._guard:
            self._open.append(connection)
        return connection

    def _read_head(self) -> Head:
        try:
            row = self._writer.execute(
                "SELECT sequence, epoch, hash FROM rows ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
        except sqlite3.Error as error:
            raise JournalError(self.name, f"cannot be read: {error}") from error
        return Head(0, 0, self._start) if row is None else Head(*row)

    def _check_beginning(self) -> None:
        if self._head.sequence and self.get(1).prev_hash != self._start:
            raise JournalError(
                str(self._path),
                f"is the journal of another deployment, or not {self.name!r}: check genesis_hash",
            )

    def _shut(self) -> None:
        checkpointer = getattr(self, "_checkpointer", None)
        if checkpointer is not None:
            checkpointer.stop()
        with self._guard:
            for connection in self._open:
                connection.close()
            self._open.clear()
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1


def _lock(path: Path) -> int:
    """Hold `PATH.lock` for as long as the process lives; a dead process holds nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(f"{path.resolve()}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(str(path), f"cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise JournalError(str(path), "is in use by another process: stop that one first") from error
    return descriptor


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the schema in a new file, check it in an old one, and check what makes rows durable."""
    try:
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
            os.chmod(path, 0o600)
            connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        wanted = {
            "application_id": _APPLICATION_ID,
            "user_version": SCHEMA_VERSION,
            "journal_mode": "wal",
            "synchronous": 2,
            "page_size": _PAGE_SIZE,
            "auto_vacuum": 0,
        }
        for setting, value in wanted.items():
            found = connection.execute(f"PRAGMA {setting}").fetchone()[0]
            if found != value:
                why = {"application_id": "not a journal", "user_version": "made by another version"}
                raise JournalError(
                    str(path),
                    f"{why.get(setting, 'not durable as required')}: {setting} is {found}, not {value}",
                )
        made = connection.execute("SELECT type, name, trim(sql, char(10)) FROM sqlite_schema").fetchall()
        if made != [
            ("table", "rows", _SCHEMA.strip())
        ]:  # a trigger, say, would change rows as they are stored
            raise JournalError(str(path), "its schema is not what was made: restore it")
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise JournalError(str(path), "is damaged: restore it")
    except sqlite3.Error as error:
        raise JournalError(str(path), f"cannot be used: {error}") from error
