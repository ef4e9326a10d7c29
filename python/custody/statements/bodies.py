"""What initiators, operators and signers sign, as frozen values; field for field the messages of the protos.

Amounts are `int` base units, absent texts `""`, absent bytes `b""`, absent numbers 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from custody.statements._forms import Amount


class FeeMode(IntEnum):
    """Who pays the network's fee."""

    HOUSE = 1
    DEDUCT = 2


@dataclass(frozen=True, slots=True)
class WithdrawalIntent:
    """One customer's request to send out; identified by (initiator, reference, attempt).

    `max_network_fee` is None under HOUSE, and below `amount` under DEDUCT.
    """

    initiator: str
    reference: str
    attempt: int
    asset: str
    amount: Amount
    address: str
    memo: str
    pool: str
    customer: str
    limit_class: str
    fee_mode: FeeMode
    max_network_fee: Amount | None
    service_fee: Amount
    submit_before_unix_ms: int
    pay_before_unix_ms: int
    routing_sequence: int


@dataclass(frozen=True, slots=True)
class CancelBody:
    """Ends one attempt before it is signed."""

    initiator: str
    reference: str
    attempt: int
    intent_sha256: bytes
    issued_unix_ms: int


@dataclass(frozen=True, slots=True)
class HaltBody:
    """A durable stop of 1 to 32 scopes; only a RESUME ends it."""

    operator: str
    scopes: tuple[str, ...]
    reason: str
    issued_unix_ms: int
    number: int


@dataclass(frozen=True, slots=True)
class SuspendBody:
    """Suspends an operator."""

    by: str
    operator: str
    reason: str
    issued_unix_ms: int
    number: int


@dataclass(frozen=True, slots=True)
class CancelPendingBody:
    """Cancels a proposal that is not yet executed."""

    operator: str
    statement_sha256: bytes
    reason: str
    issued_unix_ms: int
    number: int


@dataclass(frozen=True, slots=True)
class TombstoneBody:
    """A signer's durable promise never to pay an attempt."""

    signer: str
    wallet: str
    initiator: str
    reference: str
    attempt: int
    intent_sha256: bytes
    log_sequence: int
    recorded_unix_ms: int


@dataclass(frozen=True, slots=True)
class CheckpointBody:
    """A Merkle tree head over a journal's row hashes."""

    journal: str
    tree_size: int
    root: bytes
    issued_unix_ms: int


@dataclass(frozen=True, slots=True)
class JournalHeadBody:
    """A signer's own log head."""

    signer: str
    sequence: int
    hash: bytes
    governance_sequence: int


@dataclass(frozen=True, slots=True)
class PossessionBody:
    """A key's holder agrees to this use; signed with the policy's salt in the deployment's place."""

    wallet: str
    kind: str
    network: str
    signer: str
    scheme: str
    public_key: bytes
