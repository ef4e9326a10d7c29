"""A signer's promise never to pay, believed only when its audit key signed exactly this withdrawal's."""

from __future__ import annotations

import hashlib

from custody import crypto, statements
from custody.errors import Failed, InvalidSignature, Malformed
from custody.ledger import WithdrawalView
from custody.model.policy import Policy
from custody.ports import Authority, Tombstone
from custody.statements import SignedType

__all__ = ["check_tombstone"]


def check_tombstone(
    policy: Policy, deployment: bytes, view: WithdrawalView, authority: Authority, tombstone: Tombstone
) -> None:
    """Require a tombstone of this withdrawal by the signer of its wallet. Raises `Failed`: a signer's fault."""
    rule = policy.signer_of(view.wallet)
    name = f"signer {rule.id}"
    try:
        body = statements.parse_tombstone(tombstone.body)
    except Malformed as error:
        raise Failed(name, f"gave a tombstone that cannot be read: {error}") from None
    found = (body.signer, body.wallet, body.initiator, body.reference, body.attempt, body.intent_sha256)
    digest = hashlib.sha256(authority.intent).digest()
    reference = statements.parse_intent(authority.intent).reference
    wanted = (rule.id, view.wallet, view.initiator, reference, view.attempt, digest)
    if found != wanted or tombstone.key_id != rule.audit.key_id or digest != view.intent_sha256:
        raise Failed(name, "gave a tombstone of something else")
    message = statements.signed_message(SignedType.TOMBSTONE, deployment, tombstone.body)
    try:
        scheme = rule.audit.scheme
        crypto.verify(
            scheme, rule.audit.public, statements.signing_input(scheme, message), tombstone.signature
        )
    except InvalidSignature:
        raise Failed(name, "gave a tombstone that its audit key did not sign") from None
