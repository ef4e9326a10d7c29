"""The signer client against a real gRPC server that keeps a signer's manners: heads, refusals, and being gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from custody import statements
from custody.adapters import signer_client
from custody.adapters.memory_journal import MemoryJournal
from custody.adapters.signer_client import GrpcSignerClient
from custody.api.signer.v1 import signer_pb2 as pb
from custody.api.signer.v1 import signer_pb2_grpc
from custody.errors import Denied, Failed, Unavailable
from custody.model.quorum import SignedApproval
from custody.ports import Authority, EvmTerms, Head, KeySig, Row, RowFields, StatementAuthority
from custody.rpc.errors import status_of, to_grpc
from custody.rpc.tls import channel_credentials, server_credentials
from custody.signer.heads import Claim, FollowedJournal, Position, RowsMissing
from custody.testing.certificates import Authority as Certificates

DEPLOYMENT = bytes(range(32))
TERMS = EvmTerms(3, 21_000, 10**11, 10**9)
AUTHORITY = Authority(b"intent", (KeySig("k1", b"s1"), KeySig("k2", b"s2")))
STATEMENT = StatementAuthority(
    b"statement", SignedApproval("ada", "k", b"p"), (SignedApproval("bo", "k2", b"a", b"e"),)
)


class Source:
    """A head source over a journal that tests append to."""

    def __init__(self) -> None:
        self.journal = MemoryJournal("server/main", DEPLOYMENT)
        self.grow(3)

    @property
    def head(self) -> Head:
        return self.journal.head()

    def fields(self, after: int, limit: int) -> list[RowFields]:
        return self.journal.fields(after, limit)

    def grow(self, rows: int, epoch: int = 1) -> None:
        for _ in range(rows):
            head = self.journal.head()
            record = b"record %d" % head.sequence
            root = statements.tree_hash([record])
            digest = statements.row_hash(head.hash, head.sequence + 1, epoch, 10, root)
            self.journal.append([Row(head.sequence + 1, epoch, 10, head.hash, root, digest, record)])


class Signer(signer_pb2_grpc.SignerServiceServicer):
    """Follows the journal with the real signer's rules; everything else is as a test says."""

    def __init__(self) -> None:
        self.followed = FollowedJournal(statements.journal_start(DEPLOYMENT, "server/main"))
        self.requests: list[Any] = []
        self.refuse: Exception | None = None
        self.name = "hot-1"
        self.slow: threading.Event | None = None

    def head(self) -> pb.SignerHead:
        position = self.followed.position
        return pb.SignerHead(
            signer="hot-1",
            sequence=9,
            hash=b"h",
            journal_sequence=position.sequence,
            journal_hash=position.hash,
        )

    def _enter(self, request: Any, context: grpc.ServicerContext) -> None:
        self.requests.append(request)
        if self.slow is not None:
            self.slow.wait(10)
        said = request.context
        assert said.deployment == DEPLOYMENT
        position = Position(said.epoch, said.journal_sequence, said.journal_hash)
        rows = [RowFields(row.sequence, row.epoch, row.kind, row.root) for row in said.rows]
        try:
            if self.refuse is not None:
                raise self.refuse
            self.followed.follow(Claim(position, rows))
        except Denied as error:
            code, message, details = to_grpc(status_of(error))
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
            context.abort(code, message)

    def SignPayout(
        self, request: pb.SignPayoutRequest, context: grpc.ServicerContext
    ) -> pb.SignPayoutResponse:
        self._enter(request, context)
        return pb.SignPayoutResponse(transaction=b"tx", transaction_hash=b"hash", head=self.head())

    def SignSweep(self, request: pb.SignSweepRequest, context: grpc.ServicerContext) -> pb.SignSweepResponse:
        self._enter(request, context)
        return pb.SignSweepResponse(transaction=b"tx", transaction_hash=b"hash", head=self.head())

    def Tombstone(self, request: pb.TombstoneRequest, context: grpc.ServicerContext) -> pb.TombstoneResponse:
        self._enter(request, context)
        answer = pb.TombstoneResponse(tombstone=b"promise", head=self.head())
        answer.signature.key_id, answer.signature.signature = "audit", b"signed"
        return answer

    def Activate(self, request: pb.ActivateRequest, context: grpc.ServicerContext) -> pb.ActivateResponse:
        self._enter(request, context)
        return pb.ActivateResponse(head=self.head())

    def Resume(self, request: pb.ResumeRequest, context: grpc.ServicerContext) -> pb.ResumeResponse:
        self._enter(request, context)
        return pb.ResumeResponse(head=self.head())

    def SignCheckpoint(
        self, request: pb.SignCheckpointRequest, context: grpc.ServicerContext
    ) -> pb.SignCheckpointResponse:
        self._enter(request, context)
        return pb.SignCheckpointResponse(head=self.head())

    def GetStatus(self, request: pb.GetStatusRequest, context: grpc.ServicerContext) -> pb.GetStatusResponse:
        answer = pb.GetStatusResponse(
            signer=self.name,
            state=pb.SIGNER_STATE_HALTED,
            deployment=DEPLOYMENT,
            head=self.head(),
            hsm_calls=4,
        )
        answer.halts.add(halt_id="h1", scopes=["payouts"], reason="drill")
        return answer

    def ListKeys(self, request: pb.ListKeysRequest, context: grpc.ServicerContext) -> pb.ListKeysResponse:
        answer = pb.ListKeysResponse()
        answer.keys.add(wallet="w1", scheme="ethereum", public_key=b"p1", usable=True)
        answer.keys.add(wallet="w2", scheme="ethereum", public_key=b"p2", usable=False)
        return answer


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def client(signer: Signer, source: Source, certificates: Certificates) -> Iterator[GrpcSignerClient]:
    here, there = certificates.leaf("server", "main"), certificates.leaf("signer", "hot-1")
    server = grpc.server(futures.ThreadPoolExecutor(4))
    signer_pb2_grpc.add_SignerServiceServicer_to_server(signer, server)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(there.certificate, there.key, there.ca))
    server.start()
    made = GrpcSignerClient(
        "hot-1",
        f"127.0.0.1:{port}",
        channel_credentials(here.certificate, here.key, here.ca),
        DEPLOYMENT,
        source,
        5_000,
    )
    yield made
    made.close()
    server.stop(None).wait()


def test_what_is_asked_reaches_the_signer_as_it_is(client: GrpcSignerClient, signer: Signer) -> None:
    signed = client.sign_payout("w1", AUTHORITY, TERMS)
    assert (signed.transaction, signed.transaction_hash, signed.head.sequence) == (b"tx", b"hash", 9)
    request = signer.requests[-1]
    assert (request.wallet, request.withdrawal.intent) == ("w1", b"intent")
    assert [(s.key_id, s.signature) for s in request.withdrawal.signatures] == [("k1", b"s1"), ("k2", b"s2")]
    terms = request.evm
    assert (terms.nonce, terms.gas_limit, terms.max_fee_per_gas, terms.max_priority_fee_per_gas) == (
        3,
        21_000,
        str(10**11),
        str(10**9),
    )
    client.sign_sweep(STATEMENT, 2, TERMS)
    request = signer.requests[-1]
    assert (request.statement.statement, request.leg_index) == (b"statement", 2)
    assert (request.statement.propose.operator, request.statement.approvals[0].evidence) == ("ada", b"e")
    client.sign_sweep(StatementAuthority(b"statement", None, ()), 0, TERMS)
    assert not signer.requests[-1].statement.HasField("propose")
    promise = client.tombstone(AUTHORITY)
    assert (promise.body, promise.key_id, promise.signature) == (b"promise", "audit", b"signed")
    client.activate(STATEMENT)
    client.resume(STATEMENT)


def test_the_signer_is_brought_up_to_the_head_and_then_gets_only_what_is_new(
    client: GrpcSignerClient, signer: Signer, source: Source
) -> None:
    client.sign_payout("w1", AUTHORITY, TERMS)
    assert [len(request.context.rows) for request in signer.requests] == [0, 3], "it says where it is, once"
    assert signer.followed.position.sequence == 3
    source.grow(4)
    client.sign_payout("w1", AUTHORITY, TERMS)
    assert [row.sequence for row in signer.requests[-1].context.rows] == [4, 5, 6, 7]
    client.sign_payout("w1", AUTHORITY, TERMS)
    assert len(signer.requests[-1].context.rows) == 0
    source.grow(1, epoch=2)
    client.sign_payout("w1", AUTHORITY, TERMS)
    assert signer.followed.position == Position(2, 8, source.head.hash)


def test_a_signer_that_forgot_is_given_the_rows_again(
    client: GrpcSignerClient, signer: Signer, source: Source
) -> None:
    client.sign_payout("w1", AUTHORITY, TERMS)
    signer.followed.reset()
    source.grow(2)
    client.sign_payout("w1", AUTHORITY, TERMS)
    assert signer.followed.position.sequence == 5


def test_a_signer_far_behind_comes_nearer_with_every_request(
    client: GrpcSignerClient, signer: Signer, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signer_client, "_ROWS", 10)
    source.grow(22)
    seen = []
    for _ in range(3):
        client.sign_payout("w1", AUTHORITY, TERMS)
        seen.append(signer.followed.position.sequence)
    assert seen == [10, 20, 25]
    assert signer.followed.position.hash == source.head.hash


def test_a_refusal_is_denied_with_its_tag_and_never_asked_again(
    client: GrpcSignerClient, signer: Signer
) -> None:
    signer.refuse = Denied("cap.exceeded", "over the hour's cap")
    with pytest.raises(Denied) as caught:
        client.sign_payout("w1", AUTHORITY, TERMS)
    assert caught.value.tag == "cap.exceeded"
    assert len(signer.requests) == 1


def test_a_signer_that_always_lacks_rows_is_unavailable_in_the_end(
    client: GrpcSignerClient, signer: Signer
) -> None:
    signer.refuse = RowsMissing(Position(1, 0, bytes(32)))
    with pytest.raises(Unavailable, match="does not follow"):
        client.sign_payout("w1", AUTHORITY, TERMS)
    assert len(signer.requests) == 3


def test_how_it_is_and_which_keys_it_has(client: GrpcSignerClient) -> None:
    status = client.status()
    assert (status.signer, status.state, status.hsm_calls) == ("hot-1", "halted", 4)
    assert [(halt.halt_id, halt.scopes) for halt in status.halts] == [("h1", ("payouts",))]
    assert dict(client.keys()) == {"w1": ("ethereum", b"p1")}


def test_an_address_that_is_another_signers_is_the_signers_fault_and_stops_nobody_else(
    client: GrpcSignerClient, signer: Signer
) -> None:
    signer.name = "hot-2"
    with pytest.raises(Failed, match="hot-2") as refused:
        client.status()
    assert not isinstance(refused.value, Unavailable), "asking again does not help"


def test_what_broke_at_the_signer_or_took_too_long_is_unavailable(
    client: GrpcSignerClient, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks: tuple[Callable[[], object], ...] = (
        lambda: client.sign_payout("w1", AUTHORITY, TERMS),
        lambda: client.tombstone(AUTHORITY),
    )
    signer.refuse = RuntimeError("a bug")
    for ask in asks:
        with pytest.raises(Unavailable):
            ask()
    signer.refuse, signer.slow = None, threading.Event()
    monkeypatch.setattr(client, "_timeout_s", 0.2)
    for ask in asks:
        with pytest.raises(Unavailable, match="deadline"):
            ask()
    signer.slow.set()


def test_a_signer_that_is_gone_or_of_another_authority_is_unavailable(
    source: Source, certificates: Certificates, tmp_path: Path
) -> None:
    foreign = Certificates(tmp_path).leaf("server", "main")
    gone = GrpcSignerClient(
        "hot-1",
        "127.0.0.1:1",
        channel_credentials(foreign.certificate, foreign.key, certificates.ca),
        DEPLOYMENT,
        source,
        500,
    )
    with pytest.raises(Unavailable, match="signer hot-1"):
        gone.status()
    gone.close()


def test_a_refusal_with_unreadable_details_is_a_refusal(client: GrpcSignerClient, signer: Signer) -> None:
    class Nonsense(Signer):
        def _enter(self, request: Any, context: grpc.ServicerContext) -> None:
            context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff\xff"),))
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no")

    signer.__class__ = Nonsense
    with pytest.raises(Denied) as caught:
        client.sign_payout("w1", AUTHORITY, TERMS)
    assert caught.value.tag == "signer.refused"
