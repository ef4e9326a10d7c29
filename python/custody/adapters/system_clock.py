"""The machine's own clocks; nothing else in the server or the signer reads them."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    """See `custody.ports.Clock`."""

    def now_ms(self) -> int:
        """Wall clock, unix milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Milliseconds since boot; stands still while the machine is suspended, so a suspension shows as a step."""
        return time.monotonic_ns() // 1_000_000
