"""Ended withdrawals leave the ledger's memory, a few at a time; where the journal holds them is stored before that.

So whoever finds nothing in memory finds it in the store, or is told to ask again. The store follows the journal: what
it does not hold is put there again when the server starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

from custody.api.journal.v1 import ledger_pb2, withdrawal_pb2
from custody.errors import Denied, InvariantBroken, Malformed
from custody.ledger import Ledger, Prepared
from custody.ports import IdMark, IdStore, Journal, OldPlace
from custody.services.commands import Decision, Draft, State
from custody.services.conditions import Conditions
from custody.services.id_feed import KIND, places_of
from custody.services.intents import IntentStore
from custody.services.worker import Worker
from custody.services.writer import Writer

__all__ = ["Forgetter", "Found", "OldAnswers"]

Found = tuple[int, int, bytes, int]
"""Row, leaf, that leaf's bytes, ForgottenState."""

_KEYS_AT_ONCE = 256
_MOST_PLACES = 32_768  # four for each item of a full batch; each is read into memory with its intent
_AT_ONCE = 2_000  # attempts in one fact: a few milliseconds of the writer


class OldAnswers:
    """What was answered long ago: the store says where, the journal what. Safe to share between threads."""

    def __init__(self, ids: IdStore, intents: IntentStore) -> None:
        """`intents` read the journal that `ids` is an index of."""
        self._ids = ids
        self._intents = intents

    def ask(self, ledger: Ledger, prepared: Prepared) -> None:
        """Look up what of a request may have left memory.

        Raises `InvariantBroken` when store and journal differ, `Malformed` for more than one request may ask about.
        """
        generation, keys = ledger.may_be_old(prepared)
        ledger.answer(prepared, generation, self._found(self._places(keys)))

    def look_up(self, ledger: Ledger, key: bytes | None, attempt: int) -> tuple[int, list[Found]]:
        """This attempt of a reference and the newest, if they left memory, and as of which generation of the filter.

        No other is read: each is a row of the journal, and a reader may ask of many references. No key, nothing found.
        """
        generation, old = ledger.references_may_be_old([] if key is None else [key])
        places = self._places(old)
        newest = max((place.attempt for place in places), default=0)
        return generation, self._found([place for place in places if place.attempt in (attempt, newest)])

    def _found(self, places: Sequence[OldPlace]) -> list[Found]:
        return [
            (place.sequence, place.leaf, self._intents.leaf(place.sequence, place.leaf), place.state)
            for place in places
        ]

    def _places(self, keys: Sequence[bytes]) -> list[OldPlace]:
        """In the journal's order: each of its rows is read once, however many of them hold what is asked."""
        places: list[OldPlace] = []
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            places += self._ids.find(keys[start : start + _KEYS_AT_ONCE])
            if len(places) > _MOST_PLACES:
                detail = f"have more than {_MOST_PLACES} attempts of long ago: send fewer at once"
                raise Malformed("items", detail)
        return sorted(places, key=attrgetter("sequence", "leaf"))


class Forgetter:
    """Lets go of what ended longer than `after_ms` ago. `step` is called by its own thread, or by tests."""

    def __init__(
        self,
        writer: Writer,
        journal: Journal,
        ids: IdStore,
        conditions: Conditions,
        on_fatal: Callable[[BaseException], None],
        *,
        after_ms: int,
        period_s: float = 1.0,
    ) -> None:
        """`period_s` is the time between two facts."""
        self._writer = writer
        self._journal = journal
        self._ids = ids
        self._after_ms = after_ms
        self.worker = Worker("forgetting", self.step, conditions, on_fatal, period_s=period_s)

    def start(self) -> None:
        """Begin."""
        self.worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self.worker.stop()

    def step(self) -> bool:
        """Let go of some; never asks to be called again at once, for each fact makes requests under way look again."""
        plan = self._writer.read(lambda state: state.ledger.forgettable(self._before(state), _AT_ONCE))
        if plan is None:
            return False
        self._ids.put(places_of(plan))  # before the fact: what is not in memory must be here
        try:
            sequence = self._writer.execute(lambda state: self._forget(state, plan))
        except Denied:  # all of them changed meanwhile
            return False
        self._ids.put((), IdMark(sequence, self._journal.get(sequence).hash))
        return False

    def _before(self, state: State) -> int:
        return max(0, state.now_ms - self._after_ms)

    def _forget(self, state: State, plan: bytes) -> Decision[int]:
        fact = state.ledger.decide_forget(plan, self._before(state))
        references = ledger_pb2.LedgerFact.FromString(fact).ids_forgotten.references
        message = withdrawal_pb2.EndedForgotten(
            references=len(references), attempts=sum(len(each.attempts) for each in references)
        )
        if not message.references:
            raise InvariantBroken("a fact that forgets nothing")
        return Decision((Draft(KIND, message, (fact,)),), state.next_sequence)
