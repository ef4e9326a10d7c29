"""EventService: the journal as clients may follow it, in order and without gaps, each with the state as it is now.

Rows are read from the journal; the writer is asked only for what the events are about, a few at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from custody import statements
from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.api.journal.v1 import withdrawal_pb2 as journal_pb2
from custody.api.v1 import event_pb2, proposal_pb2, sweep_pb2, withdrawal_pb2
from custody.errors import Malformed, Unavailable
from custody.ledger import ulid_text
from custody.model import events
from custody.ports import Journal, Row
from custody.rpc.endpoint import Call
from custody.server.withdrawal_message import cursor, timestamp
from custody.server.withdrawals import Reader, initiator_of
from custody.services.commands import State
from custody.services.writer import Writer

__all__ = ["Events", "Touched", "touched_by"]

HEARTBEAT_S = 5.0
_WAIT_S = 1.0  # how soon a follower that left, or a stopping server, gives the thread back
_PAGE_ROWS = 16
_CHUNK = 200  # withdrawals asked of the writer at once, so that nobody waits long behind a follower

T = TypeVar("T", bound=Message)


@dataclass(slots=True)
class Touched:
    """What a row is about, by id."""

    type: event_pb2.EventType.ValueType
    withdrawals: list[str] = field(default_factory=list)
    proposals: list[str] = field(default_factory=list)
    sweeps: list[str] = field(default_factory=list)
    halt: event_pb2.HaltNotice | None = None


class Events:
    """See event.proto."""

    def __init__(
        self,
        writer: Writer,
        journal: Journal,
        reader: Reader,
        stopping: Callable[[], bool],
        *,
        proposal: Callable[[State, str], proposal_pb2.Proposal],
        sweep: Callable[[State, str], sweep_pb2.Sweep],
    ) -> None:
        """`proposal` and `sweep` read one by id in the writer's thread."""
        self._writer = writer
        self._journal = journal
        self._reader = reader
        self._stopping = stopping
        self._proposal = proposal
        self._sweep = sweep

    def Subscribe(
        self, request: event_pb2.SubscribeRequest, call: Call
    ) -> Iterator[event_pb2.SubscribeResponse]:
        """Every event after the cursor, for ever; a heartbeat when it was quiet for five seconds."""
        after = self._begin(request)
        own = initiator_of(call.principal)
        told_s, silent = time.monotonic(), True
        while call.alive():
            if self._stopping():
                raise Unavailable("server", "is stopping: subscribe again from the last cursor")
            head = self._writer.head.sequence
            if after < head:
                for row in self._journal.read(after, min(_PAGE_ROWS, head - after)):
                    for event in self._events(row, own):
                        told_s, silent = time.monotonic(), False
                        yield event_pb2.SubscribeResponse(event=event)
                    after = row.sequence
            # Behind many rows of others too; and at once where there is nothing to tell: the caller knows the head.
            if time.monotonic() - told_s >= HEARTBEAT_S or (silent and after >= head):
                told_s, silent = time.monotonic(), False
                yield event_pb2.SubscribeResponse(event=self._heartbeat(after))
            if after >= head:
                self._writer.wait_beyond(after, _WAIT_S)

    def _begin(self, request: event_pb2.SubscribeRequest) -> int:
        mine = [c for c in request.cursors if c.partition in ("", self._writer.partition)]
        if len(mine) != len(request.cursors) or len(mine) > 1:
            raise Malformed("cursors", f"at most one, of partition {self._writer.partition!r}")
        after = mine[0].sequence if mine else 0
        head = self._writer.head.sequence
        if after > head:
            raise Malformed("cursors", f"row {after} is beyond the head, {head}")
        return after

    def _heartbeat(self, sequence: int) -> event_pb2.Event:
        return event_pb2.Event(
            cursor=cursor(self._writer.partition, sequence),
            type=event_pb2.EVENT_TYPE_HEARTBEAT,
            last_of_row=True,
        )

    def _events(self, row: Row, own: str | None) -> list[event_pb2.Event]:
        header_bytes, leaves = statements.unpack_record(row.record)
        touched = touched_by(row.kind, leaves, self._payout_withdrawals)
        if touched is None:
            return []
        made = [event_pb2.Event(withdrawal=each) for each in self._withdrawals(touched.withdrawals, own)]
        if own is None:
            made += [event_pb2.Event(proposal=each) for each in self._read(self._proposal, touched.proposals)]
            made += [event_pb2.Event(sweep=each) for each in self._read(self._sweep, touched.sweeps)]
            if touched.halt is not None:
                made.append(event_pb2.Event(halt=touched.halt))
            if not made:
                made.append(event_pb2.Event())
        header = record_pb2.RecordHeader.FromString(header_bytes)
        for event in made:
            event.cursor.CopyFrom(cursor(self._writer.partition, row.sequence))
            event.recorded_at.MergeFrom(timestamp(header.recorded_unix_ms) or event.recorded_at)
            event.type = touched.type
            event.actor = header.principal
            event.record_kind = events.KIND_NAMES[row.kind]
        if made:
            made[-1].last_of_row = True
        return made

    def _withdrawals(self, ids: Sequence[str], own: str | None) -> Iterator[withdrawal_pb2.Withdrawal]:
        for start in range(0, len(ids), _CHUNK):
            yield from self._reader.messages(ids[start : start + _CHUNK], own)

    def _read(self, find: Callable[[State, str], T], ids: Sequence[str]) -> list[T]:
        return self._writer.read(lambda state: [find(state, id_) for id_ in ids]) if ids else []

    def _payout_withdrawals(self, payout_ids: Sequence[str]) -> list[bytes]:
        def read(state: State) -> list[bytes]:
            payouts = state.control.payouts
            return [
                id_ for payout in payout_ids if payout in payouts for id_ in payouts[payout].withdrawal_ids
            ]

        return self._writer.read(read)


def touched_by(
    kind: int, leaves: Sequence[bytes], withdrawals_of: Callable[[Sequence[str]], list[bytes]]
) -> Touched | None:
    """What a record is about; None for kinds that are nobody's event. `withdrawals_of` are those of payouts."""
    changed = event_pb2.EVENT_TYPE_WITHDRAWAL_CHANGED
    if kind == events.PACKED:
        outcomes = (journal_pb2.IntakeOutcome.FromString(statements.unpack_leaf(leaf)[0]) for leaf in leaves)
        return Touched(changed, [ulid_text(o.withdrawal_id) for o in outcomes if o.withdrawal_id])
    message = events.decode(kind, leaves[0])
    match message:
        case journal_pb2.WithdrawalsEnded():
            return Touched(changed, [ulid_text(item.withdrawal_id) for item in message.items])
        case journal_pb2.WithdrawalsReleased():
            return Touched(changed, [ulid_text(id_) for id_ in message.withdrawal_ids])
        case journal_pb2.CancellationRequested():
            return Touched(changed, [ulid_text(message.withdrawal_id)])
        case journal_pb2.PayoutsPlanned():
            return Touched(
                changed, [ulid_text(id_) for plan in message.payouts for id_ in plan.withdrawal_ids]
            )
        case governance_pb2.HaltRecorded():
            notice = event_pb2.HaltNotice(
                halt_id=message.halt_id, scopes=message.scopes, reason=message.reason
            )
            return Touched(event_pb2.EVENT_TYPE_HALTED, halt=notice)
        case governance_pb2.SuspensionRecorded():
            scopes = [f"operator:{message.operator}"]
            notice = event_pb2.HaltNotice(halt_id=message.halt_id, scopes=scopes)
            return Touched(event_pb2.EVENT_TYPE_HALTED, halt=notice)
        case governance_pb2.HaltLifted():
            return Touched(event_pb2.EVENT_TYPE_RESUMED, halt=event_pb2.HaltNotice(halt_id=message.halt_id))
        case governance_pb2.WalletOpened():
            return Touched(event_pb2.EVENT_TYPE_WALLET_OPENED)
        case record_pb2.Started():
            return Touched(event_pb2.EVENT_TYPE_STARTED)
        case (
            governance_pb2.ProposalOpened()
            | governance_pb2.ApprovalRecorded()
            | governance_pb2.ProposalClosed()
        ):
            return Touched(event_pb2.EVENT_TYPE_PROPOSAL_CHANGED, proposals=[message.proposal_id])
        case _:
            return _moved(message, withdrawals_of)


def _moved(message: Message, withdrawals_of: Callable[[Sequence[str]], list[bytes]]) -> Touched | None:
    """Records about payouts and legs name them in one of a few ways."""
    leg = getattr(message, "leg_id", "") or getattr(getattr(message, "seen", None), "id", "")
    if leg:
        return Touched(event_pb2.EVENT_TYPE_SWEEP_CHANGED, sweeps=[leg.split("/")[0]])
    payouts = []
    for each in getattr(message, "payouts", ()):
        payouts.append(getattr(each, "payout_id", "") or getattr(each, "id", "") or each.seen.id)
    if not payouts:
        return None
    ids = [ulid_text(id_) for id_ in withdrawals_of(payouts)]
    return Touched(event_pb2.EVENT_TYPE_WITHDRAWAL_CHANGED, ids)
