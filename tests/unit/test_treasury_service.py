"""Sweeps: proposed when a band asks for it, carried out leg by leg after a quorum, the ledger through in_flight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custody import chain
from custody.model.leg import LegState
from custody.model.proposal import Proposal, ProposalState
from custody.services.conditions import ConditionKind
from custody.services.treasury import COOLDOWN_MS
from custody.statements import ProposalKind, SweepBody, SweepLeg
from support.bench import ETH, Bench
from support.deployment import ETHER, HOUR_MS, Options
from support.keys import EthKey

ALICE = EthKey("alice").address
FEE_CAP = 10**16


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        made.open("hot-1", ETH, ETHER)  # the floor is 2, the target 5
        made.open("cold-1", ETH, 50 * ETHER, "customers")
        made.node.fund(made.policy.wallet("cold-1").address, ETH, 0)
        yield made
        assert not made.fatal


@pytest.fixture
def rich(tmp_path: Path) -> Iterator[Bench]:
    """With a house that pays fees."""
    with Bench(tmp_path, Options(cold_band=True)) as made:
        made.open("hot-1", ETH, 10 * ETHER)
        made.open("cold-1", ETH, 50 * ETHER, "house")
        yield made
        assert not made.fatal


def sweeps(bench: Bench) -> list[Proposal]:
    return [p for p in bench.control.proposals.values() if p.statement.kind is ProposalKind.SWEEP]


def sweep(bench: Bench, amount: int = ETHER, source: str = "cold-1", target: str = "hot-1") -> SweepBody:
    address = bench.policy.wallet(target).address
    return SweepBody((SweepLeg(source, target, address, ETH, amount, ETH, FEE_CAP),))


def approve(bench: Bench, proposal: Proposal) -> None:
    for operator in ("ada", "bo"):
        assert bench.decide(proposal, operator).counted


def test_a_wallet_below_its_floor_is_refilled_to_its_target_by_one_proposal(bench: Bench) -> None:
    bench.treasury.step()
    bench.treasury.step()
    (proposal,) = sweeps(bench)
    assert proposal.statement.proposer == "planner" and proposal.propose is None
    assert isinstance(proposal.statement.payload, SweepBody)
    (leg,) = proposal.statement.payload.legs
    assert (leg.from_wallet, leg.to_wallet, leg.amount) == ("cold-1", "hot-1", 4 * ETHER)


def test_a_bigger_need_supersedes_what_nobody_has_looked_at(bench: Bench) -> None:
    bench.treasury.step()
    bench.withdraw("w-1", 3 * ETHER, ALICE)
    bench.treasury.step()
    old, new = sweeps(bench)
    assert (old.state, old.superseded_by, new.supersedes) == (ProposalState.SUPERSEDED, new.id, old.id)
    bench.decide(new, "ada")
    bench.withdraw("w-2", 3 * ETHER, ALICE)
    bench.treasury.step()
    assert len(sweeps(bench)) == 2, "people find what they approved"


def test_a_refused_sweep_is_not_proposed_again_at_once(bench: Bench) -> None:
    bench.treasury.step()
    (proposal,) = sweeps(bench)
    bench.decide(proposal, "ada", approve=False)
    bench.decide(proposal, "bo", approve=False)
    bench.treasury.step()
    assert len(sweeps(bench)) == 1
    bench.clock.advance(COOLDOWN_MS)
    bench.treasury.step()
    assert len(sweeps(bench)) == 2


def test_an_approved_sweep_moves_through_in_flight_and_pays_the_queue(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.open("hot-1", ETH, 3 * ETHER)
        bench.open("cold-1", ETH, 50 * ETHER, "house")
        ids = [bench.withdraw(f"w-{n}", ETHER, ALICE) for n in range(3)]
        bench.pay()
        assert sorted(bench.state_of(id_) for id_ in ids) == ["POSTED", "POSTED", "QUEUED"]
        bench.treasury.step()
        (proposal,) = sweeps(bench)
        approve(bench, proposal)
        bench.sweeps.step()
        leg = bench.control.legs[f"{proposal.id}/0"]
        assert leg.state is LegState.BROADCAST
        in_flight = {row.account: row for row in bench.ledger.balances() if row.asset == ETH}["in_flight"]
        assert in_flight.debits_pending == leg.terms.amount
        bench.treasury.step()
        assert len(sweeps(bench)) == 1, "what is on its way counts"
        bench.pay(12)
        assert bench.control.proposals[proposal.id].state is ProposalState.EXECUTED
        assert bench.control.legs[leg.id].state is LegState.MOVED
        assert {bench.state_of(id_) for id_ in ids} == {"POSTED"}
        for wallet in ("hot-1", "cold-1"):
            row = {r.account: r for r in bench.ledger.balances() if r.asset == ETH}[f"wallet:{wallet}"]
            held = bench.node.held(bench.policy.wallet(wallet).address, ETH)
            assert row.debits_posted - row.credits_posted == held
        bench.check()
        assert not bench.fatal


def test_nothing_is_signed_before_the_quorum_is_complete(rich: Bench) -> None:
    proposal = rich.propose(ProposalKind.SWEEP, sweep(rich), "dee")
    rich.decide(proposal, "ada")
    rich.sweeps.step()
    assert rich.control.legs[f"{proposal.id}/0"].state is LegState.WAITING
    assert not rich.signers["signer-cold-1"].signatures_made


def test_a_cold_signer_that_is_away_delays_its_legs_alone(rich: Bench) -> None:
    cold = rich.signers["signer-cold-1"]
    cold.down = True
    away = rich.propose(ProposalKind.SWEEP, sweep(rich), "dee")
    approve(rich, away)
    back = rich.propose(ProposalKind.SWEEP, sweep(rich, source="hot-1", target="cold-1"), "dee")
    approve(rich, back)
    rich.pay()
    assert rich.control.legs[f"{away.id}/0"].state is LegState.PLANNED
    assert rich.conditions.get(ConditionKind.SIGNER_DOWN, "signer-cold-1")
    assert rich.control.proposals[back.id].state is ProposalState.EXECUTED
    rich.restart()
    cold.down = False
    rich.pay()
    assert rich.control.proposals[away.id].state is ProposalState.EXECUTED
    rich.check()


def test_a_lost_answer_is_asked_for_again_and_moves_once(rich: Bench) -> None:
    cold = rich.signers["signer-cold-1"]
    cold.lose = 1
    proposal = rich.propose(ProposalKind.SWEEP, sweep(rich), "dee")
    approve(rich, proposal)
    rich.sweeps.step()
    rich.restart()
    rich.pay()
    assert rich.control.proposals[proposal.id].state is ProposalState.EXECUTED
    assert (cold.signatures_made, len(rich.node.mined)) == (1, 1)


def test_a_statement_that_the_signer_refuses_for_good_fails_and_gives_everything_back(rich: Bench) -> None:
    before = rich.ledger.available(ETH, "wallet:cold-1"), rich.ledger.available(ETH, "pool:house")
    rich.signers["signer-cold-1"].deny["sweep"] = "statement.cancelled"
    proposal = rich.propose(ProposalKind.SWEEP, sweep(rich), "dee")
    approve(rich, proposal)
    rich.sweeps.step()
    rich.sweeps.step()
    ended = rich.control.proposals[proposal.id]
    assert (ended.state, ended.tag) == (ProposalState.FAILED, "statement.cancelled")
    assert (rich.ledger.available(ETH, "wallet:cold-1"), rich.ledger.available(ETH, "pool:house")) == before
    del rich.signers["signer-cold-1"].deny["sweep"]
    again = rich.propose(ProposalKind.SWEEP, sweep(rich), "dee")
    approve(rich, again)
    rich.pay()
    assert rich.control.proposals[again.id].state is ProposalState.EXECUTED
    assert [chain.effects(raw).nonce for raw in rich.node.mined] == [0], "its nonce was free again"


def test_a_wallet_that_is_short_makes_its_sweep_wait_and_then_expire(rich: Bench) -> None:
    proposal = rich.propose(ProposalKind.SWEEP, sweep(rich, amount=60 * ETHER), "dee")
    approve(rich, proposal)
    rich.sweeps.step()
    leg = f"{proposal.id}/0"
    assert rich.control.legs[leg].state is LegState.DUE
    assert rich.sweeps.waits[leg] == "ledger.wallet_short"
    rich.clock.advance(HOUR_MS)
    rich.sweeps.step()
    rich.sweeps.step()
    assert rich.control.proposals[proposal.id].ended
    assert rich.control.legs[leg].state is LegState.CANCELLED


def test_a_halt_of_sweeps_stops_legs_until_it_is_lifted(rich: Bench) -> None:
    from custody.statements import ResumeBody

    halt = rich.halt("sweeps")
    proposal = rich.propose(ProposalKind.SWEEP, sweep(rich), "dee")
    approve(rich, proposal)
    rich.pay(2)
    assert rich.control.legs[f"{proposal.id}/0"].state is LegState.DUE
    rich.approve(ProposalKind.RESUME, ResumeBody(halt, "it was a test"))
    rich.pay()
    assert rich.control.proposals[proposal.id].state is ProposalState.EXECUTED


def test_a_wallet_above_its_ceiling_is_drained(tmp_path: Path) -> None:
    options = Options(cold_band=True, floor=ETHER, target=5 * ETHER, ceiling=8 * ETHER)
    with Bench(tmp_path, options) as bench:
        bench.open("hot-1", ETH, 9 * ETHER)
        bench.open("cold-1", ETH, 6 * ETHER, "house")
        bench.treasury.step()
        (proposal,) = sweeps(bench)
        assert isinstance(proposal.statement.payload, SweepBody)
        (leg,) = proposal.statement.payload.legs
        assert (leg.from_wallet, leg.to_wallet, leg.amount) == ("hot-1", "cold-1", 4 * ETHER)
        approve(bench, proposal)
        bench.pay()
        assert bench.control.proposals[proposal.id].state is ProposalState.EXECUTED
        bench.check()
