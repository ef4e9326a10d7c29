"""Moves between our own wallets: which are allowed, and which are due; a statement is compared, never trusted."""

from __future__ import annotations

from custody.errors import Denied, NotFound
from custody.model.policy import Policy, Wallet, WalletKind
from custody.model.sweep_planner import Position, due_legs
from custody.statements import SweepBody, SweepLeg

__all__ = ["Position", "check_legs", "check_planner_bound", "due_legs"]

_REFILL = {WalletKind.COLD, WalletKind.WARM}


def check_legs(policy: Policy, body: SweepBody) -> None:
    """Require of every leg that policy allows it. Raises Denied with a `sweep.…` tag and the leg's index."""
    for index, leg in enumerate(body.legs):
        try:
            _check_leg(policy, leg)
        except NotFound as error:
            raise Denied(f"sweep.unknown_{error.kind}", f"legs[{index}]: {error}") from None
        except Denied as error:
            raise Denied(error.tag, f"legs[{index}]: {error.detail}") from None


def _check_leg(policy: Policy, leg: SweepLeg) -> None:
    source, target = policy.wallet(leg.from_wallet), policy.wallet(leg.to_wallet)
    asset, network = policy.asset(leg.asset), policy.network(source.network)
    if source.network != target.network or asset.network != source.network:
        raise Denied("sweep.network", "wallets and asset must be of one network")
    if source.group != target.group:
        raise Denied("sweep.group", f"{source.id} is of group {source.group}, {target.id} of {target.group}")
    if leg.to_address != target.address:
        raise Denied("sweep.address", f"{target.id} is {target.address}, not {leg.to_address}")
    if source.id == target.id or not _direction_allowed(source, target):
        raise Denied("sweep.direction", f"not from {source.kind} to {target.kind}")
    if leg.amount <= 0:
        raise Denied("sweep.amount", "must be above zero")
    if leg.fee_asset != network.fee_asset:
        raise Denied("sweep.fee_asset", f"{network.id} is paid in {network.fee_asset}")
    if not 0 < leg.fee_cap <= network.fee_cap(leg.asset, leg.amount):
        most = network.fee_cap(leg.asset, leg.amount)
        raise Denied("sweep.fee_cap", f"must be from 1 to {most}, not {leg.fee_cap}")


def _direction_allowed(source: Wallet, target: Wallet) -> bool:
    return (source.kind in _REFILL and target.kind in {WalletKind.HOT, *_REFILL}) or (
        source.kind is WalletKind.HOT and target.kind in _REFILL
    )


def check_planner_bound(policy: Policy, body: SweepBody) -> None:
    """Require that a destination gets at most its target, in one leg or in several of one statement.

    Raises Denied `sweep.planner_bound`; a destination without a band gets nothing from the planner.
    """
    brought: dict[tuple[str, str], int] = {}
    for index, leg in enumerate(body.legs):
        try:
            band = policy.wallet(leg.to_wallet).bands.get(leg.asset)
        except NotFound as error:
            raise Denied("sweep.unknown_wallet", f"legs[{index}]: {error}") from None
        key = (leg.to_wallet, leg.asset)
        brought[key] = brought.get(key, 0) + leg.amount
        if band is None or brought[key] > band.target:
            raise Denied("sweep.planner_bound", f"legs[{index}]: above the target of {leg.to_wallet}")
