"""The control state as a whole: proposals, sweeps, halts, governance, and the same state again from the same bytes."""

from __future__ import annotations

import pytest

from custody import statements
from custody.api.journal.v1 import governance_pb2 as pb
from custody.api.journal.v1 import record_pb2, sweep_pb2, withdrawal_pb2
from custody.errors import InvariantBroken
from custody.model import events
from custody.model.control import ControlState, RecordView, halted
from custody.model.leg import LegState
from custody.model.proposal import END_STATES, TRANSITIONS, ProposalState
from custody.statements import CancelPendingBody, ProposalKind, SignedType, SweepBody
from support.control_steps import approved, opened, record_halt, record_suspension
from support.policy_builder import ETH, PolicyBuilder
from support.records import Records, seen
from support.statement_builder import Case, leg

HOT, COLD = "hot-eth-1", "cold-eth-1"
CANCELLED = withdrawal_pb2.WITHDRAWAL_END_CANCELLED


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.fixture
def records(case: Case) -> Records:
    return Records(case.policy)


def test_a_proposals_life(case: Case, records: Records) -> None:
    state = records.state
    opened(case, records)
    proposal = state.proposals["s"]
    assert (proposal.statement, proposal.propose, proposal.sha256) == (
        case.statement,
        case.propose,
        case.sha256,
    )
    assert dict(state.proposal_of_statement) == {case.sha256: "s"}
    assert not proposal.tally(case.policy, frozenset()).complete
    records.decide("s", case.approvals[0])
    records.decide("s", case.by("ada", SignedType.APPROVE), counted=False)
    records.decide("s", case.approvals[0], counted=False)
    assert state.proposals["s"].approvers == ("bo", "ada", "bo")
    assert state.proposals["s"].counting_approvals(case.policy, frozenset()) == (case.approvals[0],)
    records.decide("s", case.approvals[1])
    assert state.proposals["s"].tally(case.policy, frozenset()).complete
    assert not state.proposals["s"].tally(case.policy, frozenset({"cy"})).complete
    records.close("s", "APPROVED")
    assert [proposal.id for proposal in state.active_proposals()] == ["s"]
    case.approvals = list(state.proposals["s"].counting_approvals(case.policy, frozenset()))
    case.propose = state.proposals["s"].propose
    case.check()
    with pytest.raises(InvariantBroken):
        records.close("s", "EXECUTED")


def test_a_rejection_outlives_the_approval_of_the_same_operator(case: Case, records: Records) -> None:
    opened(case, records)
    for operator in ("bo", "cy"):
        records.decide("s", case.by(operator, SignedType.APPROVE))
    records.decide("s", case.by("cy", SignedType.REJECT), approve=False)
    tally = records.state.proposals["s"].tally(case.policy, frozenset())
    assert (tally.groups[0].counted, tally.complete, tally.impossible) == (1, False, True)


def test_a_sweeps_life(case: Case) -> None:
    case.bend(payload=SweepBody((leg(case.policy), leg(case.policy, amount=7))))
    records = Records(case.policy)
    state = records.state
    opened(case, records)
    assert [item.state for item in state.legs_of("s")] == [LegState.WAITING, LegState.WAITING]
    records.close("s", "APPROVED")
    assert [item.id for item in state.active_legs()] == ["s/0", "s/1"]
    assert state.legs["s/1"].terms.amount == 7
    records.plan_leg("s/0", nonce=3)
    assert (state.legs["s/0"].state, state.legs["s/0"].conflict_key) == (
        LegState.PLANNED,
        records.key(COLD, 3),
    )
    assert state.plan_nonces(COLD, 1, 0) == [4]
    digest = records.sign_leg("s/0")
    records.add(sweep_pb2.SweepLegBroadcast(seen=seen("s/0", digest)))
    records.add(sweep_pb2.SweepLegConfirmed(seen=seen("s/0", digest, 9)))
    records.add(sweep_pb2.SweepLegReorged(seen=seen("s/0", digest, 9)))
    records.plan_leg("s/0", nonce=3, version=2, fee=12)
    records.sign_leg("s/0", 2)
    records.add(sweep_pb2.SweepLegConfirmed(seen=seen("s/0", digest, 10)))
    records.add(sweep_pb2.SweepLegFinal(seen=seen("s/0", digest, 10), moved=True, fee_paid="4"))
    assert (state.legs["s/0"].state, state.legs["s/0"].fee_paid) == (LegState.MOVED, 4)
    records.plan_leg("s/1", nonce=4)
    records.add(sweep_pb2.SweepLegAbandoned(leg_id="s/1", tag="signer.denied"))
    assert state.legs["s/1"].state is LegState.ABANDONED
    assert dict(state.free_nonces) == {COLD: [4]}
    assert list(state.active_legs()) == []
    records.close("s", "EXECUTED")
    assert [item.state for item in state.legs_of("s")] == [LegState.MOVED, LegState.ABANDONED]
    assert state.legs_of("other") == ()


def test_a_cancelled_sweep_ends_what_was_not_planned_and_nothing_else(case: Case) -> None:
    case.bend(payload=SweepBody((leg(case.policy), leg(case.policy, amount=7))))
    records = Records(case.policy)
    approved(case, records)
    records.plan_leg("s/0")
    cancel = statements.encode(CancelPendingBody("bo", case.sha256, "no", 1, 5))
    records.close("s", "CANCELLED", cancel=cancel)
    assert records.state.legs["s/0"].state is LegState.PLANNED
    assert records.state.legs["s/1"].state is LegState.CANCELLED
    assert records.state.cancelled == {case.sha256}
    assert records.state.numbers["bo"] == 5
    records.sign_leg("s/0")


def test_halts_stop_what_they_name_and_nothing_else(case: Case, records: Records) -> None:
    state = records.state
    assert state.halted(activity="payouts", wallet=HOT, asset=ETH) is None
    first = record_halt(case, records, 1, "payouts")
    assert state.halted(activity="payouts") == first
    assert (state.halted(activity="intake"), state.halted(activity="sweeps")) == (None, None)
    second = record_halt(
        case, records, 2, "wallet:hot-eth-2", "customer:c-1", f"asset:{ETH}", "destination:0xAb"
    )
    assert state.halted(activity="sweeps", wallet="hot-eth-2") == second
    assert state.halted(activity="sweeps", wallet=HOT) is None
    assert state.halted(activity="intake", customer="c-1") == second
    assert state.halted(activity="intake", customer="c-2", destination="0xcd") is None
    assert state.halted(activity="intake", destination="0xaB") == second
    assert halted(state, activity="intake", asset=ETH) == second
    records.add(pb.HaltLifted(halt_id=first, proposal_id="r"))
    assert state.halted(activity="payouts") is None
    third = record_halt(case, records, 3, "all")
    for activity in ("intake", "payouts", "sweeps"):
        assert state.halted(activity=activity) == third
    assert (state.halts[third].by, state.halts[third].reason) == ("ada", "because")
    assert state.halt_known(first)


def test_a_customer_called_like_a_wallet_is_not_the_wallet(case: Case, records: Records) -> None:
    record_halt(case, records, 1, "customer:hot-eth-1")
    assert records.state.halted(activity="payouts", wallet=HOT, destination=HOT, asset=HOT) is None


def test_the_servers_own_halt_is_the_systems(records: Records) -> None:
    records.add(pb.HaltRecorded(halt_id="server/3", scopes=["all"], reason="time.step"))
    assert records.state.halts["server/3"].by == "system"
    records.add(pb.HaltLifted(halt_id="server/3", proposal_id="r"))
    assert dict(records.state.halts) == {}


def test_suspensions_are_in_force_until_lifted(case: Case, records: Records) -> None:
    halt_id = record_suspension(case, records, "cy", 1)
    assert records.state.suspended == {"cy"}
    records.add(pb.HaltLifted(halt_id=halt_id, proposal_id="r"))
    assert records.state.suspended == frozenset()


def test_a_signers_own_halt_is_lifted_though_the_server_never_knew_it(records: Records) -> None:
    records.add(pb.HaltLifted(halt_id="signer/hot-1/7", proposal_id="r"))


def test_a_wallet_opens_once_in_each_asset(records: Records) -> None:
    opened = pb.WalletOpened(
        proposal_id="o", wallet=COLD, asset=ETH, amount="5", pool="customers", block_height=7
    )
    records.add(opened)
    assert records.state.opened[COLD, ETH].amount == "5"
    with pytest.raises(InvariantBroken):
        records.add(opened)


def test_governance_follows_an_activation(records: Records) -> None:
    activation = Case(kind=ProposalKind.ACTIVATE)
    advanced = records.state.governance.advance(activation.body, activation.statement)
    message = record_pb2.GovernanceAdvanced(sequence=2, hash=advanced.head_hash, statement=activation.body)
    records.add(message)
    assert records.state.governance == advanced
    assert records.state.governance.signer_epoch == 2


def _everything() -> Records:
    case = Case(kind=ProposalKind.SWEEP)
    records = Records(case.policy)
    approved(case, records)
    records.plan_leg("s/0")
    digest = records.sign_leg("s/0")
    records.add(sweep_pb2.SweepLegConfirmed(seen=seen("s/0", digest, 9)))
    records.add(None)
    for number in range(5):
        records.plan(f"p{number}", bytes([number]) * 16, nonce=number)
    records.sign("p1")
    records.add(
        withdrawal_pb2.PayoutsAbandoned(payouts=[withdrawal_pb2.AbandonedPayout(payout_id="p3", tag="x")])
    )
    records.add(withdrawal_pb2.CancellationRequested(withdrawal_id=b"c" * 16, end=CANCELLED))
    ended = withdrawal_pb2.EndedWithdrawal(withdrawal_id=b"d" * 16, end=CANCELLED, tombstone=b"t")
    records.add(withdrawal_pb2.WithdrawalsEnded(items=[ended]))
    records.add(pb.WalletOpened(wallet=COLD, asset=ETH, amount="5", pool="customers"))
    records.add(pb.Reconciled(network="eip155:31337"))
    records.add(withdrawal_pb2.WithdrawalsReleased(proposal_id="x"))
    record_halt(case, records, 1, "payouts")
    record_suspension(case, records, "cy", 2)
    activation = Case(kind=ProposalKind.ACTIVATE)
    after = records.state.governance.advance(activation.body, activation.statement)
    records.add(record_pb2.GovernanceAdvanced(sequence=2, hash=after.head_hash, statement=activation.body))
    records.add(record_pb2.Started(epoch=2), epoch=2)
    return records


def test_the_same_records_give_the_same_state() -> None:
    records = _everything()
    again = records.replayed()
    assert again.state_hash() == records.state.state_hash()
    assert dict(again.payouts) == dict(records.state.payouts)
    assert dict(again.proposals) == dict(records.state.proposals)
    assert dict(again.legs) == dict(records.state.legs)
    assert again.governance == records.state.governance


def test_every_record_changes_the_hash() -> None:
    records = _everything()
    state = ControlState(records.policy)
    hashes = [state.state_hash()]
    for sequence, epoch, kind, header, leaf in records.rows:
        message = None if leaf is None else events.decode(kind, leaf)
        state.apply(RecordView(sequence, epoch, kind, record_pb2.RecordHeader.FromString(header), message))
        hashes.append(state.state_hash())
    assert len(set(hashes)) == len(hashes)


GOLDEN = "3244cf94b69f3b521550a44871d93ed00515d31882f1e76454fc13b42d346d58"


def test_the_hash_is_the_same_in_every_release() -> None:
    """If this must change though the test does not, old journals replay to another state: say so."""
    assert _everything().state.state_hash().hex() == GOLDEN


def test_every_kind_of_the_server_is_applied_and_no_other() -> None:
    state = ControlState(PolicyBuilder().policy())
    server = {kind for kind in events.KIND_NAMES if kind < 100} - {events.PACKED}
    assert set(state._appliers) == server


def test_every_kind_has_its_message() -> None:
    assert set(events.MESSAGES) == set(events.KIND_NAMES) - {events.PACKED}
    assert events.MESSAGES[record_pb2.RECORD_KIND_WALLET_OPENED] is pb.WalletOpened
    for kind, message_class in events.MESSAGES.items():
        assert events.decode(kind, message_class().SerializeToString()) == message_class()


@pytest.mark.parametrize(("kind", "leaf"), [(events.PACKED, b""), (999, b""), (1, b"\xff")])
def test_what_no_kind_holds_is_not_decoded(kind: int, leaf: bytes) -> None:
    with pytest.raises(InvariantBroken):
        events.decode(kind, leaf)


def test_the_proposals_table_has_every_phase_of_the_journal() -> None:
    names = {name.removeprefix("PROPOSAL_PHASE_") for name in pb.ProposalPhase.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
    assert names == set(ProposalState.__members__)
    assert set(TRANSITIONS) == {None, *ProposalState}
    assert {ProposalState.EXECUTED, ProposalState.SUPERSEDED} < END_STATES
