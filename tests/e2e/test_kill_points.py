"""SIGKILL of server and signer at each step of a payout, of a sweep and of a cancellation: nothing lost or doubled.

One stack for all; after the last test the chain is compared with the ledger, and the journal is replayed.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from itertools import product

import pytest

from custody.api.v1 import proposal_pb2, sweep_pb2
from custody.client.results import CancelOutcome, State
from custody.statements import ProposalKind, SweepBody, SweepLeg
from custody.testing.demo.comparison import compare
from custody.testing.faults import Fault
from custody.testing.genesis import ETHER, USD, Shape
from custody.testing.processes import Process
from custody.testing.stack import CustodyStack
from support.money_watch import MoneyWatch, until

pytestmark = [pytest.mark.timeout(90), pytest.mark.xdist_group("kill_points")]

HOT, SIGNER, COLD = "hot-eth-1", "hot-1", "cold-1"
WHEN = ("before", "after")
PAYOUT = [
    ("server", "append", "WITHDRAWALS_SUBMITTED"),
    ("server", "append", "PAYOUTS_PLANNED"),
    ("server", "sign", "payout"),
    (SIGNER, "append", "SIGNING_INTENDED"),
    (SIGNER, "sign", HOT),
    (SIGNER, "append", "SIGNATURE_MADE"),
    ("server", "append", "PAYOUTS_SIGNED"),
    ("server", "broadcast", ""),
    ("server", "append", "PAYOUTS_BROADCAST"),
    ("server", "append", "PAYOUTS_CONFIRMED"),
    ("server", "append", "PAYOUTS_FINAL"),
]
SWEEP = [
    ("server", "append", "SWEEP_LEG_PLANNED"),
    ("server", "sign", "sweep"),
    (COLD, "append", "SIGNING_INTENDED"),
    (COLD, "sign", "cold-eth-1"),
    (COLD, "append", "SIGNATURE_MADE"),
    ("server", "append", "SWEEP_LEG_SIGNED"),
    ("server", "broadcast", ""),
    ("server", "append", "SWEEP_LEG_FINAL"),
]
CANCELLATION = [
    ("server", "append", "CANCELLATION_REQUESTED"),
    (SIGNER, "append", "TOMBSTONED"),
    ("server", "append", "WITHDRAWALS_ENDED"),
]


def each(steps: list[tuple[str, str, str]]) -> pytest.MarkDecorator:
    cases = list(product(WHEN, steps))
    return pytest.mark.parametrize(
        ("when", "step"), cases, ids=["-".join((w, *s)).rstrip("-") for w, s in cases]
    )


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoneyWatch]:
    shape = Shape(
        customer_daily={"eth": 1_000 * ETHER, "token": 1_000_000 * USD},
        co_sign_above={"eth": 1_000 * ETHER, "token": 1_000_000 * USD},
    )
    workers = {"payouts_ms": 200, "confirmations_ms": 100, "treasury_ms": 500}
    folder = tmp_path_factory.mktemp("stack")
    with CustodyStack(folder, shape, faulty=True, server_settings={"workers": workers}) as stack:
        with stack.client() as client:
            watch = MoneyWatch(stack, client)
            yield watch
            found = compare(stack, watch.items, list(client.list_all(page_size=500)))
        assert not found.differences
        assert (found.paid_twice, found.lost) == (0, 0)
        assert found.final + found.cancelled == len(watch.items)
        assert stack.server.stop() == 0
        replayed = stack.check_journal()
        assert replayed == stack.check_journal()
        assert len(replayed["ledger"]) == len(replayed["control"]) == 64


@pytest.fixture
def stack(money: MoneyWatch) -> Iterator[CustodyStack]:
    """The stack with everything up, before and after."""
    yield money.stack
    for name in ("server", *money.stack.signers):
        money.stack.arm(name)
        if not process(money.stack, name).pid:
            process(money.stack, name).start()


def process(stack: CustodyStack, name: str) -> Process:
    return stack.server if name == "server" else stack.signers[name]


def arm(stack: CustodyStack, when: str, victim: str, where: str, kind: str) -> None:
    stack.arm(victim, Fault("kill", when, where, kind))  # type: ignore[arg-type]


def await_death_and_restart(stack: CustodyStack, victim: str) -> None:
    assert process(stack, victim).wait_gone(30) == -signal.SIGKILL
    stack.arm(victim)
    process(stack, victim).start()


@pytest.mark.parametrize(
    ("when", "step"),
    list(product(WHEN, PAYOUT)),
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_a_killed_process_neither_loses_nor_doubles_a_payout(
    money: MoneyWatch, stack: CustodyStack, when: str, step: tuple[str, str, str]
) -> None:
    signed = money.sign(wallet=HOT)
    arm(stack, when, *step)
    sending = threading.Thread(target=money.send, args=(signed,))
    sending.start()
    await_death_and_restart(stack, step[0])
    sending.join(30)
    assert not sending.is_alive()
    money.await_state(signed, State.FINAL)
    (payment,) = money.payments(signed)
    assert (payment.token, payment.amount) == (None, signed.body.amount)
    assert payment.sender == stack.address(HOT).lower()


@pytest.mark.parametrize(
    ("when", "step"),
    list(product(WHEN, SWEEP)),
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_a_killed_process_neither_loses_nor_doubles_a_sweep(
    stack: CustodyStack, when: str, step: tuple[str, str, str]
) -> None:
    before = stack.chain.balance(stack.address(HOT), stack.token_contract())
    leg = SweepLeg(
        "cold-eth-1", HOT, stack.address(HOT), stack.token, 7 * USD, stack.eth, stack.shape.fee_cap
    )
    ada = stack.operator("ada")
    proposal = ada.propose(ada.statement(ProposalKind.SWEEP, SweepBody((leg,))))
    arm(stack, when, *step)
    for name in ("bo", "cy"):
        (result,) = stack.operator(name).approve(proposal)
        assert result.counted
    await_death_and_restart(stack, step[0])

    def final() -> bool:
        answer = ada.call(ada.sweeps.ListSweeps, sweep_pb2.ListSweepsRequest(page_size=100))
        (sweep,) = [s for s in answer.sweeps if s.proposal_id == proposal.proposal_id]
        state = ada.proposal(proposal.proposal_id).state
        return [leg.state for leg in sweep.legs] == [
            sweep_pb2.SWEEP_STATE_FINAL
        ] and state == proposal_pb2.PROPOSAL_STATE_EXECUTED

    until("the sweep's end", final, 40)
    assert stack.chain.balance(stack.address(HOT), stack.token_contract()) == before + 7 * USD


@pytest.mark.parametrize(
    ("when", "step"),
    list(product(WHEN, CANCELLATION)),
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_a_killed_process_neither_loses_a_cancellation_nor_pays_after_it(
    money: MoneyWatch, stack: CustodyStack, when: str, step: tuple[str, str, str]
) -> None:
    signed = money.sign("eth", 500 * ETHER, HOT)  # more than the wallet has: it waits
    money.send(signed)
    arm(stack, when, *step)
    answers: list[CancelOutcome] = []
    asking = threading.Thread(target=lambda: answers.append(money.client.cancel(signed).outcome))
    asking.start()
    await_death_and_restart(stack, step[0])
    asking.join(60)
    assert answers
    until("the cancellation", lambda: money.client.cancel(signed).outcome is CancelOutcome.CANCELLED, 30)
    assert money.await_state(signed, State.CANCELLED).state is State.CANCELLED
    assert money.payments(signed) == []
