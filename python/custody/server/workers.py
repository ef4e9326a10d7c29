"""Every background thread of the server, made of its parts."""

from __future__ import annotations

import secrets
from typing import Protocol

from custody.server.config import IdsFile, Workers
from custody.server.parts import Parts
from custody.services.cancellations import CancellationWorker, Canceller
from custody.services.confirmations import ConfirmationWatcher
from custody.services.execution import GovernanceWorker
from custody.services.forgetting import Forgetter
from custody.services.monitor import Monitor
from custody.services.payouts import PayoutWorker
from custody.services.reconciliation import Reconciler
from custody.services.sweeps import SweepWorker
from custody.services.treasury import TreasuryPlanner
from custody.services.worker import Worker

__all__ = ["Startable", "make_workers"]

_NONCE_BYTES = 16
_DAY_MS = 86_400_000
_LOOK_S = 5.0  # how long an idle server may not notice that a signer or node is gone


class Startable(Protocol):
    """A background thread, or several that belong together."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End after the step under way."""


def make_workers(parts: Parts, config: Workers, ids: IdsFile) -> list[Startable]:
    """Not started yet. Those that follow the journal ask the writer to be woken."""
    writer, conditions, clock, fatal = parts.writer, parts.conditions, parts.clock, parts.on_fatal
    signers = parts.signers
    monitor = Monitor(signers.values(), parts.nodes.values(), parts.genesis.hash, conditions)
    canceller = Canceller(writer, signers, parts.intents, conditions)
    workers: list[Startable] = [
        Worker("monitor", monitor.look, conditions, fatal, period_s=_LOOK_S),
        CancellationWorker(writer, canceller, conditions, clock, fatal),
        GovernanceWorker(writer, signers, parts.nodes, conditions, clock, fatal),
        Forgetter(
            writer,
            parts.journal,
            parts.ids,
            conditions,
            fatal,
            after_ms=ids.forget_after_days * _DAY_MS,
            period_s=ids.period_ms / 1000,
        ),
        TreasuryPlanner(writer, _nonce, conditions, fatal, period_s=config.treasury_ms / 1000),
    ]
    for network, node in parts.nodes.items():
        workers += [
            ConfirmationWatcher(
                writer, node, parts.intents, conditions, fatal, poll_s=config.confirmations_ms / 1000
            ),
            SweepWorker(writer, node, signers, conditions, clock, fatal),
            Reconciler(
                writer,
                node,
                conditions,
                parts.balances,
                clock.now_ms,
                fatal,
                period_s=config.reconciliation_ms / 1000,
            ),
        ]
        for wallet in parts.genesis.hot_wallets(network):
            signer = signers.get(wallet.signer)
            if signer is not None:
                workers.append(
                    PayoutWorker(
                        wallet.id,
                        writer,
                        node,
                        signer,
                        parts.intents,
                        conditions,
                        clock,
                        fatal,
                        period_s=config.payouts_ms / 1000,
                    )
                )
    return workers


def _nonce() -> bytes:
    """Of a planner's statement: fresh, so that no two are the same."""
    return secrets.token_bytes(_NONCE_BYTES)
