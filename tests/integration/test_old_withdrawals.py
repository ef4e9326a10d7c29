"""What left the ledger's memory, read over gRPC by those whom it concerns and by nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from custody import statements
from custody.adapters.sqlite_metadata import SqliteMetadata
from custody.api.v1 import common_pb2, withdrawal_pb2_grpc
from custody.api.v1 import withdrawal_pb2 as pb
from custody.ledger import ulid_bytes
from custody.ports import Journal, Row
from custody.rpc.endpoint import Endpoint
from custody.server.access import METHODS
from custody.server.explanations import Explanations
from custody.server.withdrawals import Reader, Withdrawals
from custody.services.explaining import Explainer
from custody.services.old_withdrawals import OldWithdrawals
from custody.testing.certificates import Authority
from support.bench import DAY_MS, ETH, Bench
from support.cli_world import serve
from support.deployment import ETHER
from support.keys import EthKey
from support.refusals import key_of, refusal

ALICE = EthKey("alice").address
Stub = withdrawal_pb2_grpc.WithdrawalServiceStub


class Rows:
    """A journal that counts what is read of it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.read: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)

    def get(self, sequence: int) -> Row:
        """One row."""
        self.read.append(sequence)
        return self._journal.get(sequence)


class Served:
    """A bench behind the real endpoint, with its access table."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.rows: list[Rows] = []
        self.bench = stack.enter_context(Bench(folder, wrap=self._counted))
        self.bench.open("hot-1", ETH, 20 * ETHER)
        self.bench.open("cold-1", ETH, 50 * ETHER, "house")
        self.metadata = SqliteMetadata(folder / "metadata.sqlite")
        stack.callback(self.metadata.close)
        self.broken: list[BaseException] = []
        self._authority, self._stack = Authority(folder / "tls"), stack
        service = pb.DESCRIPTOR.services_by_name["WithdrawalService"]
        handler = Endpoint(METHODS, 2, self.broken.append).handler(service, self._servicer())
        leaf = self._authority.leaf("server", "main")
        server, self._port = serve(leaf, lambda server: server.add_generic_rpc_handlers((handler,)))
        stack.callback(lambda: server.stop(0).wait())

    def _counted(self, port: object) -> object:
        if not hasattr(port, "append"):
            return port
        self.rows.append(Rows(port))  # type: ignore[arg-type]
        return self.rows[-1]

    def _servicer(self) -> Withdrawals:
        bench = self.bench
        old = OldWithdrawals(bench.ledger, bench.old)
        explained = Explanations(bench.writer, Explainer(bench.writer, bench.old), old, bench.conditions)
        reader = Reader(bench.writer, bench.intents, self.metadata, bench.conditions)
        return Withdrawals(bench.writer, bench.intake, bench.canceller, reader, old, explained)

    def stub(self, role: str, id_: str) -> Stub:
        """A connection with a principal's certificate."""
        leaf = self._authority.leaf(role, id_)
        credentials = grpc.ssl_channel_credentials(
            leaf.ca.read_bytes(), leaf.key.read_bytes(), leaf.certificate.read_bytes()
        )
        channel = grpc.secure_channel(f"127.0.0.1:{self._port}", credentials)
        self._stack.callback(channel.close)
        return Stub(channel)

    def forget(self) -> None:
        """All that ended."""
        self.bench.clock.advance(100 * DAY_MS)
        self.bench.forgetter.step()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with ExitStack() as stack:
        made = Served(tmp_path, stack)
        yield made
        assert made.broken == [] == made.bench.fatal


def test_what_left_memory_is_read_as_before(served: Served) -> None:
    bench, backend = served.bench, served.stub("initiator", "backend")
    ids = {name: bench.withdraw(name, ETHER, ALICE) for name in ("paid", "cancelled")}
    served.metadata.put([(ulid_bytes(id_), b"s" * 32, b'{"note":"x"}') for id_ in ids.values()])
    bench.cancel("cancelled")
    bench.pay()
    keys = [key_of(reference=name) for name in ids]
    before = [backend.GetWithdrawal(key, timeout=10).withdrawal for key in keys]
    served.forget()
    assert all(bench.ledger.withdrawal(id_) is None for id_ in ids.values())
    served.metadata.erase([ulid_bytes(ids["cancelled"])])

    after = [backend.GetWithdrawal(key, timeout=10).withdrawal for key in keys]
    assert [each.state for each in after] == [pb.WITHDRAWAL_STATE_FINAL, pb.WITHDRAWAL_STATE_CANCELLED]
    assert [dict(each.metadata) for each in after] == [{"note": "x"}, {}]
    for was, now in zip(before, after, strict=True):
        for name in ("withdrawal_id", "intent_bytes", "intent", "state", "priority", "wallet_id", "tag"):
            assert getattr(now, name) == getattr(was, name), name
        assert now.accepted_at == was.accepted_at
        assert now.as_of.sequence >= was.as_of.sequence > 0
    asked = pb.BatchGetWithdrawalsRequest(keys=[key.key for key in (*keys, key_of(reference="never"))])
    found = backend.BatchGetWithdrawals(asked, timeout=10).withdrawals
    assert [each.withdrawal_id for each in found] == [*ids.values(), ""]
    said = backend.ExplainWithdrawal(pb.ExplainWithdrawalRequest(key=keys[0].key), timeout=10)
    assert (said.withdrawal_id, said.state) == (ids["paid"], pb.WITHDRAWAL_STATE_FINAL)
    people = served.stub("auditor", "eve")
    key = key_of(reference="paid", initiator="backend")
    assert people.GetWithdrawal(key, timeout=10).withdrawal.withdrawal_id == ids["paid"]


@pytest.mark.parametrize("gone", [False, True])
def test_nobody_reads_anothers_whether_it_is_in_memory_or_not(served: Served, gone: bool) -> None:
    served.bench.withdraw("theirs", ETHER, ALICE)
    served.bench.cancel("theirs")
    if gone:
        served.forget()
    thief = served.stub("initiator", "thief")

    def answers(reference: str, initiator: str) -> list[object]:
        key = key_of(reference=reference, initiator=initiator)
        calls: list[tuple[Callable[..., object], object]] = [
            (thief.GetWithdrawal, key),
            (thief.ExplainWithdrawal, pb.ExplainWithdrawalRequest(key=key.key)),
        ]
        made: list[object] = [refusal(call, request)[:2] for call, request in calls]
        batch = thief.BatchGetWithdrawals(pb.BatchGetWithdrawalsRequest(keys=[key.key]), timeout=10)
        return [*made, list(batch.withdrawals)]

    for initiator in ("", "backend", "thief"):
        assert answers("theirs", initiator) == answers("never", initiator)
    body = statements.encode(served.bench.deployment.intent("theirs", ETHER, ALICE))
    said = thief.ExplainWithdrawal(pb.ExplainWithdrawalRequest(intent=body), timeout=10)
    assert (said.tag, said.withdrawal_id, len(said.rules)) == ("intent.initiator", "", 2)


def test_an_explanation_says_as_of_what_and_waits_for_it(served: Served) -> None:
    backend = served.stub("initiator", "backend")
    served.bench.withdraw("a", ETHER, ALICE)
    head = served.bench.writer.head.sequence
    body = statements.encode(served.bench.deployment.intent("b", ETHER, ALICE))
    for asked in (
        pb.ExplainWithdrawalRequest(intent=body),
        pb.ExplainWithdrawalRequest(key=key_of(reference="a").key),
    ):
        asked.min_cursor.CopyFrom(common_pb2.Cursor(partition="main", sequence=head))
        said = backend.ExplainWithdrawal(asked, timeout=10)
        assert list(said.as_of) == [common_pb2.Cursor(partition="main", sequence=head)]
        asked.min_cursor.sequence = head + 1
        assert refusal(backend.ExplainWithdrawal, asked, timeout=0.5)[0] in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        )
    for key in (key_of(), key_of(attempt=1)):
        asked = pb.ExplainWithdrawalRequest(key=key.key)
        assert refusal(backend.ExplainWithdrawal, asked)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_one_attempt_of_many_costs_one_row(served: Served) -> None:
    """Each was refused in a row of its own; whoever asks for one, again and again, does not have all of them read."""
    bench, backend = served.bench, served.stub("initiator", "backend")
    for attempt in range(1, 13):
        (answer,) = bench.submit(bench.deployment.intent("poor", 40 * ETHER, ALICE, attempt=attempt))
        assert answer.tag == "ledger.insufficient_funds"
    served.forget()
    read = served.rows[0].read
    read.clear()
    asked = pb.ExplainWithdrawalRequest(key=key_of(reference="poor", attempt=3).key)
    assert backend.ExplainWithdrawal(asked, timeout=10).outcome == pb.OUTCOME_REJECTED
    assert len(read) <= 2, "the one that is asked for, and the newest"
    body = statements.encode(bench.deployment.intent("poor", 40 * ETHER, ALICE, attempt=13))
    said = backend.ExplainWithdrawal(pb.ExplainWithdrawalRequest(intent=body), timeout=10)
    skipped = [rule.verdict for rule in said.rules if rule.tag == "attempt.skipped"]
    assert skipped == [pb.VERDICT_PASSES]
    assert len(read) <= 2
