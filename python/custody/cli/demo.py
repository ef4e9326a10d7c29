"""`custody demo`: the whole system on this machine, from custody.testing.demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    withdrawals: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many withdrawals the backend sends.")
    ] = 500,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running, to go on by hand.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where configurations, certificates, keys and logs go."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of the timeline.")
    ] = False,
) -> None:
    """Run servers, signers and a chain here: withdrawals, sweeps, kills, a halt; then compare with the chain.

    Exits 0 only if every accepted withdrawal was paid exactly once and the ledger equals the chain.
    """
    from custody.testing.demo import run  # what it needs is loaded by nothing else

    raise typer.Exit(run(withdrawals=withdrawals, json=as_json, keep=keep, out=out))
