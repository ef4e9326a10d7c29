"""A token whose transfer reverts, returns false or emits no event is never posted as paid; one that lies is halted."""

from __future__ import annotations

from pathlib import Path

import pytest

from custody.api.v1 import treasury_pb2
from custody.client.results import State
from custody.testing.genesis import USD, Shape
from custody.testing.stack import CustodyStack
from support.money_watch import MoneyWatch, until

AMOUNT = 25 * USD


def customers(stack: CustodyStack) -> treasury_pb2.Balance:
    """The customers' pool of the token."""
    ada = stack.operator("ada")
    request = treasury_pb2.GetBalancesRequest(owner="pool:customers", asset=stack.token)
    (balance,) = ada.call(ada.treasury.GetBalances, request).balances
    found: treasury_pb2.Balance = balance
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("token", "tag"),
    [
        ("RevertingToken", "chain.reverted"),
        ("FalseToken", "chain.no_transfer"),
        ("SilentToken", "chain.no_transfer"),
    ],
)
def test_a_transfer_that_did_not_happen_as_it_should_is_never_posted(
    tmp_path: Path, token: str, tag: str
) -> None:
    with CustodyStack(tmp_path / "stack", Shape(token=token)) as stack, stack.client() as client:
        money = MoneyWatch(stack, client)
        honest = money.sign("token", AMOUNT)
        money.send(honest)
        money.await_state(honest, State.FINAL)
        before = customers(stack)

        stack.chain.break_token(stack.token_contract())
        cheated = money.sign("token", AMOUNT)
        money.send(cheated)
        ended = money.await_state(cheated, State.REFUNDED, State.FINAL)

        assert (ended.state, ended.tag) == (State.REFUNDED, tag)
        assert money.payments(cheated) == []
        after = customers(stack)
        assert (after.credits_posted, after.debits_posted) == (before.credits_posted, before.debits_posted)
        assert int(after.debits_pending) == 0, "the hold is released"
        scopes = {scope for halt in stack.operator("ada").status().halts for scope in halt.scopes}
        later = money.sign("token", AMOUNT)
        money.send(later)
        if tag == "chain.reverted":  # the chain says plainly that nothing moved: no lie
            assert scopes == set()
            assert money.await_state(later, State.REFUNDED, State.FINAL).state is State.REFUNDED
        else:
            assert f"asset:{stack.token}" in scopes
            until("the halt as a blocker", lambda: bool(money.state(later).blockers), 10)
            assert {blocker.kind for blocker in money.state(later).blockers} <= {"HALT", "FREEZE"}
            assert money.state(later).state is State.QUEUED
        ether = money.sign("eth")
        money.send(ether)
        money.await_state(ether, State.FINAL)
        assert len(money.payments(ether)) == 1
