"""Cancellations as they are signed: of exactly one intent's bytes, by any key of its initiator or an operator's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from custody import statements
from custody.api.v1 import common_pb2, withdrawal_pb2
from custody.client.keys import IntentKey
from custody.statements import CancelBody, SignedType

__all__ = ["cancel_body", "cancel_items"]


def cancel_body(intent_bytes: bytes, now_ms: int) -> bytes:
    """The canonical body that ends this intent. Raises Malformed when the bytes are no intent."""
    intent = statements.parse_intent(intent_bytes)
    digest = hashlib.sha256(intent_bytes).digest()
    return statements.encode(CancelBody(intent.initiator, intent.reference, intent.attempt, digest, now_ms))


def cancel_items(
    intents: Sequence[bytes], deployment: bytes, key: IntentKey, now_ms: int
) -> list[withdrawal_pb2.CancelItem]:
    """One signed cancellation for each intent's bytes."""
    items = []
    for intent_bytes in intents:
        body = cancel_body(intent_bytes, now_ms)
        signature = key.sign(statements.signed_message(SignedType.CANCEL, deployment, body))
        signed = common_pb2.KeySignature(key_id=key.key_id, signature=signature)
        items.append(withdrawal_pb2.CancelItem(cancel=body, signature=signed))
    return items
