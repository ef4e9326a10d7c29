"""A server that is killed in the middle of its work: whatever it answered is there once, and replay agrees with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from custody.api.v1 import withdrawal_pb2 as pb
from custody.api.v1 import withdrawal_pb2_grpc
from support.server_world import ServerWorld

THREADS = 4
BATCH = 25


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServerWorld]:
    made = ServerWorld(tmp_path)
    made.open_wallets()
    yield made
    made.kill()


class Load:
    """Clients that send batches until the server is gone, and remember every answer and every request."""

    def __init__(self, world: ServerWorld) -> None:
        self.answered: dict[str, str] = {}
        self.unanswered: list[pb.SubmitWithdrawalsRequest] = []
        self._world = world
        self._lock = threading.Lock()
        requests = [[world.intents.request(BATCH) for _ in range(60)] for _ in range(THREADS)]
        stub = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())
        self._threads = [threading.Thread(target=self._run, args=(stub, mine)) for mine in requests]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive()

    def _run(
        self, stub: withdrawal_pb2_grpc.WithdrawalServiceStub, requests: list[pb.SubmitWithdrawalsRequest]
    ) -> None:
        for request in requests:
            try:
                results = stub.SubmitWithdrawals(request, timeout=20).results
            except (grpc.RpcError, ValueError):  # killed; ValueError: the world closed its channel too
                with self._lock:
                    self.unanswered.append(request)
                return
            with self._lock:
                for result in results:
                    assert result.outcome == pb.OUTCOME_ACCEPTED, result
                    assert result.reference not in self.answered
                    self.answered[result.reference] = result.withdrawal_id


def everything(world: ServerWorld) -> dict[str, str]:
    """Reference → id of every withdrawal that the server knows; no reference twice."""
    stub = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())
    found: dict[str, str] = {}
    token = ""
    while True:
        page = stub.ListWithdrawals(pb.ListWithdrawalsRequest(page_size=1000, page_token=token), timeout=20)
        for withdrawal in page.withdrawals:
            assert withdrawal.intent.reference not in found
            found[withdrawal.intent.reference] = withdrawal.withdrawal_id
        token = page.next_page_token
        if not token:
            return found


@pytest.mark.parametrize(
    "rounds", [3, pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(3_000)])]
)
def test_what_was_answered_survives_sigkill_once_and_replay_gives_the_same_state(
    world: ServerWorld, rounds: int
) -> None:
    answered: dict[str, str] = {}
    hashes: list[dict[str, str]] = []
    for round_ in range(rounds):
        world.start()
        known = everything(world)
        assert answered.items() <= known.items()
        load = Load(world)
        load.start()
        time.sleep(0.15 + 0.1 * (round_ % 8))
        world.kill()
        load.join()
        answered |= load.answered
        hashes.append(world.state_hashes())
        assert hashes[-1] == world.state_hashes()  # the same rows, the same state, whoever replays them

        world.start()
        known = everything(world)
        assert answered.items() <= known.items()
        stub = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())
        for request in load.unanswered:  # the client cannot know: it sends the same bytes again
            for result in stub.SubmitWithdrawals(request, timeout=20).results:
                expected = pb.OUTCOME_DUPLICATE if result.reference in known else pb.OUTCOME_ACCEPTED
                assert result.outcome == expected, result
                assert known.get(result.reference, result.withdrawal_id) == result.withdrawal_id
                answered[result.reference] = result.withdrawal_id
        assert everything(world) == answered
        world.kill()
    assert len(answered) > BATCH
    assert [int(found["epoch"]) for found in hashes] == sorted(int(found["epoch"]) for found in hashes)


def test_a_server_that_was_killed_is_replaced_at_once_and_two_never_share_a_journal(
    world: ServerWorld,
) -> None:
    world.start()
    second = ServerWorld.__new__(ServerWorld)
    second.__dict__.update(world.__dict__)
    second._channels, second.process = [], None
    with pytest.raises(AssertionError, match="in use by another process"):
        second.start()
    world.kill()
    second.start()
    assert second.stop() == 0


def test_sigterm_finishes_what_was_begun(world: ServerWorld) -> None:
    world.start()
    load = Load(world)
    load.start()
    time.sleep(0.2)
    assert world.stop() == 0
    load.join()
    world.start()
    known = everything(world)
    assert load.answered.items() <= known.items()
