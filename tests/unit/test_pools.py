"""Pools through the façade: deposits once, transfers pending to their end, suspense; replay gives the same state."""

from __future__ import annotations

import hashlib

import pytest

from custody.errors import Denied, InvariantBroken, Malformed
from custody.ledger import (
    Deposit,
    LegState,
    Pend,
    PendingLeg,
    Post,
    Surplus,
    TransferAnswer,
    TransferMove,
    TransferOrder,
    Void,
)
from support.ledger_backend import ETH, HOUR_MS, NOW_MS, Backend


class Books:
    """A backend's ledger with its facts kept, for replay."""

    def __init__(self) -> None:
        self.ledger = Backend().ledger()
        self.facts: list[bytes] = []
        self.apply(self.ledger.decide_open("hot-1", ETH, 100, "customers"))

    def apply(self, fact: bytes | None) -> None:
        assert fact is not None
        self.ledger.apply_fact(fact)
        self.facts.append(fact)
        self.ledger.conservation()

    def order(
        self, reference: str, *legs: TransferMove | Pend | Post | Void, now: int = NOW_MS
    ) -> TransferAnswer:
        body = hashlib.sha256(repr((reference, legs)).encode()).digest()
        order = TransferOrder("backend", reference, body, NOW_MS + HOUR_MS, legs)
        answer = self.ledger.pools.decide_transfer(order, now)
        if answer.fact is not None:
            self.apply(answer.fact)
        return answer

    def has(self, account: str) -> int:
        return self.ledger.available(ETH, account)


def move(amount: int, to: str = "house") -> TransferMove:
    return TransferMove(ETH, "customers", to, amount)


def test_a_pending_transfer_is_posted_in_part_and_the_rest_returns() -> None:
    books = Books()
    pools = books.ledger.pools
    assert books.order("p", Pend(ETH, "customers", "house", 60, NOW_MS + 2 * HOUR_MS)).is_done
    assert books.has("pool:customers") == 40
    view = pools.transfer("backend", "p")
    assert view is not None and view.legs == (LegState.PENDING,)
    assert view.pending == (PendingLeg(1, ETH, "customers", "house", 60, NOW_MS + 2 * HOUR_MS),)
    posted = books.order("r", Post("p", 1, 45))
    assert (posted.tags, posted.is_repeat, posted.is_done) == (("",), False, True)
    again = books.order("r", Post("p", 1, 45))
    assert (again.tags, again.is_repeat, again.fact) == (("",), True, None)
    assert (books.has("pool:customers"), books.has("pool:house")) == (55, 45)
    refused = books.order("v", Void("p", 1))
    assert refused.tags == ("transfer.already_posted",) and not refused.is_done and refused.remedy == 5
    view = pools.transfer("backend", "v")
    assert view is not None and (view.tags, view.legs) == (("transfer.already_posted",), ())
    assert pools.transfer("backend", "none") is None


def test_a_group_is_all_or_nothing_with_one_tag_each() -> None:
    books = Books()
    answer = books.order("g", move(60), move(41), move(1))
    assert answer.tags == ("transfer.linked", "ledger.insufficient_funds", "transfer.linked")
    assert books.has("pool:customers") == 100
    assert books.order("g2", move(60), move(40)).is_done
    fix = books.order("g3", move(0))
    assert (fix.tags, fix.fact, fix.remedy) == (("transfer.amount",), None, 4)
    with pytest.raises(Malformed):
        books.order("g4")


def test_expiry_is_asked_for_and_then_a_fact() -> None:
    books = Books()
    pools = books.ledger.pools
    books.order("p", Pend(ETH, "customers", "house", 60, NOW_MS + 2 * HOUR_MS))
    assert pools.expired(NOW_MS + 2 * HOUR_MS - 1) == []
    with pytest.raises(Denied, match=r"ledger\.not_expired"):
        pools.decide_expiry("backend", "p", 1, NOW_MS)
    assert pools.expired(NOW_MS + 2 * HOUR_MS) == [("backend", "p", 1)]
    assert books.has("pool:customers") == 40
    books.apply(pools.decide_expiry("backend", "p", 1, NOW_MS + 2 * HOUR_MS))
    assert books.has("pool:customers") == 100
    assert pools.expired(NOW_MS + 9 * HOUR_MS) == []


def test_a_deposit_is_credited_once_and_a_surplus_is_nobodys() -> None:
    books = Books()
    pools = books.ledger.pools
    deposit = Deposit("eip155:1", b"\x01" * 32, 0, "hot-1", ETH, 5, "customers")
    books.apply(pools.decide_deposit(deposit))
    assert pools.decide_deposit(deposit) is None
    with pytest.raises(Denied, match=r"deposit\.other"):
        pools.decide_deposit(Deposit("eip155:1", b"\x01" * 32, 0, "hot-1", ETH, 6, "customers"))
    with pytest.raises(Denied, match=r"pool\.unknown"):
        pools.decide_deposit(Deposit("eip155:1", b"\x02" * 32, 0, "hot-1", ETH, 6, "nobody"))
    surplus = Surplus("hot-1", ETH, 105, 112, "eip155:1", 9, b"\x07" * 32)
    books.apply(pools.decide_surplus(surplus))
    assert (books.has("suspense"), books.has("pool:customers"), books.has("wallet:hot-1")) == (7, 105, 112)
    with pytest.raises(Denied, match=r"ledger\.balance_moved"):
        pools.decide_surplus(surplus)
    books.apply(pools.decide_suspense_release("proposal-1", ETH, 3, "house"))
    with pytest.raises(Denied, match=r"ledger\.exists"):
        pools.decide_suspense_release("proposal-1", ETH, 3, "house")
    late = Deposit("eip155:1", b"\x03" * 32, 0, "hot-1", ETH, 4, "customers", from_suspense=True)
    books.apply(pools.decide_deposit(late))
    assert (books.has("suspense"), books.has("pool:customers"), books.has("wallet:hot-1")) == (0, 109, 112)


def test_facts_alone_give_the_same_state_and_a_second_time_stop_it() -> None:
    books = Books()
    books.order("p", Pend(ETH, "customers", "house", 60, NOW_MS + 2 * HOUR_MS), Post("p", 1, 1))
    books.order("q", move(100))
    books.apply(
        books.ledger.pools.decide_deposit(Deposit("n", b"\x01" * 32, 0, "hot-1", ETH, 5, "customers"))
    )
    again = Backend().ledger()
    for fact in books.facts:
        again.apply_fact(fact)
    assert again.state_hash() == books.ledger.state_hash()
    with pytest.raises(InvariantBroken):
        again.apply_fact(books.facts[-1])
    with pytest.raises(InvariantBroken):
        again.conservation()
