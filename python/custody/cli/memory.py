"""What this operator's machine remembers: the highest governance head seen, and the numbers used; neither goes back."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from custody.errors import ConfigError, Denied

__all__ = ["Memory"]


class Memory:
    """A small JSON file, replaced whole under a lock, that several runs of the CLI share."""

    def __init__(self, path: Path, deployment: bytes) -> None:
        self._path = path
        self._deployment = deployment.hex()

    def head(self) -> tuple[int, bytes]:
        """Sequence and hash of the highest head seen; before any, (0, b"")."""
        entry = self._read().get(self._deployment, {})
        return entry.get("head_sequence", 0), bytes.fromhex(entry.get("head_hash", ""))

    def check_head(self, sequence: int, digest: bytes) -> None:
        """Raise Denied for a head older than one seen, or another one at the same place."""
        seen, seen_digest = self.head()
        if sequence < seen:
            raise Denied(
                "governance.head_old", f"this machine has seen governance head {seen}, not only {sequence}"
            )
        if sequence == seen and digest != seen_digest:
            raise Denied("governance.head_unknown", f"this machine has seen another governance head {seen}")

    def remember_head(self, sequence: int, digest: bytes) -> None:
        """Keep a verified head, if it is newer."""
        if sequence <= self.head()[0]:
            return
        with self._changing() as entry:
            if sequence > entry.get("head_sequence", 0):
                entry["head_sequence"], entry["head_hash"] = sequence, digest.hex()

    def next_number(self, operator: str, now_ms: int) -> int:
        """A number above every one used: one more than the last, or the time where that is more."""
        with self._changing() as entry:
            numbers = entry.setdefault("numbers", {})
            number: int = max(numbers.get(operator, 0) + 1, now_ms)
            numbers[operator] = number
        return number

    def check_writable(self) -> None:
        """Raises ConfigError when nothing can be remembered."""
        with self._changing():
            pass

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._path.with_name(self._path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError("state", f"{self._path}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._read()
            yield known.setdefault(self._deployment, {})
            self._write(known)
        finally:
            os.close(lock)

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigError("state", f"{self._path}: {error}") from None
        if not isinstance(known, dict) or not all(map(_sound, known.values())):
            raise ConfigError("state", f"{self._path}: is not what this program wrote")
        return known

    def _write(self, known: dict[str, Any]) -> None:
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(known, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, self._path)
        except OSError as error:
            raise ConfigError("state", f"{self._path}: {error.strerror}") from None


def _sound(entry: object) -> bool:
    """Whether a deployment's entry has the form that is written here."""
    if not isinstance(entry, dict):
        return False
    sequence, digest, numbers = (
        entry.get("head_sequence", 0),
        entry.get("head_hash", ""),
        entry.get("numbers", {}),
    )
    return (
        type(sequence) is int
        and isinstance(digest, str)
        and re.fullmatch("([0-9a-f]{64})?", digest) is not None
        and isinstance(numbers, dict)
        and all(type(number) is int and number >= 0 for number in numbers.values())
    )
