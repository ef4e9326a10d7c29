"""What the network may take: gas limits and fees, each within its cap of the policy."""

from __future__ import annotations

from typing import Final

from custody.errors import Denied
from custody.model.policy import AssetRule, Network
from custody.ports import EvmTerms

_LEAST_GAS: Final = 21_000
_LEAST_TOKEN_GAS: Final = _LEAST_GAS + 68 * 40
"""EIP-7623's floor for the 68 bytes of a token's transfer, were none of them zero."""


def check_gas_limit(asset: AssetRule, terms: EvmTerms) -> None:
    """Raise Denied `fee.gas_limit` above what a transfer of this asset may use, or below what any block takes.

    A transaction that no block takes would hold its nonce, and with it the wallet, for ever.
    """
    least = _LEAST_GAS if asset.native else _LEAST_TOKEN_GAS
    if terms.gas_limit < least:
        raise Denied("fee.gas_limit", f"{terms.gas_limit} gas is below {least}: no block would take it")
    if terms.gas_limit > asset.gas_limit:
        raise Denied("fee.gas_limit", f"{terms.gas_limit} gas is above {asset.gas_limit} for {asset.id}")


def check_fee_cap(network: Network, asset: AssetRule, amount: int, terms: EvmTerms) -> int:
    """The most that these terms can cost, base units of the fee asset. Raises Denied `fee.cap` above the policy's cap.

    The share counts where fee and asset are the same: only then can they be compared.
    """
    fee = terms.gas_limit * terms.max_fee_per_gas
    if fee > network.fee_cap_absolute:
        raise Denied("fee.cap", f"a fee of {fee} is above {network.fee_cap_absolute} on {network.id}")
    share = network.fee_cap_share
    if (
        share is not None
        and asset.id == network.fee_asset
        and fee * share.denominator > amount * share.numerator
    ):
        raise Denied("fee.cap", f"a fee of {fee} is above {share} of {amount}")
    return fee
