"""A server that lies to its signers: every lie is refused by its tag, with no call to the token and nothing bound."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from custody import chain, statements
from custody.api.journal.v1 import record_pb2
from custody.errors import Denied, Malformed
from custody.ports import Authority, EvmTerms, KeySig, StatementAuthority
from custody.signer.core import RequestContext
from custody.signer.signing import Signed
from custody.statements import FeeMode, ProposalKind, SignedType
from support.keys import EdKey, EthKey
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

OTHER_ADDRESS = EthKey("a thief").address


class Asked:
    """One hot signer and one withdrawal that it pays, and how the server asks for it."""

    def __init__(self, world: World, signer: str = "hot-1", start: int = 0) -> None:
        self.world = world
        self.name = signer
        self.reference = world.reference_of(signer, start)
        self.wallet = world.routed(self.reference)[1]

    def pay(
        self,
        authority: Authority | None = None,
        terms: EvmTerms = TERMS,
        *,
        context: RequestContext | None = None,
        wallet: str = "",
        signer: str = "",
    ) -> Signed:
        """Ask; honestly unless changed."""
        world = self.world
        return world.signer(signer or self.name).payouts.sign(
            context or world.context(), wallet or self.wallet, authority or self.honest(), terms
        )

    def honest(self, **changes: object) -> Authority:
        """What the backend signed."""
        return self.world.signed(self.world.intent(self.reference, **changes))

    def refused(self, tag: str, call: Callable[[], object], *, records: Sequence[int] = ()) -> Denied:
        """Require the refusal, no call to any token, and no row but of these kinds; signers start beforehand."""
        self.world.signer(self.name)
        signers = list(self.world.running.values())
        assert signers
        before = [(s.core.hsm.signature_calls, s.core.log.head.sequence) for s in signers]
        with pytest.raises(Denied) as refusal:
            call()
        assert refusal.value.tag == tag, refusal.value
        written = []
        for signer, (calls, sequence) in zip(signers, before, strict=True):
            assert signer.core.hsm.signature_calls == calls
            written += [row.kind for row in self.world.rows(signer.core.id, sequence)]
        assert written == list(records)
        return refusal.value


@pytest.fixture
def asked(world: World) -> Asked:
    return Asked(world)


# What is paid


def test_the_honest_request_is_signed(asked: Asked) -> None:
    assert asked.pay().transaction


@pytest.mark.parametrize(
    "lie", [{"address": OTHER_ADDRESS}, {"amount": 2 * ETHER}, {"asset": TOKEN}, {"customer": "c-2"}]
)
def test_another_destination_or_amount_is_not_what_was_signed(asked: Asked, lie: dict[str, object]) -> None:
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
        asked.refused("signature.invalid", lambda given=given: asked.pay(Authority(body, (given,))))


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
                lambda changed=changed, nonce=nonce: asked.pay(changed, replace(TERMS, nonce=nonce)),
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


# What it costs


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


# Halts


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


# The journal


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


# Sweeps


class Swept(Asked):
    """The cold signer and a sweep to a hot wallet."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.name = "cold-1"

    def sweep(
        self,
        authority: StatementAuthority | None = None,
        terms: EvmTerms = TERMS,
        leg: int = 0,
        signer: str = "cold-1",
        context: RequestContext | None = None,
    ) -> Signed:
        """Ask; honestly unless changed."""
        given = authority or self.world.approved(self.world.sweep())
        return self.world.signer(signer).sweeps.sign(context or self.world.context(), given, leg, terms)


@pytest.fixture
def swept(world: World) -> Swept:
    return Swept(world)


def test_an_honest_sweep_is_signed_once(swept: Swept) -> None:
    authority = swept.world.approved(swept.world.sweep())
    first = swept.sweep(authority)
    calls = swept.world.hsm("cold-1").signature_calls
    assert swept.sweep(authority).transaction == first.transaction
    assert swept.world.hsm("cold-1").signature_calls == calls
    swept.refused("leg.other_conflict", lambda: swept.sweep(authority, replace(TERMS, nonce=1)))
    swept.refused("conflict.bound", swept.sweep)


def test_a_forged_approval(swept: Swept) -> None:
    world, body = swept.world, swept.world.sweep()
    honest = world.approved(body)
    thief = EdKey("thief")
    forged = replace(honest.approvals[1], signature=thief.sign(SignedType.APPROVE, world.id, body))
    unknown = replace(forged, key_id=thief.key_id)
    stranger = replace(unknown, operator="eve")
    other = world.approval("bo", world.sweep())
    for lie, tag in (
        (forged, "approval.bad_signature"),
        (unknown, "approval.unknown_key"),
        (stranger, "approval.unknown_operator"),
        (other, "approval.bad_signature"),
        (world.approval("bo", body, SignedType.PROPOSE), "approval.bad_signature"),
        (world.approval("bo", body, SignedType.REJECT), "approval.bad_signature"),
    ):
        given = replace(honest, approvals=(honest.approvals[0], lie))
        swept.refused(tag, lambda given=given: swept.sweep(given))
    assert swept.sweep(honest).transaction


@pytest.mark.parametrize("by", [[], ["ada"], ["ada", "ada"], ["ada", "dee"], ["dee", "dee"]])
def test_one_approval_short(swept: Swept, by: list[str]) -> None:
    body = swept.world.sweep()
    swept.refused("quorum.incomplete", lambda: swept.sweep(swept.world.approved(body, by)))
    assert swept.sweep(swept.world.approved(body, ["bo", "cy"])).transaction


def test_the_proposer_s_own_approval(swept: Swept) -> None:
    body = swept.world.sweep(proposer="ada")
    swept.refused("quorum.incomplete", lambda: swept.sweep(swept.world.approved(body, ["ada", "bo"], "ada")))


def test_without_the_proposer_s_signature(swept: Swept) -> None:
    body = swept.world.sweep()
    swept.refused("propose.missing", lambda: swept.sweep(swept.world.approved(body, proposer="")))
    approved = swept.world.approved(body)
    other = replace(approved, propose=swept.world.approval("cy", body, SignedType.PROPOSE))
    swept.refused("propose.other_operator", lambda: swept.sweep(other))


def test_the_planner_may_not_exceed_a_target(swept: Swept) -> None:
    over = swept.world.sweep(swept.world.leg(31 * ETHER), proposer="planner")
    swept.refused("sweep.planner_bound", lambda: swept.sweep(swept.world.approved(over, proposer="")))
    due = swept.world.sweep(swept.world.leg(30 * ETHER), proposer="planner")
    assert swept.sweep(swept.world.approved(due, proposer="")).transaction


def test_a_statement_of_another_time_deployment_or_authority(swept: Swept) -> None:
    world = swept.world
    for changes, tag in (
        ({"expires_unix_ms": START_MS}, "statement.expired"),
        ({"not_before_unix_ms": START_MS + 1}, "statement.too_early"),
        ({"expires_unix_ms": START_MS + 30 * HOUR_MS}, "statement.lifetime"),
        ({"policy_hash": bytes(32)}, "statement.policy"),
        ({"governance_hash": bytes(32)}, "governance.head_unknown"),
        ({"governance_sequence": 2}, "governance.head_unknown"),
        ({"signer_epoch": 2}, "statement.epoch"),
    ):
        body = world.sweep(**changes)
        swept.refused(tag, lambda body=body: swept.sweep(world.approved(body)))
    body = world.sweep()
    elsewhere = world.approved(body)
    lie = replace(
        elsewhere,
        approvals=tuple(
            replace(a, signature=EdKey(a.operator).sign(SignedType.APPROVE, bytes(32), body))
            for a in elsewhere.approvals
        ),
    )
    swept.refused("approval.bad_signature", lambda: swept.sweep(lie))
    context = world.context(deployment=bytes(32))
    swept.refused("deployment.other", lambda: swept.sweep(context=context))


def test_a_statement_of_another_kind(swept: Swept) -> None:
    body = swept.world.statement(ProposalKind.RESUME, statements.ResumeBody("ab" * 32, "not a sweep"))
    swept.refused("statement.kind", lambda: swept.sweep(swept.world.approved(body)))


def test_legs_that_the_policy_does_not_allow(swept: Swept) -> None:
    world = swept.world
    for changes, tag in (
        ({"to_address": OTHER_ADDRESS}, "sweep.address"),
        ({"to_wallet": "hot-eth-9"}, "sweep.unknown_wallet"),
        ({"fee_cap": ETHER}, "sweep.fee_cap"),
        ({"fee_asset": TOKEN}, "sweep.fee_asset"),
        ({"asset": "eip155:1/slip44:60"}, "sweep.unknown_asset"),
    ):
        body = world.sweep(world.leg(**changes))
        swept.refused(tag, lambda body=body: swept.sweep(world.approved(body)))


def test_a_leg_of_another_signer_and_one_that_is_not_there(swept: Swept) -> None:
    authority = swept.world.approved(swept.world.sweep())
    swept.world.signer("hot-1")
    swept.refused("wallet.not_held", lambda: swept.sweep(authority, signer="hot-1"))
    with pytest.raises(Malformed):
        swept.sweep(authority, leg=1)


def test_a_sweep_s_fee_and_gas(swept: Swept) -> None:
    world = swept.world
    fee = TERMS.gas_limit * TERMS.max_fee_per_gas
    below = world.approved(world.sweep(world.leg(fee_cap=fee - 1)))
    swept.refused("fee.cap", lambda: swept.sweep(below))
    at = world.approved(world.sweep(world.leg(fee_cap=fee)))
    swept.refused("fee.gas_limit", lambda: swept.sweep(at, replace(TERMS, gas_limit=21_001)))
    assert swept.sweep(at).transaction


def test_the_cold_outflow_cap(swept: Swept) -> None:
    world = swept.world
    half = world.leg(51 * ETHER)
    swept.sweep(world.approved(world.sweep(half)))
    again = world.approved(world.sweep(half))
    swept.refused(
        "cap.exceeded",
        lambda: swept.sweep(again, replace(TERMS, nonce=1)),
        records=[record_pb2.RECORD_KIND_SIGNER_HALTED],
    )


def test_a_cancelled_statement_and_a_suspended_operator(swept: Swept) -> None:
    world = swept.world
    body = world.sweep()
    cancel = statements.encode(
        statements.CancelPendingBody("cy", hashlib.sha256(body).digest(), "not this one", START_MS, 100)
    )
    halts = world.signer("cold-1").halts
    halts.cancel_pending(cancel, *world.signature("cy", SignedType.CANCEL_PENDING, cancel))
    swept.refused("statement.cancelled", lambda: swept.sweep(world.approved(body)))
    suspend = statements.encode(statements.SuspendBody("cy", "ada", "lost a laptop", START_MS, 101))
    halt_id = halts.suspend(suspend, *world.signature("cy", SignedType.SUSPEND, suspend)).halt_id
    other = world.sweep()
    swept.refused("quorum.incomplete", lambda: swept.sweep(world.approved(other)))
    assert swept.sweep(world.approved(other, ["bo", "cy"])).transaction
    world.resume("cold-1", halt_id, by=["ada", "bo"])
    assert swept.sweep(world.approved(world.sweep()), replace(TERMS, nonce=1)).transaction


@pytest.mark.parametrize("scope", ["all", "sweeps", f"asset:{ETH}", "wallet:cold-eth-1", "wallet:hot-eth-1"])
def test_a_halt_of_sweeps(swept: Swept, scope: str) -> None:
    swept.world.halt("cold-1", scope)
    swept.refused(f"halt.{scope.partition(':')[0]}", swept.sweep)


# Operators' own messages


def test_what_an_operator_did_not_sign(asked: Asked) -> None:
    world = asked.world
    body = world.halt_body("all", operator="cy")
    halt = world.signer("hot-1").halts.halt
    asked.refused("approval.unknown_key", lambda: halt(body, *world.signature("ada", SignedType.HALT, body)))
    asked.refused(
        "approval.bad_signature", lambda: halt(body, *world.signature("cy", SignedType.SUSPEND, body))
    )
    stranger = world.halt_body("all", operator="eve")
    asked.refused(
        "approval.unknown_operator", lambda: halt(stranger, *world.signature("cy", SignedType.HALT, stranger))
    )


def test_a_suspended_operator_stops_but_undoes_nothing(swept: Swept) -> None:
    """Else one stolen key could cancel whatever the others approve, their RESUMEs too; what he halts they resume."""
    world, body = swept.world, swept.world.sweep()
    halts = world.signer("cold-1").halts
    suspend = statements.encode(statements.SuspendBody("ada", "cy", "stolen key", START_MS, 1))
    nobody = statements.encode(statements.SuspendBody("ada", "eve", "a slip of the pen", START_MS, 2))
    swept.refused(
        "suspend.unknown_operator",
        lambda: halts.suspend(nobody, *world.signature("ada", SignedType.SUSPEND, nobody)),
    )
    halts.suspend(suspend, *world.signature("ada", SignedType.SUSPEND, suspend))
    cancel = statements.encode(
        statements.CancelPendingBody("cy", hashlib.sha256(body).digest(), "mine now", START_MS, 1000)
    )
    signature = world.signature("cy", SignedType.CANCEL_PENDING, cancel)
    swept.refused("operator.suspended", lambda: halts.cancel_pending(cancel, *signature))
    world.resume("cold-1", world.halt("cold-1", "sweeps", operator="cy", number=1001))
    assert swept.sweep(world.approved(body)).transaction


def test_operators_messages_are_numbered(asked: Asked) -> None:
    world = asked.world
    body = world.halt_body("sweeps", number=5)
    signature = world.signature("cy", SignedType.HALT, body)
    halts = world.signer("hot-1").halts
    first = halts.halt(body, *signature)
    assert halts.halt(body, *signature).head == first.head
    for number in (4, 5):
        asked.refused("operator.number_used", lambda number=number: world.halt("hot-1", "all", number=number))
    world.resume("hot-1", first.halt_id)
    assert halts.halt(body, *signature).halt_id == first.halt_id
    assert not world.signer("hot-1").core.state.halts  # a halt that was ended does not come back by replay
    world.halt("hot-1", "all", number=6)
    asked.refused("halt.all", asked.pay)


def test_resume_needs_a_quorum_and_a_halt(asked: Asked) -> None:
    world = asked.world
    halt_id = world.halt("hot-1", "all")
    for by in ([], ["ada"], ["ada", "ada"], ["dee", "ada"]):
        asked.refused("quorum.incomplete", lambda by=by: world.resume("hot-1", halt_id, by=by))
    asked.refused("halt.unknown", lambda: world.resume("hot-1", "ab" * 32))
    resume, elsewhere = world.signer("hot-1").halts.resume, world.context(deployment=bytes(32))
    body = world.statement(ProposalKind.RESUME, statements.ResumeBody(halt_id, "over"))
    asked.refused("deployment.other", lambda: resume(elsewhere, world.approved(body)))
    asked.refused("statement.kind", lambda: resume(world.context(), world.approved(world.sweep())))
    asked.refused("halt.all", asked.pay)
    resume(world.context(), world.approved(body))
    rows = len(world.rows("hot-1"))
    resume(world.context(), world.approved(body))  # a lost answer: the same again
    assert len(world.rows("hot-1")) == rows
