"""What the server answers, as frozen values; an intent is read from its signed bytes, never from the server's copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from custody import ledger, statements
from custody.api.v1 import common_pb2, withdrawal_pb2
from custody.client.outcomes import CancelOutcome, Outcome, Remedy, State
from custody.errors import Failed
from custody.statements import WithdrawalIntent

__all__ = [
    "Blocker",
    "CancelOutcome",
    "CancelResult",
    "ChainTx",
    "Cursor",
    "Outcome",
    "Page",
    "Remedy",
    "State",
    "SubmitOutcome",
    "Withdrawal",
    "blocker",
    "cancel_result",
    "chain_tx",
    "check_id",
    "cursor",
    "enum_name",
    "submit_outcome",
    "unix_ms",
    "withdrawal",
]

T = TypeVar("T")


class Cursor(NamedTuple):
    """A place in the journal; keep one for each partition."""

    partition: str
    sequence: int

    def to_proto(self) -> common_pb2.Cursor:
        """As it is sent."""
        return common_pb2.Cursor(partition=self.partition, sequence=self.sequence)


@dataclass(frozen=True, slots=True)
class SubmitOutcome:
    """The answer to one item. `earliest_pass_ms` is None when unknown or never."""

    reference: str
    outcome: Outcome
    withdrawal_id: str
    state: State
    tag: str
    detail: str
    remedy: Remedy
    earliest_pass_ms: int | None

    @property
    def taken(self) -> bool:
        """Whether the withdrawal is held in the ledger, by this answer or by an earlier one."""
        return self.outcome in (Outcome.ACCEPTED, Outcome.HELD) or (
            self.outcome is Outcome.DUPLICATE and bool(self.withdrawal_id)
        )


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason to wait."""

    kind: str
    tag: str
    proposal_id: str
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class ChainTx:
    """One version of a transaction."""

    network: str
    hash: str
    state: str
    block_height: int
    block_hash: str
    confirmations: int
    required: int


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal as it is now. `intent` is read from `intent_bytes`; amounts are base units."""

    withdrawal_id: str
    intent_bytes: bytes
    intent: WithdrawalIntent
    state: State
    blockers: tuple[Blocker, ...]
    priority: str
    metadata: Mapping[str, str]
    payout_id: str
    wallet_id: str
    txs: tuple[ChainTx, ...]
    network_fee: int | None
    network_fee_asset: str
    net_amount: int | None
    queue_position: int
    eta_p50_ms: int | None
    eta_p90_ms: int | None
    accepted_at_ms: int | None
    final_at_ms: int | None
    tag: str
    as_of: Cursor

    @property
    def reference(self) -> str:
        """As in the intent."""
        return self.intent.reference


@dataclass(frozen=True, slots=True)
class CancelResult:
    """The answer to one cancellation."""

    reference: str
    outcome: CancelOutcome
    withdrawal_id: str
    state: State
    tag: str
    detail: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `next_page_token` is empty at the end."""

    items: tuple[T, ...]
    next_page_token: str
    as_of: tuple[Cursor, ...]


def submit_outcome(result: withdrawal_pb2.SubmitResult) -> SubmitOutcome:
    """Of one answer."""
    return SubmitOutcome(
        result.reference,
        Outcome(enum_name(withdrawal_pb2.Outcome, result.outcome)),
        result.withdrawal_id,
        State(enum_name(withdrawal_pb2.WithdrawalState, result.state)),
        result.tag,
        result.detail,
        Remedy(enum_name(withdrawal_pb2.Remedy, result.remedy)),
        unix_ms(result, "earliest_pass"),
    )


def check_id(withdrawal_id: str, intent: WithdrawalIntent) -> None:
    """Require that an id is this intent's: its last 80 bits follow from initiator, reference and attempt.

    So whoever asks by id is never shown another withdrawal. Raises Failed.
    """
    digest = statements.tagged_hash("withdrawal", intent.initiator, intent.reference, intent.attempt)
    if ledger.ulid_bytes(withdrawal_id)[6:] != digest[:10]:
        raise Failed("custody-server", f"shows another withdrawal's intent under {withdrawal_id}")


def withdrawal(message: withdrawal_pb2.Withdrawal) -> Withdrawal:
    """Of one withdrawal. Raises Malformed when its bytes are no intent, Failed when they are another's."""
    intent = statements.parse_intent(message.intent_bytes)
    check_id(message.withdrawal_id, intent)
    fee = message.network_fee if message.HasField("network_fee") else None
    return Withdrawal(
        message.withdrawal_id,
        message.intent_bytes,
        intent,
        State(enum_name(withdrawal_pb2.WithdrawalState, message.state)),
        tuple(blocker(item) for item in message.blockers),
        enum_name(withdrawal_pb2.Priority, message.priority),
        dict(message.metadata),
        message.payout_id,
        message.wallet_id,
        tuple(chain_tx(tx) for tx in message.txs),
        int(fee.amount) if fee is not None and fee.amount else None,
        fee.asset if fee is not None else "",
        int(message.net_amount) if message.net_amount else None,
        message.queue_position,
        unix_ms(message, "eta_p50"),
        unix_ms(message, "eta_p90"),
        unix_ms(message, "accepted_at"),
        unix_ms(message, "final_at"),
        message.tag,
        cursor(message.as_of),
    )


def cancel_result(result: withdrawal_pb2.CancelResult) -> CancelResult:
    """Of one answer."""
    return CancelResult(
        result.reference,
        CancelOutcome(enum_name(withdrawal_pb2.CancelOutcome, result.outcome)),
        result.withdrawal_id,
        State(enum_name(withdrawal_pb2.WithdrawalState, result.state)),
        result.tag,
        result.detail,
    )


def blocker(message: withdrawal_pb2.Blocker) -> Blocker:
    """Of one reason."""
    kind = enum_name(withdrawal_pb2.BlockerKind, message.kind)
    return Blocker(kind, message.tag, message.proposal_id, unix_ms(message, "until"))


def chain_tx(message: common_pb2.ChainTx) -> ChainTx:
    """Of one version."""
    return ChainTx(
        message.network,
        message.hash,
        enum_name(common_pb2.TxState, message.state),
        message.block_height,
        message.block_hash,
        message.confirmations,
        message.required,
    )


def cursor(message: common_pb2.Cursor) -> Cursor:
    """Of one place."""
    return Cursor(message.partition, message.sequence)


def enum_name(enum: Any, value: int) -> str:
    """A value's name without its enum's prefix; UNKNOWN for the unspecified one and for one that is newer."""
    unspecified: str = enum.Name(0)
    if value == 0 or value not in enum.values():
        return "UNKNOWN"
    name: str = enum.Name(value)
    return name.removeprefix(unspecified.removesuffix("UNSPECIFIED"))


def unix_ms(message: Any, name: str) -> int | None:
    """A timestamp field in unix ms, None when it is absent."""
    if not message.HasField(name):
        return None
    stamp: Timestamp = getattr(message, name)
    return stamp.seconds * 1000 + stamp.nanos // 1_000_000
