"""What a signer answers is believed only when its bytes do exactly what was asked for; all else is never broadcast."""

from __future__ import annotations

from custody import chain
from custody.errors import Failed, InvalidSignature, Malformed
from custody.model.policy import Policy, Wallet
from custody.model.transaction import EvmTerms
from custody.ports import SignedTransaction

__all__ = ["require_exactly"]


def require_exactly(
    policy: Policy,
    wallet: Wallet,
    asset: str,
    to: str,
    amount: int,
    terms: EvmTerms,
    answer: SignedTransaction,
) -> None:
    """Require one payment of `amount` of `asset` to `to` at these terms, signed by this wallet's key.

    Raises `Failed`: a signer's fault, no rule's.
    """
    name = f"signer {wallet.signer}"
    plan = chain.EvmPlan(
        policy.network(wallet.network).chain_id,
        terms.nonce,
        terms.max_priority_fee_per_gas,
        terms.max_fee_per_gas,
        terms.gas_limit,
        asset,
        to,
        amount,
    )
    try:
        chain.verify_signed(answer.transaction, plan, wallet.address)
        sound = chain.transaction_hash(answer.transaction) == answer.transaction_hash
    except (Malformed, InvalidSignature) as error:
        raise Failed(name, f"answered other bytes than asked for: {error}") from None
    if not sound:
        raise Failed(name, "answered another hash than its bytes have")
