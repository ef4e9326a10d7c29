"""Kills the server, as SIGKILL would, before or after the n-th call of one method of any port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

When = Literal["before", "after"]


class Killed(BaseException):
    """The process ended here; nothing in it may go on, so no `except Exception` sees this."""


@dataclass
class Trigger:
    """Strikes once. `method` is counted over all the ports that have it."""

    method: str
    when: When
    at: int
    calls: int = 0
    armed: bool = False
    struck: bool = False

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Make a call, and die before or after it when it is the one."""
        if not self.armed or self.struck:
            return function(*args)
        self.calls += 1
        if self.calls != self.at:
            return function(*args)
        if self.when == "before":
            self.struck = True
            raise Killed(f"before {self.method} {self.at}")
        try:
            function(*args)
        finally:
            self.struck = True
        raise Killed(f"after {self.method} {self.at}")


@dataclass
class Wrapped:
    """A port whose calls of one method pass through the trigger."""

    port: Any
    trigger: Trigger = field(repr=False)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.port, name)
        if name != self.trigger.method:
            return found
        return lambda *args: self.trigger.call(found, *args)
