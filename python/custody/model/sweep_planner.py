"""Which sweeps are due by the bands: hysteresis between floor and ceiling, aiming for the target; pure, no history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from custody.model.policy import Band, Policy, Wallet, WalletKind
from custody.model.policy_parse import DAY_MS
from custody.statements import SweepLeg

MAX_LEGS = 32
"""As many as one SweepBody takes; what is left is due again at the next look."""


@dataclass(frozen=True, slots=True)
class Position:
    """What one wallet has of one asset, in base units.

    `available` is posted less pending, `demand` what queued withdrawals of this wallet want in all, `incoming` what
    approved sweeps are about to bring.
    """

    wallet: str
    asset: str
    available: int
    demand: int = 0
    incoming: int = 0


def due_legs(policy: Policy, positions: Iterable[Position]) -> tuple[SweepLeg, ...]:
    """The legs that are due, in the policy's order, at most one for each hot wallet and asset; () when none is.

    A refill is due below the floor, or when queued withdrawals want more than there is; it brings the wallet to its
    target after they are paid, and is never larger than the target. A drain is due when what the queue leaves is above
    the ceiling; it leaves the target. A wallet and asset without a position, or without a band, is left alone.
    """
    return _Plan(policy, positions).legs()


class _Plan:
    """One look at all positions; what a leg takes is not given twice."""

    def __init__(self, policy: Policy, positions: Iterable[Position]) -> None:
        self._policy = policy
        self._positions = {(position.wallet, position.asset): position for position in positions}
        self._left = {key: position.available for key, position in self._positions.items()}
        self._capped = {
            (w.id, cap.asset): cap.amount for w in policy.wallets for cap in w.caps if cap.window_ms == DAY_MS
        }

    def legs(self) -> tuple[SweepLeg, ...]:
        found: list[SweepLeg] = []
        for wallet in self._policy.wallets:
            if wallet.kind is WalletKind.HOT:
                for asset in sorted(wallet.bands):
                    position = self._positions.get((wallet.id, asset))
                    leg = self._leg(wallet, wallet.bands[asset], position) if position else None
                    if leg is not None and len(found) < MAX_LEGS:
                        found.append(leg)
        return tuple(found)

    def _leg(self, wallet: Wallet, band: Band, position: Position) -> SweepLeg | None:
        held = position.available + position.incoming
        if held < band.floor or held < self._needed(wallet, position):
            wanted = min(band.target, band.target + position.demand - held)
            return self._refill(wallet, position.asset, wanted, band.floor - held)
        if position.available - position.demand > band.ceiling:
            return self._drain(wallet, position.asset, position.available - position.demand - band.target)
        return None

    def _needed(self, wallet: Wallet, position: Position) -> int:
        """What the queue wants, and what a native payment must leave besides: else the last one waits for ever."""
        network = self._policy.network(wallet.network)
        if not position.demand or position.asset != network.fee_asset:
            return position.demand
        return position.demand + network.gas_reserve + network.fee_cap(position.asset, position.demand)

    def _refill(self, wallet: Wallet, asset: str, wanted: int, least: int) -> SweepLeg | None:
        """From the first wallet that has all of it, warm before cold; else from the one that can give most.

        A part that does not reach the floor is not worth a quorum's time.
        """
        sources = [w for w in self._partners(wallet) if (w.id, asset) in self._left]
        sources.sort(key=lambda source: source.kind is not WalletKind.WARM)
        spares = [(source, self._spare(source, asset, wanted)) for source in sources]
        if not spares:
            return None
        full = [pair for pair in spares if pair[1] >= wanted]
        source, spare = full[0] if full else max(spares, key=lambda pair: pair[1])
        amount = min(wanted, spare)
        if amount <= 0 or amount < least:
            return None
        return self._make(source, wallet, asset, amount)

    def _drain(self, wallet: Wallet, asset: str, excess: int) -> SweepLeg | None:
        """To the first partner with a band for the asset: the planner's own legs are bounded by its target."""
        for partner in self._partners(wallet):
            band = partner.bands.get(asset)
            if band is not None:
                amount = min(excess, band.target, self._spare(wallet, asset, excess))
                return self._make(wallet, partner, asset, amount) if amount > 0 else None
        return None

    def _partners(self, wallet: Wallet) -> list[Wallet]:
        kinds = (WalletKind.WARM, WalletKind.COLD)
        return [
            other
            for other in self._policy.wallets
            if other.kind in kinds and (other.network, other.group) == (wallet.network, wallet.group)
        ]

    def _spare(self, source: Wallet, asset: str, wanted: int) -> int:
        """What a wallet can give, less gas reserve and fee of the native asset, all within its daily cap."""
        network = self._policy.network(source.network)
        fee_cap = network.fee_cap(asset, wanted)
        left = self._left.get((source.id, asset), 0)
        cap = self._capped.get((source.id, asset), 0)
        if asset == network.fee_asset:
            return min(left - network.gas_reserve, cap) - fee_cap
        fees = (source.id, network.fee_asset)
        gas = min(self._left.get(fees, 0), self._capped.get(fees, 0))
        return min(left, cap) if gas >= fee_cap else 0

    def _make(self, source: Wallet, target: Wallet, asset: str, amount: int) -> SweepLeg | None:
        network = self._policy.network(source.network)
        fee_cap = network.fee_cap(asset, amount)
        if fee_cap <= 0:
            return None
        # Its signer counts amount and fee cap alike, and would halt the wallet above its cap.
        for key, spent in (((source.id, asset), amount), ((source.id, network.fee_asset), fee_cap)):
            for budget in (self._left, self._capped):
                budget[key] = budget.get(key, 0) - spent
        return SweepLeg(source.id, target.id, target.address, asset, amount, network.fee_asset, fee_cap)
