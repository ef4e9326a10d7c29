"""One signer over gRPC: every request carries the journal's head and the rows that the signer has not seen yet."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from custody import statements
from custody.api.signer.v1 import signer_pb2 as pb
from custody.api.signer.v1 import signer_pb2_grpc
from custody.api.v1 import common_pb2
from custody.errors import Denied, Failed, Unavailable
from custody.model.quorum import SignedApproval
from custody.ports import (
    Authority,
    EvmTerms,
    HeadSource,
    SignedTransaction,
    SignerHalt,
    SignerHead,
    SignerStatus,
    StatementAuthority,
    Tombstone,
)

__all__ = ["GrpcSignerClient"]

T = TypeVar("T")

_ROWS = 20_000  # the most that a signer takes in one request
_TRIES = 3  # a request, and again with the rows that it lacked: other requests may overtake it in between
_MESSAGE_BYTES = 16 * 1024 * 1024
_RECONNECT_MS = 1_000

_States: Mapping[int, Literal["active", "halted", "frozen"]] = {
    pb.SIGNER_STATE_ACTIVE: "active",
    pb.SIGNER_STATE_HALTED: "halted",
    pb.SIGNER_STATE_FROZEN: "frozen",
}


class GrpcSignerClient:
    """See `custody.ports.SignerClient`. Safe to share between threads."""

    def __init__(
        self,
        signer: str,
        address: str,
        credentials: grpc.ChannelCredentials,
        deployment: bytes,
        heads: HeadSource,
        timeout_ms: int,
    ) -> None:
        """Nothing is sent before the first call."""
        self.signer = signer
        self._name = f"signer {signer}"
        self._deployment = deployment
        self._heads = heads
        self._timeout_s = timeout_ms / 1000
        self._lock = threading.Lock()
        self._followed: tuple[int, bytes] | None = (
            None  # the journal's row that the signer has seen, by its last word
        )
        self._channel = grpc.secure_channel(
            address,
            credentials,
            options=[
                ("grpc.max_receive_message_length", _MESSAGE_BYTES),
                ("grpc.initial_reconnect_backoff_ms", _RECONNECT_MS),
                ("grpc.max_reconnect_backoff_ms", _RECONNECT_MS),
                ("grpc.enable_retries", 0),
            ],
        )
        self._stub = signer_pb2_grpc.SignerServiceStub(self._channel)

    def sign_payout(self, wallet: str, authority: Authority, terms: EvmTerms) -> SignedTransaction:
        """Sign one version of a payout."""
        answer = self._follow(
            self._stub.SignPayout,
            lambda context: pb.SignPayoutRequest(
                context=context, wallet=wallet, withdrawal=_intent(authority), evm=_terms(terms)
            ),
        )
        return SignedTransaction(answer.transaction, answer.transaction_hash, _head(answer.head))

    def sign_sweep(self, authority: StatementAuthority, leg_index: int, terms: EvmTerms) -> SignedTransaction:
        """Sign one version of a sweep's leg."""
        answer = self._follow(
            self._stub.SignSweep,
            lambda context: pb.SignSweepRequest(
                context=context, statement=_statement(authority), leg_index=leg_index, evm=_terms(terms)
            ),
        )
        return SignedTransaction(answer.transaction, answer.transaction_hash, _head(answer.head))

    def tombstone(self, authority: Authority) -> Tombstone:
        """Get the promise never to pay an attempt."""
        answer = self._follow(
            self._stub.Tombstone,
            lambda context: pb.TombstoneRequest(context=context, withdrawal=_intent(authority)),
        )
        return Tombstone(answer.tombstone, answer.signature.key_id, answer.signature.signature)

    def activate(self, authority: StatementAuthority) -> None:
        """Bring a completed ACTIVATE."""
        self._follow(
            self._stub.Activate,
            lambda context: pb.ActivateRequest(context=context, statement=_statement(authority)),
        )

    def resume(self, authority: StatementAuthority) -> None:
        """Bring a completed RESUME."""
        self._follow(
            self._stub.Resume,
            lambda context: pb.ResumeRequest(context=context, statement=_statement(authority)),
        )

    def status(self) -> SignerStatus:
        """How it is."""
        answer = self._call(self._stub.GetStatus, pb.GetStatusRequest())
        state = _States.get(answer.state)
        if answer.signer != self.signer or state is None:
            # The signer's fault, not ours: it must not be able to stop the server.
            raise Failed(self._name, f"the address is that of {answer.signer!r}: check server.toml")
        self._remember(answer.head)
        return SignerStatus(
            signer=answer.signer,
            state=state,
            tag=answer.tag,
            store_id=answer.store_id,
            start_counter=answer.start_counter,
            deployment=answer.deployment,
            governance_sequence=answer.governance_sequence,
            governance_hash=answer.governance_hash,
            signer_epoch=answer.signer_epoch,
            epoch=answer.epoch,
            head=_head(answer.head),
            journal_sequence=answer.head.journal_sequence,
            journal_hash=answer.head.journal_hash,
            halts=tuple(SignerHalt(halt.halt_id, tuple(halt.scopes), halt.reason) for halt in answer.halts),
            hsm_calls=answer.hsm_calls,
            version=answer.version,
        )

    def keys(self) -> Mapping[str, tuple[str, bytes]]:
        """Wallet id (or `audit`) → scheme and public key, of the keys that are usable."""
        answer = self._call(self._stub.ListKeys, pb.ListKeysRequest())
        return {key.wallet: (key.scheme, key.public_key) for key in answer.keys if key.usable}

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _follow(self, method: Callable[..., Any], build: Callable[[pb.RequestContext], Any]) -> Any:
        """Call with the journal's head; send again from where the signer says when it lacks rows."""
        for _ in range(_TRIES):
            try:
                answer = self._call(method, build(self._context()))
            except _RowsMissing as missing:
                with self._lock:
                    self._followed = missing.position
                continue
            self._remember(answer.head)
            return answer
        raise Unavailable(self._name, "it does not follow the journal: see its log")

    def _context(self) -> pb.RequestContext:
        head = self._heads.head
        with self._lock:
            followed = self._followed
        if followed is None:
            followed = (head.sequence, head.hash)  # the signer says where it is
        rows = self._heads.fields(followed[0], _ROWS) if followed[0] < head.sequence else []
        rows = [row for row in rows if row.sequence <= head.sequence]
        sequence, digest = head.sequence, head.hash
        if (
            rows and rows[-1].sequence < head.sequence
        ):  # a long way behind: it comes nearer with every request
            sequence, digest = rows[-1].sequence, followed[1]
            for row in rows:
                digest = statements.row_hash(digest, row.sequence, row.epoch, row.kind, row.root)
        return pb.RequestContext(
            deployment=self._deployment,
            epoch=head.epoch,
            journal_sequence=sequence,
            journal_hash=digest,
            rows=[pb.RowFields(sequence=r.sequence, epoch=r.epoch, kind=r.kind, root=r.root) for r in rows],
        )

    def _remember(self, head: pb.SignerHead) -> None:
        with self._lock:
            if self._followed is None or head.journal_sequence > self._followed[0]:
                self._followed = (head.journal_sequence, head.journal_hash)

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def _error(self, error: grpc.RpcError) -> Exception:
        code, details, reason, metadata = _details(error)
        if code is grpc.StatusCode.FAILED_PRECONDITION and reason == "head.rows_missing":
            try:
                return _RowsMissing(
                    (int(metadata["journal_sequence"]), bytes.fromhex(metadata["journal_hash"]))
                )
            except (KeyError, ValueError):
                return Unavailable(self._name, "lacks rows, and does not say which")
        if code in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT):
            return Denied(reason or "signer.refused", details)
        if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            return Unavailable(self._name, f"does not accept this server's certificate: {details}")
        return Unavailable(self._name, f"{code.name.lower() if code else 'unknown'}: {details}")


class _RowsMissing(Exception):
    """The signer has seen the journal up to `position` alone."""

    def __init__(self, position: tuple[int, bytes]) -> None:
        super().__init__()
        self.position = position


def _details(error: grpc.RpcError) -> tuple[grpc.StatusCode | None, str, str, Mapping[str, str]]:
    """Code, message, and the ErrorInfo's reason and metadata; a call's error is a `grpc.Call` too."""
    call: Any = error
    info = error_details_pb2.ErrorInfo()
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            with contextlib.suppress(
                DecodeError
            ):  # a signer that says nonsense is one that refuses without a tag
                for detail in status_pb2.Status.FromString(value).details:
                    if detail.Unpack(info):
                        break
    return call.code(), call.details() or "", info.reason, dict(info.metadata)


def _intent(authority: Authority) -> pb.SignedIntent:
    signatures = [
        common_pb2.KeySignature(key_id=s.key_id, signature=s.signature) for s in authority.signatures
    ]
    return pb.SignedIntent(intent=authority.intent, signatures=signatures)


def _statement(authority: StatementAuthority) -> pb.SignedStatement:
    propose = None if authority.propose is None else _signature(authority.propose)
    approvals = [_signature(approval) for approval in authority.approvals]
    return pb.SignedStatement(statement=authority.statement, propose=propose, approvals=approvals)


def _signature(approval: SignedApproval) -> pb.StatementSignature:
    return pb.StatementSignature(
        operator=approval.operator,
        key_id=approval.key_id,
        signature=approval.signature,
        evidence=approval.evidence,
    )


def _terms(terms: EvmTerms) -> pb.EvmTerms:
    return pb.EvmTerms(
        nonce=terms.nonce,
        gas_limit=terms.gas_limit,
        max_fee_per_gas=str(terms.max_fee_per_gas),
        max_priority_fee_per_gas=str(terms.max_priority_fee_per_gas),
    )


def _head(head: pb.SignerHead) -> SignerHead:
    return SignerHead(head.signer, head.sequence, head.hash)
