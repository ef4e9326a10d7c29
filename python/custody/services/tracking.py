"""Our transactions that are not final yet, payouts and legs alike, as the watcher of one network sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from custody.errors import InvariantBroken
from custody.ledger import ulid_text
from custody.model.leg import Leg, LegState
from custody.model.payout import Payout, PayoutState
from custody.model.policy import AssetRule
from custody.model.transaction import Seen
from custody.ports import BlockRef, Receipt
from custody.services.commands import State

__all__ = ["Event", "Expected", "Finding", "Tracked", "tracked"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a transaction must have done: so much of the asset from our wallet to an address.

    That is `to`, or what the withdrawal's intent names: the record that holds it, the leaf, the intent's SHA-256.
    """

    asset: AssetRule
    to: str | tuple[int, int, bytes]
    amount: int


@dataclass(frozen=True, slots=True)
class Tracked:
    """One payout or leg with at least one signed version; `hashes` newest version first."""

    kind: Literal["payout", "leg"]
    id: str
    wallet: str
    sender: str
    nonce: int
    hashes: tuple[bytes, ...]
    seen: Seen | None
    expected: Expected

    def final_height(self, head: BlockRef, final: BlockRef) -> int:
        """The height at or below which it is final, as its asset says."""
        rule = self.expected.asset.final
        return final.height if rule == "finalized" else head.height - int(rule) + 1


Event = Literal["confirmed", "reorged", "paid", "paid_and_more", "reverted", "no_transfer", "foreign"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the chain says of one of them now. `receipt` is None for `reorged` and `foreign`."""

    tracked: Tracked
    event: Event
    receipt: Receipt | None = None


def tracked(state: State, network: str) -> list[Tracked]:
    """Everything of a network that has signed bytes and has not ended, in the order planned."""
    control = state.control
    policy = control.governance.policy
    found: list[Tracked] = []
    for payout in control.active_payouts():
        wallet = policy.wallet(payout.wallet)
        if wallet.network == network and payout.state is not PayoutState.PLANNED:
            found.append(_payout(state, payout, wallet.address))
    for leg in control.active_legs():
        wallet = policy.wallet(leg.terms.from_wallet)
        if wallet.network == network and leg.state in (
            LegState.SIGNED,
            LegState.BROADCAST,
            LegState.CONFIRMED,
        ):
            found.append(_leg(state, leg, wallet.address))
    return found


def _payout(state: State, payout: Payout, sender: str) -> Tracked:
    if len(payout.withdrawal_ids) != 1:
        raise InvariantBroken(f"payout {payout.id}: one transaction pays one withdrawal on an account chain")
    view = state.ledger.withdrawal(ulid_text(payout.withdrawal_ids[0]))
    if view is None:
        raise InvariantBroken(f"payout {payout.id} pays a withdrawal that the ledger does not know")
    asset = state.control.governance.policy.asset(view.asset)
    expected = Expected(
        asset, (view.sequence, view.leaf, view.intent_sha256), payout.versions[0].net_amounts[0]
    )
    hashes = tuple(version.transaction_hash for version in reversed(payout.signed_versions))
    return Tracked("payout", payout.id, payout.wallet, sender, payout.nonce, hashes, payout.seen, expected)


def _leg(state: State, leg: Leg, sender: str) -> Tracked:
    asset = state.control.governance.policy.asset(leg.terms.asset)
    expected = Expected(asset, leg.terms.to_address, leg.terms.amount)
    hashes = tuple(version.transaction_hash for version in reversed(leg.signed_versions))
    return Tracked("leg", leg.id, leg.terms.from_wallet, sender, leg.nonce, hashes, leg.seen, expected)
