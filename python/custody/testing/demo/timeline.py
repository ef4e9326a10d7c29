"""What the demo tells while it runs: bars on a terminal, plain lines otherwise, nothing when one object is wanted."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["Timeline"]


class Timeline:
    """Lines with the seconds since the start; a context manager while bars are shown."""

    def __init__(self, *, silent: bool) -> None:
        self.started = time.monotonic()
        self._silent = silent
        self._console = Console(highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._bars: dict[str, TaskID] = {}
        if not silent and sys.stdout.isatty():
            columns = TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn()
            self._progress = Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    def say(self, text: str) -> None:
        """One line."""
        self._print(f"{self.seconds:6.1f} s  {text}")

    def block(self, text: str) -> None:
        """What a program printed, as it stands."""
        self._print("\n".join(f"         │ {line}" for line in text.rstrip().splitlines()))

    def bar(self, name: str, done: int, total: int) -> None:
        """How far something is; only a terminal shows it."""
        if self._progress is None:
            return
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._bars[name], completed=done, total=total)

    def _print(self, text: str) -> None:
        if not self._silent:
            self._console.print(text, markup=False)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
