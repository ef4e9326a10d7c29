"""The few calls of the test tokens, encoded by hand: selector, then 32-byte words."""

from __future__ import annotations

__all__ = ["TRANSFER_TOPIC", "balance_of", "constructor", "set_broken", "transfer"]

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak256 of `Transfer(address,address,uint256)`."""


def _word(value: int) -> str:
    return value.to_bytes(32, "big").hex()


def _address(address: str) -> str:
    return address.removeprefix("0x").lower().rjust(64, "0")


def _text(text: str) -> str:
    raw = text.encode()
    return _word(len(raw)) + raw.hex().ljust((len(raw) + 31) // 32 * 64, "0")


def constructor(name: str, symbol: str, supply: int) -> str:
    """The arguments of `constructor(string,string,uint256)`, to be put behind the bytecode."""
    first, second = _text(name), _text(symbol)
    return _word(96) + _word(96 + len(first) // 2) + _word(supply) + first + second


def transfer(to: str, amount: int) -> str:
    """`transfer(address,uint256)`."""
    return "0xa9059cbb" + _address(to) + _word(amount)


def balance_of(address: str) -> str:
    """`balanceOf(address)`."""
    return "0x70a08231" + _address(address)


def set_broken(broken: bool) -> str:
    """`setBroken(bool)` of the misbehaving tokens."""
    return "0x86de9e4f" + _word(int(broken))
