"""Walks what the control state keeps in the order it came, from the newest on, without copying it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar, cast

__all__ = ["newest_first"]

T = TypeVar("T")


def newest_first(kept: Mapping[str, T]) -> Iterator[tuple[str, T]]:
    """Ids and values of a mapping that is only ever added to, the newest first."""
    return reversed(cast("dict[str, T]", kept).items())
