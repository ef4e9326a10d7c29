"""The workers as threads: woken by commits, stopped in time, and a failure is shown, retried and forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from custody.errors import InvariantBroken
from custody.services.conditions import ConditionKind, Conditions
from custody.services.worker import Backoff, Worker
from support.bench import ETH, Bench
from support.deployment import ETHER
from support.keys import EthKey

ALICE = EthKey("alice").address


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_threads_pay_what_comes_in_and_stop(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.open("hot-1", ETH, 100 * ETHER)
        bench.open("cold-1", ETH, 10 * ETHER, "house")
        threads: list[Any] = [
            *bench.payouts.values(),
            bench.watcher,
            bench.sweeps,
            bench.governance,
            bench.treasury,
            bench.cancellations,
            bench.reconciler,
        ]
        for each in threads:
            each.start()
        ids = [bench.withdraw(f"w-{n}", ETHER, ALICE) for n in range(30)]
        waiting = set(ids)

        def paid() -> bool:
            bench.node.mine()
            bench.watcher.worker.wake()
            bench.clock.advance(300)
            waiting.difference_update({id_ for id_ in waiting if bench.state_of(id_) == "POSTED"})
            return not waiting

        until(paid)
        began = time.monotonic()
        for each in threads:
            each.stop()
        assert time.monotonic() - began < 5
        assert len(bench.node.mined) == 30
        assert not bench.fatal and not bench.conditions.problems()
        bench.check()


def test_a_failure_is_shown_retried_and_forgotten() -> None:
    conditions, calls = Conditions(), []

    def step() -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("broken once")
        return False

    fatal: list[BaseException] = []
    worker = Worker("w", step, conditions, fatal.append, period_s=0.01)
    worker.start()
    until(lambda: conditions.get(ConditionKind.WORKER, "w") is not None)
    assert conditions.problems() == ("w: broken once",)
    until(lambda: len(calls) > 2)
    until(lambda: conditions.get(ConditionKind.WORKER, "w") is None)
    worker.stop()
    assert not fatal


def test_a_broken_invariant_ends_the_thread_and_is_reported_once() -> None:
    def step() -> bool:
        raise InvariantBroken("two of one")

    fatal: list[BaseException] = []
    worker = Worker("w", step, Conditions(), fatal.append, period_s=0.01)
    worker.start()
    until(lambda: bool(fatal))
    worker.stop()
    assert len(fatal) == 1


def test_a_stop_is_prompt_even_in_a_pause() -> None:
    def step() -> bool:
        raise ValueError("always")

    worker = Worker("w", step, Conditions(), lambda error: None, period_s=60)
    worker.start()
    time.sleep(0.5)
    began = time.monotonic()
    worker.stop()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("failures", [1, 3, 50])
def test_pauses_double_up_to_a_bound(failures: int) -> None:
    backoff = Backoff(100, 1_000)
    now_ms = 0
    for _ in range(failures):
        backoff.failed(now_ms)
    pause_ms = min(100 * 2 ** (failures - 1), 1_000)
    assert not backoff.ready(now_ms + pause_ms - 1)
    assert backoff.ready(now_ms + pause_ms)
    backoff.succeeded()
    assert backoff.ready(now_ms)


def test_a_panic_ends_the_process_and_not_the_thread_in_silence() -> None:
    class PanicException(BaseException):  # as PyO3's, which is no Exception
        pass

    def step() -> bool:
        raise PanicException("index out of bounds")

    fatal: list[BaseException] = []
    worker = Worker("w", step, Conditions(), fatal.append, period_s=0.01)
    worker.start()
    until(lambda: bool(fatal))
    worker.stop()
    assert [type(error) for error in fatal] == [PanicException]
