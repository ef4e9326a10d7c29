"""Holds the store of old ids to the journal at each start: what it lost, or has otherwise, is put right."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from custody.api.journal.v1 import ledger_pb2, record_pb2
from custody.ports import IdMark, IdStore, Journal, OldPlace, Row

__all__ = ["KIND", "IdFeed", "places_of"]

_log = structlog.get_logger("ids")

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
    """Compares the store with the journal's rows as they are replayed, and fills it.

    A place that is missing would let a paid reference be taken for a new one: the store is never believed to hold what
    it once said that it follows.
    """

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
        """Take the places of a row that the store does not have so; `leaves` are the record's."""
        if row.kind != KIND:
            return
        places = [place for fact in leaves[1:] for place in places_of(fact)]
        if row.sequence > self._followed:
            self._ids.put(places, IdMark(row.sequence, row.hash))
            return
        there = set(self._ids.find([place.key for place in places]))
        wrong = [place for place in places if place not in there]
        if wrong:
            self._ids.put(wrong)
            _log.error("the store of old ids was changed: put right", row=row.sequence, places=len(wrong))
