"""Processes of a stack: started with their log in a file, ready when they say so, ended by their own id alone."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["DidNotStart", "Process", "wait_until"]


class DidNotStart(RuntimeError):
    """A process ended, or was not ready in time; the message ends with the last lines of its log."""


def wait_until(ready: Callable[[], bool], timeout_s: float, what: str, pause_s: float = 0.05) -> None:
    """Ask until it is so. Raises TimeoutError naming `what`."""
    until = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(pause_s)


class Process:
    """One program that may be started, killed and started again; its output goes to `log`, appended."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        ready: Callable[[Process], bool],
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 40.0,
    ) -> None:
        """`ready` is asked until it says yes; it is never asked after the process ended."""
        self.name = name
        self.command = list(command)
        self.log = log
        self._ready = ready
        self._environment = dict(environment or {})
        self._timeout_s = timeout_s
        self._popen: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """Of the running process, 0 when it does not run."""
        return self._popen.pid if self._popen is not None and self._popen.poll() is None else 0

    def launch(self) -> None:
        """Start without waiting: several can so be started at once."""
        if self.pid:
            raise RuntimeError(f"{self.name} runs already")
        self._reap()
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
                start_new_session=True,
            )

    def await_ready(self) -> None:
        """Wait until it answers. Raises DidNotStart."""
        until = time.monotonic() + self._timeout_s
        while True:
            if not self.pid:
                raise DidNotStart(f"{self.name} ended with {self.status}:\n{self.tail()}")
            if self._ready(self):
                return
            if time.monotonic() > until:
                raise DidNotStart(f"{self.name} did not get ready in {self._timeout_s:g} s:\n{self.tail()}")
            time.sleep(0.03)

    def start(self) -> None:
        """Start and wait."""
        self.launch()
        self.await_ready()

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return None if self._popen is None else self._popen.poll()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self, timeout_s: float = 20.0) -> int:
        """SIGTERM; SIGKILL when that takes too long. Returns the exit status."""
        return self._end(signal.SIGTERM, timeout_s)

    def wait_gone(self, timeout_s: float) -> int:
        """Wait until it ended by itself. Raises TimeoutError."""
        if self._popen is None:
            raise RuntimeError(f"{self.name} was never started")
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {timeout_s:g} s") from None

    def output(self) -> str:
        """What it has written since it was last started."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode("utf-8", "replace")

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        return "\n".join(self.output().splitlines()[-lines:])

    def _end(self, number: signal.Signals, timeout_s: float = 20.0) -> int:
        if self._popen is None:
            return 0
        if self._popen.poll() is None:
            self._popen.send_signal(number)
        try:
            status = self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            status = self._popen.wait(timeout_s)
        self._reap()
        return status

    def _reap(self) -> None:
        if self._popen is not None and self._popen.poll() is not None:
            self._popen = None
