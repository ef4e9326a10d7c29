"""What SQLite adds to the contract: durability that is checked, one process at a time, and files that are refused."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from custody import statements
from custody.adapters import sqlite_checkpoint
from custody.adapters.sqlite_journal import SCHEMA_VERSION, SqliteJournal
from custody.errors import JournalError
from custody.ports import Head, Row

DEPLOYMENT = bytes(range(32))
NAME = "server/main"


def open_(path: Path, name: str = NAME, deployment: bytes = DEPLOYMENT) -> SqliteJournal:
    return SqliteJournal(path, name, deployment)


def row_after(head: Head, record: bytes = b"a record") -> Row:
    root = statements.tree_hash([record])
    digest = statements.row_hash(head.hash, head.sequence + 1, 1, 10, root)
    return Row(head.sequence + 1, 1, 10, head.hash, root, digest, record)


def made(path: Path, rows: int = 1) -> Head:
    journal = open_(path)
    for _ in range(rows):
        journal.append([row_after(journal.head())])
    head = journal.head()
    journal.close()
    return head


def test_what_was_appended_is_there_after_reopening(tmp_path: Path) -> None:
    head = made(tmp_path / "j.db", rows=3)
    again = open_(tmp_path / "j.db")
    assert again.head() == head
    assert len(again.read(0, 10)) == 3
    again.close()


def test_the_file_and_its_lock_are_private(tmp_path: Path) -> None:
    made(tmp_path / "j.db")
    assert (tmp_path / "j.db").stat().st_mode & 0o077 == 0
    assert (tmp_path / "j.db.lock").stat().st_mode & 0o077 == 0


def test_a_second_opening_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    first = open_(tmp_path / "j.db")
    with pytest.raises(JournalError, match="in use by another process"):
        open_(tmp_path / "j.db")
    first.close()
    open_(tmp_path / "j.db").close()


HOLDER = """
import sys
from pathlib import Path
from custody.adapters.sqlite_journal import SqliteJournal
journal = SqliteJournal(Path(sys.argv[1]), "server/main", bytes(range(32)))
print("open", flush=True)
sys.stdin.read()
"""


def test_another_process_is_kept_out_and_a_killed_one_keeps_nobody_out(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "j.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(JournalError, match="in use by another process"):
            open_(tmp_path / "j.db")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    open_(tmp_path / "j.db").close()


@pytest.mark.parametrize(
    "pragma", ["user_version = 99", "user_version = 0", "application_id = 7", "journal_mode = DELETE"]
)
def test_a_file_that_is_newer_or_not_ours_or_less_durable_is_refused(tmp_path: Path, pragma: str) -> None:
    made(tmp_path / "j.db")
    connection = sqlite3.connect(tmp_path / "j.db")
    connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.commit()
    connection.close()
    with pytest.raises(JournalError, match=pragma.split(" ")[0]):
        open_(tmp_path / "j.db")


def test_another_page_size_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "j.db")
    connection = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    connection.execute("PRAGMA page_size = 8192")
    connection.execute("VACUUM")
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.close()
    with pytest.raises(JournalError, match="page_size"):
        open_(tmp_path / "j.db")


def test_every_connection_that_writes_syncs_fully(tmp_path: Path) -> None:
    journal = open_(tmp_path / "j.db")
    settings = [
        journal._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
    ]
    journal.close()
    assert settings == [2, "wal"]


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "j.db")
    connection.execute("CREATE TABLE rows (a)")
    connection.close()
    with pytest.raises(JournalError, match="not a journal"):
        open_(tmp_path / "j.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "j.db").write_bytes(b"This is no database at all, it is only a text of some length." * 100)
    with pytest.raises(JournalError, match="cannot be used"):
        open_(tmp_path / "j.db")


@pytest.mark.parametrize(("name", "deployment"), [("server/other", DEPLOYMENT), (NAME, bytes(32))])
def test_a_journal_of_another_name_or_deployment_is_refused(
    tmp_path: Path, name: str, deployment: bytes
) -> None:
    made(tmp_path / "j.db")
    with pytest.raises(JournalError, match="another deployment"):
        open_(tmp_path / "j.db", name, deployment)


def test_after_a_failed_append_nothing_more_is_written(tmp_path: Path) -> None:
    journal = open_(tmp_path / "j.db")
    row = row_after(journal.head())
    journal._writer.execute("PRAGMA query_only = ON")  # as a full disk or a lost file system would refuse it
    with pytest.raises(JournalError, match="append failed"):
        journal.append([row])
    journal._writer.execute("PRAGMA query_only = OFF")
    with pytest.raises(JournalError, match="closed"):
        journal.append([row])
    journal.close()


def test_a_path_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be made"):
        open_(tmp_path / "file" / "j.db")


def test_the_write_ahead_log_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_checkpoint, "_EVERY_BYTES", 256 * 1024)
    monkeypatch.setattr(sqlite_checkpoint, "_LARGEST_BYTES", 1024 * 1024)
    journal = open_(tmp_path / "j.db")
    for _ in range(200):
        journal.append([row_after(journal.head(), os.urandom(64 * 1024))])
    size = (tmp_path / "j.db-wal").stat().st_size
    rows = len(journal.read(0, 1000))
    journal.close()
    assert rows == 200
    assert size < 4 * 1024 * 1024  # 12.8 MiB were written


def test_the_version_is_what_the_file_says(tmp_path: Path) -> None:
    made(tmp_path / "j.db")
    connection = sqlite3.connect(tmp_path / "j.db")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert found == SCHEMA_VERSION == 1


def test_a_file_with_a_trigger_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "j.db")
    with sqlite3.connect(tmp_path / "j.db") as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON rows BEGIN DELETE FROM rows; END")
    connection.close()
    with pytest.raises(JournalError, match="schema"):
        open_(tmp_path / "j.db")


def test_another_name_of_the_same_file_is_in_use_too(tmp_path: Path) -> None:
    first = open_(tmp_path / "j.db")
    (tmp_path / "other.db").symlink_to(tmp_path / "j.db")
    with pytest.raises(JournalError, match="in use by another process"):
        open_(tmp_path / "other.db")
    first.close()
