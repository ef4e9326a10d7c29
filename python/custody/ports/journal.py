"""A journal, who reads its head, and the metadata beside it: I/O only, no rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

__all__ = ["Head", "HeadSource", "Journal", "MetadataStore", "Row", "RowFields"]


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


class HeadSource(Protocol):
    """Where a signer client reads the journal's head and the rows since: the writer, or its journal."""

    @property
    def head(self) -> Head:
        """The newest durable row."""

    def fields(self, after: int, limit: int) -> list[RowFields]:
        """Rows' fields with a sequence above `after`, ascending."""
