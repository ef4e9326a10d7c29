"""Payouts in the control state: one withdrawal one payout, one nonce one payout, and nothing undoes PAID."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from custody.api.journal.v1 import withdrawal_pb2 as pb
from custody.errors import InvariantBroken
from custody.model.payout import TRANSITIONS, PayoutEvent, PayoutState
from support.policy_builder import PolicyBuilder
from support.records import Records, hash_of, seen

W1, W2, W3 = b"1" * 16, b"2" * 16, b"3" * 16
HOT = "hot-eth-1"


@pytest.fixture
def records() -> Records:
    return Records(PolicyBuilder().policy())


def test_a_payouts_life(records: Records) -> None:
    state = records.state
    records.plan("p", W1, W2, nonce=7)
    payout = state.payouts["p"]
    assert (payout.state, payout.nonce, payout.withdrawal_ids) == (PayoutState.PLANNED, 7, (W1, W2))
    assert payout.conflict_key == records.key(HOT, 7)
    assert payout.unsigned is payout.versions[0]
    assert dict(state.payout_of) == {W1: "p", W2: "p"}
    digest = records.sign("p")
    assert state.payouts["p"].state is PayoutState.SIGNED
    assert state.payouts["p"].unsigned is None
    assert [version.transaction_hash for version in state.payouts["p"].signed_versions] == [digest]
    records.add(pb.PayoutsBroadcast(payouts=[seen("p", digest)]))
    assert state.payouts["p"].versions[0].broadcast
    records.add(pb.PayoutsConfirmed(payouts=[seen("p", digest, 12)]))
    place = state.payouts["p"].seen
    assert place is not None
    assert (place.block_height, place.transaction_hash) == (12, digest)
    records.add(pb.PayoutsReorged(payouts=[seen("p", digest, 12)]))
    assert (state.payouts["p"].state, state.payouts["p"].seen) == (PayoutState.BROADCAST, None)
    records.add(pb.PayoutsConfirmed(payouts=[seen("p", digest, 13)]))
    assert [payout.id for payout in state.active_payouts(HOT)] == ["p"]
    records.add(
        pb.PayoutsFinal(payouts=[pb.FinalPayout(seen=seen("p", digest, 13), paid=True, fee_paid="21")])
    )
    assert (state.payouts["p"].state, state.payouts["p"].fee_paid) == (PayoutState.PAID, 21)
    assert state.payouts["p"].ended
    assert list(state.active_payouts()) == []


def test_a_replacement_pays_the_same_under_the_same_nonce(records: Records) -> None:
    records.plan("p", W1, nonce=7)
    first = records.sign("p")
    records.plan("p", W1, nonce=7, version=2, fee=12)
    assert records.state.payouts["p"].state is PayoutState.SIGNED
    unsigned = records.state.payouts["p"].unsigned
    assert unsigned is not None
    assert (unsigned.version, unsigned.terms.max_fee_per_gas) == (2, 12)
    second = records.sign("p", 2)
    records.add(pb.PayoutsBroadcast(payouts=[seen("p", second)]))
    records.add(pb.PayoutsConfirmed(payouts=[seen("p", first, 12)]))
    records.add(pb.PayoutsFinal(payouts=[pb.FinalPayout(seen=seen("p", first, 12), paid=True, fee_paid="1")]))
    assert records.state.payouts["p"].ended
    assert records.state.next_nonce[HOT] == 8


def test_a_late_signature_of_a_paid_payout_changes_nothing_but_is_kept(records: Records) -> None:
    records.plan("p", W1)
    first = records.sign("p")
    records.plan("p", W1, version=2, fee=12)
    records.add(pb.PayoutsFinal(payouts=[pb.FinalPayout(seen=seen("p", first, 12), paid=True, fee_paid="1")]))
    second = records.sign("p", 2)
    payout = records.state.payouts["p"]
    assert payout.state is PayoutState.PAID
    assert payout.versions[1].transaction_hash == second


def test_a_strangers_transaction_ends_it_unpaid(records: Records) -> None:
    records.plan("p", W1)
    stranger = pb.FinalPayout(seen=seen("p", b"s" * 32, 12), tag="chain.foreign_transaction", fee_paid="0")
    records.add(pb.PayoutsFinal(payouts=[stranger]))
    assert records.state.payouts["p"].state is PayoutState.FAILED
    assert records.state.payout_of[W1] == "p"


def test_an_abandoned_plan_frees_withdrawals_and_nonce(records: Records) -> None:
    records.plan("p", W1, nonce=7)
    records.plan("q", W2, nonce=8)
    records.add(pb.PayoutsAbandoned(payouts=[pb.AbandonedPayout(payout_id="p", tag="signer.denied")]))
    assert records.state.payouts["p"].state is PayoutState.ABANDONED
    assert dict(records.state.payout_of) == {W2: "q"}
    assert dict(records.state.free_nonces) == {HOT: [7]}
    assert records.state.plan_nonces(HOT, 3, 0) == [7, 9, 10]
    records.plan("r", W1, nonce=7)
    assert records.state.payouts["r"].conflict_key == records.key(HOT, 7)
    assert dict(records.state.free_nonces) == {}
    assert records.state.plan_nonces(HOT, 2, 0) == [9, 10]


def test_nonces_begin_where_the_chain_is(records: Records) -> None:
    assert records.state.plan_nonces(HOT, 2, 41) == [41, 42]
    records.plan("p", W1, nonce=41)
    assert records.state.plan_nonces(HOT, 2, 3) == [42, 43]
    assert records.state.plan_nonces("hot-eth-2", 1, 5) == [5]


def test_a_free_nonce_that_the_chain_has_passed_is_dead(records: Records) -> None:
    records.plan("p", W1, nonce=7)
    records.add(pb.PayoutsAbandoned(payouts=[pb.AbandonedPayout(payout_id="p", tag="x")]))
    assert records.state.plan_nonces(HOT, 2, 9) == [9, 10]


def test_several_free_nonces_are_used_lowest_first(records: Records) -> None:
    for nonce, name in enumerate("abcd"):
        records.plan(name, name.encode() * 16, nonce=nonce)
    for name in "cab":
        records.add(pb.PayoutsAbandoned(payouts=[pb.AbandonedPayout(payout_id=name, tag="x")]))
    assert records.state.free_nonces[HOT] == [0, 1, 2]
    assert records.state.plan_nonces(HOT, 4, 0) == [0, 1, 2, 4]
    assert records.state.plan_nonces(HOT, 0, 0) == []


def test_a_cancelled_withdrawal_waits_for_its_tombstone(records: Records) -> None:
    request = pb.CancellationRequested(withdrawal_id=W1, end=pb.WITHDRAWAL_END_EXPIRED, tag="intent.expired")
    records.add(request)
    waiting = records.state.cancellations[W1]
    assert (waiting.tag, waiting.by, waiting.cancel) == ("intent.expired", "system", b"")
    with pytest.raises(InvariantBroken):
        records.plan("p", W1)


def test_the_tombstone_ends_it(records: Records) -> None:
    records.add(pb.CancellationRequested(withdrawal_id=W1, end=pb.WITHDRAWAL_END_CANCELLED))
    ended = pb.EndedWithdrawal(withdrawal_id=W1, end=pb.WITHDRAWAL_END_CANCELLED, tag="x", tombstone=b"t")
    records.add(pb.WithdrawalsEnded(items=[ended]))
    assert dict(records.state.cancellations) == {}
    assert dict(records.state.tombstones) == {W1: b"t"}
    with pytest.raises(InvariantBroken):
        records.plan("p", W1)


Step = Callable[[Records], object]


def _planned(records: Records) -> None:
    records.plan("p", W1, nonce=3)


def _signed(records: Records) -> None:
    _planned(records)
    records.sign("p")


def _paid(records: Records) -> None:
    _signed(records)
    final = pb.FinalPayout(seen=seen("p", hash_of(b"p, version 1"), 9), paid=True, fee_paid="1")
    records.add(pb.PayoutsFinal(payouts=[final]))


BROKEN: list[tuple[str, Step, Step]] = [
    ("a second payout of a withdrawal", _planned, lambda r: r.plan("q", W1, nonce=4)),
    ("a second payout of a paid withdrawal", _paid, lambda r: r.plan("q", W1, nonce=4)),
    ("a withdrawal twice in one payout", _planned, lambda r: r.plan("q", W2, W2, nonce=4)),
    ("a payout of nothing", _planned, lambda r: r.plan("q", nonce=4)),
    ("another payout's nonce", _planned, lambda r: r.plan("q", W2, nonce=3)),
    ("a nonce below", _planned, lambda r: r.plan("q", W2, nonce=2)),
    ("a paid payout's nonce", _paid, lambda r: r.plan("q", W2, nonce=3)),
    ("a version before the first is signed", _planned, lambda r: r.plan("p", W1, nonce=3, version=2)),
    ("a version that skips one", _signed, lambda r: r.plan("p", W1, nonce=3, version=3)),
    ("the first version again", _signed, lambda r: r.plan("p", W1, nonce=3, version=1)),
    ("a version of another nonce", _signed, lambda r: r.plan("p", W1, nonce=4, version=2)),
    ("a version of other withdrawals", _signed, lambda r: r.plan("p", W2, nonce=3, version=2)),
    (
        "a version of another wallet",
        _signed,
        lambda r: r.plan("p", W1, nonce=3, version=2, wallet="hot-eth-2"),
    ),
    ("a version that pays less", _signed, lambda r: r.plan("p", W1, nonce=3, version=2, net=4)),
    ("a version after the end", _paid, lambda r: r.plan("p", W1, nonce=3, version=2)),
    ("signed, never planned", _planned, lambda r: r.sign("q")),
    ("signed in a version never planned", _planned, lambda r: r.sign("p", 2)),
    ("signed twice with other bytes", _signed, lambda r: r.sign("p", 1, b"other")),
    (
        "broadcast before it is signed",
        _planned,
        lambda r: r.add(pb.PayoutsBroadcast(payouts=[seen("p", b"x" * 32)])),
    ),
    (
        "broadcast of somebody else's bytes",
        _signed,
        lambda r: r.add(pb.PayoutsBroadcast(payouts=[seen("p", b"x" * 32)])),
    ),
    (
        "confirmed before it is signed",
        _planned,
        lambda r: r.add(pb.PayoutsConfirmed(payouts=[seen("p", b"x" * 32, 1)])),
    ),
    (
        "confirmed by somebody else's",
        _signed,
        lambda r: r.add(pb.PayoutsConfirmed(payouts=[seen("p", b"x" * 32, 1)])),
    ),
    (
        "a reorg of what no block held",
        _signed,
        lambda r: r.add(pb.PayoutsReorged(payouts=[seen("p", hash_of(b"p, version 1"), 1)])),
    ),
    (
        "a reorg after the end",
        _paid,
        lambda r: r.add(pb.PayoutsReorged(payouts=[seen("p", hash_of(b"p, version 1"), 9)])),
    ),
    (
        "paid before it is signed",
        _planned,
        lambda r: r.add(
            pb.PayoutsFinal(payouts=[pb.FinalPayout(seen=seen("p", b"x" * 32, 1), paid=True, fee_paid="1")])
        ),
    ),
    (
        "paid by somebody else's",
        _signed,
        lambda r: r.add(
            pb.PayoutsFinal(payouts=[pb.FinalPayout(seen=seen("p", b"x" * 32, 1), paid=True, fee_paid="1")])
        ),
    ),
    (
        "failed after it was paid",
        _paid,
        lambda r: r.add(
            pb.PayoutsFinal(payouts=[pb.FinalPayout(seen=seen("p", b"x" * 32, 1), fee_paid="1")])
        ),
    ),
    (
        "a fee that is no amount",
        _signed,
        lambda r: r.add(
            pb.PayoutsFinal(payouts=[pb.FinalPayout(seen=seen("p", b"x" * 32, 1), fee_paid="1.5")])
        ),
    ),
    (
        "abandoned after it was signed",
        _signed,
        lambda r: r.add(pb.PayoutsAbandoned(payouts=[pb.AbandonedPayout(payout_id="p")])),
    ),
    (
        "abandoned after it was paid",
        _paid,
        lambda r: r.add(pb.PayoutsAbandoned(payouts=[pb.AbandonedPayout(payout_id="p")])),
    ),
    (
        "cancelled while a payout has it",
        _planned,
        lambda r: r.add(pb.CancellationRequested(withdrawal_id=W1, end=pb.WITHDRAWAL_END_CANCELLED)),
    ),
    ("cancelled without end", _planned, lambda r: r.add(pb.CancellationRequested(withdrawal_id=W2))),
    (
        "ended while a payout has it",
        _planned,
        lambda r: r.add(
            pb.WithdrawalsEnded(items=[pb.EndedWithdrawal(withdrawal_id=W1, end=pb.WITHDRAWAL_END_CANCELLED)])
        ),
    ),
]


@pytest.mark.parametrize(("before", "step"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_must_never_happen_stops(records: Records, before: Step, step: Step) -> None:
    before(records)
    with pytest.raises(InvariantBroken):
        step(records)


def test_nothing_leaves_an_end() -> None:
    ends = {PayoutState.PAID, PayoutState.FAILED, PayoutState.ABANDONED}
    for (state, event), after in TRANSITIONS.items():
        if state in ends:
            assert after is state, (state, event)
    assert not [event for (state, event) in TRANSITIONS if state is PayoutState.ABANDONED]
    assert {after for (state, event), after in TRANSITIONS.items() if event is PayoutEvent.ABANDONED} == {
        PayoutState.ABANDONED
    }
    assert [state for (state, event) in TRANSITIONS if event is PayoutEvent.ABANDONED] == [
        PayoutState.PLANNED
    ]
