"""Every store of old ids answers alike: in SQLite, and in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from custody.adapters.memory_ids import MemoryIds
from custody.adapters.sqlite_ids import SqliteIds
from custody.errors import JournalError
from custody.ports import IdMark, IdStore, OldPlace

A, B, C = (bytes([letter]) * 16 for letter in b"abc")


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IdStore]:
    makers: dict[str, Callable[[], IdStore]] = {
        "memory": MemoryIds,
        "sqlite": lambda: SqliteIds(tmp_path / "ids.db"),
    }
    made = makers[request.param]()
    yield made
    made.close()


def test_what_was_put_is_found_by_key_and_attempt(store: IdStore) -> None:
    places = [OldPlace(B, 2, 9, 1, 2), OldPlace(A, 1, 7, 8190, 1), OldPlace(B, 1, 8, 3, 3)]
    store.put(places)
    assert store.find([C, B, A, B]) == [places[1], places[2], places[0]]
    assert store.find([C]) == store.find([]) == []


def test_the_same_place_may_come_again(store: IdStore) -> None:
    """The server stopped between the store and the fact: the same references leave memory once more."""
    place = OldPlace(A, 1, 7, 1, 2)
    store.put([place])
    store.put([place], IdMark(12, b"h" * 32))
    assert store.find([A]) == [place]


def test_the_mark_moves_with_the_places_and_goes_with_them(store: IdStore) -> None:
    assert store.mark() == IdMark(0, b"")
    store.put([OldPlace(A, 1, 7, 1, 2)], IdMark(12, b"h" * 32))
    store.put([OldPlace(B, 1, 8, 1, 2)])
    assert store.mark() == IdMark(12, b"h" * 32)
    store.put((), IdMark(15, b"i" * 32))
    assert store.mark() == IdMark(15, b"i" * 32)
    store.clear()
    assert store.mark() == IdMark(0, b"")
    assert store.find([A, B]) == []


def test_more_keys_than_one_query_takes(store: IdStore) -> None:
    keys = [number.to_bytes(16) for number in range(1_201)]
    store.put([OldPlace(key, 1, 1, 1, 2) for key in keys])
    assert [place.key for place in store.find(keys)] == keys


def test_sqlite_keeps_it_in_a_file_of_its_owner(tmp_path: Path) -> None:
    store = SqliteIds(tmp_path / "ids.db")
    store.put([OldPlace(A, 1, 7, 1, 2)], IdMark(12, b"h" * 32))
    store.close()
    again = SqliteIds(tmp_path / "ids.db")
    assert (again.find([A]), again.mark()) == ([OldPlace(A, 1, 7, 1, 2)], IdMark(12, b"h" * 32))
    again.close()
    assert (tmp_path / "ids.db").stat().st_mode & 0o077 == 0
    with pytest.raises(JournalError):
        again.find([A])


def test_sqlite_refuses_another_version(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ids.db")
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(JournalError, match="another version"):
        SqliteIds(tmp_path / "ids.db")
