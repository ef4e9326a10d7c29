"""What may be read of withdrawals: found and put together in the writer's thread, so that one answer is one moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from custody.errors import Malformed, NotFound
from custody.ledger import (
    AttemptView,
    BlockerKind,
    BlockerView,
    End,
    Eta,
    LedgerState,
    WithdrawalView,
    ulid_bytes,
)
from custody.model.payout import Payout, PayoutState
from custody.model.withdrawal_book import Cancellation, Ended
from custody.services.commands import State

__all__ = [
    "Answered",
    "WithdrawalRead",
    "WithdrawalState",
    "answered",
    "find",
    "find_by_id",
    "listed",
    "read_withdrawal",
    "state_of",
]

WithdrawalState = str
"""HELD, QUEUED, SIGNING, BROADCAST, CONFIRMED, FINAL, CANCELLED, EXPIRED or REFUNDED, as the API says it."""

_OF_PAYOUT = {
    PayoutState.PLANNED: "SIGNING",
    PayoutState.SIGNED: "BROADCAST",
    PayoutState.BROADCAST: "BROADCAST",
    PayoutState.CONFIRMED: "CONFIRMED",
}
_IN_LEDGER: dict[str, tuple[LedgerState | End, ...]] = {
    "HELD": (LedgerState.HELD,),
    "QUEUED": (LedgerState.QUEUED,),
    "SIGNING": (LedgerState.ASSIGNED,),
    "BROADCAST": (LedgerState.ASSIGNED,),
    "CONFIRMED": (LedgerState.ASSIGNED,),
    "FINAL": (LedgerState.POSTED,),
    "CANCELLED": (End.CANCELLED,),
    "EXPIRED": (End.EXPIRED,),
    "REFUNDED": (End.REFUNDED,),
}
_SCAN_FACTOR = (
    8  # how many ledger rows a page may look at for each that it shows, where a payout's state filters
)


@dataclass(frozen=True, slots=True)
class WithdrawalRead:
    """One withdrawal at one moment: the ledger's view, its payout, why it waits, and the row that this is as of."""

    view: WithdrawalView
    state: WithdrawalState
    payout: Payout | None
    blockers: tuple[BlockerView, ...]
    position: int
    eta: Eta | None
    cancellation: Cancellation | None
    ended: Ended | None
    final_ms: int
    as_of: int


def state_of(view: WithdrawalView, payout: Payout | None) -> WithdrawalState:
    """The state that the API shows, from the ledger's and the payout's."""
    match view.state:
        case LedgerState.POSTED:
            return "FINAL"
        case LedgerState.VOIDED if view.end is not None:
            return view.end.value
        case LedgerState.ASSIGNED if payout is not None:
            return _OF_PAYOUT.get(payout.state, "SIGNING")
        case LedgerState.ASSIGNED:
            return "SIGNING"
        case _:
            return view.state.value


def read_withdrawal(state: State, view: WithdrawalView) -> WithdrawalRead:
    """Put together what is known of one withdrawal."""
    id_ = ulid_bytes(view.withdrawal_id)
    payout = state.control.payouts.get(view.payout_id) if view.payout_id else None
    waits = view.state in (LedgerState.HELD, LedgerState.QUEUED)
    ended = state.control.ended.get(id_)
    seen_ms = payout.seen.block_ms if payout is not None and payout.seen is not None else 0
    final_ms = ended.ended_ms if ended is not None else seen_ms
    return WithdrawalRead(
        view=view,
        state=state_of(view, payout),
        payout=payout,
        blockers=_blockers(state, view) if waits else (),
        position=state.ledger.position(view.withdrawal_id) or 0,
        eta=None if id_ in state.control.cancellations else _eta(state, view),
        cancellation=state.control.cancellations.get(id_),
        ended=ended,
        final_ms=final_ms if view.state in (LedgerState.POSTED, LedgerState.VOIDED) else 0,
        as_of=state.next_sequence - 1,
    )


def _eta(state: State, view: WithdrawalView) -> Eta | None:
    """By when it is likely paid; nothing once the time that was said has passed."""
    if view.state not in (LedgerState.QUEUED, LedgerState.ASSIGNED):
        return None
    eta = state.ledger.eta(view.withdrawal_id, state.now_ms)
    return eta if eta is not None and eta.p90_ms >= state.now_ms else None


def _blockers(state: State, view: WithdrawalView) -> tuple[BlockerView, ...]:
    """What the ledger says, which knows neither gas nor the gas reserve that a native payment leaves in its wallet."""
    found = tuple(state.ledger.blockers(view.withdrawal_id))
    policy, account = state.control.governance.policy, f"wallet:{view.wallet}"
    network = policy.network(policy.wallet(view.wallet).network)
    known = any(blocker.kind is BlockerKind.LIQUIDITY for blocker in found)
    if view.state is not LedgerState.QUEUED or known:
        return found
    needed = network.fee_cap(view.asset, view.amount)
    if view.asset == network.fee_asset:
        needed += view.amount + network.gas_reserve
    if state.ledger.available(network.fee_asset, account) < needed:
        return (*found, BlockerView(BlockerKind.LIQUIDITY, "ledger.wallet_short", ""))
    return found


def find_by_id(state: State, withdrawal_id: str, initiator: str | None) -> WithdrawalRead:
    """One withdrawal by its id; of this initiator alone, unless it is None. Raises `NotFound` or `Malformed`."""
    view = state.ledger.withdrawal(withdrawal_id)
    if view is None or initiator not in (None, view.initiator):
        raise NotFound("withdrawal", withdrawal_id)
    return read_withdrawal(state, view)


def find(state: State, initiator: str, reference: str, attempt: int) -> WithdrawalRead:
    """One withdrawal by its initiator's reference, the newest attempt when 0. Raises `NotFound`."""
    if not initiator or not reference:
        raise Malformed("key", "needs withdrawal_id, or initiator and reference")
    view = state.ledger.by_reference(initiator, reference, attempt)
    if view is None:
        raise NotFound("withdrawal", f"{initiator}/{reference}")
    return read_withdrawal(state, view)


@dataclass(frozen=True, slots=True)
class Answered:
    """What intake answered for good to one attempt, and the withdrawal unless it was rejected."""

    attempt: AttemptView
    read: WithdrawalRead | None


def answered(state: State, key: bytes, attempt: int) -> Answered:
    """The answer to an attempt under a `reference_key`, the newest when 0. Raises `NotFound`."""
    attempts = state.ledger.attempts(key)
    wanted = [each for each in attempts if attempt in (0, each.number)]
    if not wanted:
        raise NotFound("withdrawal", f"attempt {attempt} of {key.hex()}")
    found = wanted[-1]
    view = None if found.withdrawal_id is None else state.ledger.withdrawal(found.withdrawal_id)
    return Answered(found, None if view is None else read_withdrawal(state, view))


def listed(
    state: State,
    *,
    states: Iterable[WithdrawalState],
    initiator: str | None,
    reference: str | None,
    customer: str | None,
    asset: str | None,
    accepted_from_ms: int | None,
    accepted_to_ms: int | None,
    before: str | None,
    size: int,
) -> tuple[list[WithdrawalRead], str]:
    """One page, newest first, and the id to go on from (empty at the end)."""
    wanted = frozenset(states)
    in_ledger = {found for name in wanted for found in _IN_LEDGER.get(name, ())}
    if wanted and not in_ledger:
        return [], ""
    exact = all(LedgerState.ASSIGNED not in _IN_LEDGER.get(name, ()) for name in wanted)
    most = size + 1 if exact else size * _SCAN_FACTOR
    views = state.ledger.withdrawals(
        states=sorted(in_ledger) if wanted else None,
        initiator=initiator,
        reference=reference,
        customer=customer,
        asset=asset,
        accepted_from_ms=accepted_from_ms,
        accepted_to_ms=accepted_to_ms,
        before=before,
        max_count=most,
    )
    page: list[WithdrawalRead] = []
    last = ""
    for view in views:
        if len(page) == size:
            return page, last
        payout = state.control.payouts.get(view.payout_id) if view.payout_id else None
        if not wanted or state_of(view, payout) in wanted:
            page.append(read_withdrawal(state, view))
        last = view.withdrawal_id
    return page, last if len(views) == most else ""
