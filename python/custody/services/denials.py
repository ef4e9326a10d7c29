"""What a signer's refusal means for a payment: by the stable tag alone, and what is not known is waited out.

A tag stands here only when the signer gives it before any signing intent of the payment is durable.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Verdict", "verdict_of"]


class Verdict(Enum):
    """What to do after a refusal."""

    NEVER = "never"
    """The signer will never pay it: ask for its tombstone, and end it."""
    ASIDE = "aside"
    """It cannot be paid now, others can: give the plan up and let them pass."""
    WAIT = "wait"
    """Nothing of this wallet can be signed now: keep the plan and ask again with the same terms."""


_NEVER = frozenset(
    {
        "asset.unknown",
        "fee.deduct_native_only",
        "initiator.unknown",
        "intent.before_activation",
        "intent.expired",
        "intent.limit_class",
        "intent.pool",
        "intent.tombstoned",
        "key.expired",
        "key.unknown",
        "route.wallet",
        "signature.cosign_missing",
        "signature.invalid",
        "signature.missing",
    }
)
_NEVER_GROUPS = ("destination.",)
_ASIDE = frozenset(
    {"halt.asset", "halt.customer", "halt.destination", "fee.cap", "fee.deduct_cap", "fee.gas_limit"}
)


def verdict_of(tag: str) -> Verdict:
    """The meaning of a refusal's tag."""
    if tag in _NEVER or tag.startswith(_NEVER_GROUPS):
        return Verdict.NEVER
    return Verdict.ASIDE if tag in _ASIDE else Verdict.WAIT
