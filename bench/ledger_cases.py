"""The ledgers that are measured, with one face: fill it, hold and post batches, say how long each took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from custody.ledger import Ledger, PayoutItem, Prepared
from ledger_work import ETH, NOW_MS, WALLET, Limit, Withdrawal, Work, nth
from peers.plain_ledger import PlainLedger
from peers.sqlite_ledger import SqliteLedger

__all__ = ["CPU", "Facade", "Peer", "Rust", "built"]

ROOT = Path(__file__).resolve().parent.parent
# On a machine that others use too: the time that this thread computes, not the time that passes.
CPU = os.environ.get("CLOCK") == "cpu"
clock: Callable[[], float] = time.thread_time if CPU else time.perf_counter
BATCH = 1_000
FEE = 21
# Withdrawals that are chosen for payouts at once: fewer than are open.
CHOSEN = 8_190


def built(package: str, bench: str) -> Path:
    """Build a bench in Rust, in release mode; return its executable."""
    command = ["cargo", "bench", "--quiet", "--locked", "--no-run", "--message-format=json", "-p", package]
    made = subprocess.run(
        [*command, "--bench", bench], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    messages = (json.loads(line) for line in made.stdout.splitlines())
    found = [m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == bench]
    return Path(found[-1])


class Rust:
    """A bench in Rust, asked line by line. It ends with its input."""

    def __init__(self, executable: Path, some: Sequence[Limit]) -> None:
        self._process = subprocess.Popen(
            [executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        for line in [*(limit.line() for limit in some), *(["clock cpu"] if CPU else [])]:
            self.say(line)

    def say(self, line: str) -> None:
        """Ask, and wait for nothing."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def ask(self, line: str) -> dict[str, Any]:
        """Ask, and read the answer."""
        assert self._process.stdout is not None
        self.say(line)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{line}: the bench in Rust ended")
        found: dict[str, Any] = json.loads(answer)
        return found

    def frames(self, line: str, count: int) -> Iterator[bytes]:
        """Ask, and read so many byte strings."""
        assert self._process.stdout is not None
        self.say(line)
        for _ in range(count):
            length = int.from_bytes(self._process.stdout.read(4), "big")
            yield self._process.stdout.read(length)

    def round(self, batches: int, size: int) -> list[float]:
        """Hold and post so many batches: seconds of each."""
        seconds: list[float] = self.ask(f"round {batches} {size}")["seconds"]
        return seconds

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Facade:
    """`custody.ledger.Ledger`, filled by the replay of journal records."""

    def __init__(self, work: Work, some: Sequence[Limit], opened: int, stored: Path) -> None:
        self.ledger: Ledger = work.ledger(some)
        self._sequence, self._payouts = 2, 0
        rust = Rust(stored, some)
        for record in rust.frames(f"records {opened}", -(-opened // BATCH)):
            self.ledger.apply_intake_record(record, self._sequence)
            self._sequence += 1
        rust.close()
        self._now_ms = NOW_MS + opened // BATCH

    def round(self, batches: Sequence[Prepared]) -> list[float]:
        """Hold each, then assign and post as many of those that are next: seconds of each."""
        at_once = max(1, CHOSEN // len(batches[0]))
        some = [batches[start : start + at_once] for start in range(0, len(batches), at_once)]
        return [seconds for group in some for seconds in self._group(group)]

    def _group(self, batches: Sequence[Prepared]) -> list[float]:
        # Which are next, and what they get, the payout worker knows beforehand.
        most = sum(len(batch) for batch in batches)
        chosen = iter(self.ledger.select(WALLET, self._now_ms, most, ETH, 0))
        payouts = [[self._item(next(chosen)) for _ in range(len(batch))] for batch in batches]
        return [self._pair(*each) for each in zip(batches, payouts, strict=True)]

    def _item(self, withdrawal_id: str) -> PayoutItem:
        found = self.ledger.withdrawal(withdrawal_id)
        assert found is not None
        return PayoutItem(withdrawal_id, found.amount, 0)

    def _pair(self, batch: Prepared, items: Sequence[PayoutItem]) -> float:
        self._now_ms += -(-len(batch) // BATCH)
        self._payouts += 1
        ledger, payout, now_ms = self.ledger, f"payout-{self._payouts}", self._now_ms
        begun = clock()
        [submitted] = ledger.submit([batch], now_ms, self._sequence)
        ledger.see(now_ms)
        ledger.apply_fact(ledger.decide_assign(payout, WALLET, items, ETH, FEE, now_ms))
        ledger.apply_fact(ledger.decide_post(payout, FEE - 1))
        seconds = clock() - begun
        if submitted.stale or submitted.record is None:
            raise SystemExit("not taken: the number would mean nothing")
        self._sequence += 1
        return seconds


class Peer:
    """A ledger of `peers`."""

    def __init__(self, ledger: PlainLedger | SqliteLedger, opened: int) -> None:
        self._ledger, self._payouts, self._now_ms = ledger, 0, NOW_MS
        for start in range(0, opened, BATCH):
            batch = [nth(n) for n in range(start, min(start + BATCH, opened))]
            self._held(ledger.submit(batch, self._now_ms), batch)
            self._now_ms += 1

    def round(self, batches: Sequence[Sequence[Withdrawal]]) -> list[float]:
        """As the façade's, with the payouts' withdrawals chosen beforehand."""
        return [self._pair(batch) for batch in batches]

    def _pair(self, batch: Sequence[Withdrawal]) -> float:
        self._now_ms += 1
        self._payouts += 1
        ledger, payout = self._ledger, f"payout-{self._payouts}"
        items: Any = ledger.next(len(batch))
        begun = clock()
        answers = ledger.submit(batch, self._now_ms)
        ledger.assign(payout, items, FEE, self._now_ms)
        ledger.post(payout, FEE - 1)
        seconds = clock() - begun
        self._held(answers, batch)
        return seconds

    @staticmethod
    def _held(answers: Sequence[str], batch: Sequence[Withdrawal]) -> None:
        if answers != ["accepted"] * len(batch):
            sys.exit(f"{set(answers)}: the number would mean nothing")
