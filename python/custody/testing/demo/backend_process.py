"""The backend's process as the demo drives it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from custody.testing.stack_files import python

__all__ = ["BackendProcess"]


class BackendProcess:
    """Started at once; its errors go to `logs/backend.log`."""

    def __init__(self, directory: Path) -> None:
        with (directory / "logs" / "backend.log").open("ab") as log:
            self._popen = subprocess.Popen(
                python("custody.testing.demo.backend", str(directory)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._read()

    def submit(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Answers by place."""
        found: list[dict[str, Any]] = self._ask({"do": "submit", "places": list(places)})
        return found

    def cancel(self, reference: str) -> dict[str, Any]:
        """The answer to a cancellation."""
        found: dict[str, Any] = self._ask({"do": "cancel", "reference": reference})
        return found

    def close(self) -> None:
        """End it."""
        if self._popen.stdin is not None:
            self._popen.stdin.close()
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait(10)
        if self._popen.stdout is not None:
            self._popen.stdout.close()

    def _ask(self, command: dict[str, Any]) -> Any:
        if self._popen.stdin is None:
            raise RuntimeError("the backend has no input")
        self._popen.stdin.write(json.dumps(command) + "\n")
        self._popen.stdin.flush()
        told = self._read()
        if "error" in told:
            raise RuntimeError(f"the backend: {told['error']}")
        return told["answer"]

    def _read(self) -> dict[str, Any]:
        line = self._popen.stdout.readline() if self._popen.stdout is not None else ""
        if not line:
            raise RuntimeError("the backend's process ended: see logs/backend.log")
        found: dict[str, Any] = json.loads(line)
        return found
