"""The server's own count of what a wallet's signer was asked to sign away, always at or above the signer's own.

So an honest server never meets a signer's cap, which would halt the wallet. Everything counts with all that was
reserved for fees, by the minute, and for longer than the signer's window by a hundredth of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from custody.errors import InvariantBroken
from custody.ledger import Ledger, ulid_text
from custody.model.control import ControlState
from custody.model.payout import Payout, PayoutState
from custody.model.policy import Wallet
from custody.services.newest import newest_first

__all__ = ["CapMeter", "Room"]

_BUCKET_MS = 60_000
_SLACK_DIVISOR = 100  # a signer forgets up to 1/1440 of the window late


@dataclass(slots=True)
class Room:
    """What may still be planned: by asset, the least over the windows. An asset without a cap has none."""

    left: dict[str, int]

    def fits(self, amounts: Mapping[str, int]) -> bool:
        """Whether a payment keeps every cap; `amounts` by asset, the fee included."""
        return all(amount <= self.left.get(asset, 0) for asset, amount in amounts.items())

    def take(self, amounts: Mapping[str, int]) -> None:
        """Count a payment."""
        for asset, amount in amounts.items():
            self.left[asset] = self.left.get(asset, 0) - amount


class CapMeter:
    """One wallet's outflow. Used in the writer's thread alone; rebuilt from the control state after a start."""

    def __init__(self, wallet: str) -> None:
        """Begin empty."""
        self._wallet = wallet
        self._buckets: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._counted: dict[str, tuple[int, Mapping[str, int]]] = {}
        self._newest = ""

    def room(self, wallet: Wallet, control: ControlState, ledger: Ledger, now_ms: int) -> Room:
        """What the caps leave now."""
        self._follow(wallet, control, ledger, now_ms)
        left: dict[str, int] = {}
        for cap in wallet.caps:
            since_ms = now_ms - cap.window_ms - cap.window_ms // _SLACK_DIVISOR
            spent = sum(
                bucket.get(cap.asset, 0)
                for minute, bucket in self._buckets.items()
                if (minute + 1) * _BUCKET_MS > since_ms
            )
            left[cap.asset] = min(left.get(cap.asset, cap.amount), cap.amount - spent)
        return Room(left)

    def _follow(self, wallet: Wallet, control: ControlState, ledger: Ledger, now_ms: int) -> None:
        longest_ms = max((cap.window_ms for cap in wallet.caps), default=0)
        oldest_ms = now_ms - longest_ms - longest_ms // _SLACK_DIVISOR
        for payout in self._new(control, oldest_ms):
            self._count(payout.id, payout.planned_ms, _outflow(payout, wallet, control, ledger))
        for leg in control.legs.values():
            if leg.terms.from_wallet == self._wallet and leg.versions and leg.id not in self._counted:
                amounts = {leg.terms.asset: leg.terms.amount}
                amounts[leg.terms.fee_asset] = amounts.get(leg.terms.fee_asset, 0) + leg.terms.fee_cap
                self._count(leg.id, leg.planned_ms, amounts)
        self._settle(control, oldest_ms, now_ms)

    def _new(self, control: ControlState, oldest_ms: int) -> Iterator[Payout]:
        """Payouts planned since the last look, or within the longest window."""
        newest = ""
        for payout_id, payout in newest_first(control.payouts):
            newest = newest or payout_id
            if payout_id == self._newest or (payout.planned_ms < oldest_ms and payout.ended):
                break
            if payout.wallet == self._wallet and payout.state is not PayoutState.ABANDONED:
                yield payout
        self._newest = newest or self._newest

    def _settle(self, control: ControlState, oldest_ms: int, now_ms: int) -> None:
        """What was given up counts no longer; what is not signed yet counts as of now; what is too old is forgotten."""
        for key, (at_ms, amounts) in list(self._counted.items()):
            payout = control.payouts.get(key)
            if payout is not None and payout.state is PayoutState.ABANDONED:
                self._uncount(key)
            elif payout is not None and payout.state is PayoutState.PLANNED and at_ms < now_ms - _BUCKET_MS:
                self._uncount(key)
                self._count(key, now_ms, amounts)
            elif payout is not None and payout.ended:
                del self._counted[key]  # its bucket stays as it is
        for minute in [minute for minute in self._buckets if (minute + 1) * _BUCKET_MS <= oldest_ms]:
            del self._buckets[minute]

    def _count(self, key: str, at_ms: int, amounts: Mapping[str, int]) -> None:
        bucket = self._buckets[at_ms // _BUCKET_MS]
        for asset, amount in amounts.items():
            bucket[asset] += amount
        self._counted[key] = (at_ms, amounts)

    def _uncount(self, key: str) -> None:
        at_ms, amounts = self._counted.pop(key)
        bucket = self._buckets.get(at_ms // _BUCKET_MS, {})
        for asset, amount in amounts.items():
            bucket[asset] = bucket.get(asset, 0) - amount


def _outflow(payout: Payout, wallet: Wallet, control: ControlState, ledger: Ledger) -> dict[str, int]:
    """What a payout may take by asset: net amounts, and the most that was reserved for its fee."""
    fee_asset = control.governance.policy.network(wallet.network).fee_asset
    terms = ledger.payout(payout.id)
    most = max(version.terms.max_fee for version in payout.versions)
    amounts = {fee_asset: max(most, terms.fee_reserved if terms is not None else 0)}
    for withdrawal_id, amount in zip(payout.withdrawal_ids, payout.versions[0].net_amounts, strict=True):
        asset = asset_of(ledger, withdrawal_id)
        amounts[asset] = amounts.get(asset, 0) + amount
    return amounts


def asset_of(ledger: Ledger, withdrawal_id: bytes) -> str:
    """The asset of a withdrawal that has a payout."""
    view = ledger.withdrawal(ulid_text(withdrawal_id))
    if view is None:
        raise InvariantBroken(f"withdrawal {withdrawal_id.hex()} has a payout and is not in the ledger")
    return view.asset
