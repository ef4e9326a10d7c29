"""Tombstones: a durable promise never to pay an attempt, given only while no signing intent of it is durable."""

from __future__ import annotations

from dataclasses import dataclass

from custody import statements
from custody.api.journal.v1 import signer_pb2
from custody.errors import Denied
from custody.ports import Authority
from custody.signer.authority import (
    ReceivedIntent,
    known_initiator,
    receive_intent,
    routed_wallet,
    verify_signatures,
)
from custody.signer.core import Admission, RequestContext, SignerCore, SignerHead
from custody.signer.facts import Promise
from custody.signer.keys import held_wallet


@dataclass(frozen=True, slots=True)
class Buried:
    """The promise, by which key, and the log after it."""

    body: bytes
    key_id: str
    signature: bytes
    head: SignerHead


class Tombstones:
    """Gives promises. Safe to share between threads."""

    def __init__(self, core: SignerCore) -> None:
        """Judge by this signer's state."""
        self._core = core

    def bury(self, context: RequestContext, authority: Authority) -> Buried:
        """Promise never to pay an attempt; asked again, the same promise.

        A halt does not refuse it: it moves nothing. Nor does a key that is no longer valid. Raises Malformed, Denied
        `tombstone.too_late` once a signing intent is durable, `tombstone.other_intent`, or as for a payout.
        """
        core = self._core
        with core.decide(context) as admission:
            received = receive_intent(authority.intent)
            initiator = known_initiator(core.policy, received)
            verify_signatures(initiator, core.deployment, received, authority.signatures)
            wallet = held_wallet(core.policy, core.id, routed_wallet(core.state, received).id)
            promise = self._promised(received) or self._promise(received, wallet.id, admission)
            return Buried(promise.body, core.audit_key_id, promise.signature, core.head)

    def _promised(self, received: ReceivedIntent) -> Promise | None:
        state, intent = self._core.state, received.intent
        promise = state.tombstones.get(received.attempt)
        if promise is not None:
            if promise.intent_sha256 != received.sha256:
                raise Denied("tombstone.other_intent", "another body of this attempt has the tombstone")
            return promise
        bound = state.references.get((intent.initiator, intent.reference))
        if bound is not None and bound.attempt == intent.attempt:
            raise Denied("tombstone.too_late", "a signing intent is durable: it may have been paid")
        return None

    def _promise(self, received: ReceivedIntent, wallet: str, admission: Admission) -> Promise:
        core, intent = self._core, received.intent
        body = statements.encode(
            statements.TombstoneBody(
                signer=core.id,
                wallet=wallet,
                initiator=intent.initiator,
                reference=intent.reference,
                attempt=intent.attempt,
                intent_sha256=received.sha256,
                log_sequence=core.log.next_sequence,
                recorded_unix_ms=admission.now_ms,
            )
        )
        # Signed before it is durable, unlike a payment, since the row holds the signature; it is released afterwards.
        signature = core.audit_signature(statements.SignedType.TOMBSTONE, body)
        core.log.append(
            signer_pb2.Tombstoned(
                tombstone=body,
                initiator=intent.initiator,
                reference=intent.reference,
                attempt=intent.attempt,
                signature=signature,
            ),
            admission.now_ms,
        )
        return core.state.tombstones[received.attempt]
