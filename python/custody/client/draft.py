"""From what a backend wants to the bytes that it signs: signing is apart from sending, so that others may co-sign."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from custody import statements
from custody.api.v1 import common_pb2, withdrawal_pb2
from custody.client.config import Defaults
from custody.client.keys import IntentKey
from custody.errors import Malformed
from custody.statements import FeeMode, SignedType, WithdrawalIntent

__all__ = ["Draft", "SignedWithdrawal", "cosign", "intent_of", "sign"]

PriorityName = Literal["ECONOMY", "STANDARD", "EXPEDITED"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A withdrawal before it is signed. What is empty or 0 takes the configuration's default.

    `amount`, `max_network_fee` and `service_fee` are base units, int or decimal string. `attempt` above 1 is taken
    only after the attempt before ended unsigned, and must repeat its `routing_sequence`.
    """

    reference: str
    asset: str
    amount: int | str
    address: str
    customer: str = ""
    memo: str = ""
    pool: str = ""
    limit_class: str = ""
    fee_mode: FeeMode | None = None
    max_network_fee: int | str | None = None
    service_fee: int | str = 0
    attempt: int = 1
    submit_before_ms: int = 0
    pay_before_ms: int = 0
    routing_sequence: int = 0
    priority: PriorityName = "STANDARD"
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignedWithdrawal:
    """An intent's exact bytes with its signatures: keep it (`pack`) before sending, and resend nothing else."""

    intent: bytes
    signatures: tuple[tuple[str, bytes], ...]
    priority: PriorityName = "STANDARD"
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> WithdrawalIntent:
        """The intent, read from its bytes."""
        return statements.parse_intent(self.intent)

    @property
    def reference(self) -> str:
        """As in the intent."""
        return self.body.reference

    @property
    def intent_sha256(self) -> bytes:
        """32 bytes; what a cancellation names."""
        return hashlib.sha256(self.intent).digest()

    def pack(self) -> bytes:
        """Everything, as one string of bytes (a SubmitItem) to store."""
        return self.item().SerializeToString(deterministic=True)

    @staticmethod
    def unpack(packed: bytes) -> SignedWithdrawal:
        """What `pack` gave. Raises Malformed."""
        try:
            item = withdrawal_pb2.SubmitItem.FromString(packed)
        except Exception:
            raise Malformed("packed", "is no packed withdrawal") from None
        statements.parse_intent(item.intent)
        return SignedWithdrawal(
            item.intent,
            tuple((s.key_id, s.signature) for s in item.signatures),
            _PRIORITY_NAMES.get(item.priority, "STANDARD"),
            dict(item.metadata),
        )

    def item(self) -> withdrawal_pb2.SubmitItem:
        """As it is sent."""
        return withdrawal_pb2.SubmitItem(
            intent=self.intent,
            signatures=[common_pb2.KeySignature(key_id=k, signature=s) for k, s in self.signatures],
            priority=withdrawal_pb2.Priority.Value(f"PRIORITY_{self.priority}"),
            metadata=self.metadata,
        )


_PRIORITY_NAMES: Mapping[int, PriorityName] = {
    withdrawal_pb2.PRIORITY_ECONOMY: "ECONOMY",
    withdrawal_pb2.PRIORITY_STANDARD: "STANDARD",
    withdrawal_pb2.PRIORITY_EXPEDITED: "EXPEDITED",
}


def intent_of(draft: Draft, initiator: str, defaults: Defaults, now_ms: int) -> WithdrawalIntent:
    """The intent that a draft becomes at this moment."""
    submit_before_ms = draft.submit_before_ms or now_ms + defaults.submit_within_ms
    return WithdrawalIntent(
        initiator=initiator,
        reference=draft.reference,
        attempt=draft.attempt,
        asset=draft.asset,
        amount=_amount("amount", draft.amount),
        address=draft.address,
        memo=draft.memo,
        pool=draft.pool or defaults.pool,
        customer=draft.customer or defaults.customer,
        limit_class=draft.limit_class or defaults.limit_class,
        fee_mode=FeeMode[defaults.fee_mode] if draft.fee_mode is None else draft.fee_mode,
        max_network_fee=None
        if draft.max_network_fee is None
        else _amount("max_network_fee", draft.max_network_fee),
        service_fee=_amount("service_fee", draft.service_fee),
        submit_before_unix_ms=submit_before_ms,
        pay_before_unix_ms=draft.pay_before_ms or max(now_ms + defaults.pay_within_ms, submit_before_ms),
        routing_sequence=draft.routing_sequence or defaults.routing_sequence,
    )


def sign(draft: Draft, intent: WithdrawalIntent, deployment: bytes, key: IntentKey) -> SignedWithdrawal:
    """Sign an intent made of a draft. Raises Malformed, naming the field that is wrong."""
    body = statements.encode(intent)
    signature = key.sign(statements.signed_message(SignedType.INTENT, deployment, body))
    return SignedWithdrawal(body, ((key.key_id, signature),), draft.priority, dict(draft.metadata))


def cosign(signed: SignedWithdrawal, deployment: bytes, key: IntentKey) -> SignedWithdrawal:
    """Add another key's signature over the same bytes, such as a risk engine's. Signing twice changes nothing."""
    statements.parse_intent(signed.intent)
    if any(key_id == key.key_id for key_id, _ in signed.signatures):
        return signed
    signature = key.sign(statements.signed_message(SignedType.INTENT, deployment, signed.intent))
    return replace(signed, signatures=(*signed.signatures, (key.key_id, signature)))


def _amount(name: str, value: int | str) -> int:
    """Base units of an int or of a decimal string without sign or leading zero."""
    if isinstance(value, str):
        if not value.isascii() or not value.isdigit() or (len(value) > 1 and value[0] == "0"):
            raise Malformed(
                name, "must be base units: an int, or a decimal string without sign or leading zero"
            )
        if len(value) > 39:
            raise Malformed(name, "must be at most 2^128 - 1")
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Malformed(name, "must be base units: an int or a decimal string, never a float")
    return value
