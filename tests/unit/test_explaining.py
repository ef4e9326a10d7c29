"""Explaining through the services: what left memory too, by intent and by reference, each to whom it concerns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import pytest

from custody import statements
from custody.api.v1 import withdrawal_pb2 as pb
from custody.errors import InvariantBroken, NotFound
from custody.ledger import Ledger, reference_key
from custody.ports import OldPlace
from custody.server.explanations import Explanations
from custody.services import explaining
from custody.services.explaining import Explainer
from custody.services.forgetting import Found, OldAnswers
from custody.services.old_withdrawals import OldWithdrawals
from custody.services.writer import Busy
from support.bench import DAY_MS, ETH, Bench
from support.deployment import ETHER
from support.keys import EthKey

ALICE = EthKey("alice").address


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        made.open("hot-1", ETH, 20 * ETHER)
        yield made


def explanations(bench: Bench, old: OldAnswers | None = None) -> Explanations:
    old = old or bench.old
    withdrawals = OldWithdrawals(bench.ledger, old)
    return Explanations(bench.writer, Explainer(bench.writer, old), withdrawals, bench.conditions)


def of_intent(bench: Bench, body: bytes, own: str | None = "backend") -> pb.ExplainWithdrawalResponse:
    return explanations(bench).answer(pb.ExplainWithdrawalRequest(intent=body), own)


def body_of(bench: Bench, reference: str, amount: int, **changes: object) -> bytes:
    return statements.encode(bench.deployment.intent(reference, amount, ALICE, **changes))


def forget(bench: Bench) -> None:
    bench.clock.advance(100 * DAY_MS)
    bench.forgetter.step()


def by_reference(reference: str, attempt: int = 0, initiator: str = "") -> pb.ExplainWithdrawalRequest:
    key = pb.WithdrawalKey(initiator=initiator, reference=reference, attempt=attempt)
    return pb.ExplainWithdrawalRequest(key=key)


def test_what_left_memory_is_explained_as_what_it_is(bench: Bench) -> None:
    id_ = bench.withdraw("old", ETHER, ALICE)
    (before,) = bench.submit(bench.deployment.intent("old", ETHER, ALICE))
    kept = bench.deployment.intent("old", ETHER, ALICE)
    bench.cancel("old")
    forget(bench)
    assert bench.ledger.withdrawal(id_) is None
    state = bench.ledger.state_hash()

    said = of_intent(bench, statements.encode(kept))
    assert before.outcome == said.outcome == pb.OUTCOME_DUPLICATE
    assert (said.withdrawal_id, said.state) == (id_, pb.WITHDRAWAL_STATE_CANCELLED)
    assert not said.rules and not said.blockers
    said = of_intent(bench, body_of(bench, "old", ETHER + 1))
    assert (said.outcome, said.tag) == (pb.OUTCOME_REJECTED, "id.reused")
    said = explanations(bench).answer(by_reference("old"), "backend")
    assert (said.outcome, said.withdrawal_id) == (pb.OUTCOME_ACCEPTED, id_)
    assert said.state == pb.WITHDRAWAL_STATE_CANCELLED
    said = explanations(bench).answer(by_reference("old", initiator="backend"), None)
    assert said.withdrawal_id == id_, "people see everybody's"
    for own, request in (
        ("other", by_reference("old")),
        ("other", by_reference("old", initiator="backend")),
        ("backend", by_reference("old", attempt=2)),
        ("backend", by_reference("never")),
    ):
        with pytest.raises(NotFound):
            explanations(bench).answer(request, own)
    assert bench.ledger.state_hash() == state


def test_a_known_one_says_what_it_waits_for(bench: Bench) -> None:
    id_ = bench.withdraw("a", 30 * ETHER // 2, ALICE)
    bench.withdraw("b", 4 * ETHER, ALICE)
    intent = body_of(bench, "b", 4 * ETHER)
    said = of_intent(bench, intent)
    assert said.outcome == pb.OUTCOME_DUPLICATE
    known = explanations(bench).answer(by_reference("b"), "backend")
    assert list(said.blockers) == list(known.blockers)
    assert explanations(bench).answer(by_reference("a"), "backend").withdrawal_id == id_


def test_no_intent_is_an_answer_and_not_an_error(bench: Bench) -> None:
    for own in ("backend", None):
        said = of_intent(bench, b"\x00", own)
        assert (said.outcome, said.tag) == (pb.OUTCOME_INVALID, "intent.malformed")
        assert [(rule.tag, rule.decides) for rule in said.rules] == [("intent.malformed", True)]
    said = of_intent(bench, body_of(bench, "a", 1), "another")
    assert (said.outcome, said.tag) == (pb.OUTCOME_INVALID, "intent.initiator")
    assert not said.limits and not said.HasField("hold")


class _Restless(OldAnswers):
    """Memory lets go after each look-up."""

    def look_up(self, ledger: object, key: object, attempt: object) -> tuple[int, list[Found]]:
        return 99, []


def test_memory_that_changes_all_the_time_is_said_to(bench: Bench) -> None:
    restless = explanations(bench, _Restless(bench.ids, bench.intents))
    with pytest.raises(Busy):
        restless.answer(pb.ExplainWithdrawalRequest(intent=body_of(bench, "a", 1)), "backend")


class _Counted(OldAnswers):
    """Says who came as far as the look-up."""

    arrived = threading.Semaphore(0)

    def look_up(self, ledger: Ledger, key: bytes | None, attempt: int) -> tuple[int, list[Found]]:
        self.arrived.release()
        return super().look_up(ledger, key, attempt)


def test_a_flood_of_questions_waits_outside_the_writer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    old = _Counted(bench.ids, bench.intents)
    explainer, body, go = Explainer(bench.writer, old), body_of(bench, "a", 1), threading.Event()

    def ask() -> bytes:
        return explainer.explain(body, "backend")[0]

    with futures.ThreadPoolExecutor(6) as pool:
        held = pool.submit(bench.writer.read, lambda _: go.wait(60))
        try:
            asked = [pool.submit(ask) for _ in range(4)]
            assert all(old.arrived.acquire(timeout=20) for _ in asked)
            monkeypatch.setattr(explaining, "_PATIENCE_S", 0.01)
            with pytest.raises(Busy):
                pool.submit(ask).result(20)
        finally:
            go.set()
        assert held.result(20)
        assert {each.result(20) for each in asked} == {ask()}, "every turn is given back"


def test_a_store_that_points_elsewhere_is_not_believed(bench: Bench) -> None:
    bench.withdraw("a", ETHER, ALICE)
    bench.withdraw("b", ETHER, ALICE)
    for name in ("a", "b"):
        bench.cancel(name)
    forget(bench)
    (a,), (b,) = (bench.ids.find([reference_key("backend", name)]) for name in ("a", "b"))
    bench.ids.put([OldPlace(a.key, a.attempt, b.sequence, b.leaf, b.state)])
    with pytest.raises(InvariantBroken):
        of_intent(bench, body_of(bench, "a", ETHER))
    with pytest.raises(InvariantBroken):
        explanations(bench).answer(by_reference("a"), "backend")
