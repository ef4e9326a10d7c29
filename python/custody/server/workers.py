"""Every background thread of the server, made of its parts."""

from __future__ import annotations

from custody.server.config import Workers
from custody.server.parts import Parts
from custody.services.monitor import Monitor
from custody.services.worker import Worker

__all__ = ["make_workers"]

_LOOK_S = 5.0  # how long an idle server may not notice that a signer or node is gone


def make_workers(parts: Parts, config: Workers) -> list[Worker]:
    """Not started yet."""
    monitor = Monitor(parts.signers.values(), parts.nodes.values(), parts.genesis.hash, parts.conditions)
    return [Worker("monitor", monitor.look, parts.conditions, parts.on_fatal, period_s=_LOOK_S)]
