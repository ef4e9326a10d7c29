"""The batch path: requests cross into Rust as bytes and come back as answers and records; no item is seen here."""

from __future__ import annotations

from dataclasses import dataclass

from custody._core import intake as _intake
from custody._core.crypto import Keyring

__all__ = ["Keyring", "Prepared", "Rules", "Submitted", "prepare"]

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


def prepare(request: bytes, principal: str, rules: Rules, keyring: Keyring, salt: bytes) -> Prepared:
    """Check a SubmitWithdrawalsRequest's bytes with the GIL released: form, policy, signatures.

    `salt` is 32 fresh random bytes for the metadata's hashes. Raises `Malformed` for a request that cannot be read or
    is out of bounds; what is wrong with an item becomes its own answer.
    """
    return _intake.prepare(request, principal, rules, keyring, salt)
