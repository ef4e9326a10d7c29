"""What is signed of a body, and every tagged hash: of policies, governance, routes, rows and records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from custody._core import wire
from custody.statements.codec import SignedType


def signed_message(signed_type: SignedType | str, deployment: bytes, body: bytes) -> bytes:
    """The message that a signature covers; `deployment` is 32 bytes. Raises Malformed."""
    return wire.signed_message(str(signed_type), deployment, body)


def signing_input(scheme: str, message: bytes) -> bytes:
    """What the scheme's signature function is given: 32 bytes for bip340 and ethereum, else the message."""
    return wire.signing_input(scheme, message)


def tagged_hash(tag: str, *parts: int | bytes | str) -> bytes:
    """H(tag, parts...): integers as u64 big-endian, other parts after their u64 length; 32 bytes."""
    return wire.tagged_hash(tag, list(parts))


def policy_hash(file_bytes: bytes) -> bytes:
    """A policy file's hash; the genesis policy's is the deployment id."""
    return wire.policy_hash(file_bytes)


def governance_hash(previous: bytes, n: int, statement_body: bytes) -> bytes:
    """The governance head after record `n` (genesis is 1), which completed the statement of this body."""
    return wire.governance_hash(previous, n, statement_body)


def route(initiator: str, reference: str, wallet_ids: Sequence[str]) -> str:
    """The one of these wallets that pays the reference, in whatever order. Raises Malformed if none."""
    return wire.route(initiator, reference, list(wallet_ids))


def journal_start(deployment: bytes, journal: str) -> bytes:
    """Row 1's previous hash in the journal `server/PARTITION` or `signer/ID`."""
    return wire.journal_start(deployment, journal)


def row_hash(prev: bytes, seq: int, epoch: int, kind: int, root: bytes) -> bytes:
    """A journal row's hash."""
    return wire.row_hash(prev, seq, epoch, kind, root)


def record_root(record: bytes) -> bytes:
    """The RFC 6962 tree hash over a record's header and leaves. Raises Malformed for any other bytes."""
    return wire.record_root(record)


def build_record(header: bytes, leaves: Iterable[bytes] = ()) -> tuple[bytes, bytes]:
    """(record, root). Raises Malformed for an empty header."""
    return wire.build_record(header, list(leaves))


def unpack_record(record: bytes) -> tuple[bytes, list[bytes]]:
    """(header, leaves). Raises Malformed."""
    return wire.unpack_record(record)


def pack_leaf(outcome: bytes, intent: bytes, signatures: Iterable[tuple[str, bytes]] = ()) -> bytes:
    """One withdrawal's leaf: its packed outcome, its intent's body, and each (key id, signature)."""
    return wire.pack_leaf(outcome, intent, list(signatures))


def unpack_leaf(leaf: bytes) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """(outcome, intent, [(key id, signature)]). Raises Malformed."""
    return wire.unpack_leaf(leaf)
