"""`custody-server` with the faults that $CUSTODY_TEST_FAULTS names: the normal bootstrap, its adapters wrapped."""

from __future__ import annotations

import os
from typing import Any

from custody.adapters.evm_node import EvmNode
from custody.adapters.signer_client import GrpcSignerClient
from custody.adapters.sqlite_journal import SqliteJournal
from custody.server import bootstrap
from custody.server.main import run
from custody.testing.faults import FaultyJournal, FaultyNode, FaultySigner, faults_from

__all__ = ["main"]


def main() -> None:
    """Serve, with faults."""
    faults = faults_from(os.environ)
    room: Any = bootstrap
    room.SqliteJournal = lambda *arguments: FaultyJournal(SqliteJournal(*arguments), faults)
    room.EvmNode = lambda *arguments: FaultyNode(EvmNode(*arguments), faults)
    room.GrpcSignerClient = lambda *arguments: FaultySigner(GrpcSignerClient(*arguments), faults)
    run()


if __name__ == "__main__":
    main()
