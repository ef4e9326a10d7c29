"""Which withdrawals are paid next, by what transaction: decided in the writer, so that nothing is spent twice.

A plan binds a withdrawal to one conflict key; what wallet and house give for a whole batch is added up here, since the
ledger looks at each plan of a batch by itself.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

from custody.api.journal.v1 import record_pb2, withdrawal_pb2
from custody.ledger import Ledger, PayoutItem, WithdrawalView, ulid_bytes, ulid_text
from custody.model.payout import Payout, PayoutState
from custody.model.policy import Network, Policy, Wallet
from custody.model.transaction import EvmTerms, conflict_key
from custody.ports import FeeQuote
from custody.services.cap_meter import CapMeter, Room
from custody.services.commands import Decision, Draft, State
from custody.services.fees import fee_reserved, first_terms
from custody.services.ids import make_ulid

__all__ = ["PlanOrder", "Planned", "abandon_payouts", "evm_message", "plan_payouts", "replan_payout"]

_MOST_LOOKED_AT = 16_384  # some 100 ms of the writer's time
_MOST = 2**128 - 1


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """What the worker knows when it asks for a batch: the chain's price and nonce, and what to pass over."""

    wallet: str
    most: int
    quote: FeeQuote
    chain_nonce: int
    aside: Collection[bytes] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """The new payouts' ids, in the order of nonces, and whether something waited for a lower fee or for the house."""

    payout_ids: tuple[str, ...] = ()
    fee_above_cap: bool = False
    house_empty: bool = False
    cap_reached: bool = False


@dataclass(frozen=True, slots=True)
class _Choice:
    view: WithdrawalView
    terms: EvmTerms
    reserved: int
    net_amount: int
    fee_charged: int


class _Budget:
    """What wallet and house can still give; a native payment leaves the gas reserve untouched."""

    def __init__(self, ledger: Ledger, policy: Policy, wallet: Wallet, network: Network) -> None:
        self._account = f"wallet:{wallet.id}"
        self._ledger = ledger
        self._network = network
        self._left: dict[str, int] = {}
        self.house = ledger.available(network.fee_asset, f"pool:{policy.house_pool}")

    def left(self, asset: str) -> int:
        """What the wallet can still give of an asset."""
        if asset not in self._left:
            self._left[asset] = self._ledger.available(asset, self._account)
        return self._left[asset]

    def most(self, fee: int) -> dict[str, int]:
        """The most that can still be paid of the assets asked for so far; of the native one beside reserve and fee."""
        asset = self._network.fee_asset
        native = max(0, self.left(asset) - self._network.gas_reserve - fee)
        return {**self._left, asset: native}

    def take(self, choice: _Choice) -> bool:
        """Spend what a payment needs, or nothing."""
        fee_asset, asset = self._network.fee_asset, choice.view.asset
        native = self.left(fee_asset) - choice.reserved
        if asset == fee_asset:
            native -= choice.net_amount
            if native < self._network.gas_reserve:
                return False
        elif native < 0 or self.left(asset) < choice.net_amount:
            return False
        if self.house < choice.reserved:
            return False
        self.house -= choice.reserved
        self._left[fee_asset] = native
        if asset != fee_asset:
            self._left[asset] -= choice.net_amount
        return True


def plan_payouts(state: State, order: PlanOrder, meter: CapMeter) -> Decision[Planned]:
    """Decide the next batch of a wallet; nothing at all is a decision without records."""
    ledger, control = state.ledger, state.control
    policy = control.governance.policy
    wallet = policy.wallet(order.wallet)
    network = policy.network(wallet.network)
    chosen, outcome = _choose(state, order, meter, policy, wallet, network)
    if not chosen:
        return Decision((), outcome)
    nonces = control.plan_nonces(wallet.id, len(chosen), order.chain_nonce)
    plans: list[withdrawal_pb2.PayoutPlan] = []
    facts: list[bytes] = []
    for choice, nonce in zip(chosen, nonces, strict=True):
        view, terms = choice.view, replace(choice.terms, nonce=nonce)
        payout_id = make_ulid(
            state.now_ms, "payout", wallet.id, nonce, view.withdrawal_id, state.next_sequence
        )
        item = PayoutItem(view.withdrawal_id, choice.net_amount, choice.fee_charged)
        facts.append(
            ledger.decide_assign(
                payout_id, wallet.id, [item], network.fee_asset, choice.reserved, state.now_ms
            )
        )
        plans.append(
            withdrawal_pb2.PayoutPlan(
                payout_id=payout_id,
                wallet=wallet.id,
                withdrawal_ids=[ulid_bytes(view.withdrawal_id)],
                version=1,
                conflict_key=conflict_key(network.id, wallet.address, nonce),
                evm=evm_message(terms),
                net_amounts=[str(choice.net_amount)],
            )
        )
    message = withdrawal_pb2.PayoutsPlanned(payouts=plans)
    draft = Draft(record_pb2.RECORD_KIND_PAYOUTS_PLANNED, message, tuple(facts))
    return Decision((draft,), replace(outcome, payout_ids=tuple(plan.payout_id for plan in plans)))


def _choose(
    state: State, order: PlanOrder, meter: CapMeter, policy: Policy, wallet: Wallet, network: Network
) -> tuple[list[_Choice], Planned]:
    ledger, cancelling = state.ledger, state.control.cancellations
    least_fee = policy.asset(network.fee_asset).gas_limit * (
        order.quote.base_fee_per_gas + order.quote.max_priority_fee_per_gas
    )
    passed_over = {ulid_text(raw) for raw in (*cancelling, *order.aside)}
    budget = _Budget(ledger, policy, wallet, network)
    room = meter.room(wallet, state.control, ledger, state.now_ms)
    sizes: dict[str, tuple[int, int]] = {}
    chosen: list[_Choice] = []
    fee_above_cap = cap_reached = False
    most, looked_at = order.most, 0
    # What cannot be paid is passed over and the rest looked at again: it must not hide what stands behind it.
    while len(chosen) < order.most and looked_at < _MOST_LOOKED_AT:
        ids = ledger.select(
            wallet.id,
            state.now_ms,
            most,
            network.fee_asset,
            least_fee,
            passed_over,
            max_amounts=budget.most(least_fee),
            sizes=sizes,
        )
        if not ids:
            break
        passed_over.update(ids)
        looked_at += len(ids)
        most *= 2
        for withdrawal_id in ids:
            if len(chosen) == order.most:
                break
            view = ledger.withdrawal(withdrawal_id)
            choice = _price(policy, network, view, order.quote) if view is not None else None
            if choice is None:
                fee_above_cap = True
                continue
            amounts = {choice.view.asset: choice.net_amount}
            amounts[network.fee_asset] = amounts.get(network.fee_asset, 0) + choice.reserved
            if not room.fits(amounts):
                cap_reached = True
            elif budget.take(choice):
                room.take(amounts)
                chosen.append(choice)
        if fee_above_cap or cap_reached:
            # Thousands more may be like those: they are not looked at one by one.
            sizes = _sizes(policy, network, order.quote, room)
    house_empty = budget.house < least_fee
    return chosen, Planned((), fee_above_cap, house_empty, cap_reached)


def _sizes(policy: Policy, network: Network, quote: FeeQuote, room: Room) -> dict[str, tuple[int, int]]:
    """From how much to how much (base units) one of each asset may have: its fee above the cap below, no room above."""
    price = quote.base_fee_per_gas + quote.max_priority_fee_per_gas
    sizes = {}
    for asset in policy.assets:
        fee, share = asset.gas_limit * price, network.fee_cap_share
        least = 0 if fee <= network.fee_cap_absolute else _MOST
        if share is not None and asset.id == network.fee_asset:
            least = max(least, min(_MOST, math.ceil(fee / share)) if share else _MOST)
        sizes[asset.id] = (least, max(0, room.left.get(asset.id, 0)))
    return sizes


def _price(policy: Policy, network: Network, view: WithdrawalView, quote: FeeQuote) -> _Choice | None:
    asset = policy.asset(view.asset)
    cap = network.fee_cap(view.asset, view.amount)
    deduct = view.max_network_fee is not None
    first_cap = min(cap, view.max_network_fee or 0) if deduct else cap
    terms = first_terms(quote, 0, asset.gas_limit, first_cap)
    if terms is None:
        return None
    charged = terms.max_fee if deduct else 0
    return _Choice(view, terms, fee_reserved(terms, cap), view.amount - charged, charged)


def evm_message(terms: EvmTerms) -> withdrawal_pb2.EvmTerms:
    """Terms as records hold them."""
    return withdrawal_pb2.EvmTerms(
        nonce=terms.nonce,
        gas_limit=terms.gas_limit,
        max_fee_per_gas=str(terms.max_fee_per_gas),
        max_priority_fee_per_gas=str(terms.max_priority_fee_per_gas),
    )


def replan_payout(state: State, payout: Payout, terms: EvmTerms) -> Decision[None]:
    """A further version at another price, with the same nonce and effects; nothing if the payout went on meanwhile."""
    now = state.control.payouts[payout.id]
    if now.state is not PayoutState.BROADCAST or now.unsigned is not None or now.versions != payout.versions:
        return Decision((), None)
    plan = withdrawal_pb2.PayoutPlan(
        payout_id=now.id,
        wallet=now.wallet,
        withdrawal_ids=now.withdrawal_ids,
        version=len(now.versions) + 1,
        conflict_key=now.conflict_key,
        evm=evm_message(terms),
        net_amounts=[str(amount) for amount in now.versions[0].net_amounts],
    )
    message = withdrawal_pb2.PayoutsPlanned(payouts=[plan])
    return Decision((Draft(record_pb2.RECORD_KIND_PAYOUTS_PLANNED, message),), None)


def abandon_payouts(state: State, payout_ids: Collection[str], tag: str, ends: str) -> Decision[None]:
    """Give plans up that were never signed; the withdrawals of the one called `ends` will end with this tag."""
    payouts = [state.control.payouts[payout_id] for payout_id in payout_ids]
    payouts = [payout for payout in payouts if payout.state is PayoutState.PLANNED]
    if not payouts:
        return Decision((), None)
    items = [withdrawal_pb2.AbandonedPayout(payout_id=payout.id, tag=tag) for payout in payouts]
    facts = tuple(state.ledger.decide_unassign(payout.id) for payout in payouts)
    message = withdrawal_pb2.PayoutsAbandoned(payouts=items)
    drafts = [Draft(record_pb2.RECORD_KIND_PAYOUTS_ABANDONED, message, facts)]
    expired = tag == "intent.expired"
    end = withdrawal_pb2.WITHDRAWAL_END_EXPIRED if expired else withdrawal_pb2.WITHDRAWAL_END_CANCELLED
    for payout in payouts:
        if payout.id == ends:
            drafts += [
                Draft(
                    record_pb2.RECORD_KIND_CANCELLATION_REQUESTED,
                    withdrawal_pb2.CancellationRequested(withdrawal_id=withdrawal_id, end=end, tag=tag),
                )
                for withdrawal_id in payout.withdrawal_ids
            ]
    return Decision(tuple(drafts), None)
