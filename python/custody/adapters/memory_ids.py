"""The ids that left the ledger's memory, in memory: for tests, and as the plainest writing of the port."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from custody.ports import IdMark, OldPlace

__all__ = ["MemoryIds"]


class MemoryIds:
    """See `custody.ports.IdStore`."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._places: dict[tuple[bytes, int], OldPlace] = {}
        self._mark = IdMark(0, b"")

    def put(self, places: Sequence[OldPlace], mark: IdMark | None = None) -> None:
        """Store places, and how far the journal is followed."""
        with self._lock:
            self._places |= {(place.key, place.attempt): place for place in places}
            self._mark = mark or self._mark

    def find(self, keys: Sequence[bytes]) -> list[OldPlace]:
        """All places of these references, by key and attempt."""
        with self._lock:
            return [place for (key, _), place in sorted(self._places.items()) if key in keys]

    def mark(self) -> IdMark:
        """How far the journal is followed."""
        return self._mark

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._places.clear()
            self._mark = IdMark(0, b"")

    def close(self) -> None:
        """Nothing to give up."""
