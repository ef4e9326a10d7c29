"""Blocks, reorganisations, strangers and bad tokens: only what the chain surely did is posted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from custody import chain
from custody.ledger import ulid_bytes
from custody.model.payout import PayoutState
from custody.ports import Receipt
from support.bench import ETH, TOKEN, Bench
from support.deployment import ETHER, Options
from support.keys import EthKey

ALICE = EthKey("alice").address


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        made.open("hot-1", ETH, 100 * ETHER)
        made.open("hot-1", TOKEN, 1_000_000)
        made.open("cold-1", ETH, 10 * ETHER, "house")
        yield made
        assert not made.fatal


def only(bench: Bench) -> PayoutState:
    (payout,) = bench.control.payouts.values()
    return payout.state


def mine(bench: Bench, blocks: int = 1) -> None:
    for _ in range(blocks):
        bench.node.mine()
        bench.watcher.step()


def test_a_confirmed_payment_is_posted_at_finality_and_not_before(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    mine(bench)
    assert only(bench) is PayoutState.CONFIRMED
    mine(bench)
    assert only(bench) is PayoutState.CONFIRMED
    assert bench.state_of(withdrawal) == "ASSIGNED"
    mine(bench)
    assert only(bench) is PayoutState.PAID
    assert bench.state_of(withdrawal) == "POSTED"


def test_a_fee_above_what_was_signed_halts_its_wallet_and_holds_up_nothing_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lied, sound = (bench.withdraw(f"w-{n}", ETHER + n, ALICE) for n in range(2))
    bench.work()
    payout = bench.control.payouts[bench.control.payout_of[ulid_bytes(lied)]]
    honest = bench.node.receipt

    def receipt(transaction_hash: bytes) -> Receipt | None:
        found = honest(transaction_hash)
        if found is not None and transaction_hash == payout.versions[0].transaction_hash:
            return replace(found, gas_used=found.gas_used * 1_000_000)
        return found

    monkeypatch.setattr(bench.node, "receipt", receipt)
    mine(bench, 6)
    assert (bench.state_of(lied), bench.state_of(sound)) == ("ASSIGNED", "POSTED")
    (halt,) = bench.control.halts.values()
    assert (halt.scopes, halt.reason) == (("wallet:hot-1",), "ledger.fee_above_reserved")
    monkeypatch.undo()
    mine(bench)
    assert bench.state_of(lied) == "POSTED"


def test_finality_by_a_number_of_confirmations(tmp_path: Path) -> None:
    with Bench(tmp_path, Options(final="4")) as bench:
        bench.open("hot-1", ETH, 100 * ETHER)
        bench.open("cold-1", ETH, 10 * ETHER, "house")
        bench.withdraw("w-1", ETHER, ALICE)
        bench.work()
        mine(bench, 3)
        assert only(bench) is PayoutState.CONFIRMED
        mine(bench)
        assert only(bench) is PayoutState.PAID


def test_a_reorganised_payment_is_broadcast_again_and_paid_once(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    mine(bench)
    bench.node.reorg(1, keep=False)
    bench.watcher.step()
    assert only(bench) is PayoutState.BROADCAST
    assert bench.state_of(withdrawal) == "ASSIGNED"
    bench.pay()
    assert bench.state_of(withdrawal) == "POSTED"
    assert bench.node.held(ALICE, ETH) == ETHER
    assert len(set(bench.node.broadcasts)) == 1
    bench.check()


def test_a_payment_that_moved_to_another_block_is_seen_there(bench: Bench) -> None:
    bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    mine(bench)
    (before,) = bench.control.payouts.values()
    bench.node.reorg(1)
    bench.node.mine()
    bench.watcher.step()
    (after,) = bench.control.payouts.values()
    assert before.seen is not None and after.seen is not None
    assert after.state is PayoutState.CONFIRMED
    assert after.seen.block_hash != before.seen.block_hash


def test_the_older_version_may_be_the_one_that_is_mined(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    (first,) = bench.node.pool
    bench.node.base_fee *= 3
    while bench.node.pool == [first]:
        bench.node.mine()
        bench.clock.advance(1_000)
        bench.work()
    bench.node.drop_pool()
    bench.node.base_fee //= 3
    bench.node.broadcast(first)
    mine(bench, 4)
    (payout,) = bench.control.payouts.values()
    assert payout.state is PayoutState.PAID
    assert payout.seen is not None and payout.seen.transaction_hash == chain.transaction_hash(first)
    assert bench.state_of(withdrawal) == "POSTED"
    bench.check()


def test_a_nonce_spent_by_a_stranger_refunds_and_stops_the_wallet(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.node.refuse = "not now"
    bench.work()
    bench.node.refuse = ""
    bench.node.spend_nonce(bench.policy.wallet("hot-1").address)
    bench.watcher.step()
    mine(bench, 1)
    assert bench.state_of(withdrawal) == "ASSIGNED", "not final yet"
    mine(bench, 4)
    (payout,) = bench.control.payouts.values()
    assert (payout.state, payout.tag) == (PayoutState.FAILED, "chain.foreign_transaction")
    assert bench.state_of(withdrawal) == "REFUNDED"
    (halt,) = bench.control.halts.values()
    assert (halt.scopes, halt.reason) == (("wallet:hot-1",), "chain.foreign_transaction")
    again = bench.withdraw("w-2", ETHER, ALICE)
    bench.pay(2)
    assert bench.state_of(again) == "QUEUED"
    bench.check()


@pytest.mark.parametrize(
    ("behaviour", "tag", "halted"),
    [
        ("revert", "chain.reverted", False),
        ("silent", "chain.no_transfer", True),
        ("skim", "chain.no_transfer", True),
    ],
)
def test_a_token_that_does_not_transfer_exactly_is_never_posted_as_paid(
    bench: Bench, behaviour: str, tag: str, halted: bool
) -> None:
    bench.node.token_behaviour = behaviour
    customers = bench.ledger.available(TOKEN, "pool:customers")
    house = bench.ledger.available(ETH, "pool:house")
    withdrawal = bench.withdraw("t-1", 500, ALICE, asset=TOKEN)
    bench.pay()
    (payout,) = bench.control.payouts.values()
    assert (payout.state, payout.tag) == (PayoutState.FAILED, tag)
    assert bench.state_of(withdrawal) == "REFUNDED"
    assert bench.ledger.available(TOKEN, "pool:customers") == customers, "the hold went back"
    assert bench.ledger.available(ETH, "pool:house") == house - payout.fee_paid, (
        "the fee is spent all the same"
    )
    assert [halt.scopes for halt in bench.control.halts.values()] == ([(f"asset:{TOKEN}",)] if halted else [])
    bench.check()


def test_what_arrived_is_paid_even_when_the_token_takes_more_besides(bench: Bench) -> None:
    """Giving the hold back to a customer who has the coins would let them have the coins twice."""
    bench.node.token_behaviour = "surcharge"
    customers = bench.ledger.available(TOKEN, "pool:customers")
    withdrawal = bench.withdraw("t-1", 500, ALICE, asset=TOKEN)
    bench.pay()
    (payout,) = bench.control.payouts.values()
    assert (payout.state, payout.tag) == (PayoutState.PAID, "chain.extra_transfer")
    assert bench.state_of(withdrawal) == "POSTED"
    assert bench.ledger.available(TOKEN, "pool:customers") == customers - 500
    (halt,) = bench.control.halts.values()
    assert (halt.scopes, halt.reason) == ((f"asset:{TOKEN}",), "chain.extra_transfer")


def test_a_node_that_does_not_answer_changes_nothing(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    bench.node.mine(5)
    bench.node.down = True
    bench.watcher.step()
    assert bench.state_of(withdrawal) == "ASSIGNED"
    bench.node.down = False
    bench.watcher.step()
    assert bench.state_of(withdrawal) == "POSTED"
