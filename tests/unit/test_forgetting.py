"""Ids for good through the whole server: what left memory is answered from the journal, however the two race."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from custody.api.v1 import withdrawal_pb2 as pb
from custody.errors import Malformed
from custody.ledger import LedgerState, Prepared, reference_key
from custody.model.control import ControlState
from custody.ports import IdMark, OldPlace
from custody.services.forgetting import OldAnswers
from custody.services.id_feed import places_of
from custody.services.intake import Intake
from support.bench import DAY_MS, ETH, Bench
from support.deployment import ETHER
from support.keys import EthKey
from support.writer_parts import halt

ALICE = EthKey("alice").address


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        made.open("hot-1", ETH, 20 * ETHER)
        made.open("cold-1", ETH, 50 * ETHER, "house")
        yield made


def send(bench: Bench, reference: str, amount: int) -> tuple[str, str, str]:
    """Outcome, tag and id of the answer."""
    (result,) = bench.submit(bench.deployment.intent(reference, amount, ALICE))
    name = pb.Outcome.Name(result.outcome).removeprefix("OUTCOME_")
    return name, result.tag, result.withdrawal_id


def ended(bench: Bench) -> dict[str, str]:
    """One paid, one cancelled, one still waiting; ids by reference."""
    ids = {name: bench.withdraw(name, ETHER, ALICE) for name in ("paid", "cancelled")}
    bench.cancel("cancelled")
    bench.pay()
    view = bench.ledger.withdrawal(ids["paid"])
    assert view is not None and view.state is LedgerState.POSTED
    ids["open"] = bench.withdraw("open", ETHER, ALICE)
    return ids


def forget(bench: Bench) -> None:
    bench.clock.advance(100 * DAY_MS)
    bench.forgetter.step()


def test_what_left_memory_is_answered_as_before(bench: Bench) -> None:
    ids = ended(bench)
    bench.forgetter.step()
    assert bench.ledger.withdrawal(ids["paid"]) is not None, "too young"
    forget(bench)
    assert bench.ledger.withdrawal(ids["paid"]) is bench.ledger.withdrawal(ids["cancelled"]) is None
    assert bench.ledger.withdrawal(ids["open"]) is not None
    for name, id_ in ids.items():
        assert send(bench, name, ETHER) == ("DUPLICATE", "", id_)
        assert send(bench, name, ETHER + 1)[:2] == ("REJECTED", "id.reused")
    assert bench.fatal == []


def test_a_restart_and_a_lost_store_change_no_answer(bench: Bench, tmp_path: Path) -> None:
    ids = ended(bench)
    forget(bench)
    state, mark = bench.ledger.state_hash(), bench.ids.mark()
    assert mark.sequence > 0
    for lose in (False, True):
        bench.stop()
        if lose:
            for path in tmp_path.glob("ids.sqlite*"):
                path.unlink()
        bench.start()
        assert bench.ledger.state_hash() == state
        assert bench.ids.mark() == mark
        assert send(bench, "paid", ETHER) == ("DUPLICATE", "", ids["paid"])
        assert send(bench, "cancelled", ETHER + 1)[1] == "id.reused"


def test_a_store_of_another_journal_is_filled_anew(bench: Bench) -> None:
    ids = ended(bench)
    forget(bench)
    mark = bench.ids.mark()
    bench.ids.clear()
    bench.ids.put((), IdMark(mark.sequence, b"x" * 32))
    bench.restart()
    assert bench.ids.mark() == mark
    assert send(bench, "paid", ETHER) == ("DUPLICATE", "", ids["paid"])


@pytest.mark.parametrize(
    "by_hand",
    [
        "DELETE FROM places WHERE attempt = 1",
        "UPDATE places SET state = 2",
        "UPDATE places SET leaf = leaf + 1",
        "DELETE FROM places; INSERT INTO places VALUES (x'00', 1, 1, 1, 1)",
    ],
)
def test_a_store_that_was_changed_by_hand_is_put_right(bench: Bench, tmp_path: Path, by_hand: str) -> None:
    ids = ended(bench)
    forget(bench)
    keys = [reference_key("backend", name) for name in ids]
    places = bench.ids.find(keys)
    bench.stop()
    connection = sqlite3.connect(tmp_path / "ids.sqlite")
    connection.executescript(by_hand)
    connection.close()
    bench.start()
    assert bench.ids.find(keys) == places
    assert len(places) == 2
    assert send(bench, "paid", ETHER) == ("DUPLICATE", "", ids["paid"])
    assert send(bench, "cancelled", ETHER + 1)[1] == "id.reused"


class _Recorded:
    """Stands for store, journal and ledger of `OldAnswers`, and says in which order it read."""

    def __init__(self, places: list[OldPlace]) -> None:
        self.places = places
        self.read: list[tuple[int, int]] = []

    def may_be_old(self, _prepared: object) -> tuple[int, list[bytes]]:
        return 7, sorted({place.key for place in self.places})

    def find(self, keys: list[bytes]) -> list[OldPlace]:
        wanted = set(keys)
        return [place for place in self.places if place.key in wanted]

    def leaf(self, sequence: int, leaf: int) -> bytes:
        self.read.append((sequence, leaf))
        return b""

    def answer(self, _prepared: object, generation: int, found: list[tuple[int, int, bytes, int]]) -> None:
        assert generation == 7
        assert [place[:2] for place in found] == self.read


def test_each_row_is_read_once_for_all_that_it_holds() -> None:
    """References come in no order, and a row with thousands of leaves is not unpacked for each of them."""
    places = [OldPlace(bytes([n]) * 16, 1, n * 7 % 40 + 1, n % 5 + 1, 1) for n in range(200)]
    part: Any = _Recorded(places)
    OldAnswers(part, part).ask(part, part)
    assert part.read == sorted((place.sequence, place.leaf) for place in places)


def test_a_request_asks_about_no_more_than_fits_into_memory() -> None:
    """References with all the attempts that one may have, in numbers that a batch may name."""
    places = [OldPlace(n.to_bytes(16, "big"), m, 1, m, 1) for n in range(129) for m in range(1, 257)]
    fits: Any = _Recorded(places[: 128 * 256])
    OldAnswers(fits, fits).ask(fits, fits)
    assert len(fits.read) == 32_768
    part: Any = _Recorded(places)
    with pytest.raises(Malformed, match="send fewer"):
        OldAnswers(part, part).ask(part, part)
    assert part.read == [], "nothing is read for it"


def test_a_stop_between_store_and_fact_loses_nothing(bench: Bench) -> None:
    ids = ended(bench)
    bench.clock.advance(100 * DAY_MS)
    plan = bench.writer.read(lambda state: state.ledger.forgettable(state.now_ms - 90 * DAY_MS, 9))
    assert plan is not None
    bench.ids.put(places_of(plan))
    bench.writer.execute(halt("h"))  # so that the journal knows the time: a gap at start would freeze it
    bench.restart()
    assert send(bench, "paid", ETHER) == ("DUPLICATE", "", ids["paid"])
    bench.forgetter.step()
    assert bench.ledger.withdrawal(ids["paid"]) is None
    assert send(bench, "paid", ETHER) == ("DUPLICATE", "", ids["paid"])


class _Overtaken(OldAnswers):
    """Memory lets go right after the first look-up, before the request is decided."""

    bench: Bench
    asked = 0

    def ask(self, ledger: object, prepared: Prepared) -> None:
        super().ask(self.bench.ledger, prepared)
        self.asked += 1
        if self.asked == 1:
            self.bench.forgetter.step()


@pytest.mark.parametrize("more", [0, 1])
def test_a_request_that_is_overtaken_looks_again(bench: Bench, more: int) -> None:
    ids = ended(bench)
    bench.clock.advance(100 * DAY_MS)
    overtaken = _Overtaken(bench.ids, bench.intents)
    overtaken.bench = bench
    bench.intake = Intake(bench.writer, lambda: b"s" * 32, overtaken)
    answer = send(bench, "paid", ETHER + more)
    assert answer == (("REJECTED", "id.reused", "") if more else ("DUPLICATE", "", ids["paid"]))
    assert overtaken.asked == 2
    assert bench.ledger.withdrawal(ids["paid"]) is None


def test_the_control_state_lives_on(bench: Bench) -> None:
    """Payouts stay where they were; the caps' meter asks for no withdrawal that is gone."""
    ended(bench)
    forget(bench)
    before = bench.control.state_hash()
    bench.restart()
    control: ControlState = bench.control
    assert control.state_hash() != before, "a new leader began"
    later = bench.clock.now_ms() + DAY_MS
    bench.withdraw("next", ETHER, ALICE, submit_before_unix_ms=later, pay_before_unix_ms=later)
    bench.pay()
    assert bench.fatal == []
