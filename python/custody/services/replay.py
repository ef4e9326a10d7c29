"""Rebuilds ledger and control state from a journal's facts, verifying every row's chain and root on the way."""

from __future__ import annotations

from custody import statements
from custody.api.journal.v1 import record_pb2
from custody.errors import InvariantBroken
from custody.ledger import Ledger
from custody.model import events
from custody.model.control import ControlState, RecordView
from custody.ports import Head, IdStore, Journal, Row
from custody.services.id_feed import IdFeed
from custody.services.rulebook import Rulebook

__all__ = ["apply_row", "replay", "verify_row"]

_PAGE_ROWS = 16  # a row holds up to a whole batch


def replay(
    journal: Journal, ledger: Ledger, control: ControlState, rulebook: Rulebook, ids: IdStore | None = None
) -> Head:
    """Apply every row in order; the head afterwards. Raises `InvariantBroken` where chain or root do not hold.

    `ids` is filled with what it does not hold yet.
    """
    feed = None if ids is None else IdFeed(ids, journal)
    newest = journal.head()
    head = Head(0, 0, statements.journal_start(control.governance.deployment, journal.name))
    rulebook.follow(control.governance)
    while head.sequence < newest.sequence:
        rows = journal.read(head.sequence, _PAGE_ROWS)
        if not rows:
            raise InvariantBroken(f"{journal.name}: row {head.sequence + 1} is missing")
        for row in rows:
            head = verify_row(journal.name, head, row)
            leaves = apply_row(row, ledger, control)
            if feed is not None:
                feed.follow(row, leaves)
            if row.kind == record_pb2.RECORD_KIND_GOVERNANCE_ADVANCED:
                rulebook.follow(control.governance)
    if head != newest:
        raise InvariantBroken(f"{journal.name}: the head is not the newest row")
    return head


def verify_row(name: str, head: Head, row: Row) -> Head:
    """Require that a row follows the head, hashes as it says, and holds the record that its root is of."""
    sound = (
        row.sequence == head.sequence + 1
        and row.epoch >= head.epoch
        and row.prev_hash == head.hash
        and row.root == statements.record_root(row.record)
        and row.hash == statements.row_hash(row.prev_hash, row.sequence, row.epoch, row.kind, row.root)
    )
    if not sound:
        raise InvariantBroken(f"{name}: row {row.sequence} is not what was written: restore the journal")
    return Head(row.sequence, row.epoch, row.hash)


def apply_row(row: Row, ledger: Ledger, control: ControlState) -> list[bytes]:
    """Apply one record's facts, as they were applied when it was written; answers with its leaves."""
    header_bytes, leaves = statements.unpack_record(row.record)
    header = record_pb2.RecordHeader.FromString(header_bytes)
    message = None
    ledger.apply_record(row.kind, row.record, row.sequence)
    if row.kind != events.PACKED:
        message = events.decode(row.kind, leaves[0])
    control.apply(RecordView(row.sequence, row.epoch, row.kind, header, message))
    return leaves
