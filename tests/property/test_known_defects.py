"""Defects that others' limits and allowlists have, each named by its source: here they must not be."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.api.v1 import withdrawal_pb2
from custody.errors import Denied, Malformed
from custody.ledger import Ledger, LimitBook
from support.ledger_backend import HOUR_MS, NOW_MS, Backend, limit, results

WINDOW_MS = 40_000
USD = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
OPENED = ("hot-1", 10**6, "customers")


def passes(book: LimitBook, amount: int, now_ms: int) -> bool:
    """Charge it when it may be."""
    try:
        book.check("l", amount, now_ms)
    except Denied:
        return False
    book.charge("l", amount, now_ms)
    return True


class Client:
    """A backend and its ledger; `ask` says what was answered."""

    def __init__(self, *limits: dict[str, Any]) -> None:
        self.backend = Backend(limits)
        self.ledger: Ledger = self.backend.ledger(OPENED)

    def ask(self, reference: str, amount: int, now_ms: int = NOW_MS, **fields: Any) -> tuple[str, str]:
        late_ms = NOW_MS + 10**12
        deadlines = {"submit_before_unix_ms": late_ms, "pay_before_unix_ms": late_ms}
        body = self.backend.intent(reference, amount, **(deadlines | fields))
        [submitted] = self.backend.submit(self.ledger, now_ms, [self.backend.item(body)])
        [result] = results(submitted)
        return withdrawal_pb2.Outcome.Name(result.outcome).removeprefix("OUTCOME_"), result.tag

    def counted(self, now_ms: int = NOW_MS) -> tuple[int, int]:
        """What the only limit counts: base units, withdrawals."""
        said = self.ledger.explain("backend", self.backend.intent("other", 1), now_ms, everything=True)
        assert said is not None
        [clause] = withdrawal_pb2.ExplainWithdrawalResponse.FromString(said).limits
        return int(clause.counted.amount or 0), clause.counted.count

    def edit(self, **fields: Any) -> None:
        """Another policy."""
        self.backend.rules = Backend.rules_of(self.backend.document | fields)
        self.ledger.set_rules(self.backend.rules, self.backend.keyring.version)


@given(
    start_ms=st.integers(0, 200_000),
    apart_ms=st.integers(0, WINDOW_MS - 1),
    small=st.lists(st.integers(0, 2_000), max_size=150),
)
def test_twice_the_limit_across_a_bucket_edge(start_ms: int, apart_ms: int, small: list[int]) -> None:
    """validating-lightning-signer, `velocity.rs`: buckets of 10 s let a full spend at 1109 s and one at 1140 s pass
    under a limit of 40 s. Whether few are counted one by one, or many in buckets."""
    book, now_ms = LimitBook(), NOW_MS + start_ms
    book.add("l", WINDOW_MS, 1_000)
    for step_ms in small:
        now_ms += step_ms
        passes(book, 1, now_ms)
    full = book.headroom("l", now_ms)
    assert full is not None and passes(book, full, now_ms)
    assert not passes(book, full, now_ms + apart_ms)
    assert passes(book, 1_000, now_ms + WINDOW_MS + -(-WINDOW_MS // 1_440))


@given(st.lists(st.integers(0, 3 * WINDOW_MS), min_size=1, max_size=40))
def test_a_counter_that_was_reset_once_and_then_at_every_call(waits: list[int]) -> None:
    """revault, `max_value_per_day.py`: the counter's reset forgot to move the window, so after the first day it was
    reset at every call."""
    book, now_ms, last_ms = LimitBook(), NOW_MS, 0
    book.add("l", WINDOW_MS, 100)
    for wait_ms in waits:
        now_ms += wait_ms
        may = now_ms - last_ms >= WINDOW_MS
        assert passes(book, 100, now_ms) == may
        last_ms = now_ms if may else last_ms


@given(back_ms=st.integers(0, NOW_MS), now_ms=st.integers(0, WINDOW_MS - 1))
def test_a_clock_that_steps_back_empties_the_window(back_ms: int, now_ms: int) -> None:
    """validating-lightning-signer, `velocity.rs`: a time before the first bucket's wraps, and all buckets are empty."""
    client = Client(limit("l", "deny", 100, window={"sliding_ms": WINDOW_MS}))
    assert client.ask("a", 100) == ("ACCEPTED", "")
    assert client.ask("b", 1, NOW_MS - back_ms) == ("REJECTED", "limit.l")
    assert client.ask("c", 1, NOW_MS + now_ms) == ("REJECTED", "limit.l")
    assert client.ask("d", 100, NOW_MS + WINDOW_MS) == ("ACCEPTED", "")


@given(
    spent=st.integers(1, 500),
    most=st.integers(1, 1_000),
    window_ms=st.sampled_from([WINDOW_MS, HOUR_MS, 90 * 24 * HOUR_MS, None]),
    scope=st.lists(st.sampled_from(["customer", "destination", "wallet", "initiator"]), unique=True),
    over=st.sampled_from(["hold", "deny"]),
)
def test_an_edit_of_the_limit_zeroes_what_was_spent(
    spent: int, most: int, window_ms: int | None, scope: list[str], over: str
) -> None:
    """validating-lightning-signer, `update_spec`: any edit begins at zero. Here neither another bound, nor another
    window, scope, name or effect does; nor leaving it away and putting it back."""
    client = Client(limit("l", "deny", 1_000, window={"sliding_ms": WINDOW_MS}))
    assert client.ask("a", spent) == ("ACCEPTED", "")
    window = "lifetime" if window_ms is None else {"sliding_ms": window_ms}
    client.edit(limits=[])
    client.edit(limits=[limit("other", over, most, scope, window=window)])
    assert client.counted() == (spent, 1)
    outcome, tag = client.ask("b", most)
    assert (outcome, tag) == ({"hold": "HELD", "deny": "REJECTED"}[over], "limit.other")


@pytest.mark.parametrize("over", ["deny", "hold"])
@pytest.mark.parametrize("bound", [{"amount": "0"}, {"amount": None, "count": 0}])
def test_zero_is_no_limit(over: str, bound: dict[str, Any]) -> None:
    """peatio, `verify_limits`: a limit of zero, or none, lets everything pass."""
    client = Client(limit("l", over, None) | bound)
    expected = ("HELD" if over == "hold" else "REJECTED", "limit.l")
    assert client.ask("a", 1) == expected
    # And what says nothing is no rule.
    without = copy.deepcopy(client.backend.document)
    without["limits"][0] |= {"amount": None, "count": None}
    with pytest.raises(Malformed):
        Backend.rules_of(without)
    for key in ("amount", "window", "over"):
        without = copy.deepcopy(client.backend.document)
        del without["limits"][0][key]
        if key != "amount":  # absent, it is no bound; and then there has to be a count
            with pytest.raises(Malformed):
                Backend.rules_of(without)
    without = copy.deepcopy(client.backend.document)
    del without["limits"]
    with pytest.raises(Malformed):
        Backend.rules_of(without)


def test_what_is_asked_counts_itself_and_a_repeat_counts_again() -> None:
    """peatio, `accept`: the withdrawal's own row is counted before it is added, so the last that fits is refused."""
    client = Client(limit("l", "deny", 100))
    assert client.ask("a", 60) == ("ACCEPTED", "")
    for _ in range(3):
        assert client.ask("a", 60) == ("DUPLICATE", "")
    assert client.ask("b", 40) == ("ACCEPTED", "")
    assert client.ask("c", 1) == ("REJECTED", "limit.l")


def test_what_was_spent_is_valued_anew() -> None:
    """peatio, `verify_limits`: past withdrawals are summed up at today's price. Here a limit counts base units of one
    asset as they were charged; a rule that would need a price, or add up several assets, is refused."""
    client = Client(limit("l", "deny", 100))
    plain = client.backend.document["limits"][0]
    token = {"id": USD, "network": "eip155:1", "native": False}
    for change in (
        {"currency": "USD"},
        {"price": "2"},
        {"asset": None},
        {"asset": None, "scope": ["customer"]},
        {"amount": "99.5"},
    ):
        document = client.backend.document | {"limits": [plain | change]}
        document["assets"] = [*document["assets"], token]
        with pytest.raises(Malformed):
            Backend.rules_of(document)
    assert client.ask("a", 60) == ("ACCEPTED", "")
    for elsewhere_ms in (0, HOUR_MS // 2, HOUR_MS - 1):
        assert client.counted(NOW_MS + elsewhere_ms) == (60, 1)


@pytest.mark.parametrize(
    ("empty", "tag"), [("pools", "pool.not_allowed"), ("limit_classes", "class.not_allowed")]
)
def test_an_empty_allowlist_allows_all(empty: str, tag: str) -> None:
    """bria, `allowed_payout_addresses`: removing the last address opens the wallet to any."""
    client = Client()
    assert client.ask("a", 1, limit_class="retail") == ("ACCEPTED", "")
    [initiator] = client.backend.document["initiators"]
    client.edit(initiators=[initiator | {empty: []}])
    for customer in ("c1", "c2"):
        assert client.ask(f"b-{customer}", 1, customer=customer, limit_class="retail") == ("INVALID", tag)
    with pytest.raises(Malformed):  # nobody could sign
        client.edit(initiators=[initiator | {"keys": []}])
    client.edit(initiators=[])
    assert client.ask("c", 1)[0] == "INVALID"
