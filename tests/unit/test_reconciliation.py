"""Ledger and chain at one final block: what is under way is no difference, what is missing stops the wallet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bench import ETH, Bench
from support.deployment import ETHER
from support.keys import EthKey

ALICE = EthKey("alice").address


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        made.open("hot-1", ETH, 100 * ETHER)
        made.open("cold-1", ETH, 10 * ETHER, "house")
        made.node.mine(3)
        yield made
        assert not made.fatal


def test_equal_books_write_nothing(bench: Bench) -> None:
    head = bench.writer.head
    bench.reconciler.step()
    assert bench.writer.head == head
    found = bench.balances.get("hot-1", ETH)
    assert found is not None and found.final == 100 * ETHER


def test_payments_under_way_are_no_difference(bench: Bench) -> None:
    for n in range(4):
        bench.withdraw(f"w-{n}", ETHER, ALICE)
    for _ in range(8):
        bench.work()
        bench.reconciler.step()
        bench.node.mine()
        bench.reconciler.step()
        bench.watcher.step()
        bench.reconciler.step()
        bench.clock.advance(1_000)
    assert not bench.control.halts


def test_a_deficit_stops_the_wallet_once_and_for_restarts_too(bench: Bench) -> None:
    address = bench.policy.wallet("hot-1").address
    bench.node.fund(address, ETH, -ETHER)  # gone
    bench.node.mine(3)
    bench.reconciler.step()
    (halt,) = bench.control.halts.values()
    assert (halt.scopes, halt.reason) == (("wallet:hot-1",), "reconciliation.deficit")
    bench.reconciler.step()
    bench.restart()
    bench.reconciler.step()
    assert len(bench.control.halts) == 1
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.pay(2)
    assert bench.state_of(withdrawal) == "QUEUED"
    bench.check()


def test_a_surplus_goes_to_suspense_and_stops_nothing(bench: Bench) -> None:
    ledger = bench.ledger
    owed = ledger.available(ETH, "pool:customers")
    bench.node.fund(bench.policy.wallet("hot-1").address, ETH, 5)
    bench.node.mine(3)
    head = bench.writer.head.sequence
    bench.reconciler.step()
    assert bench.writer.head.sequence == head + 1
    bench.reconciler.step()
    assert bench.writer.head.sequence == head + 1, "what is known is not recorded again"
    assert not bench.control.halts
    assert ledger.available(ETH, "suspense") == 5
    assert ledger.available(ETH, "wallet:hot-1") == 100 * ETHER + 5
    assert ledger.available(ETH, "pool:customers") == owed, "owed to nobody"
    bench.restart()
    bench.reconciler.step()
    assert bench.writer.head.sequence <= head + 2, "a restart alone writes that it started"
    assert bench.ledger.available(ETH, "suspense") == 5
    bench.check()


def test_a_surplus_that_goes_again_is_a_deficit(bench: Bench) -> None:
    address = bench.policy.wallet("hot-1").address
    for more in (7, -7):
        bench.node.fund(address, ETH, more)
        bench.node.mine(3)
        bench.reconciler.step()
    (halt,) = bench.control.halts.values()
    assert (halt.scopes, halt.reason) == (("wallet:hot-1",), "reconciliation.deficit")
    bench.check()


def test_a_surplus_and_a_deficit_at_one_block(bench: Bench) -> None:
    bench.node.fund(bench.policy.wallet("hot-1").address, ETH, 9)
    bench.node.fund(bench.policy.wallet("cold-1").address, ETH, -1)
    bench.node.mine(3)
    bench.reconciler.step()
    (halt,) = bench.control.halts.values()
    assert halt.scopes == ("wallet:cold-1",)
    head = bench.writer.head.sequence
    bench.reconciler.step()
    assert bench.writer.head.sequence == head
    bench.check()
