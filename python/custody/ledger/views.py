"""What readers see of the ledger: frozen values, never the state itself."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "AttemptView",
    "BalanceRow",
    "BlockerKind",
    "BlockerView",
    "Decision",
    "End",
    "Eta",
    "LedgerState",
    "LegView",
    "PayoutItem",
    "PayoutView",
    "WithdrawalView",
]


class LedgerState(enum.StrEnum):
    """Where a withdrawal is, as far as the ledger knows; a payout's own states are the payout's."""

    HELD = "HELD"
    QUEUED = "QUEUED"
    ASSIGNED = "ASSIGNED"
    POSTED = "POSTED"
    VOIDED = "VOIDED"


class End(enum.StrEnum):
    """How a withdrawal ended unpaid."""

    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True, slots=True)
class Eta:
    """By when a withdrawal is paid, unix ms: half, and nine of ten, of the like are."""

    p50_ms: int
    p90_ms: int


class Decision(enum.StrEnum):
    """What intake decided for good."""

    ACCEPTED = "ACCEPTED"
    HELD = "HELD"
    REJECTED = "REJECTED"


class BlockerKind(enum.StrEnum):
    """Why a withdrawal waits, in the names of `custody.api.v1.BlockerKind`."""

    QUORUM = "QUORUM"
    HALT = "HALT"
    FREEZE = "FREEZE"
    LIQUIDITY = "LIQUIDITY"
    FEE_ABOVE_CAP = "FEE_ABOVE_CAP"


@dataclass(frozen=True, slots=True)
class WithdrawalView:
    """One withdrawal that was accepted or held; reference, customer and destination are in its signed intent alone.

    `key` is 16 bytes for initiator and reference. `sequence` and `leaf` say which record and leaf (from 1) hold its
    intent; `hold` is amount + service_fee; `tag` is the rule that held it; `payout_id` is empty before a payout took
    it; `api_state` is a number of
    `custody.api.v1.WithdrawalState`, SIGNING for all that the payout knows better; `priority` of its Priority.
    """

    withdrawal_id: str
    intent_sha256: bytes
    initiator: str
    key: bytes
    attempt: int
    asset: str
    amount: int
    service_fee: int
    hold: int
    pool: str
    limit_class: str
    wallet: str
    fee_mode: str
    max_network_fee: int | None
    pay_before_ms: int
    priority: int
    queued_since_ms: int
    accepted_ms: int
    sequence: int
    leaf: int
    tag: str
    charged_limits: tuple[str, ...]
    state: LedgerState
    end: End | None
    payout_id: str
    api_state: int


@dataclass(frozen=True, slots=True)
class AttemptView:
    """What was answered to attempt `number`; `withdrawal_id` is None for a rejection."""

    number: int
    intent_sha256: bytes
    decision: Decision
    withdrawal_id: str | None
    tag: str
    remedy: int
    earliest_pass_ms: int
    wallet: str
    queued_since_ms: int


@dataclass(frozen=True, slots=True)
class BlockerView:
    """One reason to wait: `tag` is the rule or the halt's id, `scope` what that halt stops."""

    kind: BlockerKind
    tag: str
    scope: str


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One account (`wallet:ID`, `in_flight`, `pool:NAME`, `suspense`) of one asset, in base units.

    `available` is what it can still give.
    """

    asset: str
    account: str
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int
    available: int


@dataclass(frozen=True, slots=True)
class PayoutItem:
    """One withdrawal of a payout: what its destination receives, and what is deducted for the network."""

    withdrawal_id: str
    net_amount: int
    fee_charged: int


@dataclass(frozen=True, slots=True)
class PayoutView:
    """A payout in progress."""

    payout_id: str
    wallet: str
    items: tuple[PayoutItem, ...]
    fee_asset: str
    fee_reserved: int


@dataclass(frozen=True, slots=True)
class LegView:
    """A sweep's leg in progress."""

    leg_id: str
    from_wallet: str
    to_wallet: str
    asset: str
    amount: int
    fee_asset: str
    fee_cap: int
