"""What the backend will ask for, good withdrawals and deliberately bad ones, and the wallets' sizes that follow.

Every good withdrawal has an address of its own, so that the chain alone shows how often it was paid.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from custody import chain, statements
from custody.testing.anvil import Anvil
from custody.testing.genesis import ETHER, INITIATOR, USD, Band, Shape

__all__ = ["BAD_OF_EACH", "Item", "Kind", "Plan", "make_plan", "read_items"]

BAD_OF_EACH = 5
WAVES = 5
_HOT = ("hot-eth-1", "hot-eth-2")
_FEE_CAP = 2 * 10**15
_GAS_RESERVE = ETHER // 100
_SPARE = 6 * ETHER // 100
"""Ether that a hot wallet has beside what it pays at first: gas, and what pending payouts reserve."""

_LAST_PERCENT = 30
"""How much of the good withdrawals comes last, when the hot wallets can no longer pay them."""


class Kind(StrEnum):
    """Why an item is sent."""

    GOOD = "good"
    RESENT = "resent"
    REUSED = "reused"
    BAD_SIGNATURE = "bad_signature"
    OVER_LIMIT = "over_limit"
    NO_COSIGNATURE = "no_cosignature"
    BAD_ADDRESS = "bad_address"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a batch. `asset` is `eth` or `token`; `wave` says when it is sent; `wallet` who must pay it."""

    kind: Kind
    wave: int
    reference: str
    asset: str
    amount: int
    address: str
    customer: str
    cosigned: bool
    wallet: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All items in the order of sending, and the stack that suits them."""

    items: tuple[Item, ...]
    shape: Shape

    def wave(self, number: int) -> list[int]:
        """The places of a wave's items."""
        return [index for index, item in enumerate(self.items) if item.wave == number]

    def write(self, path: Path) -> None:
        """For the backend's process."""
        path.write_text(json.dumps([asdict(item) for item in self.items]))


def read_items(path: Path) -> list[Item]:
    """What `Plan.write` wrote."""
    return [Item(**{**raw, "kind": Kind(raw["kind"])}) for raw in json.loads(path.read_text())]


def make_plan(total: int, block_time_s: float) -> Plan:
    """`total` items, 5 of each bad kind among them (fewer below 60)."""
    each = min(BAD_OF_EACH, total // 12)
    run = secrets.token_hex(4)
    goods = [_good(run, number, total - 6 * each) for number in range(total - 6 * each)]
    items = sorted(goods + _bad(run, goods, each), key=lambda item: item.wave)
    return Plan(tuple(items), _shape(goods, block_time_s))


def _route(reference: str) -> str:
    return statements.route(INITIATOR, reference, list(_HOT))


def _address() -> str:
    return chain.format_address(Anvil.network, secrets.token_bytes(20))


def _good(run: str, number: int, count: int) -> Item:
    wave = min(WAVES - 1, number * (WAVES - 1) * 100 // (count * (100 - _LAST_PERCENT)))
    asset = ("eth", "token")[number % 2]
    reference, vip = f"demo-{run}-{number}", number in (0, 3)
    if asset == "eth":
        amount = (12 * ETHER // 10 if vip else ETHER // 20) + secrets.randbelow(ETHER // 10)
    else:
        amount = (1_200 * USD if vip else 20 * USD) + secrets.randbelow(80 * USD)
    customer = f"vip-{number}" if vip else f"customer-{number % max(20, count // 4)}"
    return Item(Kind.GOOD, wave, reference, asset, amount, _address(), customer, vip, _route(reference))


def _bad(run: str, goods: Sequence[Item], each: int) -> list[Item]:
    early = [item for item in goods if item.wave == 0 and not item.cosigned]
    found: list[Item] = []
    for number in range(each):
        again, other = early[number % len(early)], early[(each + number) % len(early)]
        found.append(_like(again, Kind.RESENT, wave=WAVES - 1))
        found.append(_like(other, Kind.REUSED, wave=WAVES - 1, amount=other.amount + 1))
        for kind in (Kind.BAD_SIGNATURE, Kind.OVER_LIMIT, Kind.NO_COSIGNATURE, Kind.BAD_ADDRESS):
            reference = f"demo-{run}-{kind.replace('_', '-')}-{number}"
            fresh = Item(
                kind, 1 + number % 3, reference, "eth", ETHER // 20, _address(), reference[:64], False, ""
            )
            found.append(_spoiled(fresh, number))
    return found


def _spoiled(item: Item, number: int) -> Item:
    match item.kind:
        case Kind.OVER_LIMIT:
            return _like(item, item.kind, asset="token", amount=2_500 * USD, cosigned=True)
        case Kind.NO_COSIGNATURE:
            return _like(item, item.kind, amount=11 * ETHER // 10)
        case Kind.BAD_ADDRESS:
            return _like(item, item.kind, address=_spoil(item.address, number))
    return item


def _spoil(address: str, number: int) -> str:
    """Too short, no hex, or the checksum of one letter wrong."""
    if number % 3 == 0:
        return address[:-2]
    if number % 3 == 1:
        return "0x" + "g" * 40
    place = next(i for i, letter in enumerate(address) if i > 1 and letter.isalpha())
    return address[:place] + address[place].swapcase() + address[place + 1 :]


def _like(item: Item, kind: Kind, **changes: object) -> Item:
    values = {**asdict(item), **changes, "kind": kind}
    return Item(**values)


def _shape(goods: Sequence[Item], block_time_s: float) -> Shape:
    """Wallets that can pay all waves but the last one, and a cold wallet that has the rest."""
    balances: dict[tuple[str, str], int] = {}
    bands: dict[tuple[str, str], Band] = {}
    for wallet in _HOT:
        for asset in ("eth", "token"):
            mine = [item for item in goods if (item.wallet, item.asset) == (wallet, asset)]
            last = sum(item.amount for item in mine if item.wave == WAVES - 1)
            before = sum(item.amount for item in mine) - last
            least = ETHER if asset == "eth" else 100 * USD
            spare = _SPARE if asset == "eth" else 0
            balances[wallet, asset] = before + spare
            target = max(before, last, least) + 2 * spare
            bands[wallet, asset] = Band(max(target // 3, least // 2), target, 20 * target)
    for asset in ("eth", "token"):
        wanted = sum(item.amount for item in goods if item.asset == asset)
        balances["cold-eth-1", asset] = 5 * wanted + (10 * ETHER if asset == "eth" else 1_000 * USD)
    return Shape(
        balances=balances,
        bands=bands,
        fee_cap=_FEE_CAP,
        gas_reserve=_GAS_RESERVE,
        block_time_s=block_time_s,
    )
