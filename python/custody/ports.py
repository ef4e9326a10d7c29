"""The Protocols by which services reach what is outside: journals, clocks, nodes, signers. I/O only, no rule.

Times are unix milliseconds, amounts base units, fees wei per gas, hashes 32 raw bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from custody.model.quorum import SignedApproval
from custody.model.transaction import EvmTerms

__all__ = [
    "Authority",
    "BlockRef",
    "Broadcast",
    "Clock",
    "EvmTerms",
    "FeeQuote",
    "Head",
    "HeadSource",
    "Journal",
    "KeySig",
    "Log",
    "MetadataStore",
    "Node",
    "Receipt",
    "Row",
    "RowFields",
    "SignedTransaction",
    "SignerClient",
    "SignerHalt",
    "SignerHead",
    "SignerStatus",
    "StatementAuthority",
    "Tombstone",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a journal; `hash` covers `prev_hash`, `sequence`, `epoch`, `kind` and `root`; `root` the record."""

    sequence: int
    epoch: int
    kind: int
    prev_hash: bytes
    root: bytes
    hash: bytes
    record: bytes


class RowFields(NamedTuple):
    """What a row's hash is made of, less the row before."""

    sequence: int
    epoch: int
    kind: int
    root: bytes


class Head(NamedTuple):
    """A journal's newest row; sequence 0, epoch 0 and the hash that row 1 follows when it is empty."""

    sequence: int
    epoch: int
    hash: bytes


class Journal(Protocol):
    """An append-only, hash-chained store with one writer."""

    @property
    def name(self) -> str:
        """`server/PARTITION` or `signer/ID`."""

    def head(self) -> Head:
        """The newest row."""

    def append(self, rows: Sequence[Row]) -> None:
        """Store rows in one transaction, durable on return.

        Rows must extend the head: the next sequences, `prev_hash` chained, an epoch that never falls. Raises
        `JournalError` on any failure; the outcome is then unknown, and the caller stops the process.
        """

    def read(self, after: int, limit: int) -> list[Row]:
        """At most `limit` rows with a sequence above `after`, ascending."""

    def fields(self, after: int, limit: int) -> list[RowFields]:
        """As `read`, without the records."""

    def get(self, sequence: int) -> Row:
        """One row. Raises `NotFound`."""

    def close(self) -> None:
        """Give the journal up; it refuses every call afterwards."""


class Clock(Protocol):
    """The machine's two clocks, as they are; guarding them is the model's work."""

    def now_ms(self) -> int:
        """Wall clock, unix milliseconds; it may step."""

    def monotonic_ms(self) -> int:
        """Milliseconds since some fixed moment; never goes back, means nothing to another process."""


class MetadataStore(Protocol):
    """Clients' own words beside the journal: erasable, and bound to it by a salted hash."""

    def put(self, items: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        """Store `(withdrawal id, salt, metadata as JSON)`, before the journal's row is appended.

        The same id comes again only when that row was lost in a crash: its words and salt are the ones to keep.
        """

    def get(self, withdrawal_id: bytes) -> bytes | None:
        """The JSON, or None where there is none or it was erased."""

    def erase(self, withdrawal_ids: Sequence[bytes]) -> int:
        """Forget the words and their salts; how many there were."""

    def close(self) -> None:
        """Give the store up."""


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


class KeySig(NamedTuple):
    """A signature, named by its key's id."""

    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """An intent's bytes as received and every signature that came with it."""

    intent: bytes
    signatures: tuple[KeySig, ...]


@dataclass(frozen=True, slots=True)
class SignerHead:
    """A signer's own log head."""

    signer: str
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """Signed bytes, their hash, and the signer's log after it."""

    transaction: bytes
    transaction_hash: bytes
    head: SignerHead


@dataclass(frozen=True, slots=True)
class StatementAuthority:
    """A statement's bytes with its proposer's signature (None for the planner) and its approvals."""

    statement: bytes
    propose: SignedApproval | None
    approvals: tuple[SignedApproval, ...]


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A signer's promise never to pay an attempt: TombstoneBody's bytes and its audit key's signature."""

    body: bytes
    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignerHalt:
    """A halt or suspension in force at a signer."""

    halt_id: str
    scopes: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class SignerStatus:
    """How a signer is. `state` is `active`, `halted` or `frozen`; `tag` says why it is frozen."""

    signer: str
    state: Literal["active", "halted", "frozen"]
    tag: str
    store_id: bytes
    start_counter: int
    deployment: bytes
    governance_sequence: int
    governance_hash: bytes
    signer_epoch: int
    epoch: int
    head: SignerHead
    journal_sequence: int
    journal_hash: bytes
    halts: tuple[SignerHalt, ...]
    hsm_calls: int
    version: str


class SignerClient(Protocol):
    """One signer. Calls raise `Denied(tag)` for its refusals and `Unavailable` when the outcome is unknown.

    After `Unavailable` ask again with the same arguments: the same intent and terms have the same bytes.
    """

    @property
    def signer(self) -> str:
        """Its id in the policy."""

    def sign_payout(self, wallet: str, authority: Authority, terms: EvmTerms) -> SignedTransaction:
        """Sign one version of a payout."""

    def sign_sweep(self, authority: StatementAuthority, leg_index: int, terms: EvmTerms) -> SignedTransaction:
        """Sign one version of a sweep's leg, counted from 0."""

    def tombstone(self, authority: Authority) -> Tombstone:
        """Get the promise never to pay; `Denied("tombstone.too_late")` once a signing intent is durable."""

    def activate(self, authority: StatementAuthority) -> None:
        """Bring a completed ACTIVATE."""

    def resume(self, authority: StatementAuthority) -> None:
        """Bring a completed RESUME."""

    def status(self) -> SignerStatus:
        """How it is."""

    def keys(self) -> Mapping[str, tuple[str, bytes]]:
        """Wallet id (or `audit`) → scheme and public key, of the keys that are usable."""

    def close(self) -> None:
        """Close the connection."""


class HeadSource(Protocol):
    """Where a signer client reads the journal's head and the rows since: the writer, or its journal."""

    @property
    def head(self) -> Head:
        """The newest durable row."""

    def fields(self, after: int, limit: int) -> list[RowFields]:
        """Rows' fields with a sequence above `after`, ascending."""
