"""`custody-signer` with the faults that $CUSTODY_TEST_FAULTS names: the normal bootstrap, its adapters wrapped."""

from __future__ import annotations

import os
from typing import Any

from custody.adapters.sqlite_journal import SqliteJournal
from custody.signer import bootstrap
from custody.signer.config import SignerConfig
from custody.signer.main import run
from custody.testing.faults import FaultyHsm, FaultyJournal, faults_from

__all__ = ["main"]


def main() -> None:
    """Sign, with faults."""
    faults = faults_from(os.environ)
    room: Any = bootstrap
    open_token = bootstrap.open_token

    def faulty_token(config: SignerConfig) -> FaultyHsm:
        return FaultyHsm(open_token(config), faults)

    room.open_token = faulty_token
    room.SqliteJournal = lambda *arguments: FaultyJournal(SqliteJournal(*arguments), faults)
    run()


if __name__ == "__main__":
    main()
