"""One waiting caller of the writer, and how it is turned away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from custody.errors import Unavailable
from custody.ledger import Prepared
from custody.services.commands import Decision, State


class Busy(Unavailable):
    """The writer's queue is full; nothing was done."""


class WriterStopped(Unavailable):
    """The writer stopped before it answered; whether the job was done is unknown until the journal is read again."""


@dataclass(slots=True)
class Job:
    """One waiting caller. Exactly one of the three is set."""

    prepared: Prepared | None = None
    command: Callable[[State], Decision[Any]] | None = None
    reader: Callable[[State], Any] | None = None
    principal: str = "system"
    request_id: str = ""
    result: Any = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)
