"""Guarded time: it never goes back, and never runs ahead of the monotonic clock by more than five seconds.

A larger step forward, or a gap at the start above the policy's maximum, freezes it until a quorum confirms the time;
frozen time goes on at the monotonic clock's pace, so limits over-count and never under-count.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["STEP_MS", "TIME_TAG", "Reading", "TimeGuard"]

STEP_MS = 5_000
RENEW_MS = 3_600_000  # the five seconds begin anew every hour: more than clocks drift, and little for a thief
TIME_TAG = "time.step"
"""The tag of the freeze, and the reason of the halt that records it."""


class Reading(NamedTuple):
    """The time to use, unix ms, and whether the wall clock is disbelieved."""

    now_ms: int
    frozen: bool


class TimeGuard:
    """Turns readings of two clocks into the one time that rules are evaluated at.

    Both clocks are arguments, in milliseconds: the wall clock, and one that only ever advances.
    """

    __slots__ = ("_anchor_monotonic_ms", "_anchor_ms", "_frozen", "_last_ms")

    def __init__(
        self,
        *,
        last_ms: int,
        wall_ms: int,
        monotonic_ms: int,
        maximum_start_gap_ms: int,
        frozen: bool = False,
    ) -> None:
        """Begin after a journal whose newest record is of `last_ms` (0: none), `frozen` if it ended so."""
        gap_ms = wall_ms - last_ms if last_ms else 0
        self._frozen = frozen or gap_ms > maximum_start_gap_ms
        self._anchor_ms = last_ms if self._frozen else max(last_ms, wall_ms)
        self._anchor_monotonic_ms = monotonic_ms
        self._last_ms = self._anchor_ms

    def observe(self, wall_ms: int, monotonic_ms: int) -> Reading:
        """The time now. Once frozen it stays so until `confirm`."""
        pace_ms = self._anchor_ms + max(0, monotonic_ms - self._anchor_monotonic_ms)
        if not self._frozen and wall_ms > pace_ms + STEP_MS:
            self._frozen = True
        self._last_ms = max(self._last_ms, pace_ms if self._frozen else wall_ms)
        if not self._frozen and monotonic_ms - self._anchor_monotonic_ms >= RENEW_MS:
            self._anchor_ms, self._anchor_monotonic_ms = self._last_ms, monotonic_ms
        return Reading(self._last_ms, self._frozen)

    def confirm(self, wall_ms: int, monotonic_ms: int) -> None:
        """Believe the wall clock again; if it is behind what was used already, time waits for it."""
        self._frozen = False
        self._anchor_ms = max(self._last_ms, wall_ms)
        self._anchor_monotonic_ms = monotonic_ms
