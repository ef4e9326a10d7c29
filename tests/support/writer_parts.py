"""What tests of the writer share: a journal that can wait and fail, commands, callers in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from custody.adapters.memory_ids import MemoryIds
from custody.adapters.memory_journal import MemoryJournal
from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.api.v1 import withdrawal_pb2 as pb
from custody.errors import JournalError
from custody.ports import Row
from custody.services.commands import Decision, Draft, State
from custody.services.forgetting import OldAnswers
from custody.services.intake import Intake
from custody.services.intents import IntentStore
from custody.services.writer import Writer
from support.policy_builder import PolicyBuilder

POLICY = PolicyBuilder().policy()
SALT = bytes(32)
HALT = record_pb2.RECORD_KIND_HALT_RECORDED


class GatedJournal(MemoryJournal):
    """Counts its appends, lets a test hold one up, and can fail."""

    def __init__(self) -> None:
        super().__init__("server/main", POLICY.hash)
        self.groups: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()
        self.fail = False

    def append(self, rows: Sequence[Row]) -> None:
        self.waiting.set()
        assert self.gate.wait(20)
        if self.fail:
            raise JournalError(self.name, "no space left")
        super().append(rows)
        self.groups.append(len(rows))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def halt(halt_id: str, scope: str = "sweeps") -> Callable[[State], Decision[str]]:
    def command(state: State) -> Decision[str]:
        message = governance_pb2.HaltRecorded(halt_id=halt_id, scopes=[scope], reason="test")
        return Decision((Draft(HALT, message, (state.ledger.decide_halt(halt_id, [scope]),)),), halt_id)

    return command


def intake(writer: Writer) -> Intake:
    return Intake(writer, lambda: SALT, OldAnswers(MemoryIds(), IntentStore(GatedJournal())))


def submit(writer: Writer, request: pb.SubmitWithdrawalsRequest) -> pb.SubmitWithdrawalsResponse:
    answer = intake(writer).submit(request.SerializeToString(), "backend-eu")
    return pb.SubmitWithdrawalsResponse.FromString(answer)


def in_threads(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    results: list[Any] = [None] * len(calls)

    def run(index: int) -> None:
        try:
            results[index] = calls[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results
