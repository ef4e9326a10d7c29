"""The machine's clocks: I/O only, no rule."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """The machine's two clocks, as they are; guarding them is the model's work."""

    def now_ms(self) -> int:
        """Wall clock, unix milliseconds; it may step."""

    def monotonic_ms(self) -> int:
        """Milliseconds since some fixed moment; never goes back, means nothing to another process."""
