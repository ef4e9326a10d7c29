"""Events as a client follows them: in order, without gaps, each their own, and never all the threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from custody.api.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    common_pb2,
    event_pb2,
    event_pb2_grpc,
    withdrawal_pb2_grpc,
)
from support.refusals import refusal
from support.server_world import ServerWorld


@contextmanager
def a_server(directory: Path) -> Iterator[ServerWorld]:
    made = ServerWorld(directory)
    made.open_wallets()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with a_server(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[ServerWorld]:
    """A server of the test's own: streams that took all its places would refuse another test's."""
    with a_server(tmp_path) as made:
        yield made


@pytest.fixture
def withdrawals(world: ServerWorld) -> withdrawal_pb2_grpc.WithdrawalServiceStub:
    return withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())


def follow(world: ServerWorld, who: str, after: int) -> Any:
    stub = event_pb2_grpc.EventServiceStub(world.channel(who))
    return stub.Subscribe(event_pb2.SubscribeRequest(cursors=[common_pb2.Cursor(sequence=after)]), timeout=30)


def test_events_are_in_order_without_gaps_and_resumable(
    world: ServerWorld, withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub
) -> None:
    requests = [world.intents.request(3) for _ in range(4)]
    answers = [withdrawals.SubmitWithdrawals(request, timeout=10) for request in requests]
    expected = [result.withdrawal_id for answer in answers for result in answer.results]
    first = answers[0].as_of[0].sequence - 1
    whole = follow(world, "initiator", first)
    seen = []
    for answer in whole:
        event = answer.event
        if event.type == event_pb2.EVENT_TYPE_HEARTBEAT:
            continue
        assert event.type == event_pb2.EVENT_TYPE_WITHDRAWAL_CHANGED
        seen.append((event.cursor.sequence, event.withdrawal.withdrawal_id, event.last_of_row))
        if len(seen) == len(expected):
            break
    whole.cancel()
    assert [id_ for _, id_, _ in seen] == expected
    assert [last for _, _, last in seen] == [False, False, True] * 4
    assert [sequence for sequence, _, _ in seen] == sorted(sequence for sequence, _, _ in seen)
    for sequence, _, last in seen:
        if not last or sequence == seen[-1][0]:
            continue
        rest = follow(world, "initiator", sequence)
        event = next(answer.event for answer in rest if answer.event.withdrawal.withdrawal_id)
        rest.cancel()
        assert event.cursor.sequence > sequence
        assert event.withdrawal.withdrawal_id == next(id_ for s, id_, _ in seen if s > sequence)


def test_an_initiator_sees_its_own_events_alone_and_people_see_all(
    world: ServerWorld, withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub
) -> None:
    assert withdrawals.SubmitWithdrawals(world.intents.request(1), timeout=10).results
    head = admin_pb2_grpc.AdminServiceStub(world.channel("operator")).Status(
        admin_pb2.StatusRequest(), timeout=10
    )
    sequence = head.as_of[0].sequence
    world.leaves["stranger"] = world.authority.leaf("initiator", "stranger")
    stranger = follow(world, "stranger", 0)
    event = next(stranger).event
    stranger.cancel()
    assert event.type == event_pb2.EVENT_TYPE_HEARTBEAT
    assert event.cursor.sequence == sequence
    people = follow(world, "auditor", 0)
    kinds = []
    for answer in people:
        if answer.event.type == event_pb2.EVENT_TYPE_HEARTBEAT:
            break
        kinds.append(answer.event.record_kind)
    people.cancel()
    assert kinds[:2] == ["STARTED", "WALLET_OPENED"]
    assert "WITHDRAWALS_SUBMITTED" in kinds


def test_a_cursor_beyond_the_head_is_refused(world: ServerWorld) -> None:
    code, reason, _, fields = refusal(
        event_pb2_grpc.EventServiceStub(world.channel()).Subscribe,
        event_pb2.SubscribeRequest(cursors=[common_pb2.Cursor(sequence=10**9)]),
    )
    assert (code, reason, fields) == (grpc.StatusCode.INVALID_ARGUMENT, "request.malformed", ["cursors"])


def test_streams_never_take_all_the_threads(crowded: ServerWorld) -> None:
    streams = []
    refused = 0
    for number in range(20):
        stream = follow(crowded, ("auditor", "operator")[number % 2], 0)
        try:
            next(stream)
            streams.append(stream)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            refused += 1
    assert len(streams) == 12
    assert len(streams) + refused == 20
    withdrawals = withdrawal_pb2_grpc.WithdrawalServiceStub(crowded.channel())
    assert withdrawals.SubmitWithdrawals(crowded.intents.request(1), timeout=5).results
    for stream in streams:
        stream.cancel()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        stream = follow(crowded, "auditor", 0)
        try:
            next(stream)
            break
        except grpc.RpcError:
            time.sleep(0.2)
    else:
        raise AssertionError("streams that were cancelled never gave their places back")
    stream.cancel()


def test_one_caller_never_takes_all_the_streams(crowded: ServerWorld) -> None:
    streams = []
    with pytest.raises(grpc.RpcError) as refused:
        for _ in range(7):
            stream = follow(crowded, "initiator", 0)
            next(stream)
            streams.append(stream)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(streams) == 6
    people = follow(crowded, "operator", 0)
    next(people)
    for stream in (*streams, people):
        stream.cancel()
