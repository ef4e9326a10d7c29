"""From what the chain says to records and ledger facts, decided in the writer: only what was paid is posted."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from custody.api.journal.v1 import record_pb2, sweep_pb2, withdrawal_pb2
from custody.errors import Denied
from custody.model.leg import Leg, LegState
from custody.model.payout import Payout, PayoutState
from custody.model.transaction import Seen
from custody.ports import Receipt
from custody.services.commands import Decision, Draft, State
from custody.services.stops import stop_draft
from custody.services.tracking import Finding

__all__ = ["settle"]

_TAGS = {
    "paid": "",
    "paid_and_more": "chain.extra_transfer",
    "reverted": "chain.reverted",
    "no_transfer": "chain.no_transfer",
    "foreign": "chain.foreign_transaction",
}
_FEE_TAG = "ledger.fee_above_reserved"
_LIVE_PAYOUTS = frozenset({PayoutState.SIGNED, PayoutState.BROADCAST, PayoutState.CONFIRMED})
_LIVE_LEGS = frozenset({LegState.SIGNED, LegState.BROADCAST, LegState.CONFIRMED})


def settle(state: State, findings: Sequence[Finding]) -> Decision[int]:
    """The records of a look at the chain, what went away first and what became final last; how many became final."""
    batch = _Batch(state)
    for finding in findings:
        batch.add(finding)
    return batch.decision()


class _Batch:
    """One record of each kind for all payouts, one for each leg."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._reorged: list[withdrawal_pb2.SeenTransaction] = []
        self._confirmed: list[withdrawal_pb2.SeenTransaction] = []
        self._final: list[withdrawal_pb2.FinalPayout] = []
        self._facts: list[bytes] = []
        self._legs: list[Draft] = []
        self._stops: dict[str, str] = {}
        self._finals = 0

    def add(self, finding: Finding) -> None:
        """Take a finding in, unless what it is about ended meanwhile."""
        known = _known(self._state, finding)
        if known is None:
            return
        leg = finding.tracked.kind == "leg"
        if finding.event == "reorged":
            if known.seen is not None:
                gone = _was(known.id, known.seen)
                if leg:
                    self._add_leg(
                        record_pb2.RECORD_KIND_SWEEP_LEG_REORGED, sweep_pb2.SweepLegReorged(seen=gone)
                    )
                else:
                    self._reorged.append(gone)
        elif finding.event == "confirmed":
            seen = _seen(known.id, finding.receipt)
            if leg:
                self._add_leg(
                    record_pb2.RECORD_KIND_SWEEP_LEG_CONFIRMED, sweep_pb2.SweepLegConfirmed(seen=seen)
                )
            else:
                self._confirmed.append(seen)
        else:
            self._end(finding)

    def _add_leg(self, kind: int, message: Message, *facts: bytes) -> None:
        self._legs.append(Draft(kind, message, facts))

    def _end(self, finding: Finding) -> None:
        each, receipt, ledger = finding.tracked, finding.receipt, self._state.ledger
        done, tag = finding.event in ("paid", "paid_and_more"), _TAGS[finding.event]
        fee = receipt.gas_used * receipt.effective_gas_price if receipt is not None else 0
        seen = _seen(each.id, receipt)
        try:
            if each.kind == "payout":
                fact = ledger.decide_post(each.id, fee) if done else ledger.decide_fail(each.id, fee)
            else:
                decide = ledger.decide_sweep_arrive if done else ledger.decide_sweep_fail
                fact = decide(each.id, fee)
        except Denied as denied:
            if denied.tag != _FEE_TAG:
                raise
            # More than the signed bytes allow: not believed, and no reason to leave everything else unposted.
            self._stops[f"wallet:{each.wallet}"] = denied.tag
            return
        if each.kind == "payout":
            self._facts.append(fact)
            self._final.append(withdrawal_pb2.FinalPayout(seen=seen, paid=done, tag=tag, fee_paid=str(fee)))
        else:
            message = sweep_pb2.SweepLegFinal(seen=seen, moved=done, tag=tag, fee_paid=str(fee))
            self._add_leg(record_pb2.RECORD_KIND_SWEEP_LEG_FINAL, message, fact)
        self._finals += 1
        if finding.event == "foreign":
            self._stops[f"wallet:{each.wallet}"] = tag
        if finding.event in ("no_transfer", "paid_and_more"):
            self._stops[f"asset:{each.expected.asset.id}"] = tag

    def decision(self) -> Decision[int]:
        """All of it, in an order that every payout's own table allows."""
        drafts: list[Draft] = []
        if self._reorged:
            message: Message = withdrawal_pb2.PayoutsReorged(payouts=self._reorged)
            drafts.append(Draft(record_pb2.RECORD_KIND_PAYOUTS_REORGED, message))
        if self._confirmed:
            message = withdrawal_pb2.PayoutsConfirmed(payouts=self._confirmed)
            drafts.append(Draft(record_pb2.RECORD_KIND_PAYOUTS_CONFIRMED, message))
        if self._final:
            message = withdrawal_pb2.PayoutsFinal(payouts=self._final)
            drafts.append(Draft(record_pb2.RECORD_KIND_PAYOUTS_FINAL, message, tuple(self._facts)))
        drafts += self._legs
        for scope, reason in self._stops.items():
            stop = stop_draft(self._state, len(drafts), (scope,), reason)
            if stop is not None:
                drafts.append(stop)
        return Decision(tuple(drafts), self._finals)


def _known(state: State, finding: Finding) -> Payout | Leg | None:
    """The payout or leg as it is now, unless it ended meanwhile."""
    each = finding.tracked
    if each.kind == "payout":
        payout = state.control.payouts[each.id]
        return payout if payout.state in _LIVE_PAYOUTS else None
    leg = state.control.legs[each.id]
    return leg if leg.state in _LIVE_LEGS else None


def _seen(id_: str, receipt: Receipt | None) -> withdrawal_pb2.SeenTransaction:
    if receipt is None:
        return withdrawal_pb2.SeenTransaction(id=id_)
    return withdrawal_pb2.SeenTransaction(
        id=id_,
        transaction_hash=receipt.transaction_hash,
        block_height=receipt.block.height,
        block_hash=receipt.block.hash,
        block_unix_ms=receipt.block.time_ms,
    )


def _was(id_: str, seen: Seen) -> withdrawal_pb2.SeenTransaction:
    return withdrawal_pb2.SeenTransaction(
        id=id_,
        transaction_hash=seen.transaction_hash,
        block_height=seen.block_height,
        block_hash=seen.block_hash,
        block_unix_ms=seen.block_ms,
    )
