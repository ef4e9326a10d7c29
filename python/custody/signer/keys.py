"""The keys of this signer's token, held against the policy: a key that the policy does not name signs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from custody import chain, crypto
from custody.errors import Denied, HsmError
from custody.model.policy import Policy, Wallet
from custody.signer.hsm import Hsm

AUDIT_LABEL: Final = "audit"
"""The audit key's label in the token; every other key's is its wallet's id."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """One key of the token: the wallet's id or `audit`, the scheme, and the public key as the policy names it."""

    wallet: str
    scheme: crypto.Scheme
    public_key: bytes


def held_keys(hsm: Hsm, labels: tuple[str, ...]) -> tuple[HeldKey, ...]:
    """Read these wallets' keys and the audit key, each made in the token and unable to leave it. Raises HsmError."""
    held = []
    for label in labels:
        hsm.check_key(label)
        address = chain.address_of(hsm.public_key(label))
        public = crypto.parse_public_key(crypto.Scheme.ETHEREUM, address)
        held.append(HeldKey(label, crypto.Scheme.ETHEREUM, public))
    hsm.check_key(AUDIT_LABEL)
    held.append(HeldKey(AUDIT_LABEL, crypto.Scheme.ED25519, hsm.public_key(AUDIT_LABEL)))
    return tuple(held)


def check_against_policy(hsm: Hsm, policy: Policy, signer: str) -> tuple[HeldKey, ...]:
    """Read the keys that the policy gives this signer, and require that they are the policy's. Raises HsmError."""
    rule = policy.signer(signer)
    held = held_keys(hsm, tuple(rule.wallets))
    for key in held[:-1]:
        wallet = policy.wallet(key.wallet)
        if chain.parse_address(wallet.network, wallet.address) != key.public_key:
            raise HsmError(
                f"key {key.wallet}", "is not the one in the policy: wrong token, or the policy of another"
            )
    if held[-1].public_key != rule.audit.public:
        raise HsmError("key audit", "is not the one in the policy: wrong token, or the policy of another")
    return held


def held_wallet(policy: Policy, signer: str, wallet_id: str) -> Wallet:
    """The wallet of the policy in force that this signer holds. Raises Denied `wallet.not_held`."""
    if wallet_id not in policy.signer(signer).wallets:
        raise Denied("wallet.not_held", f"signer {signer} does not hold wallet {wallet_id}")
    return policy.wallet(wallet_id)
