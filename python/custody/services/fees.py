"""What to offer the network: enough to be mined, never above a cap, and for a replacement enough to be taken."""

from __future__ import annotations

from custody.model.transaction import EvmTerms
from custody.ports import FeeQuote

__all__ = ["HEADROOM", "fee_reserved", "first_terms", "replacement_terms"]

HEADROOM = 4
"""How many times the first version's most is reserved, so that replacements have room; never above the cap."""

_BUMP_NUMERATOR, _BUMP_DENOMINATOR = 9, 8
"""A replacement's fees are at least an eighth above the version before: nodes and signers ask for a tenth."""


def first_terms(quote: FeeQuote, nonce: int, gas_limit: int, fee_cap: int) -> EvmTerms | None:
    """What the network asks now, held down to the cap; None when what is left under it would not be mined."""
    most = min(quote.max_fee_per_gas, fee_cap // gas_limit)
    if most < quote.base_fee_per_gas + quote.max_priority_fee_per_gas or most <= 0:
        return None
    return EvmTerms(nonce, gas_limit, most, min(quote.max_priority_fee_per_gas, most))


def replacement_terms(last: EvmTerms, quote: FeeQuote, reserved: int) -> EvmTerms | None:
    """The same transaction at fees that nodes take as a replacement; None when that is above what is reserved."""
    priority = max(_bump(last.max_priority_fee_per_gas), quote.max_priority_fee_per_gas)
    most = max(_bump(last.max_fee_per_gas), priority, quote.max_fee_per_gas)
    most = min(most, reserved // last.gas_limit)
    if most < max(_bump(last.max_fee_per_gas), priority):
        return None
    return EvmTerms(last.nonce, last.gas_limit, most, priority)


def fee_reserved(terms: EvmTerms, fee_cap: int) -> int:
    """What wallet and house set aside for a first version and its replacements."""
    return min(fee_cap, HEADROOM * terms.max_fee)


def _bump(fee: int) -> int:
    return max(fee + 1, -(-fee * _BUMP_NUMERATOR // _BUMP_DENOMINATOR))
