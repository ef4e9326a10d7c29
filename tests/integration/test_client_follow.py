"""Following events: in order, without gaps, and told when the journal is another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.api.v1 import event_pb2
from custody.client import (
    Backoff,
    Cursor,
    JournalWentBack,
)
from custody.errors import Malformed, Unavailable
from support.cli_world import cursor
from support.client_world import Backend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    made = Backend(tmp_path, batch_items=3, timeout_ms=2_000)
    yield made
    made.close()


def _event(sequence: int, last: bool = True, kind: int = event_pb2.EVENT_TYPE_STARTED) -> event_pb2.Event:
    return event_pb2.Event(cursor=cursor(sequence), type=kind, last_of_row=last)  # type: ignore[arg-type]


def _follow(backend: Backend, start: Cursor | None, count: int) -> list[tuple[int, int]]:
    seen = []
    for event in backend.client.follow(start):
        seen.append((event.cursor.sequence, event.resume.sequence))
        if len(seen) == count:
            break
    return seen


def test_events_go_on_where_they_were_cut(backend: Backend) -> None:
    backend.fake.streams = [
        [_event(1), _event(2, last=False)],
        [_event(2, last=False), _event(2), _event(9)],
        [_event(12)],
    ]
    assert _follow(backend, None, 6) == [(1, 1), (2, 1), (2, 1), (2, 2), (9, 9), (12, 12)]
    starts = [[c.sequence for c in request.cursors] for request in backend.fake.calls]
    assert starts == [[], [1], [9]]


def test_heartbeats_move_the_cursor_and_are_not_shown(backend: Backend) -> None:
    heartbeat = event_pb2.EVENT_TYPE_HEARTBEAT
    backend.fake.streams = [[_event(1), _event(5, kind=heartbeat)], [_event(5, kind=heartbeat), _event(6)]]
    assert _follow(backend, Cursor("main", 0), 2) == [(1, 1), (6, 6)]
    assert [c.sequence for c in backend.fake.calls[1].cursors] == [5]


@pytest.mark.parametrize(
    "rows", [[_event(5), _event(4)], [_event(5), _event(5)], [_event(5), _event(3, kind=1)], [_event(2)]]
)
def test_a_journal_that_goes_back_is_told(backend: Backend, rows: list[event_pb2.Event]) -> None:
    backend.fake.streams = [rows]
    with pytest.raises(JournalWentBack):
        _follow(backend, Cursor("main", 3), 9)


def test_a_server_that_does_not_have_the_row_any_more_is_told(backend: Backend) -> None:
    backend.fake.script = [Malformed("cursors", "row 3 is beyond the head, 2")]
    with pytest.raises(JournalWentBack):
        _follow(backend, Cursor("main", 3), 1)


def test_another_partition_is_told(backend: Backend) -> None:
    backend.fake.streams = [[_event(4)]]
    with pytest.raises(JournalWentBack):
        _follow(backend, Cursor("other", 3), 1)


def test_following_gives_up_after_its_budget(backend: Backend) -> None:
    with pytest.raises(Unavailable):
        _follow(backend, None, 1)
    assert sum(backend.slept) <= 2


@settings(max_examples=200)
@given(
    st.lists(st.floats(0, 1), min_size=1),
    st.integers(1, 1000),
    st.integers(1, 10_000),
    st.integers(0, 60_000),
)
def test_waits_stay_within_their_bounds(chances: list[float], first: int, longest: int, budget: int) -> None:
    now = 0.0
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    index = iter(range(10**9))
    backoff = Backoff(first, longest, budget, lambda: chances[next(index) % len(chances)], lambda: now, sleep)
    for _ in backoff.pauses():
        pass
    assert sum(slept) * 1000 <= budget + 1e-6
    assert all(seconds * 1000 <= max(first, longest) + 1e-6 for seconds in slept)
