"""What every bench shares: interleaved rounds, medians, and one table (or one JSON object) at the end."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

# Fewer rounds than this and one disturbance moves the median.
FEWEST_ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Row:
    """One case: what we measured and, where there is one, what the named peer did in the same rounds.

    `worst` is the worst of the rounds of which `value` is the median.
    """

    case: str
    unit: str
    value: float
    peer: str | None = None
    peer_value: float | None = None
    worst: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our value over the peer's; None without a peer."""
        return self.value / self.peer_value if self.peer_value else None


def interleave(
    cases: Mapping[str, Callable[[], float]], *, rounds: int = FEWEST_ROUNDS, warm_ups: int = 1
) -> dict[str, float]:
    """Run every case once in each round, so that a disturbance meets all of them, and return each one's median.

    As `every_round`.
    """
    measured = every_round(cases, rounds=rounds, warm_ups=warm_ups)
    return {name: statistics.median(values) for name, values in measured.items()}


def every_round(
    cases: Mapping[str, Callable[[], float]], *, rounds: int = FEWEST_ROUNDS, warm_ups: int = 1
) -> dict[str, list[float]]:
    """Run every case once in each round and return what each one measured, round by round.

    A case returns its own measurement (a rate or a time). The warm-up rounds do not count.
    Raises ValueError for fewer than FEWEST_ROUNDS rounds.
    """
    if rounds < FEWEST_ROUNDS:
        raise ValueError(f"at least {FEWEST_ROUNDS} rounds, not {rounds}")
    measured: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(warm_ups + rounds):
        for name, run in cases.items():
            value = run()
            if number >= warm_ups:
                measured[name].append(value)
    return measured


def machine() -> dict[str, str | int | None]:
    """Return what the numbers were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def show(title: str, rows: Sequence[Row], *, note: str = "", as_json: bool = "--json" in sys.argv) -> None:
    """Print the rows: a table, or with `as_json` one object {"machine", "title", "note", "rows"} on standard output.

    `note` says what a reader has to know beside the title: above all what is not timed.
    """
    if as_json:
        objects = [asdict(row) | {"ratio": row.ratio} for row in rows]
        print(json.dumps({"machine": machine(), "title": title, "note": note, "rows": objects}))
        return
    facts = machine()
    caption = f"{facts['processor']}, {facts['cores']} cores, Python {facts['python']}"
    table = Table(title=f"{title}\n{note}".strip(), caption=caption)
    table.add_column("case")
    table.add_column("unit")
    columns: dict[str, Callable[[Row], float | None]] = {
        "value": lambda row: row.value,
        "worst": lambda row: row.worst,
        "peer's": lambda row: row.peer_value,
        "ratio": lambda row: row.ratio,
    }
    if all(row.worst is None for row in rows):
        del columns["worst"]
    for name in columns:
        table.add_column(name, justify="right")
    table.add_column("peer")
    for row in rows:
        numbers = [_number(column(row)) for column in columns.values()]
        table.add_row(row.case, row.unit, *numbers, row.peer or "")
    Console().print(table)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
