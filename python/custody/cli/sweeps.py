"""`custody sweep …`: moves between our own wallets."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from custody.api.v1 import sweep_pb2
from custody.cli.command import Agent, Key, Yes, command, group
from custody.cli.propose import propose
from custody.cli.session import Session
from custody.cli.shapes import cursors_json, sweep_json
from custody.cli.words import asset_named, parse_quantity, units
from custody.errors import Malformed
from custody.model.money import parse_amount
from custody.model.policy import Policy
from custody.statements import ProposalKind, SweepBody, SweepLeg

__all__ = ["sweeps"]

sweeps = group("Look at sweeps, and propose one by hand.")


@command(sweeps, "propose")
def propose_sweep(
    session: Session,
    leg: Annotated[
        list[str],
        typer.Option(
            metavar="FROM,TO,ASSET,AMOUNT[,FEE_CAP]",
            help="Wallet ids; CAIP-19 or symbol; base units or as in 1.5ETH; fee cap else the policy's. 1 to 32 times.",
        ),
    ],
    key: Key = None,
    agent: Agent = False,
    yes: Yes = False,
) -> None:
    """Propose a sweep. Destinations are the policy's addresses; the other operators then approve it."""
    body = SweepBody(tuple(_leg(session.policy, text) for text in leg))
    session.out.object(propose(session, ProposalKind.SWEEP, body, key, agent, yes))


def _leg(policy: Policy, text: str) -> SweepLeg:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (4, 5):
        raise Malformed("leg", "must be FROM,TO,ASSET,AMOUNT or FROM,TO,ASSET,AMOUNT,FEE_CAP")
    source, target, rule = policy.wallet(parts[0]), policy.wallet(parts[1]), asset_named(policy, parts[2])
    network = policy.network(source.network)
    amount = parse_quantity(parts[3], rule)
    if len(parts) == 5:
        fee_cap = parse_quantity(parts[4], policy.asset(network.fee_asset))
    else:
        fee_cap = network.fee_cap(rule.id, amount)
    return SweepLeg(source.id, target.id, target.address, rule.id, amount, network.fee_asset, fee_cap)


@command(sweeps, "show")
def show_sweep(session: Session, sweep_id: Annotated[str, typer.Argument(metavar="SWEEP_ID")]) -> None:
    """How a sweep's legs are. What it authorises is shown by `custody proposal show`."""
    request = sweep_pb2.GetSweepRequest(sweep_id=sweep_id)
    shape = sweep_json(session.server.read(session.server.sweeps.GetSweep, request).sweep)
    session.out.say(f"Sweep {shape['sweep_id']} ({shape['trigger']})")
    for index, leg in enumerate(shape["legs"], 1):
        tag = f" ({leg['tag']})" if leg["tag"] else ""
        session.out.say(f"  {index}. {leg['from_wallet']} to {leg['to_wallet']} {leg['to_address']}")
        session.out.say(f"     {_amount(session.policy, leg)}: {leg['state']}{tag}")
        for tx in leg["txs"]:
            session.out.say(f"     {tx['hash']} {tx['state']}, block {tx['block_height']}")
    session.out.object(shape)


@command(sweeps, "list")
def list_sweeps(
    session: Session,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help="WAITING, DUE, SIGNING, BROADCAST, FINAL…; any leg in."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many, newest first.")] = 100,
) -> None:
    """Sweeps, newest first, with the state of every leg."""
    request = sweep_pb2.ListSweepsRequest()
    for name in state or []:
        try:
            request.states.append(sweep_pb2.SweepState.Value(f"SWEEP_STATE_{name.upper()}"))
        except ValueError:
            raise Malformed("state", f"there is no {name}") from None
    objects: list[dict[str, Any]] = []
    as_of: list[dict[str, Any]] = []
    for page in session.server.pages(session.server.sweeps.ListSweeps, request, limit):
        objects += map(sweep_json, page.sweeps)
        as_of = cursors_json(page.as_of)
    rows = [
        [
            shape["sweep_id"] if index == 0 else "",
            leg["from_wallet"],
            leg["to_wallet"],
            _amount(session.policy, leg),
            leg["state"],
            leg["tag"],
        ]
        for shape in objects
        for index, leg in enumerate(shape["legs"])
    ]
    session.out.table(["sweep", "from", "to", "amount", "state", "tag"], rows, "There are no such sweeps.")
    session.out.object({"sweeps": objects, "as_of": as_of})


def _amount(policy: Policy, leg: dict[str, Any]) -> str:
    return units(policy, leg["asset"], parse_amount(leg["amount"]))
