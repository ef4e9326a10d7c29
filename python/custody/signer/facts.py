"""What a signer's state is made of: who is bound to what, what was promised, and what is stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Attempt(NamedTuple):
    """(initiator, reference, attempt): one intent's id."""

    initiator: str
    reference: str
    attempt: int


class Bound(NamedTuple):
    """The one intent of a reference that may be paid, and what it spends."""

    attempt: int
    intent_sha256: bytes
    conflict_key: str


class LegId(NamedTuple):
    """A leg of a sweep: its statement's SHA-256 and which leg, from 0."""

    statement_sha256: bytes
    leg: int


@dataclass(slots=True)
class Version:
    """One transaction that may be signed: durable before the token is asked; `transaction` is set once it answered."""

    intended_sequence: int
    unsigned: bytes
    digest: bytes
    transaction: bytes = b""
    transaction_hash: bytes = b""
    failures: int = 0


@dataclass(slots=True)
class ConflictUse:
    """Everything ever intended under one conflict key, since its first version: one owner, charged for the dearest."""

    owner: bytes | LegId
    wallet: str
    since_ms: int
    versions: list[Version] = field(default_factory=list)
    charged: dict[str, int] = field(default_factory=dict)


class Halt(NamedTuple):
    """A stop in force."""

    scopes: tuple[str, ...]
    reason: str


class Suspension(NamedTuple):
    """A suspension in force."""

    operator: str
    reason: str


class Promise(NamedTuple):
    """A tombstone as it was given."""

    intent_sha256: bytes
    body: bytes
    signature: bytes


class Frozen(NamedTuple):
    """Why nothing is signed, and since which row."""

    tag: str
    detail: str
    sequence: int
