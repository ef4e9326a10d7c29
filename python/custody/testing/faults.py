"""Adapters that kill their process, or fail, before or after the n-th append, signature or broadcast.

They stand around the real adapters in the test entry points `custody.testing.faulty_server` and `faulty_signer`;
production code knows nothing of them. What shall go wrong is read from a file, so that a running process can be armed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from custody.api.journal.v1 import record_pb2
from custody.errors import CustodyError, HsmError, JournalError, Unavailable
from custody.ports import Row

__all__ = [
    "VARIABLE",
    "Fault",
    "FaultyHsm",
    "FaultyJournal",
    "FaultyNode",
    "FaultySigner",
    "Faults",
    "faults_from",
    "write_faults",
]

VARIABLE = "CUSTODY_TEST_FAULTS"
"""Names the file."""
T = TypeVar("T")

Action = Literal["kill", "fail"]
When = Literal["before", "after"]
Where = Literal["append", "sign", "broadcast"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the `nth` call of a kind.

    `kind` narrows appends to groups with a record of that kind (`PAYOUTS_PLANNED`), and signatures to `payout`,
    `sweep` or `tombstone` at the server and to a key's label at the signer; empty: any.
    """

    action: Action
    when: When
    where: Where
    kind: str = ""
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.action}:{self.when}:{self.where}:{self.kind}:{self.nth}"

    @staticmethod
    def parse(text: str) -> Fault:
        """What `str` gave. Raises ValueError."""
        action, when, where, kind, nth = text.split(":")
        if action not in ("kill", "fail") or when not in ("before", "after"):
            raise ValueError(f"no fault: {text}")
        if where not in ("append", "sign", "broadcast"):
            raise ValueError(f"no place for a fault: {text}")
        return Fault(cast(Action, action), cast(When, when), cast(Where, where), kind, int(nth))


def faults_from(environment: Mapping[str, str]) -> Faults:
    """The faults in the file that the environment names; none without it."""
    named = environment.get(VARIABLE, "")
    return Faults((), Path(named) if named else None)


def write_faults(path: Path, faults: Iterable[Fault]) -> None:
    """Arm a process that reads this file; counting begins anew. None disarms it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(" ".join(map(str, faults)))
    fresh.replace(path)


class Faults:
    """Counts calls and strikes when it is time; shared by a process's adapters."""

    def __init__(self, faults: Iterable[Fault], file: Path | None = None) -> None:
        """These faults, or those that `file` names whenever it changes."""
        self._faults = list(faults)
        self._seen = [0] * len(self._faults)
        self._file = file
        self._stamp = (0, 0)
        self._lock = threading.Lock()

    def around(
        self,
        where: Where,
        kinds: Sequence[str],
        call: Callable[[], T],
        failure: Callable[[str], CustodyError],
    ) -> T:
        """Make the call with what is to happen before and after it."""
        due = self._due(where, kinds)
        for fault in due:
            if fault.when == "before":
                _strike(fault, failure)
        result = call()
        for fault in due:
            if fault.when == "after":
                _strike(fault, failure)
        return result

    def _due(self, where: Where, kinds: Sequence[str]) -> list[Fault]:
        due = []
        with self._lock:
            self._reread()
            for index, fault in enumerate(self._faults):
                if fault.where == where and (not fault.kind or fault.kind in kinds):
                    self._seen[index] += 1
                    if self._seen[index] == fault.nth:
                        due.append(fault)
        return due

    def _reread(self) -> None:
        if self._file is None or not self._file.exists():
            return
        status = self._file.stat()
        stamp = (status.st_ino, status.st_mtime_ns)  # inodes are used again
        if stamp != self._stamp:
            self._stamp = stamp
            self._faults = [Fault.parse(part) for part in self._file.read_text().split()]
            self._seen = [0] * len(self._faults)


def _strike(fault: Fault, failure: Callable[[str], CustodyError]) -> None:
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise failure(f"injected: {fault}")


class _Around:
    """Everything else goes to the real adapter."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class FaultyJournal(_Around):
    """A Journal. A failed append is what a disk's error is: its outcome is unknown to the process."""

    def append(self, rows: Sequence[Row]) -> None:
        """One transaction, perhaps the last."""
        kinds = [record_pb2.RecordKind.Name(row.kind).removeprefix("RECORD_KIND_") for row in rows]  # type: ignore[arg-type]
        self._faults.around("append", kinds, lambda: self._inner.append(rows), JournalError)


class FaultyNode(_Around):
    """A Node."""

    def broadcast(self, raw: bytes) -> Any:
        """Offer signed bytes, perhaps without hearing the answer."""
        return self._faults.around(
            "broadcast", [], lambda: self._inner.broadcast(raw), lambda why: Unavailable("node", why)
        )


class FaultySigner(_Around):
    """A SignerClient."""

    def sign_payout(self, *arguments: Any) -> Any:
        """Ask for a payout's signature."""
        return self._sign("payout", lambda: self._inner.sign_payout(*arguments))

    def sign_sweep(self, *arguments: Any) -> Any:
        """Ask for a leg's signature."""
        return self._sign("sweep", lambda: self._inner.sign_sweep(*arguments))

    def tombstone(self, *arguments: Any) -> Any:
        """Ask for a tombstone."""
        return self._sign("tombstone", lambda: self._inner.tombstone(*arguments))

    def _sign(self, kind: str, call: Callable[[], T]) -> T:
        return self._faults.around("sign", [kind], call, lambda why: Unavailable("signer", why))


class FaultyHsm(_Around):
    """An Hsm: `sign` is a signature that the token makes."""

    def __enter__(self) -> FaultyHsm:
        self._inner.__enter__()
        return self

    def __exit__(self, *arguments: Any) -> None:
        self._inner.__exit__(*arguments)

    def sign_digest(self, key_label: str, digest: bytes) -> bytes:
        """One signature of a wallet's key."""
        return self._faults.around(
            "sign",
            [key_label],
            lambda: bytes(self._inner.sign_digest(key_label, digest)),
            lambda why: HsmError(f"key {key_label}", why),
        )
