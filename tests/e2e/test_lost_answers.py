"""What fails without killing: an answer of node, token or disk is lost, and each payment is still made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from custody.client.results import State
from custody.testing.demo.comparison import compare
from custody.testing.faults import Action, Fault, When
from custody.testing.stack import CustodyStack
from support.money_watch import MoneyWatch

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("lost_answers")]

HOT, SIGNER, FATAL = "hot-eth-1", "hot-1", 70
FAIL: Action = "fail"
WHEN: tuple[When, When] = ("before", "after")


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoneyWatch]:
    with CustodyStack(tmp_path_factory.mktemp("stack"), faulty=True) as stack, stack.client() as client:
        watch = MoneyWatch(stack, client)
        yield watch
        found = compare(stack, watch.items, list(client.list_all(page_size=500)))
        assert not found.differences


def paid_once(money: MoneyWatch, asset: str = "eth") -> None:
    signed = money.sign(asset, 10**6, HOT)
    money.send(signed)
    money.await_state(signed, State.FINAL, timeout_s=60)
    assert [payment.amount for payment in money.payments(signed)] == [10**6]


@pytest.mark.parametrize("when", WHEN)
def test_the_node_is_not_heard(money: MoneyWatch, when: When) -> None:
    money.stack.arm("server", Fault(FAIL, when, "broadcast"))
    paid_once(money)


@pytest.mark.parametrize("when", WHEN)
def test_the_signer_is_not_heard(money: MoneyWatch, when: When) -> None:
    money.stack.arm("server", Fault(FAIL, when, "sign", "payout"))
    paid_once(money)


@pytest.mark.parametrize("when", WHEN)
def test_the_token_fails(money: MoneyWatch, when: When) -> None:
    money.stack.arm(SIGNER, Fault(FAIL, when, "sign", HOT))
    paid_once(money, "token")


@pytest.mark.parametrize("when", WHEN)
def test_a_disk_that_fails_stops_the_server(money: MoneyWatch, when: When) -> None:
    stack = money.stack
    signed = money.sign("eth", 10**6, HOT)
    stack.arm("server", Fault(FAIL, when, "append", "PAYOUTS_PLANNED"))
    money.send(signed)
    assert stack.server.wait_gone(30) == FATAL
    stack.arm("server")
    stack.start_server()
    money.await_state(signed, State.FINAL)
    assert len(money.payments(signed)) == 1
