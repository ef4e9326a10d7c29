"""The server's log: one JSON object a line, with the ids of what it is about and never a secret or a person's data."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog

__all__ = ["REDACTED", "configure", "redact"]

REDACTED: Final = "[redacted]"

_PRIVATE: Final = frozenset(
    {
        *(
            "pin",
            "secret",
            "password",
            "passphrase",
            "private_key",
            "key_pem",
            "token_pin",
            "seed",
            "authorization",
        ),
        *("metadata", "memo", "customer", "address", "destination"),
        *("intent", "cancel", "signature", "signatures", "salt"),
    }
)
_LONGEST = 2_000


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send everything that the process logs to `stream` (standard error), from `level` on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.getLogger().addHandler(logging.NullHandler())  # libraries' own words go nowhere


def redact(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: hide values whose name says that they are private, show ids of bytes as hex."""
    for key, value in event.items():
        event[key] = _shown(key, value)
    return event


def _shown(key: str, value: Any) -> Any:
    if key.lower() in _PRIVATE:
        return REDACTED
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 32 else f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        return {str(k): _shown(str(k), v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(key, item) for item in value]
    if isinstance(value, str) and len(value) > _LONGEST and key != "exception":
        return value[:_LONGEST] + "…"
    return value
