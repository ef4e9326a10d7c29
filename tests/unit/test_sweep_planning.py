"""When a sweep is due and how large it is; and that whatever the planner finds due, a signer would allow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.errors import Denied
from custody.model.policy import Policy
from custody.model.sweep import Position, check_legs, check_planner_bound, due_legs
from custody.statements import SweepBody, SweepLeg
from support.policy_builder import ETH, ETHER, TOKEN, USD, PolicyBuilder
from support.statement_builder import leg

HOT, COLD = "hot-eth-1", "cold-eth-1"
FEE_CAP = ETHER // 100
PLENTY = (Position(COLD, ETH, 9_000 * ETHER), Position(COLD, TOKEN, 9_000 * USD))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return PolicyBuilder().policy()


def _due(policy: Policy, *positions: Position) -> list[tuple[str, str, str, int]]:
    legs = due_legs(policy, (*positions, *PLENTY))
    if legs:
        check_legs(policy, SweepBody(legs))
        check_planner_bound(policy, SweepBody(legs))
    return [(leg.from_wallet, leg.to_wallet, leg.asset, leg.amount) for leg in legs]


@pytest.mark.parametrize(
    ("available", "demand", "incoming", "amount"),
    [
        (10, 0, 0, None),  # at the floor
        (9, 0, 0, 41),  # below it: up to the target
        (0, 0, 0, 50),
        (9, 5, 0, 46),  # the target, after the queue is paid
        (9, 30, 0, 50),  # never above the target
        (51, 50, 0, None),  # enough for the queue, the gas reserve and the fee
        (50, 50, 0, 50),  # a payment of all of it would never be made
        (50, 51, 0, 50),  # not enough
        (20, 21, 0, 50),
        (9, 0, 41, None),  # what is on its way counts
        (9, 0, 1, None),
        (8, 0, 1, 41),
        (30, 60, 40, None),
        (30, 80, 40, 50),
        (90, 0, 0, None),  # at the ceiling
    ],
)
def test_a_refill(policy: Policy, available: int, demand: int, incoming: int, amount: int | None) -> None:
    position = Position(HOT, ETH, available * ETHER, demand * ETHER, incoming * ETHER)
    expected = [] if amount is None else [(COLD, HOT, ETH, amount * ETHER)]
    assert _due(policy, position) == expected


def test_hysteresis_after_a_refill_nothing_is_due(policy: Policy) -> None:
    for available in range(100):
        for demand in (0, 7, 60):
            found = _due(policy, Position(HOT, ETH, available * ETHER, demand * ETHER))
            moved = sum(amount if to == HOT else -amount for _, to, _, amount in found)
            after = Position(HOT, ETH, available * ETHER + moved, demand * ETHER)
            again = _due(policy, after) if found else []
            assert not again or demand > 50, (available, demand)


def test_wallets_and_assets_are_looked_at_apart_and_in_order(policy: Policy) -> None:
    assert _due(
        policy,
        Position("hot-eth-2", ETH, 0),
        Position(HOT, TOKEN, 1 * USD),
        Position(HOT, ETH, 0),
        Position("hot-eth-2", TOKEN, 60 * USD),
    ) == [
        (COLD, HOT, TOKEN, 49 * USD),
        (COLD, HOT, ETH, 50 * ETHER),
        (COLD, "hot-eth-2", ETH, 50 * ETHER),
    ]


def test_what_is_not_known_is_left_alone(policy: Policy) -> None:
    assert due_legs(policy, ()) == ()
    assert due_legs(policy, (Position(HOT, ETH, 0),)) == ()
    assert due_legs(policy, PLENTY) == ()
    assert due_legs(policy, (Position("nobody", ETH, 0), *PLENTY)) == ()


def test_a_wallet_without_a_band_is_left_alone() -> None:
    builder = PolicyBuilder()
    builder.wallet(HOT)["bands"] = []
    assert _due(builder.policy(), Position(HOT, ETH, 0)) == []


def test_the_legs_are_complete(policy: Policy) -> None:
    (found,) = due_legs(policy, (Position(HOT, TOKEN, 0), *PLENTY))
    address = policy.wallet(HOT).address
    assert found == SweepLeg(COLD, HOT, address, TOKEN, 50 * USD, ETH, FEE_CAP)


def test_the_source_keeps_its_gas_reserve_and_the_fee(policy: Policy) -> None:
    def amount(cold: int) -> list[int]:
        return [
            found.amount for found in due_legs(policy, (Position(HOT, ETH, 0), Position(COLD, ETH, cold)))
        ]

    kept = ETHER // 100 + FEE_CAP
    assert amount(50 * ETHER + kept) == [50 * ETHER]
    assert amount(50 * ETHER + kept - 1) == [50 * ETHER - 1]
    assert amount(10 * ETHER + kept) == [10 * ETHER]
    assert amount(10 * ETHER + kept - 1) == []  # would not even reach the floor


def test_a_token_moves_only_with_gas_for_it(policy: Policy) -> None:
    token = Position(COLD, TOKEN, 100 * USD)
    empty = Position(HOT, TOKEN, 0)
    assert due_legs(policy, (empty, token)) == ()
    assert due_legs(policy, (empty, token, Position(COLD, ETH, FEE_CAP - 1))) == ()
    assert len(due_legs(policy, (empty, token, Position(COLD, ETH, FEE_CAP)))) == 1


def test_what_one_leg_takes_is_not_given_twice(policy: Policy) -> None:
    cold = Position(COLD, ETH, 60 * ETHER)
    legs = due_legs(policy, (Position(HOT, ETH, 0), Position("hot-eth-2", ETH, 0), cold))
    assert [found.amount for found in legs] == [50 * ETHER]
    gas = Position(COLD, ETH, FEE_CAP)
    tokens = (Position(HOT, TOKEN, 0), Position("hot-eth-2", TOKEN, 0), Position(COLD, TOKEN, 9_000 * USD))
    assert len(due_legs(policy, (*tokens, gas))) == 1


def test_a_leg_stays_within_its_sources_daily_cap() -> None:
    builder = PolicyBuilder()
    for cap in builder.wallet(COLD)["caps"]:
        cap["amount"] = str(20 * ETHER) if cap["asset"] == ETH else str(20 * USD)
    legs = due_legs(builder.policy(), (Position(HOT, ETH, 0), Position(HOT, TOKEN, 0), *PLENTY))
    assert [(found.asset, found.amount) for found in legs] == [
        (TOKEN, 20 * USD),
        (ETH, 20 * ETHER - 2 * FEE_CAP),
    ]


def test_legs_of_one_source_stay_within_its_daily_cap_together() -> None:
    builder = PolicyBuilder()
    for cap in builder.wallet(COLD)["caps"]:
        cap["amount"] = str(70 * ETHER) if cap["asset"] == ETH else str(70 * USD)
    empty = [Position(hot, asset, 0) for hot in (HOT, "hot-eth-2") for asset in (ETH, TOKEN)]
    legs = due_legs(builder.policy(), (*empty, *PLENTY))
    assert [(found.to_wallet, found.asset, found.amount) for found in legs] == [
        (HOT, TOKEN, 50 * USD),
        (HOT, ETH, 50 * ETHER),
        ("hot-eth-2", TOKEN, 20 * USD),
        ("hot-eth-2", ETH, 20 * ETHER - 4 * FEE_CAP),
    ]


def _with_warm(**changes: Any) -> Policy:
    builder = PolicyBuilder(cold=("cold-eth-1", "warm-eth-1"))
    builder.wallet("warm-eth-1").update({"kind": "WARM", **changes})
    return builder.policy()


def test_a_warm_wallet_gives_before_a_cold_one_if_it_has_enough() -> None:
    policy = _with_warm()
    empty = Position(HOT, ETH, 0)
    assert _due(policy, empty, Position("warm-eth-1", ETH, 60 * ETHER))[0][0] == "warm-eth-1"
    assert _due(policy, empty, Position("warm-eth-1", ETH, 40 * ETHER))[0][0] == COLD


def test_a_wallet_of_another_group_gives_nothing() -> None:
    policy = _with_warm(group="other")
    legs = due_legs(policy, (Position(HOT, ETH, 0), Position("warm-eth-1", ETH, 900 * ETHER)))
    assert legs == ()


@pytest.fixture(scope="module")
def drained() -> Policy:
    builder = PolicyBuilder()
    band = {"asset": ETH, "floor": "0", "target": str(1000 * ETHER), "ceiling": str(5000 * ETHER)}
    builder.wallet(COLD)["bands"] = [band]
    return builder.policy()


@pytest.mark.parametrize(
    ("available", "demand", "amount"),
    [(90, 0, None), (91, 0, 41), (100, 0, 50), (100, 10, None), (120, 10, 60), (110, 100, None)],
)
def test_a_drain(drained: Policy, available: int, demand: int, amount: int | None) -> None:
    expected = [] if amount is None else [(HOT, COLD, ETH, amount * ETHER)]
    assert _due(drained, Position(HOT, ETH, available * ETHER, demand * ETHER)) == expected


def test_a_drain_is_bounded_by_its_destinations_target(drained: Policy) -> None:
    legs = due_legs(drained, (Position(HOT, ETH, 5000 * ETHER), *PLENTY))
    assert [found.amount for found in legs] == [1000 * ETHER - FEE_CAP]  # the hot wallet's own daily cap, too


def test_without_a_band_an_operator_must_propose_the_drain(policy: Policy) -> None:
    assert _due(policy, Position(HOT, ETH, 500 * ETHER)) == []


def test_a_fee_share_too_small_to_pay_any_fee_moves_nothing() -> None:
    policy = PolicyBuilder(share="0.000000001").policy()
    sound = leg(policy, amount=10**9, fee_cap=1)
    check_legs(policy, SweepBody((sound,)))
    with pytest.raises(Denied) as refused:
        check_legs(policy, SweepBody((leg(policy, amount=10**9 - 1, fee_cap=1),)))
    assert refused.value.tag == "sweep.fee_cap"


amounts = st.integers(0, 200 * ETHER)


@given(
    hot=st.tuples(amounts, amounts, amounts),
    second=st.tuples(amounts, amounts, amounts),
    cold=st.integers(0, 400 * ETHER),
    share=st.sampled_from([None, "0.02", "0.000000001"]),
)
def test_whatever_is_due_is_allowed_and_affordable(
    hot: tuple[int, int, int], second: tuple[int, int, int], cold: int, share: str | None
) -> None:
    policy = _policy_with_share(share)
    positions = (Position(HOT, ETH, *hot), Position("hot-eth-2", ETH, *second), Position(COLD, ETH, cold))
    legs = due_legs(policy, positions)
    if legs:
        check_legs(policy, SweepBody(legs))
        check_planner_bound(policy, SweepBody(legs))
    spent = sum(found.amount + found.fee_cap for found in legs if found.from_wallet == COLD)
    assert spent <= max(0, cold - policy.network("eip155:31337").gas_reserve)
    assert len({found.to_wallet for found in legs}) == len(legs)
    for found in legs:
        available, demand, incoming = hot if found.to_wallet == HOT else second
        held = available + incoming
        kept = policy.network("eip155:31337").gas_reserve + policy.network("eip155:31337").fee_cap(
            ETH, demand
        )
        assert held < 10 * ETHER or held < demand + kept
        assert held + found.amount >= 10 * ETHER


_POLICIES: dict[str | None, Policy] = {}


def _policy_with_share(share: str | None) -> Policy:
    if share not in _POLICIES:
        _POLICIES[share] = PolicyBuilder(share=share).policy()
    return _POLICIES[share]
