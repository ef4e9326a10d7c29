"""The network's price, asked at most once a second."""

from __future__ import annotations

from custody.ports import Clock, FeeQuote, Node

__all__ = ["Quotes"]

_FRESH_MS = 1_000


class Quotes:
    """One thread's view of a node's price."""

    def __init__(self, node: Node, clock: Clock) -> None:
        """Nothing is asked yet."""
        self._node = node
        self._clock = clock
        self._quote: FeeQuote | None = None
        self._asked_ms = 0

    def now(self) -> FeeQuote:
        """What to offer. Raises `Unavailable`."""
        now_ms = self._clock.monotonic_ms()
        if self._quote is None or now_ms >= self._asked_ms + _FRESH_MS:
            self._quote, self._asked_ms = self._node.quote(), now_ms
        return self._quote
