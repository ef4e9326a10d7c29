"""Ends withdrawals before they are signed: first nobody plans them any more, then their signer promises never to pay.

Only with that promise does the hold return. Whoever asks once a signing intent may be durable is told TOO_LATE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import structlog

from custody import crypto, statements
from custody.api.journal.v1 import record_pb2
from custody.errors import Denied, Failed, InvalidSignature, Malformed, Unavailable
from custody.ledger import ulid_text
from custody.model.policy import Key
from custody.ports import Clock, KeySig, SignerClient
from custody.services.commands import State
from custody.services.conditions import ConditionKind, Conditions
from custody.services.ending import BATCH, CancelResult, begin_expired, end, owed, request, waiting_for
from custody.services.intents import IntentStore
from custody.services.tombstones import check_tombstone
from custody.services.worker import Backoff, Worker
from custody.services.writer import Writer
from custody.statements import CancelBody, SignedType

__all__ = ["CancellationWorker", "Canceller"]

_log = structlog.get_logger("cancellations")


class Canceller:
    """Asks signers for their promises, and records them. Safe to share between threads."""

    def __init__(
        self,
        writer: Writer,
        signers: Mapping[str, SignerClient],
        intents: IntentStore,
        conditions: Conditions,
    ) -> None:
        """`signers` by id."""
        self._writer = writer
        self._signers = signers
        self._intents = intents
        self._conditions = conditions

    def cancel(
        self,
        body: bytes,
        signature: KeySig,
        role: Literal["initiator", "operator"],
        principal: str,
        *,
        ask: bool = True,
    ) -> CancelResult:
        """Cancel one withdrawal by a CancelBody signed by a key of its initiator, or of the operator who brings it.

        The signer is asked at once, unless `ask` is False: then the answer is PENDING, and a worker asks.
        """
        reference = ""
        try:
            cancel = statements.parse_cancel(body)
            reference = cancel.reference
            key, deployment = self._writer.read(
                lambda state: (
                    _entitled_key(state, cancel, signature.key_id, role, principal),
                    state.control.governance.deployment,
                )
            )
            message = statements.signed_message(SignedType.CANCEL, deployment, body)
            signing_input = statements.signing_input(key.scheme, message)
            crypto.verify(key.scheme, key.public, signing_input, signature.signature)
        except Malformed as error:
            return CancelResult(reference, "INVALID", tag="cancel.malformed", detail=str(error))
        except InvalidSignature:
            return CancelResult(reference, "INVALID", tag="signature.invalid", detail=signature.key_id)
        except Denied as denied:
            return CancelResult(reference, "INVALID", tag=denied.tag, detail=denied.detail)
        stored = record_pb2.StoredSignature(
            principal=principal, key_id=key.key_id, scheme=key.scheme.value, signature=signature.signature
        )
        result: CancelResult = self._writer.execute(
            lambda state: request(state, cancel, body, stored), principal=principal
        )
        return self._settled(result) if ask and result.outcome == "PENDING" else result

    def _settled(self, result: CancelResult) -> CancelResult:
        """Try at once what the worker would do soon."""
        try:
            self.bury(result.withdrawal_id)
        except Denied as denied:
            if denied.tag == "tombstone.too_late":
                return CancelResult(
                    result.reference, "TOO_LATE", result.withdrawal_id, denied.tag, denied.detail
                )
            return CancelResult(result.reference, "PENDING", result.withdrawal_id, denied.tag, denied.detail)
        except Failed as failed:
            return CancelResult(result.reference, "PENDING", result.withdrawal_id, "signer.down", str(failed))
        return CancelResult(result.reference, "CANCELLED", result.withdrawal_id)

    def bury(self, withdrawal_id: str) -> None:
        """Get the promise for one withdrawal and end it. Raises `Denied` and `Failed` as the signer does."""
        waiting = self._writer.read(lambda state: waiting_for(state, withdrawal_id))
        if waiting is None:
            return
        authority = self._intents.authority(waiting.view.sequence, waiting.view.leaf)
        signer_id = waiting.policy.signer_of(waiting.view.wallet).id
        try:
            signer = self._signers.get(signer_id)
            if signer is None:
                raise Unavailable(f"signer {signer_id}", "is not in the server's configuration")
            tombstone = signer.tombstone(authority)
            check_tombstone(waiting.policy, waiting.deployment, waiting.view, authority, tombstone)
        except Failed as failed:
            self._conditions.set(ConditionKind.SIGNER_DOWN, signer_id, "signer.down", str(failed))
            raise
        self._conditions.clear(ConditionKind.SIGNER_DOWN, signer_id)
        self._writer.execute(
            lambda state: end(state, withdrawal_id, authority, tombstone), principal=signer_id
        )


class CancellationWorker:
    """Begins expiries, and asks again for promises that are still owed. `step` is called by its thread, or by tests."""

    def __init__(
        self,
        writer: Writer,
        canceller: Canceller,
        conditions: Conditions,
        clock: Clock,
        on_fatal: Callable[[BaseException], None],
        *,
        period_s: float = 1.0,
    ) -> None:
        self._writer = writer
        self._canceller = canceller
        self._clock = clock
        self._backoffs: dict[str, Backoff] = {}
        self._too_late: set[bytes] = set()
        self.worker = Worker("cancellations", self.step, conditions, on_fatal, period_s=period_s)

    def start(self) -> None:
        """Begin; timers are enough, since whoever cancels asks the signer at once."""
        self.worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self.worker.stop()

    def step(self) -> bool:
        """Begin what expired, then try what waits; True when more has expired than one step begins."""
        begun: int = self._writer.execute(begin_expired)
        waiting = self._writer.read(owed)
        self._too_late &= {raw for raw, _ in waiting}
        for raw, wallet in waiting:
            if self.worker.stopping:
                break
            self._try(raw, wallet)
        return begun == BATCH

    def _try(self, raw: bytes, wallet: str) -> None:
        backoff = self._backoffs.setdefault(wallet, Backoff())
        now_ms = self._clock.monotonic_ms()
        if raw in self._too_late or not backoff.ready(now_ms):
            return
        try:
            self._canceller.bury(ulid_text(raw))
        except Failed:
            backoff.failed(now_ms)
        except Denied as denied:
            if denied.tag == "tombstone.too_late":
                # Its plan was given up and its signer says that it may have been paid: for people to look at.
                self._too_late.add(raw)
                _log.error("a signing intent is durable", withdrawal=ulid_text(raw))
            elif not denied.tag.startswith("ledger."):  # the ledger's clock is a little behind the signer's
                backoff.failed(now_ms)
                _log.warning("signer gives no promise", withdrawal=ulid_text(raw), tag=denied.tag)
        else:
            backoff.succeeded()


def _entitled_key(state: State, cancel: CancelBody, key_id: str, role: str, principal: str) -> Key:
    """The key that may cancel now: one of the intent's initiator, or of the operator who asks."""
    policy = state.control.governance.policy
    if role == "initiator":
        if principal != cancel.initiator:
            raise Denied("cancel.other_initiator", f"{cancel.initiator} is not the caller")
        keys = policy.initiator(principal).keys
    else:
        if principal in state.control.suspended:
            raise Denied("operator.suspended", f"{principal} is suspended")
        keys = policy.operator(principal).keys
    for key in keys:
        if key.key_id == key_id:
            if not key.valid_at(state.now_ms):
                raise Denied("key.expired", f"{key_id} is not valid now")
            return key
    raise Denied("signature.key", f"{principal} has no key {key_id}")
