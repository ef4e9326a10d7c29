"""Amounts, times and hashes as people read them: exact, and nothing left out that a signature covers."""

from __future__ import annotations

import datetime
import re
from fractions import Fraction

from custody.cli.escape import shown
from custody.errors import Malformed, NotFound
from custody.model.money import MAX_AMOUNT, format_units, parse_amount
from custody.model.policy import AssetRule, Policy

__all__ = ["asset_named", "base_units", "duration", "moment", "parse_quantity", "units", "when"]

_QUANTITY = re.compile(
    r"(?P<whole>[0-9]+)(\.(?P<part>[0-9]+))?\s*(?P<symbol>[A-Za-z][A-Za-z0-9.]*)", re.ASCII
)


def units(policy: Policy, asset: str, amount: int) -> str:
    """`1.5 ETH`; what the policy does not know is given in base units alone."""
    try:
        rule = policy.asset(asset)
    except NotFound:
        return f"{amount} base units of {shown(asset)}, WHICH THE POLICY DOES NOT KNOW"
    return f"{format_units(amount, rule.decimals)} {rule.symbol}"


def base_units(amount: int) -> str:
    """`1500000000000000000 base units`."""
    return f"{amount} base units"


def asset_named(policy: Policy, name: str) -> AssetRule:
    """An asset by its CAIP-19 name, or by its symbol where one asset alone has it. Raises NotFound, Malformed."""
    if "/" in name:
        return policy.asset(name)
    found = [rule for rule in policy.assets if rule.symbol == name]
    if not found:
        raise NotFound("asset", name)
    if len(found) > 1:
        raise Malformed(
            "asset", f"{name} is the symbol of several: say which: {', '.join(r.id for r in found)}"
        )
    return found[0]


def parse_quantity(text: str, asset: AssetRule) -> int:
    """Base units of `1500000`, or of `1.5USDC` where the symbol is the asset's. Raises Malformed."""
    if text.isdigit():
        return parse_amount(text)
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise Malformed("amount", "must be base units (1500000), or units with the symbol (1.5USDC)")
    if match["symbol"] != asset.symbol:
        raise Malformed("amount", f"is in {match['symbol']}, but the asset is {asset.symbol} ({asset.id})")
    value = Fraction(f"{match['whole']}.{match['part'] or '0'}") * 10**asset.decimals
    if value.denominator != 1 or value > MAX_AMOUNT:
        raise Malformed(
            "amount", f"must be at most 2^128 - 1 base units, of which {asset.decimals} decimals are one unit"
        )
    return int(value)


def moment(unix_ms: int) -> str:
    """`2026-11-22 05:10:00 UTC`; in ms where no calendar reaches: intents and statements may name any time."""
    try:
        stamp = datetime.datetime.fromtimestamp(unix_ms // 1000, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return f"{unix_ms} ms after 1970"
    return stamp.strftime("%Y-%m-%d %H:%M:%S UTC")


def when(unix_ms: int, now_ms: int) -> str:
    """A moment, and how far it is from now."""
    distance = unix_ms - now_ms
    side = f"in {duration(distance)}" if distance > 0 else f"{duration(-distance)} ago"
    return f"{moment(unix_ms)} ({side})"


def duration(ms: int) -> str:
    """`2 d 3 h`, `9 min 58 s`: the two largest parts."""
    seconds = ms // 1000
    parts: list[str] = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"
