"""Guarded time, step by step and under any readings at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from custody.model.clock import RENEW_MS, STEP_MS, Reading, TimeGuard

T = 1_800_000_000_000
GAP = 600_000


def guard(last_ms: int = T, wall_ms: int = T, frozen: bool = False) -> TimeGuard:
    return TimeGuard(
        last_ms=last_ms, wall_ms=wall_ms, monotonic_ms=0, maximum_start_gap_ms=GAP, frozen=frozen
    )


def test_time_is_the_wall_clocks_while_it_goes_with_the_monotonic_one() -> None:
    time = guard()
    for elapsed in (0, 1, 1_000, 60_000, 10 * RENEW_MS):
        assert time.observe(T + elapsed, elapsed) == Reading(T + elapsed, False)


def test_it_never_goes_back() -> None:
    time = guard()
    assert time.observe(T + 1_000, 1_000).now_ms == T + 1_000
    assert time.observe(T - 90_000, 1_100) == Reading(T + 1_000, False)
    assert time.observe(T + 1_001, 91_200) == Reading(T + 1_001, False)


def test_five_seconds_ahead_are_believed_and_no_more() -> None:
    assert guard().observe(T + STEP_MS, 0) == Reading(T + STEP_MS, False)
    assert guard().observe(T + STEP_MS + 1, 0) == Reading(T, True)


def test_many_small_steps_are_one_large_one() -> None:
    time = guard()
    readings = [time.observe(T + step * 1_000, 0) for step in range(1, 8)]
    assert [reading.frozen for reading in readings] == [False] * 5 + [True] * 2
    assert readings[-1].now_ms == T + STEP_MS


def test_the_five_seconds_begin_anew_every_hour() -> None:
    time = guard()
    ahead = 0
    for hour in range(1, 20):
        ahead += STEP_MS - 1
        assert not time.observe(T + hour * RENEW_MS + ahead, hour * RENEW_MS).frozen


def test_frozen_time_goes_on_at_the_monotonic_pace_until_it_is_confirmed() -> None:
    time = guard()
    time.observe(T + 3_600_000, 1_000)
    assert time.observe(T + 3_600_000, 2_000) == Reading(T + 2_000, True)
    assert time.observe(T + 2_000, 3_000) == Reading(T + 3_000, True), "stepping back does not thaw it"
    time.confirm(T + 3_700_000, 4_000)
    assert time.observe(T + 3_700_000, 4_000) == Reading(T + 3_700_000, False)
    assert time.observe(T + 3_701_000, 5_000) == Reading(T + 3_701_000, False)


def test_a_gap_at_the_start_above_the_maximum_freezes() -> None:
    assert guard(wall_ms=T + GAP).observe(T + GAP, 0) == Reading(T + GAP, False)
    assert guard(wall_ms=T + GAP + 1).observe(T + GAP + 1, 500) == Reading(T + 500, True)


def test_without_a_past_there_is_no_gap() -> None:
    assert guard(last_ms=0).observe(T, 0) == Reading(T, False)


def test_a_clock_behind_the_journal_waits() -> None:
    time = guard(wall_ms=T - 60_000)
    assert time.observe(T - 60_000, 0) == Reading(T, False)
    assert time.observe(T - 1, 59_999) == Reading(T, False)
    assert time.observe(T + 1, 60_001) == Reading(T + 1, False)


def test_a_freeze_outlives_a_restart() -> None:
    assert guard(frozen=True).observe(T + 1, 7) == Reading(T + 7, True)


@given(
    st.integers(0, 2 * T),
    st.lists(st.tuples(st.integers(0, 2 * T), st.integers(0, 2 * RENEW_MS), st.booleans()), max_size=30),
)
def test_whatever_the_clocks_say(last_ms: int, steps: list[tuple[int, int, bool]]) -> None:
    """Time never falls, and between confirmations gains at most 5 s an hour on the monotonic clock."""
    time = TimeGuard(last_ms=last_ms, wall_ms=T, monotonic_ms=0, maximum_start_gap_ms=GAP)
    monotonic, newest = 0, time.observe(T, 0).now_ms
    since_monotonic, since_ms = 0, newest
    for wall_ms, elapsed, confirm in steps:
        monotonic += elapsed
        reading = time.observe(wall_ms, monotonic)
        assert reading.now_ms >= newest
        hours = (monotonic - since_monotonic) // RENEW_MS + 1
        assert reading.now_ms - since_ms <= monotonic - since_monotonic + hours * STEP_MS
        newest = reading.now_ms
        if confirm:
            time.confirm(wall_ms, monotonic)
            newest = time.observe(wall_ms, monotonic).now_ms
            since_monotonic, since_ms = monotonic, newest
