"""Stops by one operator alone, and their end by a quorum: each durable, each numbered so that none is repeated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from custody import statements
from custody.api.journal.v1 import record_pb2, signer_pb2
from custody.errors import Denied
from custody.model.quorum import SignedApproval, verify_operator_signature
from custody.ports import StatementAuthority
from custody.signer.core import RequestContext, SignerCore, SignerHead
from custody.signer.quorums import check_statement, statement_id
from custody.signer.signing import Signing, stored


@dataclass(frozen=True, slots=True)
class Stopped:
    """The halt's id (hex SHA-256 of the body), and the log after it."""

    halt_id: str
    head: SignerHead


class Halts:
    """Halts, suspensions, cancelled statements, and resuming. Safe to share between threads."""

    def __init__(self, core: SignerCore, signing: Signing) -> None:
        """Record in this signer's log; a stop is answered once nothing that it stops is being signed any more."""
        self._core = core
        self._signing = signing

    def halt(self, body: bytes, key_id: str, signature: bytes) -> Stopped:
        """Stop what an operator's HaltBody says, frozen or not; the same body again changes nothing.

        Raises Malformed, Denied `approval.…` for the signature, `operator.number_used`.
        """
        halt = statements.parse_halt(body)
        with self._core.lock:
            given = self._verify(statements.SignedType.HALT, halt.operator, body, key_id, signature)
            if self._is_new(halt.operator, halt.number, body):
                self._core.log.append(
                    signer_pb2.SignerHalted(
                        halt_id=_hex_id(body),
                        halt=body,
                        signature=given,
                        scopes=halt.scopes,
                        reason=halt.reason,
                    ),
                    self._core.now(),
                    halt.operator,
                )
        return self._stopped(body)

    def suspend(self, body: bytes, key_id: str, signature: bytes) -> Stopped:
        """Stop counting an operator's approvals; as `halt`, and Denied `suspend.unknown_operator`."""
        suspend = statements.parse_suspend(body)
        with self._core.lock:
            given = self._verify(statements.SignedType.SUSPEND, suspend.by, body, key_id, signature)
            if self._is_new(suspend.by, suspend.number, body):
                if all(operator.id != suspend.operator for operator in self._core.policy.operators):
                    raise Denied(
                        "suspend.unknown_operator", f"no operator {suspend.operator!r} in the policy"
                    )
                self._core.log.append(
                    signer_pb2.SignerSuspended(
                        halt_id=_hex_id(body), suspend=body, signature=given, operator=suspend.operator
                    ),
                    self._core.now(),
                    suspend.by,
                )
        return self._stopped(body)

    def cancel_pending(self, body: bytes, key_id: str, signature: bytes) -> SignerHead:
        """Never carry a statement out; as `halt`. What was signed already stays signed.

        Raises Denied `operator.suspended` too: else one thief could undo whatever the others approve.
        """
        cancel = statements.parse_cancel_pending(body)
        with self._core.lock:
            given = self._verify(
                statements.SignedType.CANCEL_PENDING, cancel.operator, body, key_id, signature
            )
            if self._is_new(cancel.operator, cancel.number, body):
                if cancel.operator in self._core.state.suspended:
                    raise Denied("operator.suspended", f"{cancel.operator} is suspended")
                self._core.log.append(
                    signer_pb2.SignerCancelledPending(
                        cancel=body, signature=given, statement_sha256=cancel.statement_sha256
                    ),
                    self._core.now(),
                    cancel.operator,
                )
        return self._stopped(body).head

    def resume(self, context: RequestContext, authority: StatementAuthority) -> SignerHead:
        """End one halt or suspension by a quorum's RESUME; the same statement again changes nothing.

        A statement that ends a halt for the clock confirms the time, so it is judged by the wall clock: guarded time
        stands still meanwhile, and would find every such statement too long-lived. Raises Malformed, Denied.
        """
        core = self._core
        with core.lock:
            core.check_deployment(context)
            if statement_id(authority.statement) in core.state.resumed:
                return core.head
            body = statements.parse_statement(authority.statement).payload
            if not isinstance(body, statements.ResumeBody):
                raise Denied("statement.kind", "only a RESUME ends a halt")
            halt = core.state.halts.get(body.halt_id)
            confirms_time = body.halt_id in core.time_halts()
            now_ms = core.now()
            signatures = check_statement(core, authority, core.wall_ms() if confirms_time else now_ms)
            if halt is None and body.halt_id not in core.state.suspensions:
                raise Denied("halt.unknown", f"nothing is halted by {body.halt_id}")
            core.log.append(
                signer_pb2.SignerResumed(
                    halt_id=body.halt_id, statement=authority.statement, signatures=stored(signatures)
                ),
                now_ms,
            )
            if confirms_time:
                core.confirm_time()
            return core.head

    def _stopped(self, body: bytes) -> Stopped:
        self._signing.settle()
        with self._core.lock:
            return Stopped(_hex_id(body), self._core.head)

    def _verify(
        self,
        signed_type: statements.SignedType,
        operator: str,
        body: bytes,
        key_id: str,
        signature: bytes,
    ) -> record_pb2.StoredSignature:
        core = self._core
        approval = SignedApproval(operator, key_id, signature)
        verify_operator_signature(core.policy, core.deployment, signed_type, body, approval)
        keys = core.policy.operator(operator).keys
        scheme = next(key.scheme for key in keys if key.key_id == key_id)
        return record_pb2.StoredSignature(
            principal=operator, key_id=key_id, scheme=scheme, signature=signature
        )

    def _is_new(self, operator: str, number: int, body: bytes) -> bool:
        state = self._core.state
        if hashlib.sha256(body).digest() in state.messages:
            return False
        highest = state.numbers.get(operator, 0)
        if number <= highest:
            raise Denied("operator.number_used", f"{operator} has used numbers up to {highest}")
        return True


def _hex_id(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
