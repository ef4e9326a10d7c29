"""How a command ends: one exit code for each kind of reason, and what is said about it."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from custody.client.transport import NotEntitled
from custody.errors import (
    ConfigError,
    Conflict,
    CustodyError,
    Denied,
    InvalidSignature,
    Malformed,
    NotFound,
    Unavailable,
)

__all__ = ["Exit", "Partly", "describe", "exit_of"]


class Exit(IntEnum):
    """Exit codes; docs/cli.md explains each."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    INTERNAL = 5
    PARTLY = 6


class Partly(CustodyError):
    """Some of those asked took it, and some did not: what was done is shown before this is raised."""


def exit_of(error: BaseException) -> Exit:
    """The exit code for an error."""
    match error:
        case Partly():
            return Exit.PARTLY
        case Denied() | Conflict() | InvalidSignature():
            return Exit.REFUSED
        case Malformed():
            return Exit.USAGE
        case NotFound():
            return Exit.NOT_FOUND
        case Unavailable():
            return Exit.UNREACHABLE
    return Exit.INTERNAL


def describe(error: BaseException) -> dict[str, Any]:
    """The error as --json shows it: `kind`, `tag`, `detail`."""
    match error:
        case Partly():
            return {"kind": "partly", "tag": "", "detail": str(error)}
        case NotEntitled():
            return {"kind": "not_entitled", "tag": error.tag, "detail": error.detail}
        case Denied():
            return {"kind": "refused", "tag": error.tag, "detail": error.detail}
        case Conflict():
            return {"kind": "refused", "tag": "conflict", "detail": str(error)}
        case InvalidSignature():
            return {"kind": "refused", "tag": "signature.invalid", "detail": str(error)}
        case ConfigError():
            return {"kind": "configuration", "tag": "", "detail": str(error)}
        case Malformed():
            return {"kind": "malformed", "tag": "", "detail": str(error)}
        case NotFound():
            return {"kind": "not_found", "tag": "", "detail": str(error)}
        case Unavailable():
            return {"kind": "unreachable", "tag": "", "detail": str(error)}
    return {"kind": "internal", "tag": "", "detail": f"{type(error).__name__}: {error}"}
