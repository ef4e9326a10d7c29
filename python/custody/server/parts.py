"""Everything that servicers and workers are made of, as the composition root built it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from custody.model.policy import Policy
from custody.ports import Clock, IdStore, Journal, MetadataStore, Node, SignerClient
from custody.services.conditions import Conditions
from custody.services.intents import IntentStore
from custody.services.reconciliation import ChainBalances
from custody.services.writer import Writer

__all__ = ["Parts"]


@dataclass(frozen=True, slots=True)
class Parts:
    """One server's parts. `genesis` is the pinned policy; the one in force is the control state's."""

    genesis: Policy
    journal: Journal
    intents: IntentStore
    ids: IdStore
    metadata: MetadataStore
    clock: Clock
    writer: Writer
    signers: Mapping[str, SignerClient]
    nodes: Mapping[str, Node]
    conditions: Conditions
    balances: ChainBalances
    on_fatal: Callable[[BaseException], None]
    started_ms: int
    version: str
