"""ULIDs of what the server makes, from the time and a hash of what they name: no chance is needed, and none repeats."""

from __future__ import annotations

from custody import statements
from custody.ledger import ulid_text

__all__ = ["make_ulid"]


def make_ulid(now_ms: int, tag: str, *parts: int | bytes | str) -> str:
    """The ULID of a moment (unix ms) and of H(tag, parts…)."""
    return ulid_text(now_ms.to_bytes(8, "big")[2:] + statements.tagged_hash(tag, *parts)[:10])
