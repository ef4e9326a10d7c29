"""Amounts as text: exact integers of base units in and out, never a float."""

from __future__ import annotations

import re

from custody.errors import Malformed

MAX_AMOUNT = 2**128 - 1

_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,38})", re.ASCII)


def parse_amount(text: str) -> int:
    """Base units from their decimal string, `0` or without a leading zero, at most 2**128 - 1. Raises Malformed."""
    if not isinstance(text, str) or _AMOUNT.fullmatch(text) is None:
        raise Malformed("amount", "must be a decimal from 0 to 2^128 - 1 without leading zeros")
    value = int(text)
    if value > MAX_AMOUNT:
        raise Malformed("amount", "must be at most 2^128 - 1")
    return value


def format_amount(amount: int) -> str:
    """The decimal string of base units. Raises Malformed for what no amount can be."""
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= MAX_AMOUNT:
        raise Malformed("amount", "must be an int from 0 to 2^128 - 1")
    return str(amount)


def format_units(amount: int, decimals: int) -> str:
    """Base units in units of 10**decimals, exact, without trailing zeros: `format_units(1500000, 6)` is `1.5`."""
    digits = format_amount(amount)
    if decimals == 0:
        return digits
    digits = digits.zfill(decimals + 1)
    fraction = digits[-decimals:].rstrip("0")
    return f"{digits[:-decimals]}.{fraction}" if fraction else digits[:-decimals]
