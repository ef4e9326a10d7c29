"""Every background thread of the server, made of its parts."""

from __future__ import annotations

from typing import Protocol

from custody.server.config import Workers
from custody.server.parts import Parts
from custody.services.confirmations import ConfirmationWatcher
from custody.services.monitor import Monitor
from custody.services.payouts import PayoutWorker
from custody.services.worker import Worker

__all__ = ["Startable", "make_workers"]

_LOOK_S = 5.0  # how long an idle server may not notice that a signer or node is gone


class Startable(Protocol):
    """A background thread, or several that belong together."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End after the step under way."""


def make_workers(parts: Parts, config: Workers) -> list[Startable]:
    """Not started yet. Those that follow the journal ask the writer to be woken."""
    policy = parts.genesis
    monitor = Monitor(parts.signers.values(), parts.nodes.values(), policy.hash, parts.conditions)
    workers: list[Startable] = [
        Worker("monitor", monitor.look, parts.conditions, parts.on_fatal, period_s=_LOOK_S)
    ]
    for network, node in parts.nodes.items():
        workers.append(
            ConfirmationWatcher(
                parts.writer,
                node,
                parts.conditions,
                parts.on_fatal,
                poll_s=config.confirmations_ms / 1000,
            )
        )
        for wallet in policy.hot_wallets(network):
            signer = parts.signers.get(wallet.signer)
            if signer is not None:
                workers.append(
                    PayoutWorker(
                        wallet.id,
                        parts.writer,
                        node,
                        signer,
                        parts.intents,
                        parts.conditions,
                        parts.clock,
                        parts.on_fatal,
                    )
                )
    return workers
