"""The batch path: requests cross into Rust as bytes and come back as answers and records; no item is seen here."""

from __future__ import annotations

from dataclasses import dataclass

from custody._core import intake as _intake
from custody._core.crypto import Keyring

__all__ = ["Explained", "Keyring", "LimitClause", "Prepared", "Rules", "Submitted", "prepare"]

Rules = _intake.Rules
Prepared = _intake.Prepared


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of one request.

    `response` (a SubmitWithdrawalsResponse) is sent once `record` is durable; no record when nothing is remembered.
    `stale`: policy or keyring changed since it was prepared, nothing was done, prepare it again. `metadata` is to be
    stored beside the journal: withdrawal id (16 bytes), salt (32 bytes), the client's words as JSON.
    """

    response: bytes
    record: bytes | None
    root: bytes
    stale: bool
    metadata: tuple[tuple[bytes, bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class LimitClause:
    """What one limit says of an intent: base units, withdrawals, unix ms.

    `failing` is the first clause that fails: `asset` or `class` (it does not cover the intent), `overflow`, `amount`,
    `count`, or empty when the intent passes. `amounts` and `counts` are (what counts, the bound, what is left); a bound
    and what is left of it are None where there is no bound. At `earliest_pass_ms` it passes if nothing else is charged,
    one ms before it does not; None for never. What was charged before `counts_from_ms` may be missing.
    """

    limit: str
    denies: bool
    failing: str
    window_ms: int | None
    amounts: tuple[int, int | None, int | None]
    counts: tuple[int, int | None, int | None]
    earliest_pass_ms: int | None
    counts_from_ms: int


@dataclass(frozen=True, slots=True)
class Explained:
    """What submitting an intent now would answer, signatures aside; numbers of `custody.api.v1`'s enums.

    `earliest_pass_ms` is 0 for unknown or never. `limits` has every limit of the policy, by id; none when the intent is
    refused for its form before limits are asked.
    """

    outcome: int
    tag: str
    detail: str
    remedy: int
    earliest_pass_ms: int
    limits: tuple[LimitClause, ...] = ()


def prepare(request: bytes, principal: str, rules: Rules, keyring: Keyring, salt: bytes) -> Prepared:
    """Check a SubmitWithdrawalsRequest's bytes with the GIL released: form, policy, signatures.

    `salt` is 32 fresh random bytes for the metadata's hashes. Raises `Malformed` for a request that cannot be read or
    is out of bounds; what is wrong with an item becomes its own answer.
    """
    return _intake.prepare(request, principal, rules, keyring, salt)
