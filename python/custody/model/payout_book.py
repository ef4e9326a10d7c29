"""Every payout and the withdrawals it pays: one withdrawal has at most one payout that is not abandoned, ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from custody.api.journal.v1 import withdrawal_pb2 as pb
from custody.errors import InvariantBroken
from custody.model import payout as table
from custody.model.nonces import NonceLanes
from custody.model.payout import Payout, PayoutEvent
from custody.model.transaction import (
    Version,
    add_version,
    index_of,
    read_amount,
    read_seen,
    read_terms,
    set_broadcast,
    set_signed,
)
from custody.model.withdrawal_book import WithdrawalBook


class PayoutBook:
    """Payouts by id; `of_withdrawal` maps a withdrawal's id to its payout's."""

    def __init__(self, lanes: NonceLanes, withdrawals: WithdrawalBook) -> None:
        self.payouts: dict[str, Payout] = {}
        self.of_withdrawal: dict[bytes, str] = {}
        self._active: dict[str, dict[str, None]] = {}
        self._lanes = lanes
        self._withdrawals = withdrawals

    def active(self, wallet: str | None = None) -> Iterator[Payout]:
        """Payouts that have not ended, of one wallet or of all, in the order planned."""
        for name in [wallet] if wallet is not None else list(self._active):
            yield from (self.payouts[payout_id] for payout_id in self._active.get(name, ()))

    def planned(self, message: pb.PayoutsPlanned, now_ms: int) -> None:
        """New payouts, or further versions."""
        for plan in message.payouts:
            known = self.payouts.get(plan.payout_id)
            amounts = tuple(read_amount(amount) for amount in plan.net_amounts)
            version = Version(plan.version, read_terms(plan.evm), amounts)
            if known is None:
                self._open(plan, version, now_ms)
            else:
                self._replan(known, plan, version)

    def _open(self, plan: pb.PayoutPlan, version: Version, now_ms: int) -> None:
        what = f"payout {plan.payout_id}"
        ids = tuple(plan.withdrawal_ids)
        if not plan.payout_id or not plan.wallet or not plan.conflict_key:
            raise InvariantBroken(f"{what}: id, wallet or conflict key is missing")
        if not ids or len(set(ids)) != len(ids) or len(ids) != len(version.net_amounts):
            raise InvariantBroken(f"{what}: withdrawals and net amounts do not pair")
        for withdrawal_id in ids:
            if withdrawal_id in self.of_withdrawal:
                raise InvariantBroken(
                    f"{what}: {withdrawal_id.hex()} has payout {self.of_withdrawal[withdrawal_id]}"
                )
            self._withdrawals.require_payable(withdrawal_id)
        versions = add_version((), version, what)
        state = table.next_state(None, PayoutEvent.PLANNED, plan.payout_id)
        self._lanes.take(plan.wallet, version.terms.nonce)
        key, nonce = plan.conflict_key, version.terms.nonce
        self._put(Payout(plan.payout_id, plan.wallet, ids, key, nonce, state, versions, now_ms))
        self.of_withdrawal.update(dict.fromkeys(ids, plan.payout_id))

    def _replan(self, known: Payout, plan: pb.PayoutPlan, version: Version) -> None:
        same = (plan.wallet, tuple(plan.withdrawal_ids), plan.conflict_key)
        if same != (known.wallet, known.withdrawal_ids, known.conflict_key):
            raise InvariantBroken(f"payout {known.id}: a version pays otherwise than the first")
        state = table.next_state(known.state, PayoutEvent.PLANNED, known.id)
        versions = add_version(known.versions, version, f"payout {known.id}")
        self._put(replace(known, state=state, versions=versions))

    def signed(self, message: pb.PayoutsSigned) -> None:
        """Signed bytes became durable."""
        for item in message.payouts:
            known = self._known(item.payout_id)
            state = table.next_state(known.state, PayoutEvent.SIGNED, known.id)
            versions = set_signed(known.versions, item, f"payout {known.id}")
            self._put(replace(known, state=state, versions=versions))

    def broadcast(self, message: pb.PayoutsBroadcast) -> None:
        """A node took the bytes."""
        for seen in message.payouts:
            known = self._known(seen.id)
            state = table.next_state(known.state, PayoutEvent.BROADCAST, known.id)
            versions = set_broadcast(known.versions, seen.transaction_hash, f"payout {known.id}")
            self._put(replace(known, state=state, versions=versions))

    def confirmed(self, message: pb.PayoutsConfirmed) -> None:
        """A block holds one version."""
        self._seen(message.payouts, PayoutEvent.CONFIRMED)

    def reorged(self, message: pb.PayoutsReorged) -> None:
        """The block is gone."""
        self._seen(message.payouts, PayoutEvent.REORGED)

    def _seen(self, items: Iterable[pb.SeenTransaction], event: PayoutEvent) -> None:
        for seen in items:
            known = self._known(seen.id)
            state = table.next_state(known.state, event, known.id)
            index_of(known.versions, seen.transaction_hash, f"payout {known.id}")
            place = read_seen(seen) if event is PayoutEvent.CONFIRMED else None
            self._put(replace(known, state=state, seen=place))

    def final(self, message: pb.PayoutsFinal) -> None:
        """Conflict keys are spent for good; by a stranger's transaction only when not paid."""
        for item in message.payouts:
            known = self._known(item.seen.id)
            event = PayoutEvent.PAID if item.paid else PayoutEvent.FAILED
            state = table.next_state(known.state, event, known.id)
            if item.paid:
                index_of(known.versions, item.seen.transaction_hash, f"payout {known.id}")
            fee = read_amount(item.fee_paid)
            self._put(replace(known, state=state, seen=read_seen(item.seen), fee_paid=fee, tag=item.tag))

    def abandoned(self, message: pb.PayoutsAbandoned) -> None:
        """Plans given up before any signature: the withdrawals are free again, and so is the nonce."""
        for item in message.payouts:
            known = self._known(item.payout_id)
            state = table.next_state(known.state, PayoutEvent.ABANDONED, known.id)
            self._put(replace(known, state=state, tag=item.tag))
            for withdrawal_id in known.withdrawal_ids:
                del self.of_withdrawal[withdrawal_id]
            self._lanes.release(known.wallet, known.nonce)

    def _known(self, payout_id: str) -> Payout:
        known = self.payouts.get(payout_id)
        if known is None:
            raise InvariantBroken(f"payout {payout_id} was never planned")
        return known

    def _put(self, payout: Payout) -> None:
        self.payouts[payout.id] = payout
        lane = self._active.setdefault(payout.wallet, {})
        if payout.ended:
            lane.pop(payout.id, None)
        else:
            lane[payout.id] = None

    def canonical(self) -> object:
        """The same for the same payouts, for the state's hash."""
        return [self.payouts[payout_id] for payout_id in sorted(self.payouts)]
