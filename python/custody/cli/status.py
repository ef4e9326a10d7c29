"""`custody status`, `custody whoami`: how the server and, asked directly, every signer are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from custody.api.signer.v1 import operator_pb2
from custody.api.v1 import admin_pb2
from custody.cli.connection import SignerConnection, in_parallel
from custody.cli.exits import Exit, describe
from custody.cli.session import Session
from custody.cli.shapes import server_status_json, signer_status_json
from custody.cli.words import when
from custody.errors import CustodyError

__all__ = ["all_halts", "ask_server", "ask_signers", "status", "whoami"]


def ask_server(session: Session) -> dict[str, Any]:
    """The server's status as --json shows it; `reachable` false with `error` when it does not answer."""
    try:
        told = session.server.write(session.server.admin.Status, admin_pb2.StatusRequest())
        return {"reachable": True, **server_status_json(told)}
    except CustodyError as error:
        return {"reachable": False, "error": describe(error)}


def _signer(connection: SignerConnection) -> dict[str, Any]:
    known = {"id": connection.id, "address": connection.address}
    try:
        told = connection.call(connection.stub.Status, operator_pb2.StatusRequest()).status
        return {**known, "reachable": True, **signer_status_json(told)}
    except CustodyError as error:
        return {**known, "reachable": False, "error": describe(error)}


def ask_signers(session: Session) -> list[dict[str, Any]]:
    """The same of every signer in cli.toml, asked at the same time."""
    return in_parallel(_signer, session.signers)


def all_halts(session: Session) -> list[str]:
    """The ids of every halt that the server or a signer shows, each once."""
    found: list[str] = []
    for part in [ask_server(session), *ask_signers(session)]:
        found += [halt["halt_id"] for halt in part.get("halts", []) if halt["halt_id"] not in found]
    return found


def status(
    session: Session,
    server_only: Annotated[bool, typer.Option("--server", help="Ask the server alone.")] = False,
    signers_only: Annotated[bool, typer.Option("--signers", help="Ask the signers alone.")] = False,
) -> None:
    """How the server is and, asked directly, every signer in cli.toml.

    Warns of another deployment, and of governance heads that differ. Exits 3 when one of them does not answer,
    1 when one serves another deployment.
    """
    server = None if signers_only else ask_server(session)
    signers = [] if server_only else ask_signers(session)
    if server is not None:
        _print_server(session, server)
    for signer in signers:
        _print_signer(session, signer)
    parts = [part for part in (server, *signers) if part is not None]
    foreign = [part for part in parts if part["reachable"] and part["deployment"] != session.deployment.hex()]
    for part in parts:
        part["deployment_matches"] = part["reachable"] and part not in foreign
    session.out.object({"server": server, "signers": signers})
    if foreign:
        session.out.error("another deployment than the one pinned in cli.toml is served: do not go on")
        raise typer.Exit(Exit.REFUSED)
    if not all(part["reachable"] for part in parts):
        raise typer.Exit(Exit.UNREACHABLE)


def _print_server(session: Session, told: dict[str, Any]) -> None:
    say, now_ms = session.out.say, session.now_ms()
    if not told["reachable"]:
        say(f"server           {session.config.server.address}: {told['error']['detail']}")
        return
    say(f"server           {session.config.server.address}, version {told['version']}, epoch {told['epoch']}")
    say(f"  deployment     {told['deployment']}")
    say(f"  policy         {told['policy_hash']}, governance head {told['governance_sequence']}")
    for cursor in told["as_of"]:
        say(f"  journal        {cursor['partition']} at row {cursor['sequence']}")
    for part in told["parts"]:
        say(f"  {part['name']:<14} {'serves' if part['serving'] else 'DOES NOT SERVE: ' + part['reason']}")
    for state, count in sorted(told["withdrawals"].items()):
        say(f"  withdrawals    {count} {state}")
    for halt in told["halts"]:
        since = "" if halt["since_unix_ms"] is None else f", since {when(halt['since_unix_ms'], now_ms)}"
        say(f"  HALT           {', '.join(halt['scopes'])}: {halt['reason']} (by {halt['by']}{since})")
        say(f"                 {halt['halt_id']}")


def _print_signer(session: Session, told: dict[str, Any]) -> None:
    say = session.out.say
    name = f"signer {told['id']}"
    if not told["reachable"]:
        say(f"{name:<16} {told['address']}: {told['error']['detail']}")
        return
    tag = f" ({told['tag']})" if told["tag"] else ""
    say(f"{name:<16} {told['address']}, {told['state']}{tag}, version {told['version']}")
    say(
        f"  follows        journal row {told['journal_sequence']}, governance head {told['governance_sequence']}"
    )
    say(f"  log            row {told['log_sequence']}, {told['hsm_calls']} signatures since it started")
    for halt in told["halts"]:
        say(f"  HALT           {', '.join(halt['scopes'])}: {halt['reason']}")
        say(f"                 {halt['halt_id']}")


def whoami(session: Session) -> None:
    """Who the server takes you for by your certificate, and what you may call."""
    answer = session.server.read(session.server.admin.WhoAmI, admin_pb2.WhoAmIRequest())
    session.out.say(f"{answer.principal} ({', '.join(answer.roles)})")
    for method in answer.methods:
        session.out.say(f"  {method}")
    session.out.object(
        {"principal": answer.principal, "roles": list(answer.roles), "methods": list(answer.methods)}
    )
