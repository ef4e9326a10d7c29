"""Bounds of one wallet's lane of payouts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PayoutSettings:
    """Bounds of one wallet's lane."""

    batch: int = 32
    """Plans in one record: as many are asked for again after a crash."""
    in_flight: int = 64
    """Payouts not in a block yet: nodes keep about as many of one account."""
    bump_after_blocks: int = 20
    rebroadcast_ms: int = 15_000
    replan_ms: int = 250
    """An empty or unpayable queue is not looked at more often."""
    aside_ms: int = 60_000
    """How long a withdrawal that the signer would not take lets the others pass."""
