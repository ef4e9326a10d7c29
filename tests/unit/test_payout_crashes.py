"""The server dies before and after every durable append, signature, promise and broadcast: nothing lost or doubled."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from custody import chain
from custody.errors import Unavailable
from custody.model.governance import GENESIS_SEQUENCE
from custody.model.proposal import ProposalState
from custody.services.governance import DecisionItem
from custody.statements import ProposalKind, SignedType, SweepBody, SweepLeg
from support.bench import ETH, TOKEN, Bench
from support.deployment import ETHER
from support.keys import EthKey
from support.killing import Killed, Trigger, When, Wrapped

ALICE = EthKey("alice").address
PAID = {"w-1": (ETH, ETHER + 1), "w-2": (TOKEN, 502), "w-3": (ETH, ETHER + 3)}
GIVEN_UP = ("c-1", ETHER + 9)
SWEPT = 2 * ETHER + 7


class Story:
    """What everybody outside does, again and again with the very same bytes, until all is done."""

    def __init__(self, folder: Path, trigger: Trigger) -> None:
        self.trigger = trigger
        self.bench = Bench(folder, wrap=lambda port: Wrapped(port, trigger))
        bench = self.bench
        bench.open("hot-1", ETH, 20 * ETHER)
        bench.open("hot-1", TOKEN, 1_000)
        bench.open("cold-1", ETH, 50 * ETHER, "house")
        address = bench.policy.wallet("hot-1").address
        leg = SweepLeg("cold-1", "hot-1", address, ETH, SWEPT, ETH, 10**16)
        self.statement = bench.deployment.statement(ProposalKind.SWEEP, SweepBody((leg,)), "dee")
        trigger.armed = True

    def tell(self) -> None:
        """One attempt; may be cut off anywhere."""
        bench = self.bench
        deployment = bench.deployment
        bench.submit(
            *(deployment.intent(name, amount, ALICE, asset=asset) for name, (asset, amount) in PAID.items())
        )
        bench.submit(deployment.intent(*GIVEN_UP, ALICE))
        bench.cancel(GIVEN_UP[0])
        signature = deployment.sign("dee", SignedType.PROPOSE, self.statement)
        proposal = bench.control.proposals[bench.governor.propose(self.statement, signature)]
        for operator in ("ada", "bo"):
            if proposal.state is ProposalState.OPEN:
                given = deployment.sign(operator, SignedType.APPROVE, self.statement)
                bench.governor.decide(DecisionItem(proposal.id, proposal.sha256, given), approve=True)
        for _ in range(8):
            bench.work()
            bench.cancellations.step()
            bench.node.mine()
            bench.watcher.step()
            bench.clock.advance(1_000)
        bench.work()

    def run(self) -> None:
        """Tell it until the end, starting again after each death."""
        for _ in range(3):
            try:
                self.tell()
            except (Killed, Unavailable):  # a dead writer answers its callers WriterStopped
                assert self.trigger.struck
                self.bench.restart()
            else:
                return
        raise AssertionError("the story never ends")

    def check(self) -> None:
        bench, self.trigger.armed = self.bench, False
        for name in PAID:
            view = bench.ledger.by_reference("backend", name)
            assert view is not None and view.state.value == "POSTED", (name, view)
        given_up = bench.ledger.by_reference("backend", GIVEN_UP[0])
        assert given_up is not None and given_up.end is not None and given_up.end.value == "CANCELLED"
        done = [chain.effects(raw) for raw in bench.node.mined]
        moved = sorted((effects.asset, effects.amount) for effects in done)
        assert moved == sorted([*PAID.values(), (ETH, SWEPT)]), "each exactly once, and nothing else"
        (proposal,) = bench.control.proposals.values()
        assert proposal.state is ProposalState.EXECUTED
        for row in bench.ledger.balances():
            if row.account.startswith("wallet:"):
                address = bench.policy.wallet(row.account.removeprefix("wallet:")).address
                assert row.debits_posted - row.credits_posted == bench.node.held(address, row.asset)
                assert row.debits_pending == row.credits_pending == 0
        bench.check()
        assert bench.control.governance.head_sequence == GENESIS_SEQUENCE


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["append", "sign_payout", "sign_sweep", "tombstone", "broadcast"])
def test_killed_at_every_call_nothing_is_lost_or_paid_twice(tmp_path: Path, method: str, when: When) -> None:
    for at in itertools.count(1):
        folder = tmp_path / str(at)
        folder.mkdir()
        trigger = Trigger(method, when, at)
        story = Story(folder, trigger)
        try:
            story.run()
            story.check()
        finally:
            story.bench.stop()
        if not trigger.struck:
            assert at > 1, f"{method} was never called"
            return


def test_killed_again_and_again_it_still_ends(tmp_path: Path) -> None:
    """A new death at the third append of each life."""
    trigger = Trigger("append", "after", 3)
    story = Story(tmp_path, trigger)
    lives = 0
    while True:
        try:
            story.tell()
            if not trigger.struck:
                break
        except (Killed, Unavailable):
            lives += 1
        trigger.armed = False
        story.bench.restart()
        trigger.armed, trigger.struck, trigger.calls = lives < 12, False, 0
    assert lives >= 5
    story.check()
    story.bench.stop()
