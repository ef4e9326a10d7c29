"""Ids for good through the whole server: what left memory is answered from the journal, however the two race."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custody.api.v1 import withdrawal_pb2 as pb
from custody.ledger import LedgerState, Prepared
from custody.model.control import ControlState
from custody.ports import IdMark
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
