"""A crowd of clients: processes with connections of their own that wait for each other and then all send at once."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

import grpc

from custody.api.v1 import withdrawal_pb2 as pb
from support.server_world import ServerWorld

__all__ = ["Said", "rush"]

METHOD = "/custody.api.v1.WithdrawalService/SubmitWithdrawals"
PROCESSES = 8
CONNECTIONS = 8
"""Of each process."""
WAIT_S = 60


@dataclass(frozen=True)
class Said:
    """One request's number among those sent, and what each of its items was answered."""

    number: int
    results: tuple[pb.SubmitResult, ...]


@dataclass(frozen=True)
class _Door:
    port: int
    ca: bytes
    key: bytes
    certificate: bytes

    def channel(self) -> grpc.Channel:
        """A connection that no other channel shares."""
        credentials = grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)
        own = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.secure_channel(f"127.0.0.1:{self.port}", credentials, options=own)


def rush(world: ServerWorld, requests: Sequence[pb.SubmitWithdrawalsRequest]) -> list[Said]:
    """Send every request over 64 connections of 8 processes, those of one connection one after another.

    One that the server is too busy for is sent again as it is. Answers in order of number; raises `AssertionError`
    when any request got none.
    """
    leaf = world.leaves["initiator"]
    door = _Door(world.port, leaf.ca.read_bytes(), leaf.key.read_bytes(), leaf.certificate.read_bytes())
    numbered = [(number, request.SerializeToString()) for number, request in enumerate(requests)]
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(PROCESSES)
    answers: Queue[Any] = context.Queue()
    processes = [
        context.Process(target=_crowd, args=(door, numbered[place::PROCESSES], ready, answers), daemon=True)
        for place in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    said: list[Said] = []
    try:
        for _ in processes:
            for number, answer in answers.get(timeout=4 * WAIT_S):
                assert isinstance(answer, bytes), f"request {number}: {answer}"
                results = pb.SubmitWithdrawalsResponse.FromString(answer).results
                said.append(Said(number, tuple(results)))
    finally:
        for process in processes:
            process.join(timeout=WAIT_S)
            process.kill()
    assert sorted(each.number for each in said) == list(range(len(requests)))
    return sorted(said, key=lambda each: each.number)


def _crowd(door: _Door, requests: list[tuple[int, bytes]], ready: Barrier, answers: Queue[Any]) -> None:
    """One process: connects, waits for the other processes, sends, tells."""
    heard: list[tuple[int, bytes | str]] = []
    channels = [door.channel() for _ in range(CONNECTIONS)]
    for channel in channels:
        grpc.channel_ready_future(channel).result(timeout=WAIT_S)
    ready.wait(timeout=WAIT_S)
    threads = [
        threading.Thread(target=_client, args=(channel, requests[place::CONNECTIONS], heard))
        for place, channel in enumerate(channels)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for channel in channels:
        channel.close()
    answers.put(heard)


def _client(
    channel: grpc.Channel, requests: list[tuple[int, bytes]], heard: list[tuple[int, bytes | str]]
) -> None:
    submit: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
    for number, request in requests:
        while True:
            try:
                heard.append((number, submit(request, timeout=WAIT_S)))
                break
            except grpc.RpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
                    heard.append((number, str(error)))
                    break
