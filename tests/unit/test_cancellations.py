"""Withdrawals that end before they are signed: only with their signer's promise, and never once that is too late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from custody import statements
from custody.errors import Denied
from custody.services.cancellations import _entitled_key
from support.bench import ETH, Bench
from support.deployment import ETHER, HOUR_MS, START_MS, Options
from support.keys import EthKey

ALICE = EthKey("alice").address


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, Options(hold_above=5 * ETHER)) as made:
        made.open("hot-1", ETH, 100 * ETHER)
        made.open("cold-1", ETH, 10 * ETHER, "house")
        yield made
        assert not made.fatal


@pytest.mark.parametrize("by", ["backend", "ada"])
@pytest.mark.parametrize("amount", [ETHER, 6 * ETHER])
def test_queued_and_held_ones_are_cancelled_with_a_tombstone(bench: Bench, by: str, amount: int) -> None:
    customers = bench.ledger.available(ETH, "pool:customers")
    withdrawal = bench.withdraw("w-1", amount, ALICE)
    result = bench.cancel("w-1", by=by)
    assert (result.outcome, result.withdrawal_id) == ("CANCELLED", withdrawal)
    assert bench.state_of(withdrawal) == "CANCELLED"
    assert bench.ledger.available(ETH, "pool:customers") == customers
    (ended,) = bench.control.ended.values()
    assert statements.parse_tombstone(ended.tombstone).reference == "w-1"
    assert bench.cancel("w-1", by=by).outcome == "CANCELLED", "asked again, the same answer"
    bench.pay(3)
    assert not bench.node.broadcasts
    bench.check()


def test_once_it_is_planned_it_is_too_late(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    assert bench.cancel("w-1").outcome == "TOO_LATE"
    bench.pay()
    assert bench.state_of(withdrawal) == "POSTED"
    late = bench.cancel("w-1")
    assert (late.outcome, late.tag) == ("TOO_LATE", "cancel.ended")


def test_with_its_signer_away_it_is_pending_never_paid_and_cancelled_later(bench: Bench) -> None:
    signer = bench.signers["signer-hot-1"]
    signer.down = True
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    assert bench.cancel("w-1").outcome == "PENDING"
    bench.restart()
    signer.down = False
    bench.pay(2)
    assert not bench.node.broadcasts, "what is being cancelled is not planned"
    assert bench.state_of(withdrawal) == "QUEUED"
    bench.cancellations.step()
    assert bench.state_of(withdrawal) == "CANCELLED"
    bench.check()


def test_a_lost_promise_is_asked_for_again(bench: Bench) -> None:
    signer = bench.signers["signer-hot-1"]
    honest, calls = signer.tombstone, []

    def lost(authority: object) -> object:
        calls.append(authority)
        answer = honest(authority)  # type: ignore[arg-type]
        if len(calls) == 1:
            from custody.errors import Unavailable

            raise Unavailable("signer", "the answer was lost")
        return answer

    signer.tombstone = lost  # type: ignore[assignment, method-assign]
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    assert bench.cancel("w-1").outcome == "PENDING"
    bench.clock.advance(1_000)
    bench.cancellations.step()
    assert bench.state_of(withdrawal) == "CANCELLED"


@pytest.mark.parametrize(
    ("arguments", "outcome", "tag"),
    [
        ({"signer": "ada"}, "INVALID", "signature.key"),
        ({"by": "ada", "signer": "bo"}, "INVALID", "signature.key"),
        ({"intent_sha256": b"x" * 32}, "INVALID", "cancel.other_intent"),
    ],
)
def test_a_cancellation_by_another_or_of_another_is_invalid(
    bench: Bench, arguments: dict[str, object], outcome: str, tag: str
) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    result = bench.cancel("w-1", **arguments)  # type: ignore[arg-type]
    assert (result.outcome, result.tag) == (outcome, tag)
    assert bench.state_of(withdrawal) == "QUEUED"
    assert not bench.control.cancellations


def test_an_unknown_one_is_not_found(bench: Bench) -> None:
    assert bench.cancel("never-sent").outcome == "NOT_FOUND"


def test_what_nobody_paid_in_time_expires_with_a_tombstone(bench: Bench) -> None:
    held = bench.withdraw("w-1", 6 * ETHER, ALICE, pay_before_unix_ms=START_MS + HOUR_MS)
    bench.cancellations.step()
    assert bench.state_of(held) == "HELD"
    bench.clock.advance(HOUR_MS)
    bench.cancellations.step()
    assert bench.state_of(held) == "EXPIRED"
    (ended,) = bench.control.ended.values()
    assert ended.tag == "intent.expired" and ended.tombstone
    bench.check()


def test_a_tombstone_that_the_audit_key_did_not_sign_is_not_believed(bench: Bench) -> None:
    from dataclasses import replace

    signer = bench.signers["signer-hot-1"]
    honest = signer.tombstone
    signer.tombstone = lambda authority: replace(honest(authority), signature=b"\0" * 64)  # type: ignore[method-assign]
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    assert bench.cancel("w-1").outcome == "PENDING"
    assert bench.state_of(withdrawal) == "QUEUED"


def test_a_signer_that_is_not_configured_keeps_nobody_waiting_but_its_own(bench: Bench) -> None:
    held, bench.canceller._signers = bench.canceller._signers, {}
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    result = bench.cancel("w-1")
    assert (result.outcome, result.tag) == ("PENDING", "signer.down")
    bench.cancellations.step()
    bench.canceller._signers = held
    bench.clock.advance(HOUR_MS)
    bench.cancellations.step()
    assert bench.state_of(withdrawal) == "CANCELLED"


def test_a_suspended_operator_cancels_nothing(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.suspend("bo", "ada")
    result = bench.cancel("w-1", by="ada")
    assert (result.outcome, result.tag) == ("INVALID", "operator.suspended")
    assert bench.state_of(withdrawal) == "QUEUED"
    assert bench.cancel("w-1", by="bo").outcome == "CANCELLED"


def test_a_key_that_is_no_longer_valid_cancels_nothing(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    state = bench.writer.read(lambda state: state)
    cancel = statements.CancelBody("backend", "w-1", 1, bytes(32), 1)
    (key,) = state.control.governance.policy.initiator("backend").keys
    late = replace(state, now_ms=key.valid_from_ms - 1)
    assert _entitled_key(state, cancel, key.key_id, "initiator", "backend") is key
    with pytest.raises(Denied, match=r"key\.expired"):
        _entitled_key(late, cancel, key.key_id, "initiator", "backend")
    assert bench.state_of(withdrawal) == "QUEUED"
