"""What every journal adapter must do, whatever it stores in."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from custody import statements
from custody.adapters.memory_journal import MemoryJournal
from custody.adapters.sqlite_journal import SqliteJournal
from custody.errors import JournalError, NotFound
from custody.ports import Head, Journal, Row

DEPLOYMENT = bytes(range(32))
Open = Callable[[], Journal]


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    opened: Journal
    if request.param == "memory":
        opened = MemoryJournal("server/main", DEPLOYMENT)
    else:
        opened = SqliteJournal(tmp_path / "journal.db", "server/main", DEPLOYMENT)
    yield opened
    opened.close()


def row_after(head: Head, *, epoch: int = 1, kind: int = 10, record: bytes = b"a record") -> Row:
    root = statements.tree_hash([record])
    digest = statements.row_hash(head.hash, head.sequence + 1, epoch, kind, root)
    return Row(head.sequence + 1, epoch, kind, head.hash, root, digest, record)


def rows_after(head: Head, count: int, *, epoch: int = 1) -> list[Row]:
    rows = []
    for number in range(count):
        rows.append(row_after(head, epoch=epoch, record=b"record %d" % number))
        head = Head(rows[-1].sequence, epoch, rows[-1].hash)
    return rows


def test_an_empty_journal_begins_at_the_hash_of_its_deployment_and_name(journal: Journal) -> None:
    assert journal.head() == Head(0, 0, statements.journal_start(DEPLOYMENT, "server/main"))
    assert journal.read(0, 10) == []
    assert journal.fields(0, 10) == []
    with pytest.raises(NotFound):
        journal.get(1)
    with pytest.raises(NotFound):
        journal.get(0)


def test_rows_come_back_as_they_were_given(journal: Journal) -> None:
    rows = rows_after(journal.head(), 5)
    journal.append(rows[:2])
    journal.append(rows[2:])
    assert journal.head() == Head(5, 1, rows[-1].hash)
    assert journal.read(0, 100) == rows
    assert journal.read(2, 2) == rows[2:4]
    assert journal.read(5, 2) == []
    assert journal.get(3) == rows[2]
    fields = journal.fields(3, 10)
    assert [(f.sequence, f.epoch, f.kind, f.root) for f in fields] == [
        (row.sequence, row.epoch, row.kind, row.root) for row in rows[3:]
    ]


def test_appending_nothing_changes_nothing(journal: Journal) -> None:
    before = journal.head()
    journal.append([])
    assert journal.head() == before


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 4},
        {"sequence": 2},
        {"epoch": 1},
        {"kind": 11},
        {"prev_hash": bytes(32)},
        {"root": bytes(32)},
        {"hash": bytes(32)},
    ],
)
def test_a_row_that_does_not_extend_the_head_is_refused_with_its_whole_group(
    journal: Journal, change: dict[str, object]
) -> None:
    journal.append(rows_after(journal.head(), 2, epoch=2))
    head = journal.head()
    good = row_after(head, epoch=2)
    bad = dataclasses.replace(good, **change)  # type: ignore[arg-type]
    after = row_after(Head(good.sequence, 2, good.hash), epoch=2)
    for group in ([bad], [good, dataclasses.replace(after, **change)]):  # type: ignore[arg-type]
        if group[-1] == after:
            continue
        with pytest.raises(JournalError):
            journal.append(group)
    assert journal.head() == head
    assert len(journal.read(0, 100)) == 2
    journal.append([good])  # a refused group costs nothing
    assert journal.head().sequence == 3


def test_epochs_begin_at_one_and_never_fall(journal: Journal) -> None:
    with pytest.raises(JournalError):
        journal.append([row_after(journal.head(), epoch=0)])
    journal.append([row_after(journal.head(), epoch=3)])
    with pytest.raises(JournalError):
        journal.append([row_after(journal.head(), epoch=2)])
    journal.append([row_after(journal.head(), epoch=3)])
    journal.append([row_after(journal.head(), epoch=9)])
    assert journal.head()[:2] == (3, 9)


def test_records_of_any_size_up_to_a_full_batch_are_kept(journal: Journal) -> None:
    large = bytes(range(256)) * 65_536  # 16 MiB
    journal.append([row_after(journal.head(), record=b"\x00")])
    journal.append([row_after(journal.head(), record=large)])
    assert journal.get(1).record == b"\x00"
    assert journal.get(2).record == large


def test_readers_in_other_threads_see_whole_groups_in_order(journal: Journal) -> None:
    done = threading.Event()
    seen: list[list[int]] = []
    errors: list[BaseException] = []

    def follow() -> None:
        after, mine = 0, []
        try:
            while not done.is_set() or after < journal.head().sequence:
                for row in journal.read(after, 7):
                    mine.append(row.sequence)
                    after = row.sequence
        except BaseException as error:
            errors.append(error)
        seen.append(mine)

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        journal.append(rows_after(journal.head(), 3))
    done.set()
    for thread in threads:
        thread.join(timeout=30)
    assert errors == []
    assert seen == [list(range(1, 301))] * 3


def test_a_closed_journal_refuses_every_call(journal: Journal) -> None:
    journal.append([row_after(journal.head())])
    row = row_after(journal.head())
    journal.close()
    with pytest.raises(JournalError):
        journal.append([row])
    with pytest.raises(JournalError):
        journal.read(0, 1)
    with pytest.raises(JournalError):
        journal.fields(0, 1)
    with pytest.raises(JournalError):
        journal.get(1)
