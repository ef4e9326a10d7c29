"""Fills the store of old ids from the journal, so that it can be lost and is never behind once the server serves."""

from __future__ import annotations

from collections.abc import Sequence

from custody.api.journal.v1 import ledger_pb2, record_pb2
from custody.ports import IdMark, IdStore, Journal, OldPlace, Row

__all__ = ["KIND", "IdFeed", "places_of"]

KIND = record_pb2.RECORD_KIND_ENDED_FORGOTTEN


def places_of(fact: bytes) -> list[OldPlace]:
    """The places that an IdsForgotten fact names."""
    forgotten = ledger_pb2.LedgerFact.FromString(fact).ids_forgotten
    return [
        OldPlace(each.key, attempt.attempt, attempt.sequence, attempt.leaf, attempt.state)
        for each in forgotten.references
        for attempt in each.attempts
    ]


class IdFeed:
    """Fills the store from the journal's rows as they are replayed."""

    def __init__(self, ids: IdStore, journal: Journal) -> None:
        """Begin where the store ends; empty it first when that is no row of this journal."""
        self._ids = ids
        mark = ids.mark()
        if mark.sequence and (
            journal.head().sequence < mark.sequence or journal.get(mark.sequence).hash != mark.hash
        ):
            ids.clear()
            mark = ids.mark()
        self._followed = mark.sequence

    def follow(self, row: Row, leaves: Sequence[bytes]) -> None:
        """Take the places of a row that the store has not seen; `leaves` are the record's."""
        if row.kind == KIND and row.sequence > self._followed:
            places = [place for fact in leaves[1:] for place in places_of(fact)]
            self._ids.put(places, IdMark(row.sequence, row.hash))
