"""Typed, strict reading of one TOML table: every refusal names the key's path, and a key nobody read is refused."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, TypeVar

from custody.errors import Malformed
from custody.model.money import parse_amount

T = TypeVar("T")

MAX_ITEMS = 4096
"""Far above any table of a real policy; bounds what a file can make a process do."""

_ID = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_DURATION = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d)", re.ASCII)
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_SHARE = re.compile(r"0\.[0-9]{1,9}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]*", re.ASCII)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Reader:
    """One table and its path. Each method reads one key, required unless its name says otherwise."""

    def __init__(self, table: object, path: str) -> None:
        if not isinstance(table, dict):
            raise Malformed(path, "must be a table")
        self._table: dict[str, Any] = table
        self._path = path
        self._read: set[str] = set()

    def path(self, key: str) -> str:
        """The key's path in the file."""
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._table

    def close(self) -> None:
        """Refuse keys that nobody read."""
        for key in self._table:
            if key not in self._read:
                raise Malformed(self.path(key), "unknown key")

    def value(self, key: str, kind: type[T], what: str) -> T:
        """The key's value, exactly of this type."""
        self._read.add(key)
        if key not in self._table:
            raise Malformed(self.path(key), "is missing")
        found = self._table[key]
        if type(found) is not kind:
            raise Malformed(self.path(key), f"must be {what}")
        return found

    def text(self, key: str, form: re.Pattern[str], what: str) -> str:
        """A string of this form, whole."""
        found = self.value(key, str, "a string")
        if form.fullmatch(found) is None:
            raise Malformed(self.path(key), f"must be {what}")
        return found

    def string(self, key: str) -> str:
        """A string whose form somebody else checks."""
        return self.value(key, str, "a string")

    def name(self, key: str) -> str:
        """An id of policy."""
        return self.text(key, _ID, "1 to 64 of a-z, 0-9 and -")

    def names(self, key: str, *, empty: bool = False) -> tuple[str, ...]:
        """Ids, each once."""
        found = self.value(key, list, "a list of strings")
        self._items(key, found, empty)
        for index, item in enumerate(found):
            if not isinstance(item, str) or _ID.fullmatch(item) is None:
                raise Malformed(f"{self.path(key)}[{index}]", "must be 1 to 64 of a-z, 0-9 and -")
            if item in found[:index]:
                raise Malformed(f"{self.path(key)}[{index}]", "occurs twice")
        return tuple(found)

    def choices(self, key: str, allowed: Sequence[str]) -> tuple[str, ...]:
        """Some of these words, each once, at least one."""
        found = self.value(key, list, "a list of strings")
        self._items(key, found, False)
        for index, item in enumerate(found):
            if not isinstance(item, str) or item not in allowed:
                raise Malformed(f"{self.path(key)}[{index}]", f"must be one of {', '.join(allowed)}")
            if item in found[:index]:
                raise Malformed(f"{self.path(key)}[{index}]", "occurs twice")
        return tuple(found)

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of these words."""
        found = self.value(key, str, "a string")
        if found not in allowed:
            raise Malformed(self.path(key), f"must be one of {', '.join(allowed)}")
        return found

    def number(self, key: str, least: int, most: int) -> int:
        """An integer within bounds."""
        found = self.value(key, int, "an integer")
        if not least <= found <= most:
            raise Malformed(self.path(key), f"must be from {least} to {most}")
        return found

    def amount(self, key: str, *, zero: bool = False) -> int:
        """Base units as a decimal string, above zero unless `zero`."""
        try:
            found = parse_amount(self.value(key, str, "a string of base units, decimal"))
        except Malformed as error:
            raise Malformed(self.path(key), error.reason) from None
        if found == 0 and not zero:
            raise Malformed(self.path(key), "must be above zero")
        return found

    def duration(self, key: str, least_ms: int, most_ms: int) -> int:
        """A duration such as `24h`, in ms."""
        found = self.text(key, _DURATION, "a number followed by s, m, h or d")
        length = int(found[:-1]) * _UNIT_MS[found[-1]]
        if not least_ms <= length <= most_ms:
            raise Malformed(self.path(key), f"must be from {least_ms} to {most_ms} ms, not {length}")
        return length

    def duration_or(self, word: str, key: str, least_ms: int, most_ms: int) -> int | None:
        """A duration in ms, or None for the one word that stands for no end."""
        if self._table.get(key) == word:
            self.value(key, str, "a string")
            return None
        return self.duration(key, least_ms, most_ms)

    def time(self, key: str) -> int:
        """A UTC time such as `2026-01-01T00:00:00Z`, in unix ms."""
        found = self.text(key, _TIME, "a UTC time such as 2026-01-01T00:00:00Z")
        try:
            moment = datetime.datetime.fromisoformat(found)
        except ValueError:
            raise Malformed(self.path(key), "must be a time of the calendar") from None
        elapsed = moment - _EPOCH
        if elapsed <= datetime.timedelta(0):
            raise Malformed(self.path(key), "must be after 1970")
        return elapsed // datetime.timedelta(milliseconds=1)

    def share(self, key: str) -> Fraction:
        """A share above 0 and below 1 as a decimal string."""
        found = Fraction(self.text(key, _SHARE, "a decimal below 1 such as 0.02"))
        if found == 0:
            raise Malformed(self.path(key), "must be above zero")
        return found

    def hex(self, key: str, length: int | None, prefix: str = "") -> bytes:
        """Bytes in lower-case hex; `length` None for any but none."""
        found = self.string(key)
        digits = found.removeprefix(prefix)
        if not found.startswith(prefix) or _HEX.fullmatch(digits) is None or len(digits) % 2 or not digits:
            raise Malformed(self.path(key), f"must be {prefix or 'lower-case'} hex")
        if length is not None and len(digits) != 2 * length:
            raise Malformed(self.path(key), f"must be {length} bytes in hex")
        return bytes.fromhex(digits)

    @contextmanager
    def table(self, key: str) -> Iterator[Reader]:
        """A table inside, refused on leaving if it has keys that nobody read."""
        inner = Reader(self.value(key, dict, "a table"), self.path(key))
        yield inner
        inner.close()

    def tables(self, key: str, read: Callable[[Reader], T], *, empty: bool = False) -> tuple[T, ...]:
        """What `read` makes of each table of a list; `empty`: there may be none."""
        if empty and not self.has(key):
            return ()
        found = self.value(key, list, "a list of tables")
        self._items(key, found, empty)
        result = []
        for index, item in enumerate(found):
            inner = Reader(item, f"{self.path(key)}[{index}]")
            result.append(read(inner))
            inner.close()
        return tuple(result)

    def _items(self, key: str, found: list[Any], empty: bool) -> None:
        if not found and not empty:
            raise Malformed(self.path(key), "must not be empty")
        if len(found) > MAX_ITEMS:
            raise Malformed(self.path(key), f"must not have more than {MAX_ITEMS} items")
