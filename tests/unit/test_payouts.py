"""Payouts over fakes of chain and signer, a real journal and the real ledger: paid once, exact, or ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custody import chain
from custody.model.payout import PayoutState
from custody.services import payout_plans
from custody.services.conditions import ConditionKind
from custody.statements import FeeMode
from support.bench import ETH, TOKEN, Bench
from support.deployment import ETHER, HOUR_MS, START_MS, Options
from support.keys import EthKey

ALICE = EthKey("alice").address
GWEI = 10**9


def make(folder: Path, **options: object) -> Bench:
    bench = Bench(folder, Options(**options))  # type: ignore[arg-type]
    bench.open("hot-1", ETH, 100 * ETHER)
    bench.open("hot-1", TOKEN, 1_000_000)
    bench.open("cold-1", ETH, 10 * ETHER, "house")
    return bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with make(tmp_path) as made:
        yield made
        assert not made.fatal


def test_a_withdrawal_is_planned_signed_broadcast_confirmed_and_posted(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    (payout,) = bench.control.payouts.values()
    assert payout.state is PayoutState.BROADCAST
    assert bench.state_of(withdrawal) == "ASSIGNED"
    bench.pay()
    assert bench.state_of(withdrawal) == "POSTED"
    assert bench.node.held(ALICE, ETH) == ETHER
    (raw,) = bench.node.mined
    assert chain.effects(raw).conflict_key == payout.conflict_key
    wallet = bench.policy.wallet("hot-1")
    rows = {(row.account, row.asset): row for row in bench.ledger.balances()}
    row = rows["wallet:hot-1", ETH]
    assert row.debits_posted - row.credits_posted == bench.node.held(wallet.address, ETH)
    assert row.credits_pending == 0
    bench.check()


def test_many_of_two_assets_are_paid_exactly_once_in_order_of_nonces(bench: Bench) -> None:
    ids = [bench.withdraw(f"w-{n}", ETHER + n, ALICE) for n in range(20)]
    ids += [bench.withdraw(f"t-{n}", 100 + n, ALICE, asset=TOKEN) for n in range(20)]
    bench.pay(12)
    assert {bench.state_of(id_) for id_ in ids} == {"POSTED"}
    assert bench.node.held(ALICE, ETH) == sum(ETHER + n for n in range(20))
    assert bench.node.held(ALICE, TOKEN) == sum(100 + n for n in range(20))
    assert [chain.effects(raw).nonce for raw in bench.node.mined] == list(range(40))
    bench.check()


def test_deduct_pays_the_amount_less_the_first_versions_most(bench: Bench) -> None:
    changes = {"fee_mode": FeeMode.DEDUCT, "max_network_fee": 10**15}
    withdrawal = bench.withdraw("w-1", ETHER, ALICE, **changes)
    house = bench.ledger.available(ETH, "pool:house")
    bench.pay()
    (payout,) = bench.control.payouts.values()
    terms = payout.versions[0].terms
    assert bench.node.held(ALICE, ETH) == ETHER - terms.max_fee
    assert bench.state_of(withdrawal) == "POSTED"
    # House keeps what was deducted above what the network took.
    assert bench.ledger.available(ETH, "pool:house") == house + terms.max_fee - payout.fee_paid
    bench.check()


def test_a_fee_above_the_cap_waits_and_is_paid_once_it_falls(bench: Bench) -> None:
    bench.node.base_fee = 10_000 * GWEI
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    assert bench.state_of(withdrawal) == "QUEUED"
    assert bench.conditions.get(ConditionKind.FEE_ABOVE_CAP, "hot-1")
    assert not bench.signers["signer-hot-1"].asked
    bench.node.base_fee = GWEI
    bench.clock.advance(2_000)
    bench.pay()
    assert bench.state_of(withdrawal) == "POSTED"
    assert bench.conditions.get(ConditionKind.FEE_ABOVE_CAP, "hot-1") is None


def test_dust_that_no_fee_fits_hides_nothing_behind_it(tmp_path: Path) -> None:
    with make(tmp_path, share="0.01") as bench:
        dust = [bench.withdraw(f"d-{n}", 1, ALICE) for n in range(bench.settings.batch + 1)]
        bench.clock.advance(1)
        sound = bench.withdraw("w-1", ETHER, ALICE)
        bench.pay()
        assert bench.state_of(sound) == "POSTED"
        assert {bench.state_of(id_) for id_ in dust} == {"QUEUED"}
        assert bench.conditions.get(ConditionKind.FEE_ABOVE_CAP, "hot-1")


def test_more_dust_than_is_looked_at_hides_nothing_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make(tmp_path, share="0.01") as bench:
        batch = bench.settings.batch
        monkeypatch.setattr(payout_plans, "_MOST_LOOKED_AT", batch + 1)
        # What is put aside or about to end is not looked at, however much it is.
        bench.payouts["hot-1"]._aside = {bytes(14) + n.to_bytes(2): 10**12 for n in range(2 * batch)}
        for n in range(4 * batch):
            bench.withdraw(f"d-{n}", 1, ALICE)
        bench.clock.advance(1)
        sound = bench.withdraw("w-1", ETHER, ALICE)
        bench.pay()
        assert bench.state_of(sound) == "POSTED"
        assert bench.conditions.get(ConditionKind.FEE_ABOVE_CAP, "hot-1")


def test_funds_are_kept_for_what_only_the_gas_reserve_stops(bench: Bench) -> None:
    reserve = bench.policy.network(bench.policy.wallet("hot-1").network).gas_reserve
    large = bench.withdraw("w-1", 100 * ETHER - reserve, ALICE)
    bench.clock.advance(11 * 60_000)
    small = bench.withdraw("w-2", reserve // 2, ALICE)
    bench.pay()
    assert (bench.state_of(large), bench.state_of(small)) == ("QUEUED", "QUEUED")
    bench.clock.advance(10 * 60_000)
    bench.pay()
    assert (bench.state_of(large), bench.state_of(small)) == ("QUEUED", "POSTED")


def test_the_offer_is_held_down_to_the_cap_while_that_would_be_mined(tmp_path: Path) -> None:
    with make(tmp_path, fee_cap=21_000 * 3 * GWEI // 2) as bench:
        bench.withdraw("w-1", ETHER, ALICE)
        bench.pay()
        (payout,) = bench.control.payouts.values()
        assert payout.versions[0].terms.max_fee == 21_000 * 3 * GWEI // 2
        assert payout.state is PayoutState.PAID


def test_a_short_wallet_and_its_gas_reserve_wait_for_liquidity(bench: Bench) -> None:
    wallet = bench.policy.wallet("hot-1")
    reserve = bench.policy.network(wallet.network).gas_reserve
    too_much = bench.withdraw("w-1", 100 * ETHER - reserve, ALICE)
    small = bench.withdraw("w-2", ETHER // 200, ALICE)
    bench.pay()
    assert (bench.state_of(too_much), bench.state_of(small)) == ("QUEUED", "POSTED")
    bench.check()


def test_a_batch_never_spends_the_same_coins_twice(bench: Bench) -> None:
    ids = [bench.withdraw(f"w-{n}", 30 * ETHER, ALICE) for n in range(3)]
    bench.pay()
    assert sorted(bench.state_of(id_) for id_ in ids) == ["POSTED", "POSTED", "POSTED"]
    more = [bench.withdraw(f"x-{n}", 6 * ETHER, ALICE) for n in range(1)]
    bench.pay()
    assert [bench.state_of(id_) for id_ in more] == ["POSTED"]
    assert not bench.fatal


def test_an_empty_house_pauses_payouts(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.open("hot-1", ETH, 10 * ETHER)
        bench.open("cold-1", ETH, 1_000, "house")
        withdrawal = bench.withdraw("w-1", ETHER, ALICE)
        bench.pay(2)
        assert bench.state_of(withdrawal) == "QUEUED"
        assert bench.conditions.get(ConditionKind.HOUSE_EMPTY, "hot-1")


def test_a_signer_that_is_away_gets_the_same_terms_again(bench: Bench) -> None:
    signer = bench.signers["signer-hot-1"]
    signer.down = True
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    (payout,) = bench.control.payouts.values()
    assert payout.state is PayoutState.PLANNED
    assert bench.conditions.get(ConditionKind.SIGNER_DOWN, "signer-hot-1")
    bench.node.base_fee *= 2  # the price changed meanwhile, the terms must not
    signer.down = False
    bench.clock.advance(10_000)
    bench.pay()
    (again,) = bench.control.payouts.values()
    assert again.versions[0].terms == payout.versions[0].terms
    assert bench.state_of(withdrawal) == "POSTED"
    assert bench.conditions.get(ConditionKind.SIGNER_DOWN, "signer-hot-1") is None


def test_a_signature_whose_answer_was_lost_is_given_again(bench: Bench) -> None:
    signer = bench.signers["signer-hot-1"]
    signer.lose = 1
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    bench.clock.advance(10_000)
    bench.pay()
    assert bench.state_of(withdrawal) == "POSTED"
    assert signer.signatures_made == 1
    assert len(bench.node.mined) == 1


def test_a_halted_signer_keeps_the_plan_and_the_rest_goes_back_to_the_queue(bench: Bench) -> None:
    signer = bench.signers["signer-hot-1"]
    signer.halted = True
    ids = [bench.withdraw(f"w-{n}", ETHER, ALICE) for n in range(5)]
    bench.work()
    assert sorted(bench.state_of(id_) for id_ in ids) == ["ASSIGNED"] + ["QUEUED"] * 4
    assert bench.conditions.get(ConditionKind.SIGNER_REFUSES, "signer-hot-1")
    signer.halted = False
    bench.clock.advance(10_000)
    bench.pay(12)
    assert {bench.state_of(id_) for id_ in ids} == {"POSTED"}
    assert [chain.effects(raw).nonce for raw in bench.node.mined] == list(range(5))


def test_one_that_the_signer_will_never_pay_is_ended_and_its_nonce_used_again(bench: Bench) -> None:
    signer = bench.signers["signer-hot-1"]
    signer.deny["w-0"] = "destination.own_wallet"
    ids = [bench.withdraw(f"w-{n}", ETHER, ALICE) for n in range(3)]
    bench.work()
    bench.cancellations.step()
    assert bench.state_of(ids[0]) == "CANCELLED"
    (ended,) = bench.control.ended.values()
    assert ended.tag == "destination.own_wallet" and ended.tombstone
    bench.pay()
    assert [bench.state_of(id_) for id_ in ids[1:]] == ["POSTED", "POSTED"]
    assert [chain.effects(raw).nonce for raw in bench.node.mined] == [0, 1]
    bench.check()


def test_a_frozen_customer_lets_the_others_pass(bench: Bench) -> None:
    signer = bench.signers["signer-hot-1"]
    signer.deny["w-0"] = "halt.customer"
    ids = [bench.withdraw(f"w-{n}", ETHER, ALICE) for n in range(3)]
    bench.pay()
    assert [bench.state_of(id_) for id_ in ids] == ["QUEUED", "POSTED", "POSTED"]
    del signer.deny["w-0"]
    bench.clock.advance(60_000)
    bench.pay()
    assert bench.state_of(ids[0]) == "POSTED"
    assert len(bench.node.mined) == 3


def test_what_expires_at_the_signer_ends_expired(bench: Bench) -> None:
    deadline = START_MS + HOUR_MS
    withdrawal = bench.withdraw("w-1", ETHER, ALICE, pay_before_unix_ms=deadline)
    bench.signers["signer-hot-1"].deny["w-1"] = "intent.expired"  # its clock is a little ahead
    bench.work()
    bench.cancellations.step()
    assert bench.state_of(withdrawal) == "QUEUED"  # not yet by the server's clock
    bench.work()
    assert len(bench.control.payouts) == 1, "it is not planned again"
    bench.clock.advance(HOUR_MS)
    bench.cancellations.step()
    assert bench.state_of(withdrawal) == "EXPIRED"
    assert not bench.node.broadcasts


def test_wrong_bytes_of_a_signer_are_never_broadcast(bench: Bench) -> None:
    signer = bench.signers["signer-hot-1"]
    honest = signer.sign_payout

    def lie(wallet: str, authority: object, terms: object) -> object:
        from dataclasses import replace

        return honest(wallet, authority, replace(terms, gas_limit=20_999))  # type: ignore[arg-type, type-var]

    signer.sign_payout = lie  # type: ignore[assignment, method-assign]
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.pay(2)
    assert not bench.node.broadcasts
    assert bench.state_of(withdrawal) == "ASSIGNED"
    assert bench.conditions.get(ConditionKind.SIGNER_DOWN, "signer-hot-1")


def test_a_payment_that_waits_too_long_gets_a_dearer_version_with_the_same_effects(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    (raw,) = bench.node.pool
    bench.node.base_fee *= 3  # nobody mines it at that price
    for _ in range(23):
        bench.node.mine()
        bench.clock.advance(1_000)
        bench.work()
    (payout,) = bench.control.payouts.values()
    assert len(payout.versions) == 2
    first, second = (chain.effects(v.transaction) for v in payout.versions if v.signed)
    assert (first.nonce, first.to, first.amount, first.asset) == (
        second.nonce,
        second.to,
        second.amount,
        second.asset,
    )
    assert second.max_fee_per_gas * 8 >= first.max_fee_per_gas * 9
    assert bench.node.pool != [raw]
    bench.pay()
    assert bench.state_of(withdrawal) == "POSTED"
    assert bench.node.held(ALICE, ETH) == ETHER
    bench.check()


def test_the_servers_own_count_stays_below_the_signers_caps(tmp_path: Path) -> None:
    with make(tmp_path) as bench:
        cap = bench.policy.wallet("hot-1").cap(ETH, 3_600_000)
        assert cap is not None and cap > 100 * ETHER
        worker = bench.payouts["hot-1"]
        ids = [bench.withdraw(f"w-{n}", ETHER, ALICE) for n in range(3)]
        bench.pay()
        room = bench.writer.read(
            lambda s: worker._meter.room(bench.policy.wallet("hot-1"), s.control, s.ledger, s.now_ms)
        )
        assert room.left[ETH] <= cap - 3 * ETHER
        assert {bench.state_of(id_) for id_ in ids} == {"POSTED"}
        bench.clock.advance(2 * 3_600_000)
        later = bench.writer.read(
            lambda s: worker._meter.room(bench.policy.wallet("hot-1"), s.control, s.ledger, s.now_ms)
        )
        assert later.left[ETH] > room.left[ETH], "the shortest window slid on"


def test_a_node_that_is_away_delays_and_loses_nothing(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.node.refuse = "insufficient funds"
    bench.work()
    (payout,) = bench.control.payouts.values()
    assert payout.state is PayoutState.SIGNED
    bench.node.refuse = ""
    bench.pay()
    assert bench.state_of(withdrawal) == "POSTED"


def test_what_a_node_forgot_is_offered_again(bench: Bench) -> None:
    withdrawal = bench.withdraw("w-1", ETHER, ALICE)
    bench.work()
    bench.node.drop_pool()
    bench.pay()
    assert bench.state_of(withdrawal) == "POSTED"
    assert len(set(bench.node.broadcasts)) == 1
