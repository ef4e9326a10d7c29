"""A chain's node and what it answers: I/O only, no rule. Fees are wei per gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["BlockRef", "Broadcast", "FeeQuote", "Log", "Node", "Receipt"]


@dataclass(frozen=True, slots=True)
class BlockRef:
    """One block."""

    height: int
    hash: bytes
    time_ms: int


@dataclass(frozen=True, slots=True)
class FeeQuote:
    """What the network asks now, wei per gas."""

    base_fee_per_gas: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int


@dataclass(frozen=True, slots=True)
class Log:
    """One log of a receipt: the contract's checksummed address, its topics (32 bytes each), its data."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction did, as its block says."""

    transaction_hash: bytes
    block: BlockRef
    success: bool
    gas_used: int
    effective_gas_price: int
    logs: tuple[Log, ...]


Broadcast = Literal["accepted", "known", "nonce_used"]
"""`known`: the node has these bytes already; `nonce_used`: the nonce is spent, by these bytes or by others."""


class Node(Protocol):
    """One chain's node. Every call raises `Unavailable` when the node cannot be reached or gives no sense."""

    @property
    def network(self) -> str:
        """CAIP-2."""

    def check(self) -> None:
        """Raise `InvariantBroken` when the node serves another chain."""

    def head(self) -> BlockRef:
        """The newest block."""

    def final(self) -> BlockRef:
        """The newest block that the chain itself calls final."""

    def block(self, height: int) -> BlockRef | None:
        """The canonical block at a height, None above the head."""

    def balance(self, address: str, asset: str, height: int) -> int:
        """Base units of an asset (CAIP-19) at the end of a block."""

    def nonce(self, address: str, height: int | None = None) -> int:
        """How many transactions an account has in the chain, at a block or now."""

    def quote(self) -> FeeQuote:
        """What to offer now."""

    def estimate_gas(self, sender: str, to: str, value: int, data: bytes) -> int:
        """Gas units. Raises `Denied("node.reverted")` when the call would revert."""

    def broadcast(self, raw: bytes) -> Broadcast:
        """Offer signed bytes. Raises `Denied("node.refused")` for a definite no, `Unavailable` when unknown."""

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """What a mined transaction did, None while it is in no block."""

    def code_hash(self, contract: str) -> bytes:
        """Keccak-256 of a contract's code as it is now."""
