"""The signer's own caps: what each wallet may spend in any window, fees and replacements included.

Sliding windows are the ledger's `LimitBook`; here is only which of them count what. A charge is never taken back: what
a token did inside, when it failed, is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from custody.errors import Denied
from custody.ledger import LimitBook
from custody.model.policy import Cap, Wallet


class Caps:
    """The caps of one signer's wallets and what is spent under them."""

    def __init__(self, wallets: Iterable[Wallet]) -> None:
        """Begin with nothing spent."""
        self._caps: dict[tuple[str, str], tuple[Cap, ...]] = {}
        for wallet in wallets:
            for cap in wallet.caps:
                key = (wallet.id, cap.asset)
                self._caps[key] = (*self._caps.get(key, ()), cap)
        self._book = LimitBook()
        for (wallet_id, _), caps in self._caps.items():
            for cap in caps:
                self._book.add(_limit_id(wallet_id, cap), cap.window_ms, cap.amount)

    def covers(self, wallet_id: str, asset: str) -> bool:
        """Whether any cap counts this asset of this wallet."""
        return (wallet_id, asset) in self._caps

    def check(self, wallet_id: str, amounts: Mapping[str, int], now_ms: int) -> None:
        """Raise Denied `cap.exceeded` unless every window has room for these base units by asset."""
        for asset, amount in amounts.items():
            for cap in self._caps.get((wallet_id, asset), ()):
                limit_id = _limit_id(wallet_id, cap)
                spent = self._book.spent(limit_id, now_ms)
                if spent + amount > cap.amount:
                    raise Denied(
                        "cap.exceeded",
                        f"wallet {wallet_id}: {amount} of {asset} on top of {spent} is above {cap.amount} "
                        f"in {cap.window_ms} ms",
                    )

    def charge(self, wallet_id: str, amounts: Mapping[str, int], now_ms: int) -> None:
        """Count base units by asset from `now_ms` on, whether there is room or not."""
        for asset, amount in amounts.items():
            for cap in self._caps.get((wallet_id, asset), ()):
                self._book.charge(_limit_id(wallet_id, cap), amount, now_ms)

    def fill(self, spent: Mapping[str, int], now_ms: int) -> None:
        """Start the windows after an ACTIVATE: an asset that is not named counts as spent to its cap, none as more."""
        for (wallet_id, asset), caps in self._caps.items():
            for cap in caps:
                most = min(cap.amount, spent.get(asset, cap.amount))
                self._book.charge(_limit_id(wallet_id, cap), most, now_ms)

    def spent(self, now_ms: int) -> dict[str, int]:
        """What counts now, by `WALLET ASSET WINDOW_MS`."""
        return {
            limit_id: self._book.spent(limit_id, now_ms)
            for (wallet_id, _), caps in sorted(self._caps.items())
            for limit_id in (_limit_id(wallet_id, cap) for cap in caps)
        }


def _limit_id(wallet_id: str, cap: Cap) -> str:
    return f"{wallet_id} {cap.asset} {cap.window_ms}"
