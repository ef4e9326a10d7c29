"""A payout end to end over fakes of chain and signer, a real journal and the real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custody import chain
from custody.model.payout import PayoutState
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


def test_a_withdrawal_is_planned_signed_broadcast_confirmed_and_posted(bench: Bench) -> None:
    (result,) = bench.submit(bench.deployment.intent("w-1", ETHER, ALICE))
    assert result.state == 2, result
    bench.pay()
    assert bench.state_of(result.withdrawal_id) == "POSTED"
    assert bench.node.held(ALICE, ETH) == ETHER
    (payout,) = bench.control.payouts.values()
    assert payout.state is PayoutState.PAID
    (raw,) = bench.node.mined
    assert chain.effects(raw).conflict_key == payout.conflict_key
    bench.ledger.conservation()
