"""A signer, what it is given and what it answers: I/O only, no rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from custody.model.quorum import SignedApproval
from custody.model.transaction import EvmTerms

__all__ = [
    "Authority",
    "KeySig",
    "SignedTransaction",
    "SignerClient",
    "SignerHalt",
    "SignerHead",
    "SignerStatus",
    "StatementAuthority",
    "Tombstone",
]


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
