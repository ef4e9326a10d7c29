"""How long and how often the same bytes are sent again: bounded, exponential, with jitter so that clients spread."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from custody.errors import Unavailable

__all__ = ["Backoff", "retrying"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of `first_ms` doubling up to `longest_ms`, each between half and all of it, `budget_ms` in all."""

    first_ms: int = 100
    longest_ms: int = 5_000
    budget_ms: int = 60_000
    random: Callable[[], float] = field(default=random.random, repr=False)
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def pauses(self) -> Iterator[None]:
        """Sleep before every repetition; ends when another wait would go beyond the budget."""
        until = self.monotonic() + self.budget_ms / 1000
        wait_s = self.first_ms / 1000
        while True:
            pause_s = wait_s * (0.5 + self.random() / 2)
            if self.monotonic() + pause_s > until:
                return
            self.sleep(pause_s)
            yield
            wait_s = min(wait_s * 2, self.longest_ms / 1000)


def retrying(backoff: Backoff, call: Callable[[], T]) -> T:
    """Call until it does not raise Unavailable, or the budget is spent: then the last Unavailable is raised."""
    pauses = backoff.pauses()
    while True:
        try:
            return call()
        except Unavailable:
            try:
                next(pauses)
            except StopIteration:
                pass
            else:
                continue
            raise
