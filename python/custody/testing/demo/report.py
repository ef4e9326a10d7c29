"""What the demo says at the end: a table for people, or one object."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from custody.testing.demo.comparison import Comparison
from custody.testing.demo.items import Plan
from custody.testing.demo.scenario import Tally

__all__ = ["print_table", "problems", "report_object"]


def report_object(plan: Plan, tally: Tally, found: Comparison, seconds: float) -> dict[str, Any]:
    """The object of --json; `submitted` is accepted, duplicates and all denied together, by first answers."""
    outcomes = Counter(answer["outcome"] for answer in tally.outcomes.values())
    denied = Counter(
        answer["tag"] for answer in tally.outcomes.values() if answer["outcome"] in ("REJECTED", "INVALID")
    )
    return {
        "submitted": len(plan.items),
        "accepted": outcomes["ACCEPTED"] + outcomes["HELD"],
        "duplicates": outcomes["DUPLICATE"],
        "denied": dict(sorted(denied.items())),
        "cancelled": found.cancelled,
        "final": found.final,
        "paid_twice": found.paid_twice,
        "lost": found.lost,
        "sweeps_executed": found.sweeps_executed,
        "approvals_counted": found.approvals_counted,
        "halts": tally.halts,
        "server_kills": tally.server_kills,
        "signer_kills": tally.signer_kills,
        "ledger_equals_chain": not found.differences,
        "seconds": round(seconds, 1),
    }


def problems(told: dict[str, Any], tally: Tally, found: Comparison) -> list[str]:
    """What is not as it must be; nothing when everything holds."""
    denied = sum(told["denied"].values())
    wanted = {
        "submitted is not accepted, duplicates and denied": told["submitted"]
        == told["accepted"] + told["duplicates"] + denied,
        "final and cancelled are not accepted": told["final"] + told["cancelled"] == told["accepted"],
        "some were paid twice": told["paid_twice"] == 0,
        "some were lost": told["lost"] == 0,
        "no sweep was executed": told["sweeps_executed"] >= 1,
        "nothing was halted": told["halts"] >= 1,
        "no server was killed": told["server_kills"] >= 1,
        "no signer was killed": told["signer_kills"] >= 1,
    }
    return [
        *(what for what, holds in wanted.items() if not holds),
        *tally.failures,
        *found.differences,
    ]


def print_table(told: dict[str, Any], found: Comparison) -> None:
    """For people."""
    console = Console(highlight=False)
    table = Table(title="The chain and the ledger, in base units", title_justify="left")
    table.add_column("wallet")
    table.add_column("asset")
    table.add_column("on chain", justify="right")
    table.add_column("in the ledger", justify="right")
    for wallet, asset, chain, ledger in found.balances:
        table.add_row(wallet, asset, str(chain), str(ledger))
    console.print(table)
    summary = Table(show_header=False)
    summary.add_column("what")
    summary.add_column("number", justify="right")
    for name, value in told.items():
        if name != "denied":
            summary.add_row(
                name.replace("_", " "), str(value).lower() if isinstance(value, bool) else str(value)
            )
    for tag, number in told["denied"].items():
        summary.add_row(f"denied: {tag}", str(number))
    summary.add_row("network fees, wei", str(found.fees))
    summary.add_row("transactions on chain", str(found.transactions))
    console.print(summary)
