"""A statement as its approver reads it: every field that the signature covers, from the bytes and the pinned policy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from custody.cli.escape import grouped, shown
from custody.cli.words import base_units, units, when
from custody.errors import NotFound
from custody.model.policy import PLANNER, Policy
from custody.statements import (
    ActivateBody,
    FeeMode,
    OpeningBody,
    ReleaseBody,
    ResumeBody,
    Statement,
    SweepBody,
    SweepLeg,
    WithdrawalIntent,
)

__all__ = ["lines_of"]

_WIDTH = 14


def lines_of(
    body: bytes,
    statement: Statement,
    policy: Policy,
    now_ms: int,
    released: Mapping[str, WithdrawalIntent],
) -> list[str]:
    """Escaped lines. `released` are the intents of a RELEASE, by withdrawal id, their hashes already compared."""
    return [*_head(body, statement, policy, now_ms), "", *_payload(statement, policy, now_ms, released)]


def _row(label: str, *values: str) -> Iterator[str]:
    for index, value in enumerate(values):
        yield f"{label if index == 0 else '':<{_WIDTH}}{value}"


def _head(body: bytes, statement: Statement, policy: Policy, now_ms: int) -> Iterator[str]:
    yield from _row("Kind", statement.kind.name)
    by = "planner (custody-server itself; no leg above its destination's target)"
    yield from _row("Proposed by", by if statement.proposer == PLANNER else shown(statement.proposer))
    if statement.not_before_unix_ms:
        yield from _row("Not before", when(statement.not_before_unix_ms, now_ms))
    yield from _row("Expires", when(statement.expires_unix_ms, now_ms))
    pinned = "the pinned policy" if statement.policy_hash == policy.hash else "NOT THE PINNED POLICY"
    yield from _row("Policy", statement.policy_hash.hex(), pinned)
    yield from _row("Governance", f"head {statement.governance_sequence}", statement.governance_hash.hex())
    yield from _row("Signer epoch", str(statement.signer_epoch))
    yield from _row("Nonce", statement.nonce.hex())
    yield from _row("SHA-256", hashlib.sha256(body).hexdigest())


def _payload(
    statement: Statement, policy: Policy, now_ms: int, released: Mapping[str, WithdrawalIntent]
) -> Iterator[str]:
    match statement.payload:
        case SweepBody(legs):
            for index, leg in enumerate(legs, 1):
                yield from _leg(index, len(legs), leg, policy)
            yield from _totals(legs, policy)
        case OpeningBody() as opening:
            yield from _opening(opening, policy)
        case ReleaseBody(items):
            for index, item in enumerate(items, 1):
                yield from _row(f"Release {index}/{len(items)}", shown(item.withdrawal_id))
                yield from _row("  intent", item.intent_sha256.hex())
                if item.withdrawal_id in released:
                    yield from _intent(released[item.withdrawal_id], policy, now_ms)
        case ResumeBody(halt_id, reason):
            yield from _row("Ends halt", shown(halt_id))
            yield from _row("Reason", shown(reason))
        case ActivateBody() as activate:
            yield from _row("Signer", shown(activate.signer))
            yield from _row("Store", activate.store_id.hex())
            yield from _row(
                "Refuses", f"intents to be submitted by {when(activate.intents_after_unix_ms, now_ms)}"
            )
            for spent in activate.spent:
                yield from _row("Spent", units(policy, spent.asset, spent.amount), base_units(spent.amount))
            yield from _row("", "the windows of every asset that is not named start full")
        case other:
            yield from _row("Body", shown(repr(other)))


def _leg(index: int, count: int, leg: SweepLeg, policy: Policy) -> Iterator[str]:
    yield from _row(f"Leg {index} of {count}", f"{_wallet(policy, leg.from_wallet)}")
    yield from _row("  to", _wallet(policy, leg.to_wallet), grouped(leg.to_address), shown(leg.to_address))
    yield from _row("  amount", units(policy, leg.asset, leg.amount), base_units(leg.amount))
    yield from _row("  asset", shown(leg.asset))
    yield from _row(
        "  fee cap",
        units(policy, leg.fee_asset, leg.fee_cap),
        f"{base_units(leg.fee_cap)} of {shown(leg.fee_asset)}",
    )


def _wallet(policy: Policy, wallet_id: str) -> str:
    try:
        wallet = policy.wallet(wallet_id)
    except NotFound:
        return f"{shown(wallet_id)}, WHICH THE POLICY DOES NOT KNOW"
    return f"{wallet.id} ({wallet.kind} on {wallet.network}) {wallet.address}"


def _totals(legs: tuple[SweepLeg, ...], policy: Policy) -> Iterator[str]:
    sums: dict[str, int] = {}
    for leg in legs:
        sums[leg.asset] = sums.get(leg.asset, 0) + leg.amount
    for asset, amount in sums.items():
        yield from _row("Total", units(policy, asset, amount), base_units(amount))


def _opening(opening: OpeningBody, policy: Policy) -> Iterator[str]:
    yield from _row("Wallet", _wallet(policy, opening.wallet))
    yield from _row("Amount", units(policy, opening.asset, opening.amount), base_units(opening.amount))
    yield from _row("Asset", shown(opening.asset))
    yield from _row("Credits pool", shown(opening.pool))
    yield from _row("Network", shown(opening.network))
    yield from _row("At block", str(opening.block_height), f"0x{opening.block_hash.hex()}")


def _intent(intent: WithdrawalIntent, policy: Policy, now_ms: int) -> Iterator[str]:
    yield from _row(
        "  reference", f"{shown(intent.initiator)} {shown(intent.reference)}, attempt {intent.attempt}"
    )
    yield from _row("  amount", units(policy, intent.asset, intent.amount), base_units(intent.amount))
    yield from _row("  asset", shown(intent.asset))
    yield from _row("  to", grouped(intent.address), shown(intent.address))
    if intent.memo:
        yield from _row("  memo", shown(intent.memo))
    yield from _row("  customer", shown(intent.customer))
    yield from _row("  from pool", shown(intent.pool))
    if intent.limit_class:
        yield from _row("  class", shown(intent.limit_class))
    fee = "the house pays it" if intent.fee_mode is FeeMode.HOUSE else "taken from the amount"
    most = intent.max_network_fee
    most_text = "" if most is None else f", at most {base_units(most)} of the network's own asset"
    yield from _row("  network fee", fee + most_text)
    if intent.service_fee:
        yield from _row(
            "  service fee", units(policy, intent.asset, intent.service_fee), base_units(intent.service_fee)
        )
    yield from _row("  routed at", f"governance {intent.routing_sequence}")
    yield from _row("  pay before", when(intent.pay_before_unix_ms, now_ms))
