"""Clients' own words: what is kept matches the journal, and what is erased is in no file."""

from __future__ import annotations

from pathlib import Path

from custody.adapters.sqlite_metadata import SqliteMetadata

ID = bytes(16)
WORDS = b'{"note": "mind the gap between platform and train"}'


def test_words_are_there_after_reopening(tmp_path: Path) -> None:
    store = SqliteMetadata(tmp_path / "m.db")
    store.put([(ID, b"s" * 32, WORDS)])
    store.close()
    again = SqliteMetadata(tmp_path / "m.db")
    assert again.get(ID) == WORDS
    assert again.get(b"1" * 16) is None
    again.close()
    assert (tmp_path / "m.db").stat().st_mode & 0o077 == 0


def test_words_whose_row_was_lost_in_a_crash_give_way_to_those_of_the_row(tmp_path: Path) -> None:
    """The words are stored before the row: after a crash between the two the journal has another salted hash."""
    store = SqliteMetadata(tmp_path / "m.db")
    store.put([(ID, b"a" * 32, b'{"note": "lost"}')])
    store.put([(ID, b"b" * 32, WORDS)])
    found = store._connection.execute("SELECT salt, words FROM metadata").fetchall()
    store.close()
    assert found == [(b"b" * 32, WORDS)]


def test_what_is_erased_is_in_no_file(tmp_path: Path) -> None:
    store = SqliteMetadata(tmp_path / "m.db")
    store.put([(ID, b"salt" * 8, WORDS), (b"2" * 16, b"t" * 32, b"{}")])
    assert store.erase([ID, b"3" * 16]) == 1
    assert store.get(ID) is None and store.get(b"2" * 16) == b"{}"
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"mind the gap" not in kept and b"salt" * 8 not in kept
    store.close()
