"""Who asked for a withdrawal: an intent's signatures, checked from its own bytes under this signer's own policy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from custody import crypto, statements
from custody.errors import Denied, InvalidSignature, NotFound
from custody.model.policy import Initiator, Key, Policy, Wallet, required_roles
from custody.ports import KeySig
from custody.signer.facts import Attempt
from custody.signer.state import SignerState


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A signature that was verified: whose, and as it was given."""

    principal: str
    key_id: str
    scheme: str
    signature: bytes
    evidence: bytes = b""


@dataclass(frozen=True, slots=True)
class ReceivedIntent:
    """An intent read from its canonical bytes."""

    body: bytes
    sha256: bytes
    intent: statements.WithdrawalIntent

    @property
    def attempt(self) -> Attempt:
        """Its id."""
        return Attempt(self.intent.initiator, self.intent.reference, self.intent.attempt)


def receive_intent(body: bytes) -> ReceivedIntent:
    """Read an intent. Raises Malformed unless the bytes are canonical."""
    return ReceivedIntent(body, hashlib.sha256(body).digest(), statements.parse_intent(body))


def verify_intent(
    policy: Policy, deployment: bytes, received: ReceivedIntent, signatures: Sequence[KeySig], now_ms: int
) -> tuple[VerifiedSignature, ...]:
    """Require that the initiator signed, with a key of every role that the amount needs, each valid now.

    Raises Denied `initiator.unknown`, `key.unknown`, `key.expired`, `signature.invalid`, `signature.cosign_missing`.
    """
    initiator = known_initiator(policy, received)
    verified = verify_signatures(initiator, deployment, received, signatures)
    roles = {key.role for key, _ in verified if _is_valid_at(key, now_ms)}
    missing = required_roles(initiator, received.intent.asset, received.intent.amount) - roles
    if missing:
        if missing & {key.role for key, _ in verified}:
            raise Denied("key.expired", f"the key of role {', '.join(sorted(missing))} is not valid now")
        raise Denied(
            "signature.cosign_missing", f"a signature of role {', '.join(sorted(missing))} is needed"
        )
    return tuple(signature for _, signature in verified)


def known_initiator(policy: Policy, received: ReceivedIntent) -> Initiator:
    """The initiator in the policy. Raises Denied `initiator.unknown`."""
    try:
        return policy.initiator(received.intent.initiator)
    except NotFound:
        raise Denied(
            "initiator.unknown", f"no initiator {received.intent.initiator!r} in the policy"
        ) from None


def verify_signatures(
    initiator: Initiator, deployment: bytes, received: ReceivedIntent, signatures: Sequence[KeySig]
) -> tuple[tuple[Key, VerifiedSignature], ...]:
    """Require at least one signature, and that each is by a key of the initiator, valid at the time or not."""
    if not signatures:
        raise Denied("signature.missing", "an intent without a signature is nobody's")
    message = statements.signed_message(statements.SignedType.INTENT, deployment, received.body)
    verified = []
    for given in signatures:
        key = next((key for key in initiator.keys if key.key_id == given.key_id), None)
        if key is None:
            raise Denied("key.unknown", f"initiator {initiator.id} has no key {given.key_id}")
        try:
            scheme = crypto.Scheme(key.scheme)
            crypto.verify(scheme, key.public, statements.signing_input(scheme, message), given.signature)
        except InvalidSignature:
            raise Denied(
                "signature.invalid", f"the signature by key {given.key_id} does not verify"
            ) from None
        verified.append((key, VerifiedSignature(initiator.id, key.key_id, key.scheme, given.signature)))
    return tuple(verified)


def routed_wallet(state: SignerState, received: ReceivedIntent) -> Wallet:
    """The one hot wallet that an intent maps to for ever, by the policy that it names.

    Raises Denied `governance.unknown_sequence`, `asset.unknown`, `route.wallet`.
    """
    intent = received.intent
    policy = state.governance.policy_at(intent.routing_sequence)
    try:
        network = policy.asset(intent.asset).network
    except NotFound:
        raise Denied("asset.unknown", f"asset {intent.asset} is not enrolled") from None
    wallets = {wallet.id: wallet for wallet in policy.hot_wallets(network)}
    if not wallets:
        raise Denied("route.wallet", f"network {network} has no hot wallet")
    return wallets[statements.route(intent.initiator, intent.reference, tuple(wallets))]


def _is_valid_at(key: Key, now_ms: int) -> bool:
    return key.valid_from_ms <= now_ms and (key.valid_until_ms == 0 or now_ms < key.valid_until_ms)
