"""What must never happen to the control state stops the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from custody import statements
from custody.api.journal.v1 import governance_pb2 as pb
from custody.api.journal.v1 import record_pb2, signer_pb2, sweep_pb2, withdrawal_pb2
from custody.errors import InvariantBroken
from custody.model import events
from custody.model.control import ControlState, RecordView
from custody.statements import CancelPendingBody, ProposalKind
from support.control_steps import approved, opened, record_halt, record_suspension
from support.policy_builder import PolicyBuilder
from support.records import Records, seen
from support.statement_builder import Case

COLD = "cold-eth-1"


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.fixture
def records(case: Case) -> Records:
    return Records(case.policy)


Step = Callable[[Case, Records], Any]


def _phase(phase: str) -> Step:
    return lambda case, records: records.close("s", phase)


def _cancel(case: Case, records: Records, number: int) -> None:
    records.close(
        "s", "CANCELLED", cancel=statements.encode(CancelPendingBody("ada", case.sha256, "x", 1, number))
    )


def _then(*steps: Step) -> Step:
    def run(case: Case, records: Records) -> None:
        for step in steps:
            step(case, records)

    return run


def _adds(message: Message) -> Step:
    return lambda case, records: records.add(message)


def _plan_leg(nonce: int = 0, version: int = 1) -> Step:
    return lambda case, records: records.plan_leg("s/0", nonce=nonce, version=version)


def _payout_of_cold(case: Case, records: Records) -> None:
    records.plan("p", b"1" * 16, wallet=COLD, nonce=4)


def _halts(number: int) -> Step:
    return lambda case, records: record_halt(case, records, number, "all")


def _lift_the_first(case: Case, records: Records) -> None:
    records.add(pb.HaltLifted(halt_id=min(records.state._halts.seen)))


_rejected = _then(opened, _phase("REJECTED"))
_leg_planned = _then(approved, _plan_leg())
_leg_signed = _then(_leg_planned, lambda case, records: records.sign_leg("s/0"))
_stranger = sweep_pb2.SweepLegFinal(seen=seen("s/0", b"x" * 32, 1), moved=True, fee_paid="1")
_unreadable_halt = pb.HaltRecorded(halt_id="x", halt=b"\xff", scopes=["all"])


BROKEN: list[tuple[str, Step, Step]] = [
    ("the same proposal again", opened, opened),
    ("the same statement again", opened, lambda c, r: opened(c, r, "t")),
    ("a statement that cannot be read", opened, lambda c, r: r.open("t", b"\xff", None)),
    ("a decision on nothing", opened, lambda c, r: r.decide("t", c.approvals[0])),
    ("a decision after the end", _rejected, lambda c, r: r.decide("s", c.approvals[0])),
    ("executed before it was approved", opened, _phase("EXECUTED")),
    ("opened again", approved, _phase("OPEN")),
    ("rejected after it was approved", approved, _phase("REJECTED")),
    ("no phase", opened, _phase("UNSPECIFIED")),
    ("cancelled twice", _then(opened, lambda c, r: _cancel(c, r, 1)), lambda c, r: _cancel(c, r, 2)),
    ("a number again", _then(opened, _halts(1)), lambda c, r: _cancel(c, r, 1)),
    ("a lower number", _halts(4), lambda c, r: record_suspension(c, r, "bo", 3)),
    ("the same halt again", _halts(1), _halts(1)),
    ("a halt of nothing", opened, _adds(pb.HaltRecorded(halt_id="server/1"))),
    ("a halt without id", opened, _adds(pb.HaltRecorded(scopes=["all"]))),
    ("a halt that cannot be read", opened, _adds(_unreadable_halt)),
    ("a halt lifted twice", _then(_halts(1), _lift_the_first), _lift_the_first),
    ("an unknown halt lifted", opened, _adds(pb.HaltLifted(halt_id="ab" * 32))),
    ("a leg planned before the quorum", opened, _plan_leg()),
    ("a leg that is not there", approved, lambda c, r: r.plan_leg("s/1")),
    ("a leg with another's nonce", _then(approved, _payout_of_cold), _plan_leg(nonce=4)),
    ("a leg's version under another nonce", _leg_signed, _plan_leg(nonce=1, version=2)),
    ("a leg signed before it was planned", approved, lambda c, r: r.sign_leg("s/0")),
    ("a leg abandoned after it was signed", _leg_signed, _adds(sweep_pb2.SweepLegAbandoned(leg_id="s/0"))),
    ("a leg moved by somebody else's", _leg_signed, _adds(_stranger)),
    ("a leg planned after a cancellation", _then(approved, _phase("CANCELLED")), _plan_leg()),
    ("executed while a leg is under way", _leg_planned, _phase("EXECUTED")),
    ("governance that skips", opened, lambda c, r: r.add(_advanced(3, None))),
    ("governance of another hash", opened, lambda c, r: r.add(_advanced(2, b"x" * 32))),
    ("governance by a sweep", opened, lambda c, r: r.add(_by_statement(c.body))),
    ("genesis again", opened, lambda c, r: r.add(record_pb2.Genesis(policy=c.policy.raw))),
    ("a leader's epoch again", opened, _adds(record_pb2.Started(epoch=1))),
    ("a leader's epoch that skips", opened, lambda c, r: r.add(record_pb2.Started(epoch=3), epoch=3)),
    ("a signer's record", opened, _adds(signer_pb2.SignerFrozen(tag="x"))),
]


def _by_statement(body: bytes) -> record_pb2.GovernanceAdvanced:
    return record_pb2.GovernanceAdvanced(sequence=2, statement=body)


def _advanced(sequence: int, head: bytes | None) -> record_pb2.GovernanceAdvanced:
    activation = Case(kind=ProposalKind.ACTIVATE)
    after = activation.governance.advance(activation.body, activation.statement)
    return record_pb2.GovernanceAdvanced(
        sequence=sequence, hash=head or after.head_hash, statement=activation.body
    )


@pytest.mark.parametrize(("before", "step"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_must_never_happen_stops(case: Case, records: Records, before: Step, step: Step) -> None:
    before(case, records)
    with pytest.raises(InvariantBroken):
        step(case, records)


def test_another_genesis_than_the_pinned_one_stops(case: Case) -> None:
    state = ControlState(case.policy)
    other = record_pb2.Genesis(policy=PolicyBuilder(need=2, lifetime="12h").toml())
    header = record_pb2.RecordHeader(recorded_unix_ms=1)
    with pytest.raises(InvariantBroken):
        state.apply(RecordView(1, 0, record_pb2.RECORD_KIND_GENESIS, header, other))


@pytest.mark.parametrize(("sequence", "epoch", "earlier_ms"), [(2, 1, 0), (9, 0, 0), (9, 1, 5)])
def test_records_follow_one_another(records: Records, sequence: int, epoch: int, earlier_ms: int) -> None:
    header = record_pb2.RecordHeader(recorded_unix_ms=records.now_ms - earlier_ms)
    with pytest.raises(InvariantBroken):
        records.state.apply(RecordView(sequence, epoch, events.PACKED, header, None))


def test_a_kind_with_another_kinds_message_stops(records: Records) -> None:
    header = record_pb2.RecordHeader(recorded_unix_ms=records.now_ms)
    kind = record_pb2.RECORD_KIND_PAYOUTS_SIGNED
    for message in (None, withdrawal_pb2.PayoutsPlanned()):
        with pytest.raises(InvariantBroken):
            records.state.apply(RecordView(9, 1, kind, header, message))
