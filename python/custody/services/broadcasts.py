"""Offers signed bytes to a node until a block holds them: the same bytes always, since signed may mean broadcast."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import structlog

from custody.errors import Denied, Unavailable
from custody.ports import Clock, Node
from custody.services.conditions import ConditionKind, Conditions
from custody.services.worker import Backoff

__all__ = ["Broadcaster", "Offer"]

_log = structlog.get_logger("broadcasts")

_LOOK_MS = 1_000  # how stale the head may be that waiting is counted in


@dataclass(frozen=True, slots=True)
class Offer:
    """Signed bytes of a payout or leg; `recorded` when a node is known to have taken them before."""

    id: str
    transaction: bytes
    transaction_hash: bytes
    recorded: bool


class Broadcaster:
    """One thread's broadcasts through one node."""

    def __init__(self, node: Node, conditions: Conditions, clock: Clock, again_ms: int) -> None:
        """What a node took is offered again after `again_ms`, since nodes forget."""
        self._node = node
        self._conditions = conditions
        self._clock = clock
        self._again_ms = again_ms
        self._offered_ms: dict[bytes, int] = {}
        self._since_height: dict[bytes, int] = {}
        self._node_down = Backoff()
        self._height = 0
        self._looked_ms = -_LOOK_MS

    def offer(self, offers: Sequence[Offer]) -> list[Offer]:
        """Offer what is new or due again, in order; those that a node took and that are not recorded yet."""
        now_ms = self._clock.monotonic_ms()
        due = [
            o
            for o in offers
            if now_ms - self._offered_ms.get(o.transaction_hash, -self._again_ms) >= self._again_ms
        ]
        taken: list[Offer] = []
        if not due or not self._node_down.ready(now_ms):
            return taken
        for offer in due:
            try:
                outcome = self._node.broadcast(offer.transaction)
            except Unavailable as error:
                self._node_down.failed(now_ms)
                self._conditions.set(ConditionKind.NODE_DOWN, self._node.network, "node.down", str(error))
                return taken
            except Denied as denied:
                # Told, and offered again later: the bytes are durable and are paid by nothing else.
                _log.warning("node refused", id=offer.id, tag=denied.tag, detail=denied.detail)
                outcome = None
            self._node_down.succeeded()
            self._conditions.clear(ConditionKind.NODE_DOWN, self._node.network)
            self._offered_ms[offer.transaction_hash] = now_ms
            if outcome in ("accepted", "known") and not offer.recorded:
                taken.append(offer)
        return taken

    def stuck(self, hashes: Collection[bytes], blocks: int) -> frozenset[bytes]:
        """Those of these transactions that were seen waiting for so many blocks or more."""
        self._offered_ms = {
            key: at for key, at in self._offered_ms.items() if key in hashes or not self._old(at)
        }
        self._since_height = {key: height for key, height in self._since_height.items() if key in hashes}
        if not hashes:
            return frozenset()
        now_ms = self._clock.monotonic_ms()
        if now_ms >= self._looked_ms + _LOOK_MS:
            self._height, self._looked_ms = self._node.head().height, now_ms
        height = self._height
        for key in hashes:
            self._since_height.setdefault(key, height)
        return frozenset(key for key in hashes if height - self._since_height[key] >= blocks)

    def _old(self, at_ms: int) -> bool:
        return self._clock.monotonic_ms() - at_ms > 2 * self._again_ms
