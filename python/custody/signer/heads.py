"""The server's journal as this signer follows it: every request proves that it extends what was seen before.

A journal restored from a backup, or two of them, cannot do that once they differ: that is a fork, and a fork freezes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from custody import statements
from custody.errors import CustodyError, Denied, Malformed
from custody.ports import RowFields

REMEMBERED: Final = 65_536
"""Heads that overtaken requests may still name: about ten minutes of a busy journal."""

MAXIMUM_ROWS: Final = 20_000
"""Rows in one request: under 1 MiB on the wire; what is longer comes in several requests."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the server's journal: the leader's epoch, the newest row and its hash."""

    epoch: int
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of the journal: its head, and the fields of the rows before it."""

    position: Position
    rows: Sequence[RowFields]


class RowsMissing(Denied):
    """The rows do not reach from what is remembered to the head; `metadata` names where they must begin."""

    def __init__(self, position: Position) -> None:
        super().__init__("head.rows_missing", f"send the rows after {position.sequence}")
        self.metadata = {
            "journal_sequence": str(position.sequence),
            "journal_hash": position.hash.hex(),
        }


class HeadForked(CustodyError):
    """The head contradicts one that is remembered: the caller freezes."""


class FollowedJournal:
    """The newest heads of one journal. Not safe to share between threads."""

    def __init__(self, start_hash: bytes) -> None:
        """Begin before row 1, whose previous hash is `start_hash`."""
        self._start_hash = start_hash
        self._epoch = 0
        self.reset()

    @property
    def position(self) -> Position:
        """The newest place."""
        return Position(self._epoch, self._newest, self._hashes[self._newest])

    def reset(self) -> None:
        """Forget everything and begin before row 1 again, at the epoch that was reached."""
        self._hashes: OrderedDict[int, bytes] = OrderedDict({0: self._start_hash})
        self._newest = 0

    def renew_leader(self) -> None:
        """Take the next leader whatever its epoch: what a stolen server claimed must not lock out all after it."""
        self._epoch = 0

    def restore(self, position: Position) -> None:
        """Remember a head that the log holds; those between two such heads are not known again."""
        self._epoch = max(self._epoch, position.epoch)
        self._remember(position.sequence, position.hash)

    def follow(self, claim: Claim) -> Position:
        """Accept a head that extends the newest one, or is one of those remembered.

        Raises Denied `epoch.old`, `epoch.head_behind` or `head.rows_missing` and changes nothing, HeadForked for a
        head that cannot be of the journal that was followed.
        """
        claimed = claim.position
        if claimed.epoch < self._epoch:
            raise Denied("epoch.old", f"epoch {claimed.epoch} ended: the leader's is {self._epoch}")
        rows = self._checked_rows(claim)
        if claimed.sequence <= self._newest:
            self._check_remembered(claimed)
        else:
            self._extend(claimed, rows)
        self._epoch = claimed.epoch
        return claimed

    def _checked_rows(self, claim: Claim) -> Sequence[RowFields]:
        rows, claimed = claim.rows, claim.position
        if len(rows) > MAXIMUM_ROWS:
            raise Malformed("context.rows", f"at most {MAXIMUM_ROWS} rows")
        if not rows:
            return rows
        first = rows[0].sequence
        epoch = 0
        for offset, row in enumerate(rows):
            if row.sequence != first + offset:
                raise Malformed("context.rows", "sequences must follow one another")
            if not epoch <= row.epoch <= claimed.epoch:
                raise Malformed("context.rows", "epochs never fall, nor exceed the leader's")
            epoch = row.epoch
        if rows[-1].sequence != claimed.sequence:
            raise Malformed("context.rows", "must end at the journal's head")
        return rows

    def _check_remembered(self, claimed: Position) -> None:
        if claimed.sequence <= self._newest - REMEMBERED:
            raise HeadForked(f"row {claimed.sequence} is older than all that is remembered")
        remembered = self._hashes.get(claimed.sequence)
        if remembered is None:
            # Between two heads that survived a restart: not a contradiction, and no proof either.
            raise RowsMissing(self.position)
        if remembered != claimed.hash:
            raise HeadForked(f"row {claimed.sequence} had another hash before")
        if claimed.epoch > self._epoch and claimed.sequence != self._newest:
            raise Denied("epoch.head_behind", "a new leader's head must extend the newest one")

    def _extend(self, claimed: Position, rows: Sequence[RowFields]) -> None:
        if not rows or rows[0].sequence > self._newest + 1:
            raise RowsMissing(self.position)
        previous = self._hashes[self._newest]
        chained: list[tuple[int, bytes]] = []
        for row in rows[self._newest + 1 - rows[0].sequence :]:
            previous = statements.row_hash(previous, row.sequence, row.epoch, row.kind, row.root)
            chained.append((row.sequence, previous))
        if previous != claimed.hash:
            raise HeadForked(f"row {claimed.sequence} does not extend row {self._newest}")
        for sequence, row_hash in chained:
            self._remember(sequence, row_hash)

    def _remember(self, sequence: int, row_hash: bytes) -> None:
        self._hashes[sequence] = row_hash
        self._newest = max(self._newest, sequence)
        while len(self._hashes) > REMEMBERED:
            self._hashes.popitem(last=False)
