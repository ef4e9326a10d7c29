"""Rows of the signer's own log: a header and one message each, read back only when every hash agrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError, Message

from custody import statements
from custody.api.journal.v1 import record_pb2, signer_pb2
from custody.errors import InvariantBroken, Malformed
from custody.ports import Head, Row

RULES_VERSION: Final = 1
"""Of the rules compiled into this signer; raised whenever one of them changes."""

_KINDS: Final[dict[int, type[Message]]] = {
    record_pb2.RECORD_KIND_SIGNER_INITIALISED: signer_pb2.SignerInitialised,
    record_pb2.RECORD_KIND_SIGNER_STARTED: signer_pb2.SignerStarted,
    record_pb2.RECORD_KIND_SIGNING_INTENDED: signer_pb2.SigningIntended,
    record_pb2.RECORD_KIND_SIGNATURE_MADE: signer_pb2.SignatureMade,
    record_pb2.RECORD_KIND_SIGNING_FAILED: signer_pb2.SigningFailed,
    record_pb2.RECORD_KIND_TOMBSTONED: signer_pb2.Tombstoned,
    record_pb2.RECORD_KIND_SIGNER_HALTED: signer_pb2.SignerHalted,
    record_pb2.RECORD_KIND_SIGNER_SUSPENDED: signer_pb2.SignerSuspended,
    record_pb2.RECORD_KIND_SIGNER_CANCELLED_PENDING: signer_pb2.SignerCancelledPending,
    record_pb2.RECORD_KIND_SIGNER_RESUMED: signer_pb2.SignerResumed,
    record_pb2.RECORD_KIND_SIGNER_FROZEN: signer_pb2.SignerFrozen,
    record_pb2.RECORD_KIND_SIGNER_ACTIVATED: signer_pb2.SignerActivated,
    record_pb2.RECORD_KIND_CHECKPOINT_SIGNED: signer_pb2.CheckpointSigned,
}
_NUMBERS: Final[dict[type[Message], int]] = {message: kind for kind, message in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row as it is applied: its sequence, its time (unix ms) and its message."""

    sequence: int
    recorded_ms: int
    message: Message


def seal(
    head: Head, epoch: int, recorded_ms: int, principal: str, policy_hash: bytes, message: Message
) -> Row:
    """Make the row that extends `head` with a message of one of the signer's kinds."""
    header = record_pb2.RecordHeader(
        recorded_unix_ms=recorded_ms,
        principal=principal,
        policy_hash=policy_hash,
        rules_version=RULES_VERSION,
    )
    kind = _NUMBERS[type(message)]
    record, root = statements.build_record(
        header.SerializeToString(deterministic=True), [message.SerializeToString(deterministic=True)]
    )
    sequence = head.sequence + 1
    return Row(
        sequence=sequence,
        epoch=epoch,
        kind=kind,
        prev_hash=head.hash,
        root=root,
        hash=statements.row_hash(head.hash, sequence, epoch, kind, root),
        record=record,
    )


def unseal(head: Head, row: Row) -> LogEntry:
    """Read the row that must extend `head`. Raises InvariantBroken for any other row or any byte changed in it."""
    if row.sequence != head.sequence + 1 or row.prev_hash != head.hash or row.epoch < head.epoch:
        raise InvariantBroken(f"row {row.sequence} of the signer's log does not follow row {head.sequence}")
    try:
        root = statements.record_root(row.record)
        header_bytes, leaves = statements.unpack_record(row.record)
    except Malformed as error:
        raise InvariantBroken(f"row {row.sequence} of the signer's log is no record: {error}") from error
    if root != row.root or row.hash != statements.row_hash(
        row.prev_hash, row.sequence, row.epoch, row.kind, row.root
    ):
        raise InvariantBroken(f"row {row.sequence} of the signer's log does not have its hash")
    kind = _KINDS.get(row.kind)
    if kind is None or len(leaves) != 1:
        raise InvariantBroken(f"row {row.sequence} of the signer's log is of no kind that a signer writes")
    header, message = record_pb2.RecordHeader(), kind()
    try:
        header.ParseFromString(header_bytes)
        message.ParseFromString(leaves[0])
    except DecodeError as error:
        raise InvariantBroken(f"row {row.sequence} of the signer's log cannot be read") from error
    return LogEntry(row.sequence, header.recorded_unix_ms, message)


def head_of(row: Row) -> Head:
    """The head that a journal has once it ends with `row`."""
    return Head(sequence=row.sequence, epoch=row.epoch, hash=row.hash)
