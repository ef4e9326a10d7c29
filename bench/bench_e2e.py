"""How many withdrawals a second a real server takes: mutual TLS on loopback, verified, held, durable, answered.

Each round starts a fresh server process with a SQLite journal; the client signs everything beforehand and measures from
the first request to the last answer. Client and server share the machine's cores. The peer is the same work in one
process without any of what makes it safe to run: one SQLite commit (synchronous=FULL)
for each batch of rows and nothing else.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "tests")]

from custody.api.v1 import withdrawal_pb2 as pb  # noqa: E402
from support.policy_builder import PolicyBuilder  # noqa: E402
from support.server_world import Intents, ServerWorld  # noqa: E402
from table import Row, interleave, show  # noqa: E402

BATCH = 1_000
BATCHES = 40
CLIENTS = 4
ROUNDS = 7


def requests(world: ServerWorld) -> list[bytes]:
    """Signed beforehand, as bytes."""
    intents: Intents = world.intents
    return [intents.request(BATCH).SerializeToString() for _ in range(BATCHES)]


def served(signed: Sequence[bytes], world: ServerWorld) -> float:
    """Withdrawals a second, of one fresh server."""
    for path in (world.directory / "data").glob("*"):
        path.unlink()
    world.open_wallets()
    world.start()
    try:
        calls: list[Any] = [
            world.channel().unary_unary("/custody.api.v1.WithdrawalService/SubmitWithdrawals")
            for _ in range(CLIENTS)
        ]
        for call in calls:  # connected, and the first call's costs paid
            _refused(call)
        answers: list[list[bytes]] = [[] for _ in calls]

        def client(number: int) -> None:
            for request in signed[number::CLIENTS]:
                answers[number].append(calls[number](request, timeout=60))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        outcomes = [
            r.outcome
            for mine in answers
            for a in mine
            for r in pb.SubmitWithdrawalsResponse.FromString(a).results
        ]
        if outcomes != [pb.OUTCOME_ACCEPTED] * (BATCH * BATCHES):
            raise SystemExit("not every withdrawal was accepted: the number would mean nothing")
        return len(outcomes) / seconds
    finally:
        world.stop()


def _refused(call: Any) -> None:
    try:
        call(b"", timeout=10)
    except grpc.RpcError:
        return
    raise SystemExit("an empty request was not refused")


def stored_alone(signed: Sequence[bytes], directory: Path) -> float:
    """The same bytes into one SQLite table, a durable commit for each batch: the floor that storage sets."""
    path = directory / "peer.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (sequence INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT")
    items = [
        [item.SerializeToString() for item in pb.SubmitWithdrawalsRequest.FromString(r).items] for r in signed
    ]
    started = time.perf_counter()
    for batch in items:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows (record) VALUES (?)", [(item,) for item in batch])
        connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return BATCH * BATCHES / seconds


def main() -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        world = ServerWorld(directory, policy=_roomy())
        signed = requests(world)
        case = f"grpc/sqlite/batch={BATCH}"
        found = interleave(
            {case: lambda: served(signed, world), "peer": lambda: stored_alone(signed, directory)},
            rounds=ROUNDS,
        )
        row = Row(case, "withdrawals/s", found[case], "sqlite insert, unverified, no server", found["peer"])
        show("Withdrawals taken, end to end", [row])


def _roomy() -> PolicyBuilder:
    builder = PolicyBuilder()
    for limit in builder.document["limits"]:
        if "count" in limit:
            limit["count"] = 10_000_000
    return builder


if __name__ == "__main__":
    main()
