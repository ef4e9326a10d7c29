"""`custody opening|release|activate propose`: statements that operators make by hand."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

import typer

from custody import statements
from custody.api.signer.v1 import operator_pb2
from custody.api.v1 import withdrawal_pb2
from custody.cli.command import Agent, Key, Yes, command, group
from custody.cli.propose import propose
from custody.cli.session import Session
from custody.cli.words import asset_named, parse_quantity
from custody.client.results import check_id
from custody.errors import Denied, Malformed, NotFound
from custody.statements import (
    ActivateBody,
    OpeningBody,
    ProposalKind,
    ReleaseBody,
    ReleaseItem,
    SpentAmount,
    WithdrawalIntent,
)

__all__ = ["activations", "openings", "releases"]

openings = group("Bring a wallet's balance at a named block into the ledger.")
releases = group("Let held withdrawals go on.")
activations = group("Make one store of a signer the active one.")

_HASH = re.compile(r"(0x)?[0-9a-fA-F]{64}")


@command(openings, "propose")
def propose_opening(
    session: Session,
    wallet: Annotated[str, typer.Option(help="The wallet's id in the policy.")],
    asset: Annotated[str, typer.Option(help="CAIP-19, or a symbol that one asset alone has.")],
    amount: Annotated[str, typer.Option(help="Exactly the balance: base units, or units as in 1.5ETH.")],
    block_height: Annotated[int, typer.Option(min=0, help="The number of a final block.")],
    block_hash: Annotated[str, typer.Option(help="That block's hash, hex.")],
    pool: Annotated[
        str, typer.Option(help="The pool that is credited; else the one of purpose `customers`.")
    ] = "",
    key: Key = None,
    agent: Agent = False,
    yes: Yes = False,
) -> None:
    """Propose an OPENING; the server compares it with the chain before it takes it into the ledger."""
    policy = session.policy
    rule, place = asset_named(policy, asset), policy.wallet(wallet)
    if _HASH.fullmatch(block_hash) is None:
        raise Malformed("block_hash", "must be 32 bytes in hex")
    if not pool:
        named = [one.name for one in policy.pools if one.purpose == "customers"]
        if len(named) != 1:
            raise Malformed("pool", "give --pool: the policy has not exactly one pool of purpose customers")
        pool = named[0]
    body = OpeningBody(
        place.id,
        rule.id,
        parse_quantity(amount, rule),
        pool,
        place.network,
        block_height,
        bytes.fromhex(block_hash.removeprefix("0x")),
    )
    session.out.object(propose(session, ProposalKind.OPENING, body, key, agent, yes))


@command(releases, "propose")
def propose_release(
    session: Session,
    withdrawals: Annotated[
        list[str], typer.Argument(metavar="WITHDRAWAL_ID...", help="Held withdrawals, by id.")
    ],
    key: Key = None,
    agent: Agent = False,
    yes: Yes = False,
) -> None:
    """Propose to RELEASE held withdrawals: each is fetched, shown, and bound by the hash of its intent's bytes."""
    keys = [withdrawal_pb2.WithdrawalKey(withdrawal_id=one) for one in withdrawals]
    request = withdrawal_pb2.BatchGetWithdrawalsRequest(keys=keys)
    answer = session.server.read(session.server.withdrawals.BatchGetWithdrawals, request)
    items: list[ReleaseItem] = []
    released: dict[str, WithdrawalIntent] = {}
    if len(answer.withdrawals) != len(withdrawals):
        raise Denied("cli.other_withdrawal", "the server does not show every withdrawal that was asked for")
    for wanted, found in zip(withdrawals, answer.withdrawals, strict=True):
        if not found.withdrawal_id:
            raise NotFound("withdrawal", wanted)
        if found.withdrawal_id != wanted:
            raise Denied(
                "cli.other_withdrawal", f"asked for {wanted}, the server answered {found.withdrawal_id}"
            )
        released[wanted] = statements.parse_intent(found.intent_bytes)
        check_id(wanted, released[wanted])
        items.append(ReleaseItem(wanted, hashlib.sha256(found.intent_bytes).digest()))
    body = ReleaseBody(tuple(items))
    session.out.object(propose(session, ProposalKind.RELEASE, body, key, agent, yes, released))


@command(activations, "propose")
def propose_activation(
    session: Session,
    signer: Annotated[str, typer.Argument(metavar="SIGNER", help="The signer's id in the policy.")],
    store_id: Annotated[
        str, typer.Option(help="The store's id, 32 hex digits; else it is asked of the signer itself.")
    ] = "",
    intents_after: Annotated[
        int, typer.Option(min=0, help="Unix ms: intents to be submitted by then are refused; 0 for now.")
    ] = 0,
    spent: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ASSET=AMOUNT", help="What the windows start with; without it an asset's start full."
        ),
    ] = None,
    key: Key = None,
    agent: Agent = False,
    yes: Yes = False,
) -> None:
    """Propose to ACTIVATE a signer's store: after a restore, a move, or a freeze."""
    policy = session.policy
    policy.signer(signer)
    store = bytes.fromhex(store_id) if store_id else _store_of(session, signer)
    amounts = []
    for entry in spent or []:
        name, equals, amount = entry.rpartition("=")
        if not equals:
            raise Malformed("spent", "must be ASSET=AMOUNT")
        rule = asset_named(policy, name)
        amounts.append(SpentAmount(rule.id, parse_quantity(amount, rule)))
    body = ActivateBody(signer, store, intents_after or session.now_ms(), tuple(amounts))
    session.out.object(propose(session, ProposalKind.ACTIVATE, body, key, agent, yes))


def _store_of(session: Session, signer: str) -> bytes:
    connection = next((one for one in session.signers if one.id == signer), None)
    if connection is None:
        raise Malformed("store_id", f"give --store-id: cli.toml has no signer {signer} to ask")
    told = connection.call(connection.stub.Status, operator_pb2.StatusRequest()).status
    return told.store_id
