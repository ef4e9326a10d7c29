"""What moves what we owe: deposits credited once, signed pool transfers, suspense; `decide_…` changes nothing."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from custody._core import ledger as _core

__all__ = [
    "Deposit",
    "LegState",
    "Pend",
    "PendingLeg",
    "Pools",
    "Post",
    "Surplus",
    "TransferAnswer",
    "TransferMove",
    "TransferOrder",
    "TransferView",
    "Void",
]


@dataclass(frozen=True, slots=True)
class Deposit:
    """A final output that pays one of our wallets; known by network, transaction id (32 bytes) and output's index.

    `from_suspense`: the wallet's balance counts it already, as a surplus that went to suspense.
    """

    network: str
    tx_hash: bytes
    output: int
    wallet: str
    asset: str
    amount: int
    pool: str
    from_suspense: bool = False


@dataclass(frozen=True, slots=True)
class TransferMove:
    """Moves base units of an asset from a pool to a pool, at once."""

    asset: str
    from_pool: str
    to_pool: str
    amount: int


@dataclass(frozen=True, slots=True)
class Pend:
    """Reserves them, to be posted before `expires_ms`."""

    asset: str
    from_pool: str
    to_pool: str
    amount: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Post:
    """Moves a pending leg (from 1) of the initiator's order `reference`, or a part of it; the rest returns."""

    reference: str
    leg: int
    amount: int


@dataclass(frozen=True, slots=True)
class Void:
    """Returns a pending leg."""

    reference: str
    leg: int


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """What one signed body asks for: 1 to 1,000 legs that happen together or not at all."""

    initiator: str
    reference: str
    body_sha256: bytes
    submit_before_ms: int
    legs: Sequence[TransferMove | Pend | Post | Void]


@dataclass(frozen=True, slots=True)
class TransferAnswer:
    """One tag for each leg, empty where it happened; `fact` is to be applied and stored, None when nothing changes.

    `is_repeat`: answered before, these are the first answer's tags. `remedy` is `custody.api.v1.Remedy`'s number.
    """

    tags: tuple[str, ...]
    fact: bytes | None
    is_repeat: bool
    remedy: int

    @property
    def is_done(self) -> bool:
        """Whether all of it happened, now or before."""
        return not any(self.tags)


class LegState(enum.StrEnum):
    """What became of a leg that was taken."""

    MOVED = "MOVED"
    RESOLVES = "RESOLVES"
    PENDING = "PENDING"
    POSTED = "POSTED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class PendingLeg:
    """What is reserved by a leg (from 1)."""

    leg: int
    asset: str
    from_pool: str
    to_pool: str
    amount: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class TransferView:
    """What was answered to an order for good; `legs` is empty when it was refused."""

    body_sha256: bytes
    tags: tuple[str, ...]
    legs: tuple[LegState, ...]
    pending: tuple[PendingLeg, ...]


@dataclass(frozen=True, slots=True)
class Surplus:
    """A wallet that has more on its chain, at a final block, than by the ledger; base units."""

    wallet: str
    asset: str
    ledger_amount: int
    chain_amount: int
    network: str
    block_height: int
    block_hash: bytes


class Pools:
    """The ledger's other side. Every `decide_…` answers with a LedgerFact's bytes, or raises `Denied` with its tag."""

    def __init__(self, core: _core.Ledger) -> None:
        """Of one ledger; `Ledger.pools` is it."""
        self._core = core

    def decide_deposit(self, deposit: Deposit) -> bytes | None:
        """Credit a final output to a pool; None when the same was credited before."""
        d = deposit
        return _core.decide_deposit(
            self._core, d.network, d.tx_hash, d.output, d.wallet, d.asset, d.amount, d.pool, d.from_suspense
        )

    def decide_transfer(self, order: TransferOrder, now_ms: int) -> TransferAnswer:
        """Answer an order whose signatures were verified. Raises `Malformed` without a reference or legs."""
        tags, fact, is_repeat, remedy = _core.decide_transfer(
            self._core,
            order.initiator,
            order.reference,
            order.body_sha256,
            order.submit_before_ms,
            [_leg(leg) for leg in order.legs],
            now_ms,
        )
        return TransferAnswer(tuple(tags), fact, is_repeat, remedy)

    def decide_expiry(self, initiator: str, reference: str, leg: int, now_ms: int) -> bytes:
        """A pending leg returns, its time having passed."""
        return _core.decide_transfer_expiry(self._core, initiator, reference, leg, now_ms)

    def decide_surplus(self, surplus: Surplus) -> bytes:
        """What a wallet has more goes to suspense; refused when its balance is no longer the one compared."""
        s = surplus
        return _core.decide_surplus(
            self._core,
            s.wallet,
            s.asset,
            s.ledger_amount,
            s.chain_amount,
            s.network,
            s.block_height,
            s.block_hash,
        )

    def decide_suspense_release(self, release_id: str, asset: str, amount: int, pool: str) -> bytes:
        """What is in suspense belongs to a pool; `release_id` (the proposal that said so) counts once."""
        return _core.decide_suspense_release(self._core, release_id, asset, amount, pool)

    def expired(self, now_ms: int, max_count: int = 1_000) -> list[tuple[str, str, int]]:
        """Initiator, reference and leg of each pending leg whose time has passed, the longest passed first."""
        return _core.expired_transfers(self._core, now_ms, max_count)

    def transfer(self, initiator: str, reference: str) -> TransferView | None:
        """An order that was answered for good, or None."""
        found = _core.transfer(self._core, initiator, reference)
        if found is None:
            return None
        body_sha256, tags, legs, pending = found
        return TransferView(
            body_sha256,
            tuple(tags),
            tuple(LegState(state) for state in legs),
            tuple(PendingLeg(*each) for each in pending),
        )


def _leg(leg: TransferMove | Pend | Post | Void) -> tuple[str, str, str, str, int, int, str, int]:
    match leg:
        case TransferMove():
            return "move", leg.asset, leg.from_pool, leg.to_pool, leg.amount, 0, "", 0
        case Pend():
            return "pend", leg.asset, leg.from_pool, leg.to_pool, leg.amount, leg.expires_ms, "", 0
        case Post():
            return "post", "", "", "", leg.amount, 0, leg.reference, leg.leg
        case Void():
            return "void", "", "", "", 0, 0, leg.reference, leg.leg
