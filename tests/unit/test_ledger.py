"""The ledger's façade: what crosses the seam, and how it refuses."""

from __future__ import annotations

import dataclasses

import pytest
from structlog.testing import capture_logs

from custody.errors import Denied, InvariantBroken, Malformed, NotFound
from custody.ledger import (
    BlockerKind,
    BlockerView,
    Decision,
    End,
    Ledger,
    LedgerState,
    LegView,
    LimitBook,
    PayoutItem,
    PayoutView,
    reference_key,
    tags,
    ulid_bytes,
    ulid_text,
)
from custody.services.rulebook import Rulebook
from support.ledger_backend import ETH, HOUR_MS, NOW_MS, Backend, limit, results

OPENED = (("hot-1", 1_000, "customers"), ("hot-1", 100, "house"), ("cold-1", 5_000, "customers"))


def take(backend: Backend, ledger: Ledger, reference: str, amount: int) -> str:
    """Submit one withdrawal; its id."""
    item = backend.item(backend.intent(reference, amount))
    [submitted] = backend.submit(ledger, NOW_MS, [item])
    return results(submitted)[0].withdrawal_id


def enact(ledger: Ledger, fact: bytes) -> None:
    """Apply, and look at the books."""
    ledger.apply_fact(fact)
    ledger.conservation()


def test_a_withdrawal_from_submission_to_payment() -> None:
    backend = Backend()
    ledger = backend.ledger(*OPENED)
    id_ = take(backend, ledger, "a", 300)
    assert ledger.select("hot-1", NOW_MS, 10, ETH, 21) == [id_]
    assert (ledger.position(id_), ledger.queued_demand("hot-1", ETH)) == (1, 300)

    enact(ledger, ledger.decide_assign("p1", "hot-1", [PayoutItem(id_, 300, 0)], ETH, 21, NOW_MS))
    assert ledger.payout("p1") == PayoutView("p1", "hot-1", (PayoutItem(id_, 300, 0),), ETH, 21)
    assert ledger.available(ETH, "wallet:hot-1") == 779
    with pytest.raises(Denied) as denied:
        ledger.decide_void(id_, End.CANCELLED, NOW_MS)
    assert denied.value.tag == "ledger.state"

    enact(ledger, ledger.decide_post("p1", 20))
    view = ledger.withdrawal(id_)
    assert view is not None
    assert (view.state, view.end, view.payout_id, view.api_state) == (LedgerState.POSTED, None, "p1", 6)
    key = reference_key("backend", "a")
    assert (view.key, view.amount, view.wallet, view.sequence, view.leaf) == (key, 300, "hot-1", 1, 1)
    assert ledger.by_reference("backend", "a") == view
    with pytest.raises(dataclasses.FrozenInstanceError):
        view.amount = 1  # type: ignore[misc]
    rows = {(row.asset, row.account): row for row in ledger.balances()}
    assert rows[ETH, "wallet:hot-1"].available == 780
    assert rows[ETH, "pool:house"].available == 80
    assert ledger.payout("p1") is None


def test_a_sweep_and_its_halt() -> None:
    ledger = Backend().ledger(*OPENED)
    enact(ledger, ledger.decide_halt("h1", ["sweeps"]))
    assert ledger.halts() == {"h1": ("sweeps",)}
    with pytest.raises(Denied, match=r"ledger\.halted"):
        ledger.decide_sweep_depart("s1", "cold-1", "hot-1", ETH, 10, ETH, 5)
    enact(ledger, ledger.decide_resume("h1"))
    enact(ledger, ledger.decide_sweep_depart("s1", "cold-1", "hot-1", ETH, 10, ETH, 5))
    assert ledger.leg("s1") == LegView("s1", "cold-1", "hot-1", ETH, 10, ETH, 5)
    enact(ledger, ledger.decide_sweep_arrive("s1", 4))
    assert ledger.available(ETH, "wallet:cold-1") == 4_986
    assert ledger.leg("s1") is None


def test_held_withdrawals_wait_for_a_quorum() -> None:
    backend = Backend([limit("big", "hold", 50)])
    ledger = backend.ledger(*OPENED)
    id_ = take(backend, ledger, "a", 51)
    assert ledger.blockers(id_) == [BlockerView(BlockerKind.QUORUM, "limit.big", "")]
    enact(ledger, ledger.decide_release([id_]))
    assert ledger.blockers(id_, ETH, 101) == [BlockerView(BlockerKind.LIQUIDITY, "ledger.house_empty", "")]
    assert ledger.attempts(reference_key("backend", "a"))[0].decision is Decision.HELD


def test_filters_and_pages_newest_first() -> None:
    backend = Backend()
    ledger = backend.ledger(*OPENED)
    ids = [take(backend, ledger, f"r{n}", 1) for n in range(5)]
    enact(ledger, ledger.decide_void(ids[0], End.CANCELLED, NOW_MS))
    assert [w.withdrawal_id for w in ledger.withdrawals()] == sorted(ids, reverse=True)
    first = ledger.withdrawals(max_count=2)
    rest = ledger.withdrawals(before=first[-1].withdrawal_id)
    assert [w.withdrawal_id for w in first + rest] == sorted(ids, reverse=True)
    assert [w.withdrawal_id for w in ledger.withdrawals(states=[End.CANCELLED])] == [ids[0]]
    assert {w.withdrawal_id for w in ledger.open_withdrawals()} == set(ids[1:])
    assert [w.withdrawal_id for w in ledger.withdrawals(reference="r3")] == [ids[3]]
    assert ledger.withdrawals(customer="nobody") == ledger.withdrawals(accepted_to_ms=NOW_MS) == []
    assert ledger.by_reference("backend", "nothing") is None


def test_misuse_raises_and_changes_nothing() -> None:
    ledger = Backend().ledger(*OPENED)
    before = ledger.state_hash()
    with pytest.raises(Malformed):
        ledger.withdrawal("not a ulid")
    with pytest.raises(Malformed):
        ledger.decide_halt("h", ["everything"])
    with pytest.raises(Malformed):
        ledger.available(ETH, "pools:customers")
    with pytest.raises(Malformed):
        ledger.apply_fact(b"\xff\xff")
    with pytest.raises(OverflowError):
        ledger.decide_open("hot-1", ETH, -1, "customers")
    with pytest.raises(OverflowError):
        ledger.decide_open("hot-1", ETH, 2**128, "customers")
    with pytest.raises(Malformed, match="set_rules"):
        Ledger().submit([], NOW_MS, 1)
    assert ledger.state_hash() == before


def test_a_fact_that_does_not_fit_stops_everything() -> None:
    ledger = Backend().ledger(*OPENED)
    fact = ledger.decide_open("hot-2", ETH, 5, "customers")
    ledger.apply_fact(fact)
    with pytest.raises(InvariantBroken):
        ledger.apply_fact(fact)
    for call in (ledger.conservation, ledger.state_hash, lambda: ledger.decide_resume("h")):
        with pytest.raises(InvariantBroken):
            call()


def test_poison_by_hand() -> None:
    ledger = Backend().ledger(*OPENED)
    ledger.poison("the append failed")
    with pytest.raises(InvariantBroken, match="the append failed"):
        ledger.select("hot-1", NOW_MS, 1, ETH, 1)


def test_ulids() -> None:
    text = "01ARYZ6S41ZZZZZZZZZZZZZZZZ"
    assert ulid_text(ulid_bytes(text)) == text
    with pytest.raises(Malformed):
        ulid_bytes(text.lower())


def test_tags_are_unique_and_explained() -> None:
    table = tags()
    assert len({tag for tag, _ in table}) == len(table) > 30
    assert all(meaning.endswith(".") for _, meaning in table)


def test_a_limit_that_is_younger_than_what_left_memory_says_so() -> None:
    backend = Backend()
    ledger = backend.ledger(*OPENED)
    id_ = take(backend, ledger, "a", 300)
    enact(ledger, ledger.decide_assign("p1", "hot-1", [PayoutItem(id_, 300, 0)], ETH, 21, NOW_MS))
    enact(ledger, ledger.decide_post("p1", 20))
    later = NOW_MS + 2 * HOUR_MS
    wanted = ledger.forgettable(later, 9)
    assert wanted is not None
    enact(ledger, ledger.decide_forget(wanted, later))
    limits = [
        limit("ever", "deny", 500, window="lifetime"),
        limit("hour", "deny", 500),
        limit("day", "deny", 500, window={"sliding_ms": 24 * HOUR_MS}),
    ]
    ledger.set_rules(backend.rules_of(backend.document | {"limits": limits}), backend.keyring.version)
    assert ledger.young_limits(later) == [("day", NOW_MS + 1), ("ever", NOW_MS + 1)]
    rulebook = Rulebook(ledger, backend.keyring, "main")
    with capture_logs() as logs:
        rulebook.warn(NOW_MS + 25 * HOUR_MS)
    assert [(each["limit"], each["counts_from_ms"]) for each in logs] == [("ever", NOW_MS + 1)]


def test_a_limit_book_alone() -> None:
    book = LimitBook()
    book.add("cap", HOUR_MS, 100, 3)
    charged_ms = book.charge("cap", 60, NOW_MS, "hot-1")
    book.check("cap", 40, NOW_MS, "hot-1")
    book.check("cap", 100, NOW_MS, "hot-2")
    with pytest.raises(Denied, match=r"limit\.cap"):
        book.check("cap", 41, NOW_MS, "hot-1")
    assert book.earliest_pass("cap", 41, NOW_MS, "hot-1") == NOW_MS + HOUR_MS
    assert book.earliest_pass("cap", 101, NOW_MS, "hot-1") is None
    assert (book.headroom("cap", NOW_MS, "hot-1"), book.count("cap", NOW_MS, "hot-1")) == (40, 1)
    book.release("cap", 60, charged_ms, "hot-1")
    assert book.spent("cap", NOW_MS, "hot-1") == 0
    with pytest.raises(NotFound):
        book.check("other", 1, NOW_MS)
    with pytest.raises(Malformed):
        book.add("empty", HOUR_MS)
