"""A thread that does one thing again and again: woken by commits and by time, stopped in bounded time, never silent.

A failure is logged, shown in the conditions and retried with a growing pause; a broken invariant stops the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from custody.errors import InvariantBroken
from custody.services.conditions import ConditionKind, Conditions

__all__ = ["Backoff", "Worker"]

_log = structlog.get_logger("worker")

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0  # a part that comes back is noticed within ten seconds
_GAP_S = 0.005  # many commits a second wake a worker, and one look serves them all
_JOIN_S = 90.0  # longer than any one call that a step makes


class Backoff:
    """Pauses that double up to a bound; in milliseconds of the caller's clock."""

    def __init__(self, first_ms: int = 200, longest_ms: int = 10_000) -> None:
        """Begin without a pause."""
        self._first_ms = first_ms
        self._longest_ms = longest_ms
        self._pause_ms = 0
        self._until_ms = 0

    def failed(self, now_ms: int) -> None:
        """Wait longer than the last time."""
        self._pause_ms = min(max(self._first_ms, self._pause_ms * 2), self._longest_ms)
        self._until_ms = now_ms + self._pause_ms

    def succeeded(self) -> None:
        """Wait no longer."""
        self._pause_ms = self._until_ms = 0

    def ready(self, now_ms: int) -> bool:
        """Whether it may be tried again."""
        return now_ms >= self._until_ms


class Worker:
    """Runs `step` in its own thread. `step` returns True when there is more to do at once."""

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        conditions: Conditions,
        on_fatal: Callable[[BaseException], None],
        *,
        period_s: float,
    ) -> None:
        """`period_s` is the longest time between two steps; `on_fatal` is expected to end the process."""
        self.name = name
        self._step = step
        self._conditions = conditions
        self._on_fatal = on_fatal
        self._period_s = period_s
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first step comes at once."""
        self._awake.set()
        self._thread.start()

    def wake(self) -> None:
        """Take the next step now rather than at the end of the period."""
        self._awake.set()

    def stop(self) -> None:
        """End after the step under way. Raises nothing when it was never started."""
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)

    @property
    def stopping(self) -> bool:
        """Whether a long step should end early."""
        return self._stopping.is_set()

    def _run(self) -> None:
        pause_s = 0.0
        while not self.stopping:
            self._awake.wait(self._period_s)
            self._awake.clear()
            if self.stopping or not self._steps():
                return
            failed = self._conditions.get(ConditionKind.WORKER, self.name) is not None
            pause_s = min(max(_FIRST_PAUSE_S, pause_s * 2), _LONGEST_PAUSE_S) if failed else 0.0
            # Being woken by commits shortens no pause; being stopped does.
            if self._stopping.wait(max(pause_s, _GAP_S)):
                return
            if failed:
                self._awake.set()

    def _steps(self) -> bool:
        """Step until there is nothing more to do at once; False when the thread must end."""
        try:
            while self._step() and not self.stopping:
                continue
        except Exception as error:
            if isinstance(error, InvariantBroken):
                return self._fatal(error)
            if not self.stopping:
                _log.warning("step failed", worker=self.name, exc_info=error)
                self._conditions.set(ConditionKind.WORKER, self.name, "worker.failed", str(error))
        except BaseException as error:  # a panic in Rust: a thread that ended in silence would pay nobody
            return self._fatal(error)
        else:
            self._conditions.clear(ConditionKind.WORKER, self.name)
        return True

    def _fatal(self, error: BaseException) -> bool:
        _log.error("invariant broken", worker=self.name, exc_info=error)
        self._on_fatal(error)
        return False
