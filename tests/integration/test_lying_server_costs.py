"""A server that lies to its signers about what it costs, in spite of a halt, or about its journal: refused by tag."""

from __future__ import annotations

from dataclasses import replace

import pytest

from custody import chain
from custody.api.journal.v1 import record_pb2
from custody.ports import EvmTerms
from custody.signer.core import RequestContext
from custody.statements import FeeMode
from support.lying import OTHER_ADDRESS, Asked
from support.signer_world import (
    CUSTOMER_ADDRESS,
    ETH,
    ETHER,
    GWEI,
    HOUR_MS,
    START_MS,
    TERMS,
    TOKEN,
    World,
)

pytest_plugins = ["support.signer_fixtures"]


@pytest.fixture
def asked(world: World) -> Asked:
    return Asked(world)


def test_excess_gas(asked: Asked) -> None:
    asked.refused("fee.gas_limit", lambda: asked.pay(terms=replace(TERMS, gas_limit=21_001)))


@pytest.mark.parametrize(("asset", "gas"), [(ETH, 20_999), (TOKEN, 23_719)])
def test_gas_that_no_block_takes(asked: Asked, asset: str, gas: int) -> None:
    """Such a transaction is never mined nor, by its terms, replaced: its nonce would lock the wallet for ever."""
    authority, terms = asked.honest(asset=asset), replace(TERMS, gas_limit=gas)
    asked.refused("fee.gas_limit", lambda: asked.pay(authority, terms))
    assert asked.pay(authority, replace(terms, gas_limit=gas + 1)).transaction


def test_an_excess_fee(asked: Asked) -> None:
    absolute = asked.world.policy.network("eip155:31337").fee_cap_absolute // 21_000
    above = replace(TERMS, max_fee_per_gas=absolute + 1)
    at = replace(TERMS, max_fee_per_gas=absolute)
    asked.refused("fee.cap", lambda: asked.pay(asked.honest(amount=2 * ETHER), above))
    assert asked.pay(asked.honest(amount=2 * ETHER), at).transaction


def test_a_fee_above_its_share_of_the_amount(asked: Asked) -> None:
    # 1 % of 84,000 Twei is the fee of these terms exactly.
    fee = TERMS.gas_limit * TERMS.max_fee_per_gas
    asked.refused("fee.cap", lambda: asked.pay(asked.honest(amount=100 * fee - 1)))
    assert asked.pay(asked.honest(amount=100 * fee)).transaction


def test_deduct(asked: Asked) -> None:
    fee = TERMS.gas_limit * TERMS.max_fee_per_gas
    deduct = {"fee_mode": FeeMode.DEDUCT, "max_network_fee": fee}
    dearer = replace(TERMS, max_fee_per_gas=44 * GWEI, max_priority_fee_per_gas=3 * GWEI)
    asked.refused("fee.deduct_cap", lambda: asked.pay(asked.honest(**deduct), dearer))
    token = asked.honest(**deduct, asset=TOKEN)
    asked.refused("fee.deduct_native_only", lambda: asked.pay(token, replace(TERMS, gas_limit=60_000)))
    paid = chain.effects(asked.pay(asked.honest(**deduct)).transaction)
    replaced = chain.effects(asked.pay(asked.honest(**deduct), dearer).transaction)
    assert paid.amount == replaced.amount == ETHER - fee


@pytest.mark.parametrize(
    ("max_fee", "priority"),
    [
        (40 * GWEI + 1, 2 * GWEI + 1),
        (44 * GWEI, 2 * GWEI),
        (40 * GWEI, 3 * GWEI),
        (44 * GWEI - 1, 3 * GWEI),
    ],
)
def test_a_replacement_that_is_none(asked: Asked, max_fee: int, priority: int) -> None:
    asked.pay()
    terms = EvmTerms(0, 21_000, max_fee, priority)
    asked.refused("replacement.fee", lambda: asked.pay(terms=terms))


def test_a_replacement_with_other_gas(asked: Asked) -> None:
    authority = asked.honest(asset=TOKEN)
    asked.pay(authority, replace(TERMS, gas_limit=60_000))
    other = EvmTerms(0, 59_999, 44 * GWEI, 3 * GWEI)
    asked.refused("replacement.terms", lambda: asked.pay(authority, other))


def test_over_a_cap_halts_the_wallet(asked: Asked) -> None:
    world = asked.world
    for number in range(3):
        body = world.intent(world.reference_of("hot-1", number + 1), 6 * ETHER)
        asked.pay(world.signed(body, ["backend", "risk"]), replace(TERMS, nonce=number))
    fourth = world.signed(world.intent(asked.reference, 2 * ETHER))
    terms = replace(TERMS, nonce=3)
    refusal = asked.refused(
        "cap.exceeded", lambda: asked.pay(fourth, terms), records=[record_pb2.RECORD_KIND_SIGNER_HALTED]
    )
    small = world.signed(world.intent(asked.reference, ETHER // 2))
    asked.refused("halt.wallet", lambda: asked.pay(small, terms))
    halt_id = refusal.detail.rpartition(" ")[2]
    asked.refused("quorum.incomplete", lambda: world.resume("hot-1", halt_id, by=["ada"]))
    world.resume("hot-1", halt_id)
    assert asked.pay(small, terms).transaction


def test_fees_and_replacements_count_towards_the_caps(asked: Asked) -> None:
    asked.pay()
    core = asked.world.signer("hot-1").core
    fee = TERMS.gas_limit * TERMS.max_fee_per_gas
    hour = f"hot-eth-1 {ETH} {HOUR_MS}"
    assert core.state.caps.spent(START_MS)[hour] == ETHER + fee
    asked.pay(terms=replace(TERMS, max_fee_per_gas=50 * GWEI, max_priority_fee_per_gas=3 * GWEI))
    assert core.state.caps.spent(START_MS)[hour] == ETHER + 21_000 * 50 * GWEI
    token = Asked(asked.world, start=1)
    token.pay(token.honest(asset=TOKEN), replace(TERMS, nonce=1, gas_limit=60_000))
    spent = core.state.caps.spent(START_MS)
    assert spent[hour] == ETHER + 21_000 * 50 * GWEI + 60_000 * 40 * GWEI
    assert spent[f"hot-eth-1 {TOKEN} {HOUR_MS}"] == ETHER


@pytest.mark.parametrize(
    ("scope", "tag"),
    [
        ("all", "halt.all"),
        ("payouts", "halt.payouts"),
        (f"asset:{ETH}", "halt.asset"),
        ("wallet:hot-eth-1", "halt.wallet"),
        ("customer:c-1", "halt.customer"),
        (f"destination:{CUSTOMER_ADDRESS}", "halt.destination"),
    ],
)
def test_a_halt(asked: Asked, scope: str, tag: str) -> None:
    halt_id = asked.world.halt("hot-1", scope)
    asked.refused(tag, asked.pay)
    asked.world.restart("hot-1")
    asked.refused(tag, asked.pay)
    asked.world.resume("hot-1", halt_id)
    assert asked.pay().transaction


def test_a_halted_destination_is_one_address_however_it_is_cased(asked: Asked) -> None:
    for written in (CUSTOMER_ADDRESS.lower(), "0x" + CUSTOMER_ADDRESS[2:].upper()):
        halt_id = asked.world.halt("hot-1", f"destination:{written}")
        asked.refused("halt.destination", asked.pay)
        asked.world.resume("hot-1", halt_id)
    assert asked.pay().transaction


def test_what_was_signed_is_answered_again_during_a_halt(asked: Asked) -> None:
    """It was released before; a server that lost the answer must still learn what may be on the chain."""
    first = asked.pay()
    calls = asked.world.hsm("hot-1").signature_calls
    asked.world.halt("hot-1", "all")
    assert asked.pay().transaction == first.transaction
    assert asked.world.hsm("hot-1").signature_calls == calls
    dearer = replace(TERMS, max_fee_per_gas=44 * GWEI, max_priority_fee_per_gas=3 * GWEI)
    asked.refused("halt.all", lambda: asked.pay(terms=dearer))


@pytest.mark.parametrize(
    "scope",
    ["sweeps", "intake", f"asset:{TOKEN}", "wallet:hot-eth-2", "customer:c", f"destination:{OTHER_ADDRESS}"],
)
def test_a_halt_of_something_else(asked: Asked, scope: str) -> None:
    asked.world.halt("hot-1", scope)
    assert asked.pay().transaction


def test_an_old_journal_head(asked: Asked) -> None:
    """A restored backup: its head was seen, but what it says next is not what was said before."""
    world = asked.world
    world.journal.grow(9)
    asked.pay()
    backup = world.journal.fork(5)
    backup.grow(1, "otherwise")
    lie = RequestContext(world.id, backup.claim(after=5))
    frozen = [record_pb2.RECORD_KIND_SIGNER_FROZEN]
    second = Asked(world, start=1)
    asked.refused(
        "head.forked", lambda: second.pay(context=lie, terms=replace(TERMS, nonce=1)), records=frozen
    )
    asked.refused("signer.frozen", lambda: second.pay(terms=replace(TERMS, nonce=1)))
    world.restart("hot-1")
    asked.refused("signer.frozen", lambda: second.pay(terms=replace(TERMS, nonce=1)))


def test_another_journal_that_is_longer(asked: Asked) -> None:
    world = asked.world
    world.journal.grow(4)
    asked.pay()
    fork = world.journal.fork(3)
    fork.grow(7, "otherwise")
    lie = RequestContext(world.id, fork.claim(after=5))
    second = Asked(world, start=1)
    asked.refused(
        "head.forked",
        lambda: second.pay(context=lie, terms=replace(TERMS, nonce=1)),
        records=[record_pb2.RECORD_KIND_SIGNER_FROZEN],
    )


def test_rows_that_are_missing_and_an_old_leader(asked: Asked) -> None:
    world = asked.world
    world.journal.grow(3)
    asked.pay()
    seen = len(world.journal.rows)
    world.journal.grow(2)
    second = Asked(world, start=1)
    terms = replace(TERMS, nonce=1)
    gap = RequestContext(world.id, world.journal.claim(after=seen + 1))
    asked.refused("head.rows_missing", lambda: second.pay(context=gap, terms=terms))
    behind = RequestContext(world.id, world.journal.claim(after=2, head=2))
    assert second.pay(context=behind, terms=terms).transaction
    newer = replace(world.journal.claim(after=seen).position, epoch=2)
    third = Asked(world, start=2)
    led = RequestContext(world.id, replace(world.journal.claim(after=seen), position=newer))
    assert third.pay(context=led, terms=replace(TERMS, nonce=2)).transaction
    asked.refused("epoch.old", lambda: Asked(world, start=3).pay(terms=replace(TERMS, nonce=3)))
