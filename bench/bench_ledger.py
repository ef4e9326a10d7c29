"""Holds and posts a second in one core: the engine from Rust, the same from Python, and two ledgers written in Python.

A pair is one withdrawal held (id checked, limits charged, hold entered, queued) and later assigned to a payout and
posted. Measured is, for each batch of 1,000 (`batch=8190`: of so many): `submit`, `decide_assign`, `apply_fact`,
`decide_post`, `apply_fact`; from Python with the answers and the journal record as bytes, which neither the engine in
Rust nor a peer makes. Parsing and signatures are done beforehand (`prepare`, in other threads of a server), and so is
choosing what is paid. Nothing is flushed to disk on any side, and the engine writes nothing at all: a server's journal
is `bench_e2e`'s. SQLite's writes into its unflushed files are timed (in memory it is an eighth quicker).

All limits count every withdrawal; those of one batch come in the same millisecond.

As many are held as are posted, so that `open` stays; a million customers; the oldest are paid first. The peers check
the same ids, limits and balances; Python + SQLite in WAL, 1,000 in a transaction, without flushing. They keep no fair
shares between customers. `replay` counts withdrawals held, `snapshot` those that are open, with ten limits; `memory`
is the resident set, divided by what is open.

CASES=text,text runs the cases whose names have one of these in them (`CASES=all`: those too that take long to fill);
CLOCK=cpu takes the time that the thread computes, for a machine that is not alone.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

from ledger_cases import CPU, Facade, Peer, Rust, built  # noqa: E402
from ledger_work import Withdrawal, Work, limits, nth  # noqa: E402
from peers.plain_ledger import PlainLedger  # noqa: E402
from peers.sqlite_ledger import SqliteLedger  # noqa: E402
from table import Row, every_round, show  # noqa: E402

ROUNDS = 7
WARM_UPS = 1
BATCHES, SIZE = 16, 1_000
LARGE_BATCHES, LARGE = 2, 8_190
# Enough batches that one in a hundred is no single one.
RUST_BATCHES = 40
REPLAYED = 100_000
OPEN = {"10k": 10_000, "1M": 1_000_000, "10M": 10_000_000}
# Where the engine's fresh references begin: those of the fill are below.
FRESH = 1_000_000_000
OPENED = 1 << 60
UNIT = "pairs/s"
SQLITE, PLAIN = "Python + SQLite", "pure Python"
NOT_TIMED = (
    "Not timed, on any side: parsing, signatures, choosing what is paid. The engine and pure Python store nothing; "
    "SQLite writes its files without flushing them (WAL, synchronous=OFF, 1,000 a transaction)."
)

# What runs without being asked for: some minutes. The rest is the other combinations.
_USUAL = (
    *(
        f"{side}/limits={count}/open={size}"
        for side in ("rust", "python")
        for count in (0, 10, 100)
        for size in ("10k", "1M")
    ),
    *(f"{side}/limits=10/open=10M" for side in ("rust", "python")),
    *(f"python/limits=10/open={size}/batch=8190" for size in OPEN),
    "replay/rust",
    "replay/stored",
    "snapshot/write",
    "snapshot/read",
    "memory/open=1M",
    "memory/open=10M",
    "memory/limits=10/open=10M",
)
_ALL = tuple(
    f"{side}/limits={count}/open={size}{batch}"
    for side in ("rust", "python")
    for count in (0, 10, 100)
    for size in OPEN
    for batch in (("", "/batch=8190") if side == "python" else ("",))
)


@dataclass
class Run:
    """What is built once for all cases, and what is filled: by what it is filled with."""

    work: Work
    wanted: Callable[[str], bool]
    directory: Path
    pairs: Path
    stored: Path
    snapshots: Rust | None = None
    rust: dict[tuple[int, str], Rust] = field(default_factory=dict)
    python: dict[tuple[int, str], Facade] = field(default_factory=dict)
    bytes_each: dict[tuple[int, str], float] = field(default_factory=dict)
    # Seconds of each batch, by case.
    batches: dict[str, list[float]] = field(default_factory=dict)


def main() -> None:
    """Fill, measure in the same rounds, print."""
    text = os.environ.get("CASES", "")
    known = (*_USUAL, *(case for case in _ALL if case not in _USUAL))

    def wanted(case: str) -> bool:
        return case in _USUAL if not text else text == "all" or any(part in case for part in text.split(","))

    with tempfile.TemporaryDirectory() as directory:
        run = Run(
            Work(),
            wanted,
            Path(directory),
            built("custody-ledger", "pairs"),
            built("custody-intake", "stored"),
        )
        cases: dict[str, Callable[[], float]] = {}
        rows: list[Callable[[dict[str, list[float]]], Iterator[Row]]] = []
        for case in filter(wanted, known):
            _say(f"fill: {case}")
            rows.append(_add(run, case, cases))
        _say("measure")
        measured = every_round(cases, rounds=ROUNDS, warm_ups=WARM_UPS) if cases else {}
        shown = [row for of_case in rows for row in of_case(measured)]
    clock = "time computed" if CPU else "wall clock"
    show(f"Withdrawals held and posted, one core, {clock}", shown, note=NOT_TIMED)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _add(
    run: Run, case: str, cases: dict[str, Callable[[], float]]
) -> Callable[[dict[str, list[float]]], Iterator[Row]]:
    """Make a case ready; return what makes its rows once all is measured."""
    kind, *rest = case.split("/")
    facts = dict(part.split("=") for part in rest if "=" in part)
    count, size = int(facts.get("limits", 0)), facts.get("open", "")
    if kind == "memory":
        return _memory(run, case, count, size)
    if kind == "replay":
        rust = Rust(run.pairs if case == "replay/rust" else run.stored, limits(10))
        cases[case] = lambda: REPLAYED / rust.ask(f"replay {REPLAYED}")["seconds"]
        return lambda measured: iter([_row(case, "facts/s", measured[case])])
    if kind == "snapshot":
        key = "write_seconds" if case == "snapshot/write" else "read_seconds"
        if run.snapshots is None:
            run.snapshots = Rust(run.pairs, limits(10))
            run.snapshots.ask(f"open {REPLAYED}")
        saved = run.snapshots

        def once() -> float:
            answer = saved.ask("snapshot")
            return float(answer["withdrawals"] / answer[key])

        cases[case] = once
        return lambda measured: iter([_row(case, "withdrawals/s", measured[case])])
    if kind == "rust":
        filled = _rust(run, count, size)
        cases[case] = _timed(run, case, SIZE, lambda: filled.round(RUST_BATCHES, SIZE))
        peers = {case.replace("10M", "10k"): "open=10k"} if size == "10M" else {}
    else:
        large = "batch" in facts
        peers = _python(run, case, count, size, cases, large)
    return lambda measured: _pairs(run, case, measured, peers)


def _rust(run: Run, count: int, size: str) -> Rust:
    key = (count, size)
    if key not in run.rust:
        run.rust[key] = Rust(run.pairs, limits(count))
        run.bytes_each[key] = run.rust[key].ask(f"open {OPEN[size]}")["bytes"] / OPEN[size]
    return run.rust[key]


def _memory(run: Run, case: str, count: int, size: str) -> Callable[[dict[str, list[float]]], Iterator[Row]]:
    alone = (count, size) not in run.rust
    filled = _rust(run, count, size)
    if alone:
        filled.close()
        del run.rust[count, size]
    each = run.bytes_each[count, size]
    return lambda _: iter([Row(case, "bytes each", each)])


def _python(
    run: Run, case: str, count: int, size: str, cases: dict[str, Callable[[], float]], large: bool
) -> dict[str, str]:
    """Add the case and its peers'; return those by what the table calls them."""
    key = (count, size)
    if key not in run.python:
        run.python[key] = Facade(run.work, limits(count), OPEN[size], run.stored)
    ledger, each = run.python[key], LARGE if large else SIZE
    requests = _fresh(FRESH + (FRESH if large else 0), LARGE_BATCHES if large else BATCHES, each)
    prepared = _prepared(run, requests, large)
    rounds = iter(prepared)
    cases[case] = _timed(run, case, each, lambda: ledger.round(next(rounds)))
    if size == "10M":
        return {case.replace("10M", "10k"): "open=10k"}
    if size == "1M" and count != 10:
        return {}
    peers = {f"{SQLITE}/limits={count}/open={size}": SQLITE, f"{PLAIN}/limits={count}/open={size}": PLAIN}
    for name, called in peers.items():
        if name not in cases:
            cases[name] = _peer(run, called, count, size, name)
    return peers


def _peer(run: Run, called: str, count: int, size: str, name: str) -> Callable[[], float]:
    if called == SQLITE:
        path = run.directory / f"{count}-{size}.sqlite"
        peer = Peer(SqliteLedger(path, limits(count), OPENED), OPEN[size])
    else:
        peer = Peer(PlainLedger(limits(count), OPENED), OPEN[size])
    rounds = iter(_fresh(FRESH, BATCHES, SIZE))
    return _timed(run, name, SIZE, lambda: peer.round(next(rounds)))


def _fresh(start: int, batches: int, size: int) -> Iterator[list[list[Withdrawal]]]:
    """The batches of each round."""
    for number in range(ROUNDS + WARM_UPS):
        first = start + number * batches * size
        yield [
            [nth(n) for n in range(first + batch * size, first + (batch + 1) * size)]
            for batch in range(batches)
        ]


_PREPARED: dict[bool, list[list[object]]] = {}


def _prepared(run: Run, rounds: Iterator[list[list[Withdrawal]]], large: bool) -> Sequence[list]:  # type: ignore[type-arg]
    """Signed, parsed and verified once, for every ledger."""
    if large not in _PREPARED:
        _PREPARED[large] = [[run.work.prepared(batch) for batch in batches] for batches in rounds]
    return _PREPARED[large]


def _timed(run: Run, case: str, size: int, measure: Callable[[], list[float]]) -> Callable[[], float]:
    seconds = run.batches.setdefault(case, [])

    def once() -> float:
        found = measure()
        seconds.append(0.0)  # a round's end
        seconds.extend(found)
        return size * len(found) / sum(found)

    return once


def _pairs(run: Run, case: str, measured: dict[str, list[float]], peers: dict[str, str]) -> Iterator[Row]:
    ours = measured[case]
    for name, called in peers.items():
        if name in measured:
            yield Row(
                case, UNIT, statistics.median(ours), called, statistics.median(measured[name]), min(ours)
            )
    if not any(name in measured for name in peers):
        yield _row(case, UNIT, ours)
    if "batch" not in case:
        yield Row(f"{case}/p99", "ms a batch", _p99(run.batches[case]) * 1_000)


def _p99(seconds: Sequence[float]) -> float:
    """Of the rounds that count."""
    counted = sorted(seconds[seconds.index(0.0, 1) :] if WARM_UPS else seconds)
    counted = [each for each in counted if each]
    return counted[-(len(counted) // 100 + 1)]


def _row(case: str, unit: str, values: Sequence[float]) -> Row:
    return Row(case, unit, statistics.median(values), worst=min(values))


if __name__ == "__main__":
    main()
