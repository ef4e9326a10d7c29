"""A server that lies to its signers: every lie is refused by its tag, with no call to the token and nothing bound."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from custody import statements
from custody.errors import Malformed
from custody.ports import Authority, KeySig
from custody.statements import SignedType
from support.keys import EdKey
from support.lying import OTHER_ADDRESS, Asked
from support.signer_world import (
    CUSTOMER_ADDRESS,
    ETHER,
    GWEI,
    HOUR_MS,
    TERMS,
    TOKEN,
    World,
)

pytest_plugins = ["support.signer_fixtures"]


@pytest.fixture
def asked(world: World) -> Asked:
    return Asked(world)


# What is paid


def test_the_honest_request_is_signed(asked: Asked) -> None:
    assert asked.pay().transaction


@pytest.mark.parametrize(
    "lie", [{"address": OTHER_ADDRESS}, {"amount": 2 * ETHER}, {"asset": TOKEN}, {"customer": "c-2"}]
)
def test_another_destination_or_amount_is_not_what_was_signed(asked: Asked, lie: dict[str, Any]) -> None:
    signatures = asked.honest().signatures
    altered = Authority(statements.encode(asked.world.intent(asked.reference, **lie)), signatures)
    asked.refused("signature.invalid", lambda: asked.pay(altered))
    assert asked.pay().transaction


def test_nobody_s_intent(asked: Asked) -> None:
    asked.refused("signature.missing", lambda: asked.pay(Authority(asked.honest().intent, ())))


def test_an_initiator_that_is_not_enrolled(asked: Asked) -> None:
    intent = asked.world.intent(asked.reference, initiator="stranger")
    asked.refused("initiator.unknown", lambda: asked.pay(asked.world.signed(intent)))


def test_a_key_of_another_initiator(asked: Asked) -> None:
    asked.refused(
        "key.unknown", lambda: asked.pay(asked.world.signed(asked.world.intent(asked.reference), ["other"]))
    )


def test_a_thief_s_signature_under_the_backend_s_key_id(asked: Asked) -> None:
    body = asked.honest().intent
    forged = KeySig(EdKey("backend").key_id, EdKey("thief").sign(SignedType.INTENT, asked.world.id, body))
    asked.refused("signature.invalid", lambda: asked.pay(Authority(body, (forged,))))


def test_an_expired_key(asked: Asked) -> None:
    asked.refused(
        "key.expired", lambda: asked.pay(asked.world.signed(asked.world.intent(asked.reference), ["old"]))
    )


def test_a_missing_co_signature(asked: Asked) -> None:
    large = asked.world.intent(asked.reference, 6 * ETHER)
    asked.refused("signature.cosign_missing", lambda: asked.pay(asked.world.signed(large)))
    asked.refused(
        "signature.cosign_missing", lambda: asked.pay(asked.world.signed(large, ["backend", "backend"]))
    )
    asked.refused("signature.cosign_missing", lambda: asked.pay(asked.world.signed(large, ["risk"])))
    assert asked.pay(asked.world.signed(large, ["backend", "risk"])).transaction


def test_a_signature_of_another_type_or_deployment(asked: Asked) -> None:
    world, body = asked.world, asked.honest().intent
    for given in (
        world.signature("backend", SignedType.CANCEL, body),
        world.signature("backend", SignedType.INTENT, body, deployment=bytes(32)),
    ):
        asked.refused("signature.invalid", partial(asked.pay, Authority(body, (given,))))


def test_an_intent_that_is_not_canonical(asked: Asked) -> None:
    body = asked.honest().intent + b"\xf8\x07\x01"
    calls = asked.world.signer("hot-1").core.hsm.signature_calls
    with pytest.raises(Malformed):
        asked.pay(Authority(body, (asked.world.signature("backend", SignedType.INTENT, body),)))
    assert asked.world.signer("hot-1").core.hsm.signature_calls == calls


def test_another_deployment(asked: Asked) -> None:
    context = asked.world.context(deployment=bytes(32))
    asked.refused("deployment.other", lambda: asked.pay(context=context))


@pytest.mark.parametrize(
    ("address", "tag"),
    [
        ("0x0000000000000000000000000000000000000000", "destination.malformed"),
        ("0x0000000000000000000000000000000000000001", "destination.malformed"),
        (CUSTOMER_ADDRESS.lower(), "destination.malformed"),
        (CUSTOMER_ADDRESS.swapcase().replace("0X", "0x"), "destination.malformed"),
        ("0x5FbDB2315678afecb367f032d93F642f64180aa3", "destination.contract"),
        ("hot-eth-1", "destination.own_wallet"),
        ("hot-eth-2", "destination.own_wallet"),
        ("cold-eth-1", "destination.own_wallet"),
    ],
)
def test_a_destination_that_is_never_paid(asked: Asked, address: str, tag: str) -> None:
    if not address.startswith("0x"):
        address = asked.world.policy.wallet(address).address
    asked.refused(tag, lambda: asked.pay(asked.honest(address=address)))


def test_a_memo_on_a_network_without(asked: Asked) -> None:
    asked.refused("destination.memo", lambda: asked.pay(asked.honest(memo="12")))


def test_what_the_initiator_may_not(asked: Asked) -> None:
    asked.refused("intent.pool", lambda: asked.pay(asked.honest(pool="house")))
    asked.refused("intent.limit_class", lambda: asked.pay(asked.honest(limit_class="vip")))
    asked.refused("asset.unknown", lambda: asked.pay(asked.honest(asset="eip155:1/slip44:60")))
    assert asked.pay(asked.honest(limit_class="retail")).transaction


# When


def test_an_expired_intent(asked: Asked) -> None:
    asked.world.clock.advance(2 * HOUR_MS)
    asked.refused("intent.expired", asked.pay)


def test_an_intent_that_expires_while_its_nonce_is_its_own_is_completed(asked: Asked) -> None:
    first = asked.pay()
    asked.world.clock.advance(2 * HOUR_MS)
    assert asked.pay().transaction == first.transaction
    dearer = replace(TERMS, max_fee_per_gas=44 * GWEI, max_priority_fee_per_gas=3 * GWEI)
    assert asked.pay(terms=dearer).transaction != first.transaction


# Which wallet, which nonce, how often


def test_the_same_intent_to_the_other_hot_signer(asked: Asked) -> None:
    for other in ("hot-2", "cold-1"):
        asked.world.signer(other)
    asked.refused("route.wallet", lambda: asked.pay(signer="hot-2", wallet="hot-eth-2"))
    asked.refused("wallet.not_held", lambda: asked.pay(signer="hot-2"))
    asked.refused("route.wallet", lambda: asked.pay(wallet="hot-eth-2"))
    asked.refused("route.wallet", lambda: asked.pay(wallet="cold-eth-1", signer="cold-1"))


def test_an_intent_routed_when_the_wallet_was_another(asked: Asked) -> None:
    """A wallet's id may come back in a later policy with another key: what was routed to the old one stays unpaid."""
    state, policy = asked.world.signer("hot-1").core.state, asked.world.policy
    wallets = tuple(
        replace(wallet, address=OTHER_ADDRESS) if wallet.id == "hot-eth-1" else wallet
        for wallet in policy.wallets
    )
    before = replace(policy, tables=replace(policy.tables, wallets=wallets))
    state.governance = replace(state.governance, head_sequence=2, policies={1: before, 2: policy})
    asked.refused("route.wallet", asked.pay)
    assert asked.pay(asked.honest(routing_sequence=2)).transaction


def test_an_unknown_routing_sequence(asked: Asked) -> None:
    asked.refused("governance.unknown_sequence", lambda: asked.pay(asked.honest(routing_sequence=2)))


def test_a_replayed_intent_is_answered_and_never_paid_twice(asked: Asked) -> None:
    first = asked.pay()
    calls = asked.world.signer("hot-1").core.hsm.signature_calls
    assert asked.pay().transaction == first.transaction
    assert asked.world.signer("hot-1").core.hsm.signature_calls == calls
    asked.refused("intent.other_conflict", lambda: asked.pay(terms=replace(TERMS, nonce=1)))


def test_another_body_or_attempt_of_a_paid_reference(asked: Asked) -> None:
    asked.pay()
    for changed in (asked.honest(amount=2 * ETHER), asked.honest(attempt=2)):
        for nonce in (0, 1):
            asked.refused(
                "intent.already_bound",
                partial(asked.pay, changed, replace(TERMS, nonce=nonce)),
            )


def test_a_nonce_that_pays_another_intent(asked: Asked) -> None:
    asked.pay()
    second = Asked(asked.world, start=1)
    asked.refused("conflict.bound", second.pay)
    assert second.pay(terms=replace(TERMS, nonce=1)).transaction


def test_a_cancelled_intent(asked: Asked) -> None:
    world = asked.world
    signer = world.signer("hot-1")
    promise = signer.tombstones.bury(world.context(), asked.honest())
    asked.refused("intent.tombstoned", asked.pay)
    asked.refused("intent.tombstoned", lambda: asked.pay(terms=replace(TERMS, nonce=7)))
    assert signer.tombstones.bury(world.context(), asked.honest()).body == promise.body
    assert asked.pay(asked.honest(attempt=2)).transaction


def test_a_tombstone_comes_too_late(asked: Asked) -> None:
    asked.pay()
    bury = asked.world.signer("hot-1").tombstones.bury
    asked.refused("tombstone.too_late", lambda: bury(asked.world.context(), asked.honest()))
    asked.refused("tombstone.too_late", lambda: bury(asked.world.context(), asked.honest(amount=2 * ETHER)))


def test_a_tombstone_of_what_nobody_asked_for(asked: Asked) -> None:
    world = asked.world
    bury = world.signer("hot-1").tombstones.bury
    forged = Authority(asked.honest().intent, (KeySig(EdKey("backend").key_id, bytes(64)),))
    asked.refused("signature.invalid", lambda: bury(world.context(), forged))
    elsewhere = Asked(world, "hot-2").honest()
    asked.refused("wallet.not_held", lambda: bury(world.context(), elsewhere))
    bury(world.context(), asked.honest())
    asked.refused("tombstone.other_intent", lambda: bury(world.context(), asked.honest(amount=5)))
