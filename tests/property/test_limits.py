"""Sliding windows against a brute force that keeps every event: never too little, and hardly too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.errors import Denied, Malformed, NotFound
from custody.ledger import LimitBook

WINDOW_MS = 3_600_000
WIDTH_MS = -(-WINDOW_MS // 1_440)
START_MS = 1_700_000_000_000

# Milliseconds that the clock moves, forward or back, and an amount.
EVENTS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 120_000), st.integers(-WINDOW_MS, WINDOW_MS), st.just(WIDTH_MS)),
        st.integers(0, 2**100),
    ),
    min_size=1,
    max_size=200,
)


def counted(events: list[tuple[int, int]], length_ms: int, now_ms: int) -> int:
    """What counts when every event counts for `length_ms`."""
    return sum(amount for at_ms, amount in events if at_ms + length_ms > now_ms)


@given(EVENTS, st.data())
def test_a_window_against_every_event(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    book = LimitBook()
    book.add("day", WINDOW_MS, 5)
    events: list[tuple[int, int]] = []
    clock_ms, newest_ms = START_MS, 0
    for step_ms, amount in steps:
        clock_ms += step_ms
        newest_ms = max(newest_ms, clock_ms)
        assert book.charge("day", amount, clock_ms) == newest_ms
        events.append((newest_ms, amount))
        if data.draw(st.integers(0, 9)) == 0:
            charged_ms, released = events.pop(data.draw(st.integers(0, len(events) - 1)))
            book.release("day", released, charged_ms)
        spent = book.spent("day", clock_ms)
        assert counted(events, WINDOW_MS, newest_ms) <= spent
        assert spent <= counted(events, WINDOW_MS + WIDTH_MS - 1, newest_ms)


@given(st.lists(st.tuples(st.integers(0, 600_000), st.integers(1, 60)), max_size=150), st.integers(1, 100))
def test_what_passes_never_exceeds_the_limit_in_any_window(steps: list[tuple[int, int]], most: int) -> None:
    book = LimitBook()
    book.add("l", WINDOW_MS, most)
    passed: list[tuple[int, int]] = []
    now_ms = START_MS
    for step_ms, amount in steps:
        now_ms += step_ms
        try:
            book.check("l", amount, now_ms)
        except Denied as denied:
            assert denied.tag == "limit.l"
            at_ms = book.earliest_pass("l", amount, now_ms)
            if amount > most:
                assert at_ms is None
            else:
                assert at_ms is not None and at_ms > now_ms
                book.check("l", amount, at_ms)
                with pytest.raises(Denied):
                    book.check("l", amount, at_ms - 1)
        else:
            book.charge("l", amount, now_ms)
            passed.append((now_ms, amount))
    for from_ms, _ in passed:
        assert sum(a for at_ms, a in passed if from_ms <= at_ms < from_ms + WINDOW_MS) <= most


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_an_edited_limit_keeps_what_was_spent(first: int, second: int, charged: int) -> None:
    book = LimitBook()
    book.add("l", WINDOW_MS, first)
    book.charge("l", charged, START_MS)
    book.add("l", WINDOW_MS, second)
    assert book.spent("l", START_MS) == charged
    assert book.headroom("l", START_MS) == max(0, second - charged)


def test_zero_lets_nothing_pass_and_absence_is_refused() -> None:
    book = LimitBook()
    book.add("none", WINDOW_MS, 0)
    book.add("never", None, None, 0)
    for limit_id in ("none", "never"):
        with pytest.raises(Denied):
            book.check(limit_id, 0, START_MS)
        assert book.earliest_pass(limit_id, 1, START_MS) is None
    for window_ms in (0, 999, 90 * 86_400_000 + 1):
        with pytest.raises(Malformed):
            book.add("bad", window_ms, 1)
    with pytest.raises(Malformed):
        book.add("bad", WINDOW_MS)
    with pytest.raises(NotFound):
        book.spent("bad", START_MS)


def test_for_ever_is_for_ever_and_a_longer_window_says_since_when_it_counts() -> None:
    book = LimitBook()
    book.add("ever", None, 100)
    book.add("hour", WINDOW_MS, 100)
    for limit_id in ("ever", "hour"):
        book.charge(limit_id, 60, START_MS)
    later_ms = START_MS + WINDOW_MS
    assert (book.spent("ever", 2**63), book.spent("hour", later_ms)) == (60, 0)
    assert book.earliest_pass("ever", 41, later_ms) is None
    book.charge("hour", 30, later_ms)
    book.add("hour", 24 * WINDOW_MS, 100)
    assert book.spent("hour", later_ms) == 30
    assert book.counts_from("hour") == START_MS + 1
    assert book.counts_from("ever") == 0
