"""One hot wallet's payouts that have not ended, with all that signing them needs, read at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custody.errors import InvariantBroken
from custody.ledger import WithdrawalView, ulid_text
from custody.model.payout import Payout
from custody.model.policy import Policy
from custody.services.commands import State

__all__ = ["Lane", "read_lane"]


@dataclass(frozen=True, slots=True)
class Lane:
    """What a step sees.

    By payout id: `views` of what waits for a signature, `halted` which halt stops it, `reserved` what wallet and house
    set aside for its fee.
    """

    policy: Policy
    deployment: bytes
    payouts: tuple[Payout, ...]
    views: Mapping[str, WithdrawalView]
    halted: Mapping[str, str]
    reserved: Mapping[str, int]


def read_lane(state: State, wallet: str) -> Lane:
    """The wallet's lane now, in the order planned."""
    control, ledger = state.control, state.ledger
    payouts = tuple(control.active_payouts(wallet))
    views: dict[str, WithdrawalView] = {}
    halted: dict[str, str] = {}
    reserved: dict[str, int] = {}
    for payout in payouts:
        terms = ledger.payout(payout.id)
        reserved[payout.id] = terms.fee_reserved if terms is not None else 0
        if payout.unsigned is None:
            continue
        view = ledger.withdrawal(ulid_text(payout.withdrawal_ids[0]))
        if view is None:
            raise InvariantBroken(f"payout {payout.id} pays a withdrawal that the ledger does not know")
        views[payout.id] = view
        stop = ledger.halt_of(view.withdrawal_id)
        if stop is not None:
            halted[payout.id] = stop
    governance = control.governance
    return Lane(governance.policy, governance.deployment, payouts, views, halted, reserved)
