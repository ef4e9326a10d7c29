"""`custody wallet list` and `custody balance`: what we hold and owe, beside what the pinned policy says."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from custody.api.v1 import treasury_pb2
from custody.cli.command import command, group
from custody.cli.session import Session
from custody.cli.shapes import balance_json, cursors_json, wallet_json
from custody.cli.words import units
from custody.errors import NotFound
from custody.model.money import parse_amount

__all__ = ["balance", "wallets"]

wallets = group("Look at wallets.")


@command(wallets, "list")
def list_wallets(session: Session) -> None:
    """Every wallet; `address_matches` says whether the server's address is the pinned policy's."""
    answer = session.server.read(session.server.treasury.ListWallets, treasury_pb2.ListWalletsRequest())
    objects: list[dict[str, Any]] = []
    for wallet in answer.wallets:
        shape = wallet_json(wallet)
        try:
            known = [session.policy.wallet(wallet.wallet_id).address]
        except NotFound:
            known = []
        shape["address_matches"] = list(wallet.addresses) == known
        objects.append(shape)
    rows = [
        [
            shape["wallet_id"],
            shape["kind"],
            shape["network"],
            shape["group"],
            shape["state"],
            shape["signer"],
            ", ".join(shape["addresses"]) + ("" if shape["address_matches"] else " NOT THE PINNED POLICY'S"),
        ]
        for shape in objects
    ]
    columns = ["wallet", "kind", "network", "group", "state", "signer", "address"]
    session.out.table(columns, rows, "There are no wallets.")
    session.out.object({"wallets": objects, "as_of": cursors_json(answer.as_of)})


def balance(
    session: Session,
    owner: Annotated[
        str,
        typer.Argument(
            metavar="[OWNER]", help="wallet:ID, pool:NAME, in_flight or suspense; all if left out."
        ),
    ] = "",
    asset: Annotated[str, typer.Option(help="Exactly this asset, CAIP-19.")] = "",
) -> None:
    """The ledger's accounts beside the chain. Amounts in units; base units with --json."""
    request = treasury_pb2.GetBalancesRequest(owner=owner, asset=asset)
    answer = session.server.read(session.server.treasury.GetBalances, request)
    rows = []
    for one in answer.balances:
        amounts = (one.available, one.debits_pending, one.credits_pending, one.on_chain_final)
        rows.append([one.owner, *(_units(session, one.asset, amount) for amount in amounts), one.asset])
    columns = ["owner", "available", "debits pending", "credits pending", "on chain, final", "asset"]
    session.out.table(columns, rows, "There are no such accounts.")
    session.out.object(
        {"balances": [balance_json(one) for one in answer.balances], "as_of": cursors_json(answer.as_of)}
    )


def _units(session: Session, asset: str, amount: str) -> str:
    """Signed where the chain's side is; empty when it is not known."""
    if not amount:
        return ""
    sign, digits = ("-", amount[1:]) if amount.startswith("-") else ("", amount)
    return sign + units(session.policy, asset, parse_amount(digits))
