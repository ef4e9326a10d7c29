"""Keeps a journal's write-ahead log small without making the writer wait: a second connection checkpoints it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

__all__ = ["Checkpointer"]

_EVERY_BYTES = 16 * 1024 * 1024
_LARGEST_BYTES = 256 * 1024 * 1024  # past this the writer itself waits for a checkpoint


class Checkpointer:
    """Moves the write-ahead log into the database after every 16 MiB; the log stays below about 256 MiB."""

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        self._log = Path(f"{path}-wal")
        self._connect = connect
        self._pending = 0
        self._due = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def appended(self, writer: sqlite3.Connection, size: int) -> None:
        """Count what was written; called by the appending thread with its own connection."""
        self._pending += size
        if self._pending < _EVERY_BYTES:
            return
        self._pending = 0
        with contextlib.suppress(OSError, sqlite3.Error):
            if os.path.getsize(self._log) > _LARGEST_BYTES:
                writer.execute("PRAGMA wal_checkpoint(RESTART)")
                return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)
            self._thread.start()
        self._due.set()

    def stop(self) -> None:
        """End the thread; what is in the log stays durable there."""
        self._stopped = True
        self._due.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        connection = self._connect()
        while True:
            self._due.wait()
            self._due.clear()
            if self._stopped:
                return
            with contextlib.suppress(sqlite3.Error):  # tried again after the next 16 MiB
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
