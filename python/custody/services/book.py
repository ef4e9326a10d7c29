"""One group of records in the making: each is applied to the ledger and the control state, then chained, in order.

Nothing here is durable; the writer appends `rows` as a whole or stops.
"""

from __future__ import annotations

from custody import statements
from custody.api.journal.v1 import record_pb2
from custody.ledger import Ledger, Prepared, Submitted
from custody.model.clock import TIME_TAG
from custody.model.control import ControlState, RecordView
from custody.model.halts import SYSTEM
from custody.model.intake_rules import RULES_VERSION
from custody.ports import Head, Row
from custody.services.commands import Decision, Draft, State
from custody.services.rulebook import Rulebook
from custody.services.stops import stop_draft

__all__ = ["Book", "opening", "time_halts"]


_SUBMITTED = record_pb2.RECORD_KIND_WITHDRAWALS_SUBMITTED


def time_halts(control: ControlState) -> tuple[str, ...]:
    """Ids of the server's own halts in force that wait for a quorum to confirm the time."""
    return tuple(
        id_
        for id_, halt in control.halts.items()
        if id_.startswith("server/") and halt.by == SYSTEM and halt.reason == TIME_TAG
    )


def opening(state: State, genesis: bytes, version: str) -> Decision[None]:
    """The records of a start: the genesis policy in an empty journal, and the new leader."""
    started = record_pb2.Started(epoch=state.epoch, version=version)
    drafts = [Draft(record_pb2.RECORD_KIND_STARTED, started)]
    if state.next_sequence == 1:
        drafts.insert(0, Draft(record_pb2.RECORD_KIND_GENESIS, record_pb2.Genesis(policy=genesis)))
    return Decision(tuple(drafts), None)


class Book:
    """The rows of one group."""

    def __init__(
        self,
        head: Head,
        epoch: int,
        control: ControlState,
        ledger: Ledger,
        rulebook: Rulebook,
        now_ms: int,
        wall_ms: int,
    ) -> None:
        self.head = head
        self.rows: list[Row] = []
        self.metadata: list[tuple[bytes, bytes, bytes]] = []
        self.time_confirmed = False
        self._epoch = epoch
        self._control = control
        self._ledger = ledger
        self._rulebook = rulebook
        self._now_ms = now_ms
        self._wall_ms = wall_ms

    def state(self) -> State:
        """What the next command sees."""
        return State(
            self._ledger, self._control, self._now_ms, self.head.sequence + 1, self._epoch, self._wall_ms
        )

    def write(self, draft: Draft, principal: str, request_id: str) -> None:
        """Apply one draft and add its row. Whatever this raises leaves the state half changed."""
        header = record_pb2.RecordHeader(
            recorded_unix_ms=self._now_ms,
            principal=principal,
            request_id=request_id,
            policy_hash=self._control.governance.policy.hash,
            keyring_version=self._rulebook.keyring.version,
            rules_version=RULES_VERSION,
        )
        message = draft.message.SerializeToString(deterministic=True)
        record, root = statements.build_record(
            header.SerializeToString(deterministic=True), [message, *draft.ledger]
        )
        frozen = bool(time_halts(self._control))
        for fact in draft.ledger:
            self._ledger.see(self._now_ms)
            self._ledger.apply_fact(fact)
        sequence = self.head.sequence + 1
        self._control.apply(RecordView(sequence, self._epoch, draft.kind, header, draft.message))
        self._add(draft.kind, record, root)
        if draft.kind == record_pb2.RECORD_KIND_GOVERNANCE_ADVANCED:
            self._rulebook.follow(self._control.governance)
            self._rulebook.warn(self._now_ms)
        if frozen and not time_halts(self._control):
            self.time_confirmed = True

    def halt_for_time(self) -> None:
        """Stop everything because the wall clock stepped, unless that is so already; see `time_halts`."""
        if not time_halts(self._control):
            draft = stop_draft(self.state(), 0, ("all",), TIME_TAG)
            if draft is not None:
                self.write(draft, SYSTEM, "")

    def submit(self, prepared: list[Prepared]) -> list[Submitted]:
        """Decide and apply batches of withdrawals; add a row for each that stores anything."""
        answers = self._ledger.submit(prepared, self._now_ms, self.head.sequence + 1)
        for answer in answers:
            if answer.record is not None:
                header, _ = statements.unpack_record(answer.record)
                view = record_pb2.RecordHeader.FromString(header)
                self._control.apply(RecordView(self.head.sequence + 1, self._epoch, _SUBMITTED, view, None))
                self._add(_SUBMITTED, answer.record, answer.root)
            self.metadata.extend(answer.metadata)
        return answers

    def _add(self, kind: int, record: bytes, root: bytes) -> None:
        sequence = self.head.sequence + 1
        digest = statements.row_hash(self.head.hash, sequence, self._epoch, kind, root)
        self.rows.append(Row(sequence, self._epoch, kind, self.head.hash, root, digest, record))
        self.head = Head(sequence, self._epoch, digest)
