"""The one writer: it alone changes the ledger and the control state, and answers nobody before the journal is durable.

Waiting jobs are taken together (group commit): each is decided and applied in order, all their records are appended
in one transaction, and only then are they answered. When that fails the process stops: its memory is ahead of the disk.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from custody.crypto import Keyring
from custody.errors import InvariantBroken
from custody.ledger import Ledger, Prepared
from custody.model.clock import TimeGuard
from custody.model.control import ControlState
from custody.ports import Clock, Head, IdStore, Journal, MetadataStore, RowFields
from custody.services.book import Book, opening, time_halts
from custody.services.commands import Decision, Draft, State, SubmitReply
from custody.services.replay import replay
from custody.services.rulebook import Rulebook
from custody.services.writer_jobs import Busy, Job, WriterStopped

__all__ = ["Busy", "Decision", "Draft", "State", "SubmitReply", "Writer", "WriterStopped"]

T = TypeVar("T")

_QUEUE_JOBS = 4096  # far above the handlers and workers that can wait at once
_GROUP_JOBS = 256
_WAITERS = 8  # callers that may wait for a row at once; each holds a thread that others need, a halt's too
_TICK_S = 1.0  # how often an idle writer looks at the clock


class Writer:
    """Owns the ledger and the control state.

    `submit`, `execute` and `read` may be called from any thread but the writer's own; they block until the answer is
    durable. `on_fatal` is called at most once, from the writer's thread, and is expected to end the process.
    """

    def __init__(
        self,
        journal: Journal,
        ledger: Ledger,
        control: ControlState,
        clock: Clock,
        keyring: Keyring,
        on_fatal: Callable[[BaseException], None],
        *,
        genesis: bytes,
        version: str = "0",
        metadata: MetadataStore | None = None,
        ids: IdStore | None = None,
    ) -> None:
        """`genesis` is the genesis policy's file as it stands: the first record of an empty journal."""
        self._journal = journal
        self._ledger = ledger
        self._control = control
        self._clock = clock
        self._on_fatal = on_fatal
        self._opening = (genesis, version)
        self._metadata, self._ids = metadata, ids
        self.rulebook = Rulebook(ledger, keyring, self.partition)
        self._jobs: queue.Queue[Job | None] = queue.Queue(_QUEUE_JOBS)
        self._listeners: list[Callable[[Head], None]] = []
        self._advanced = threading.Condition()
        self._waiters = threading.Semaphore(_WAITERS)
        self._head = Head(0, 0, b"")
        self._fatal: BaseException | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    # For callers in any thread.

    def submit(self, prepared: Prepared) -> SubmitReply:
        """Take a prepared batch; returns once what it answers is durable. Raises `Busy` or `WriterStopped`."""
        reply: SubmitReply = self._ask(Job(prepared=prepared))
        return reply

    def execute(
        self, command: Callable[[State], Decision[T]], *, principal: str = "system", request_id: str = ""
    ) -> T:
        """Run a command in the writer's thread and return its reply once its records are durable.

        The command is short, does no I/O and changes nothing itself; what it raises reaches the caller and then
        nothing is written. `principal` and `request_id` go into the records' headers.
        """
        reply: T = self._ask(Job(command=command, principal=principal, request_id=request_id))
        return reply

    def read(self, reader: Callable[[State], T]) -> T:
        """Run a short function over the durable state, between two groups."""
        result: T = self._ask(Job(reader=reader))
        return result

    @property
    def head(self) -> Head:
        """The newest durable row."""
        return self._head

    @property
    def partition(self) -> str:
        """The journal's name as cursors give it."""
        return self._journal.name.removeprefix("server/")

    @property
    def failure(self) -> BaseException | None:
        """Why the writer stopped by itself, if it did."""
        return self._fatal

    def fields(self, after: int, limit: int) -> list[RowFields]:
        """Rows' fields from the journal, so that the writer can be a `HeadSource`."""
        return self._journal.fields(after, limit)

    def wait_for(self, sequence: int, timeout_s: float) -> bool:
        """Wait until the head is at least `sequence`; False when it is not in time. Raises `Busy`."""
        if self._head.sequence >= sequence:
            return True
        if not self._waiters.acquire(blocking=False):
            raise Busy("journal", f"is at {self._head.sequence}, and as many calls wait for it as may")
        try:
            return self._reached(sequence, timeout_s)
        finally:
            self._waiters.release()

    def wait_beyond(self, sequence: int, timeout_s: float) -> int:
        """Wait until the head is above `sequence`, or for the time given; the head's sequence then."""
        self._reached(sequence + 1, timeout_s)
        return self._head.sequence

    def _reached(self, sequence: int, timeout_s: float) -> bool:
        with self._advanced:
            return self._advanced.wait_for(lambda: self._head.sequence >= sequence, timeout_s)

    def on_committed(self, listener: Callable[[Head], None]) -> None:
        """Call `listener` in the writer's thread after each durable group; it must return at once."""
        self._listeners.append(listener)

    # The life of the writer.

    def start(self) -> None:
        """Replay the journal, take it over under the next epoch, and begin to serve. Raises what is wrong with it."""
        head = self._head = replay(self._journal, self._ledger, self._control, self.rulebook, self._ids)
        self._epoch = head.epoch + 1
        self._guard = TimeGuard(
            last_ms=self._control.last_recorded_ms,
            wall_ms=self._clock.now_ms(),
            monotonic_ms=self._clock.monotonic_ms(),
            maximum_start_gap_ms=self._control.governance.policy.maximum_start_gap_ms,
            frozen=bool(time_halts(self._control)),
        )
        opening = Job(command=self._open)
        self._group([opening])
        for error in (self._fatal, opening.error):
            if error is not None:
                raise error
        self._thread.start()

    def stop(self) -> None:
        """Answer what was already asked, then end the thread. Asking afterwards raises `WriterStopped`."""
        self._stopping = True
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
        self._refuse_waiting()

    def _ask(self, job: Job) -> Any:
        if threading.current_thread() is self._thread:
            raise InvariantBroken("the writer was asked from its own thread")
        if self._stopping or self._fatal is not None:
            raise WriterStopped("writer", "is stopped")
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Busy("writer", "its queue is full; try again") from None
        while not job.done.wait(_TICK_S):
            if not self._thread.is_alive():
                self._refuse_waiting()
        if job.error is not None:
            raise job.error
        return job.result

    def _run(self) -> None:
        try:
            while self._fatal is None:
                jobs, last = self._take()
                self._group(jobs)
                if last:
                    break
        except BaseException as error:  # a listener's: nobody may wait for a thread that is gone
            self._die(error, ())
        self._refuse_waiting()

    def _take(self) -> tuple[list[Job], bool]:
        """Wait for a job, at most a tick, and take all that wait with it; True when the stop was among them."""
        jobs: list[Job] = []
        try:
            job = self._jobs.get(timeout=_TICK_S)
            while job is not None:
                jobs.append(job)
                if len(jobs) == _GROUP_JOBS:
                    return jobs, False
                job = self._jobs.get_nowait()
        except queue.Empty:
            return jobs, False
        return jobs, True

    def _refuse_waiting(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job.error = WriterStopped("writer", "stopped before it answered")
                job.done.set()

    def _group(self, jobs: Sequence[Job]) -> None:
        """Decide, apply and append all of the jobs, then answer them."""
        try:
            wall_ms = self._clock.now_ms()
            reading = self._guard.observe(wall_ms, self._clock.monotonic_ms())
            book = Book(
                self._head, self._epoch, self._control, self._ledger, self.rulebook, reading.now_ms, wall_ms
            )
            self.rulebook.follow_keys()
            if reading.frozen and self._head.sequence:
                book.halt_for_time()
            self._decide(jobs, book)
            if self._metadata is not None and book.metadata:
                self._metadata.put(book.metadata)
            if book.rows:
                self._journal.append(book.rows)
        except BaseException as error:  # memory may be ahead of the disk: nothing may go on
            self._die(error, jobs)
            return
        if book.rows:
            with self._advanced:
                self._head = book.head
                self._advanced.notify_all()
        if book.time_confirmed:
            self._guard.confirm(self._clock.now_ms(), self._clock.monotonic_ms())
        self._read(jobs, book)
        for job in jobs:
            job.done.set()
        if book.rows:
            for listener in self._listeners:
                listener(self._head)

    def _decide(self, jobs: Sequence[Job], book: Book) -> None:
        waiting: list[Job] = []
        for job in jobs:
            if job.prepared is not None:
                waiting.append(job)
                continue
            self._submit(waiting, book)
            waiting.clear()
            if job.command is None:
                continue
            try:
                decision = job.command(book.state())
            except InvariantBroken:
                raise
            except Exception as error:  # nothing was changed: it is the caller's
                job.error = error
                continue
            for draft in decision.drafts:
                book.write(draft, job.principal, job.request_id)
            job.result = decision.reply
        self._submit(waiting, book)

    def _submit(self, jobs: Sequence[Job], book: Book) -> None:
        prepared = [job.prepared for job in jobs if job.prepared is not None]
        if not prepared:
            return
        for job, answer in zip(jobs, book.submit(prepared), strict=True):
            job.result = SubmitReply(answer.response, answer.stale)

    def _read(self, jobs: Sequence[Job], book: Book) -> None:
        for job in jobs:
            if job.reader is None:
                continue
            try:
                job.result = job.reader(book.state())
            except Exception as error:
                job.error = error

    def _open(self, state: State) -> Decision[None]:
        return opening(state, *self._opening)

    def _die(self, error: BaseException, jobs: Sequence[Job]) -> None:
        self._fatal = error
        for job in jobs:
            job.error = WriterStopped("writer", "stopped before the answer was durable")
            job.error.__cause__ = error
            job.done.set()
        self._refuse_waiting()
        self._on_fatal(error)
