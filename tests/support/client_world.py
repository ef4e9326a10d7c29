"""A backend's machine and a server played in this process, which answers, loses replies and is busy as a test says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from custody import statements
from custody.api.v1 import event_pb2, event_pb2_grpc, withdrawal_pb2, withdrawal_pb2_grpc
from custody.client import Backoff, Client, ClientConfig
from custody.errors import CustodyError, NotFound
from custody.rpc.errors import status_of, to_grpc
from custody.rpc.tls import server_credentials
from custody.testing.certificates import Authority
from support.cli_world import id_of

DEPLOYMENT = hashlib.sha256(b"a deployment").digest()
ETH = "eip155:31337/slip44:60"
TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@dataclass
class FakeIntake(withdrawal_pb2_grpc.WithdrawalServiceServicer, event_pb2_grpc.EventServiceServicer):
    """Answers each reference once, as the real one does; `script` says what goes wrong, one entry for each call.

    `lost`: taken, but the reply never arrives. `down`: not taken. `busy`: every second item is; `full`: all are.
    An exception: raised.
    """

    script: list[str | CustodyError] = field(default_factory=list)
    requests: list[withdrawal_pb2.SubmitWithdrawalsRequest] = field(default_factory=list)
    known: dict[str, bytes] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    calls: list[Any] = field(default_factory=list)
    streams: list[list[event_pb2.Event]] = field(default_factory=list)
    cancel_outcome: int = withdrawal_pb2.CANCEL_OUTCOME_CANCELLED

    def SubmitWithdrawals(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        step = self.script.pop(0) if self.script else ""
        self._fail(step, context)
        results = []
        for index, item in enumerate(request.items):
            if step == "full" or (step == "busy" and index % 2):
                results.append(withdrawal_pb2.SubmitResult(outcome=withdrawal_pb2.OUTCOME_BUSY))
            else:
                results.append(self._answer(item))
        if step == "lost":
            context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")
        return withdrawal_pb2.SubmitWithdrawalsResponse(results=results)

    def _answer(self, item: withdrawal_pb2.SubmitItem) -> withdrawal_pb2.SubmitResult:
        reference = statements.parse_intent(item.intent).reference
        first = self.known.setdefault(reference, item.intent)
        if first != item.intent:
            outcome, tag, remedy = withdrawal_pb2.OUTCOME_REJECTED, "id.reused", withdrawal_pb2.REMEDY_NEVER
            return withdrawal_pb2.SubmitResult(reference=reference, outcome=outcome, tag=tag, remedy=remedy)
        again = reference in self.answered
        self.answered.add(reference)
        outcome = withdrawal_pb2.OUTCOME_DUPLICATE if again else withdrawal_pb2.OUTCOME_ACCEPTED
        result = withdrawal_pb2.SubmitResult(
            reference=reference,
            outcome=outcome,
            withdrawal_id=id_of("backend-eu", reference),
            remedy=withdrawal_pb2.REMEDY_NONE,
        )
        result.state = withdrawal_pb2.WITHDRAWAL_STATE_QUEUED
        return result

    def _fail(self, step: str | CustodyError, context: Any) -> None:
        if step == "down":
            context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        if isinstance(step, CustodyError):
            code, message, details = to_grpc(status_of(step))
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
            context.abort(code, message)

    def GetWithdrawal(self, request: Any, context: Any) -> Any:
        self.calls.append(request)
        self._fail(self.script.pop(0) if self.script else "", context)
        asked = request.key
        ids = {id_of("backend-eu", name): name for name in self.known}
        reference = asked.reference or ids.get(asked.withdrawal_id, "")
        body = self.known.get(reference, b"")
        if not body:
            self._fail(NotFound("withdrawal", reference), context)
        message = withdrawal_pb2.Withdrawal(withdrawal_id=id_of("backend-eu", reference), intent_bytes=body)
        message.intent.amount = "1"  # the server's copy lies
        message.state = withdrawal_pb2.WITHDRAWAL_STATE_FINAL
        return withdrawal_pb2.GetWithdrawalResponse(withdrawal=message)

    def BatchGetWithdrawals(self, request: Any, context: Any) -> Any:
        self.calls.append(request)
        found = []
        for key in request.keys:
            body = self.known.get(key.reference)
            name = id_of("backend-eu", key.reference) if body else ""
            found.append(withdrawal_pb2.Withdrawal(withdrawal_id=name, intent_bytes=body or b""))
        return withdrawal_pb2.BatchGetWithdrawalsResponse(withdrawals=found)

    def ListWithdrawals(self, request: Any, context: Any) -> Any:
        self.calls.append(request)
        names = sorted(self.known)
        start = int(request.page_token or 0)
        page = names[start : start + request.page_size]
        token = str(start + len(page)) if start + len(page) < len(names) else ""
        found = [
            withdrawal_pb2.Withdrawal(withdrawal_id=id_of("backend-eu", n), intent_bytes=self.known[n])
            for n in page
        ]
        return withdrawal_pb2.ListWithdrawalsResponse(withdrawals=found, next_page_token=token)

    def CancelWithdrawals(self, request: Any, context: Any) -> Any:
        self.calls.append(request)
        result = withdrawal_pb2.CancelResult(outcome=self.cancel_outcome)  # type: ignore[arg-type]
        return withdrawal_pb2.CancelWithdrawalsResponse(results=[result] * len(request.items))

    def ExplainWithdrawal(self, request: Any, context: Any) -> Any:
        self.calls.append(request)
        answer = withdrawal_pb2.ExplainWithdrawalResponse(
            outcome=withdrawal_pb2.OUTCOME_REJECTED, tag="limit.daily"
        )
        answer.earliest_pass.FromMilliseconds(1_800_000_000_123)
        answer.rules.add(tag="id.reused", verdict=withdrawal_pb2.VERDICT_PASSES)
        daily = answer.limits.add(
            limit_id="daily",
            action=withdrawal_pb2.LIMIT_ACTION_DENY,
            coverage=withdrawal_pb2.LIMIT_COVERAGE_COVERED,
            verdict=withdrawal_pb2.VERDICT_FAILS,
            failing=withdrawal_pb2.LIMIT_CLAUSE_KIND_COUNT,
            decides=True,
            counted=withdrawal_pb2.LimitCount(count=3, count_bound=3, count_left=0),
        )
        daily.window.FromMilliseconds(86_400_000)
        answer.limits.add(limit_id="newer", lifetime=True).MergeFromString(b"\x20\x63")
        return answer

    def EstimateFee(self, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")

    def Subscribe(self, request: Any, context: Any) -> Iterator[Any]:
        self.calls.append(request)
        self._fail(self.script.pop(0) if self.script else "", context)
        events = self.streams.pop(0) if self.streams else []
        for event in events:
            yield event_pb2.SubscribeResponse(event=event)
        if self.streams:
            context.abort(grpc.StatusCode.UNAVAILABLE, "cut")


class Backend:
    """One initiator's files, its client, and the server."""

    def __init__(self, directory: Path, **server: int) -> None:
        authority = Authority(directory / "tls")
        authority.leaf("initiator", "backend-eu")
        leaf = authority.leaf("server", "main")
        self.fake = FakeIntake()
        self._server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        withdrawal_pb2_grpc.add_WithdrawalServiceServicer_to_server(self.fake, self._server)
        event_pb2_grpc.add_EventServiceServicer_to_server(self.fake, self._server)
        port = self._server.add_secure_port(
            "127.0.0.1:0", server_credentials(leaf.certificate, leaf.key, leaf.ca)
        )
        self._server.start()
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"backend").digest())
        pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (directory / "signing.pem").write_bytes(pem)
        settings = "".join(f"{name} = {value}\n" for name, value in server.items())
        self.path = directory / "client.toml"
        self.path.write_text(
            f'initiator = "backend-eu"\n[server]\naddress = "127.0.0.1:{port}"\n{settings}'
            '[tls]\ncertificate = "tls/initiator-backend-eu.pem"\nkey = "tls/initiator-backend-eu.key"\n'
            f'ca = "tls/ca.pem"\n[deployment]\ngenesis_hash = "{DEPLOYMENT.hex()}"\n[key]\npath = "signing.pem"\n'
            '[defaults]\ncustomer = "c-1"\n'
        )
        self.slept: list[float] = []
        self._now = 0.0
        backoff = Backoff(budget_ms=2_000, monotonic=lambda: self._now, sleep=self._sleep, random=lambda: 1.0)
        self.client = Client(ClientConfig.load(self.path), backoff=backoff)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds

    def close(self) -> None:
        """End both."""
        self.client.close()
        self._server.stop(0).wait()
