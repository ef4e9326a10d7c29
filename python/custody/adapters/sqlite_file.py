"""A SQLite file of ours beside the journal: opened or made, durable on commit, refused in any version but ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from custody.errors import JournalError

__all__ = ["open_file"]


def open_file(path: Path, schema: str, version: int, pragmas: Sequence[str] = ()) -> sqlite3.Connection:
    """Open the file, or make it with `schema` (statements between semicolons). Raises `JournalError`, and closes it.

    The caller begins and ends its transactions, and lets one thread at a time use the connection.
    """
    connection: sqlite3.Connection | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
        os.chmod(path, 0o600)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", *pragmas):
            connection.execute(f"PRAGMA {pragma}")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            connection.executescript(f"BEGIN EXCLUSIVE; {schema}; PRAGMA user_version = {version}; COMMIT")
        elif found != version:
            raise JournalError(str(path), f"made by another version: user_version is {found}")
        return connection
    except (OSError, sqlite3.Error) as error:
        _close(connection)
        raise JournalError(str(path), f"cannot be used: {error}") from error
    except JournalError:
        _close(connection)
        raise


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()
