"""`custody halt`, `suspend`, `resume`, `proposal cancel`: stops go to the server and straight to every signer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import typer

from custody import statements
from custody.api.signer.v1 import operator_pb2
from custody.api.v1 import admin_pb2, common_pb2, proposal_pb2
from custody.cli import checks
from custody.cli.command import Agent, Key, Yes, command
from custody.cli.connection import SignerConnection, in_parallel
from custody.cli.exits import describe
from custody.cli.proposals import proposals, show
from custody.cli.propose import propose
from custody.cli.session import Session
from custody.cli.status import all_halts
from custody.errors import ConfigError, CustodyError, NotFound, Unavailable
from custody.statements import CancelPendingBody, HaltBody, ProposalKind, ResumeBody, SignedType, SuspendBody

__all__ = ["halt", "resume", "suspend"]

_PAUSE_S = 0.5

Reason = Annotated[str, typer.Option(help="Why, for people: one line, signed with the rest.")]
Wait = Annotated[
    float, typer.Option("--wait", min=0, max=3600, help="Seconds to try again those that do not answer.")
]


class _Reached(NamedTuple):
    """What one of those asked answered."""

    name: str
    error: CustodyError | None


def halt(
    session: Session,
    scopes: Annotated[
        list[str],
        typer.Argument(
            metavar="SCOPE...",
            help="all, intake, payouts, sweeps, asset:CAIP-19, wallet:ID, customer:PSEUDONYM or destination:ADDRESS.",
        ),
    ],
    reason: Reason,
    key: Key = None,
    agent: Agent = False,
    wait: Wait = 5.0,
) -> None:
    """Stop something at once: at the server and, straight, at every signer in cli.toml, all in parallel.

    It works when the server is down, needs nobody else, and does not ask first. Only a quorum ends it:
    `custody resume HALT_ID`. Exits 0 when everyone took it, 6 when some did, 3 when nobody was reached.
    """
    now_ms = session.now_ms()
    try:
        number = session.memory.next_number(session.operator.id, now_ms)
    except ConfigError as error:  # a damaged file or a full disk keeps nobody from stopping what goes wrong
        session.out.error(f"{error}; the halt takes its number from the clock")
        number = now_ms
    body = statements.encode(HaltBody(session.operator.id, tuple(scopes), reason, now_ms, number))
    signature = session.key_signature(SignedType.HALT, body, key, agent)
    _everywhere(
        session,
        "halt",
        hashlib.sha256(body).hexdigest(),
        lambda ms: session.server.write(
            session.server.admin.Halt, admin_pb2.HaltRequest(halt=body, signature=signature), ms
        ),
        lambda s, ms: s.call(s.stub.Halt, operator_pb2.HaltRequest(halt=body, signature=signature), ms),
        wait,
        {"scopes": scopes, "reason": reason, "number": number},
    )


def suspend(
    session: Session,
    operator: Annotated[str, typer.Argument(metavar="OPERATOR", help="The operator's id in the policy.")],
    reason: Reason,
    key: Key = None,
    agent: Agent = False,
    yes: Yes = False,
    wait: Wait = 5.0,
) -> None:
    """Suspend an operator: their approvals stop counting, except towards resuming.

    Goes to the server and straight to every signer, like a halt; `custody resume HALT_ID` ends it.
    """
    session.policy.operator(operator)
    session.out.confirm(f"suspend {operator}? Type yes:", yes)
    now_ms = session.now_ms()
    number = session.memory.next_number(session.operator.id, now_ms)
    body = statements.encode(SuspendBody(session.operator.id, operator, reason, now_ms, number))
    signature = session.key_signature(SignedType.SUSPEND, body, key, agent)
    _everywhere(
        session,
        "suspension",
        hashlib.sha256(body).hexdigest(),
        lambda ms: session.server.write(
            session.server.admin.Suspend, admin_pb2.SuspendRequest(suspend=body, signature=signature), ms
        ),
        lambda s, ms: s.call(
            s.stub.Suspend, operator_pb2.SuspendRequest(suspend=body, signature=signature), ms
        ),
        wait,
        {"operator": operator, "reason": reason, "number": number},
    )


@command(proposals, "cancel")
def cancel(
    session: Session,
    proposal_id: Annotated[str, typer.Argument(metavar="PROPOSAL_ID")],
    reason: Reason,
    key: Key = None,
    agent: Agent = False,
    yes: Yes = False,
    wait: Wait = 5.0,
) -> None:
    """Cancel a proposal that is not yet executed; one operator alone may.

    The cancellation of exactly its statement goes to the server and straight to every signer.
    """
    seen = checks.look(session, proposal_id)
    show(session, seen)
    session.out.confirm(f"cancel {proposal_id}? Type yes:", yes)
    now_ms = session.now_ms()
    number = session.memory.next_number(session.operator.id, now_ms)
    body = statements.encode(CancelPendingBody(session.operator.id, seen.sha256, reason, now_ms, number))
    signature: common_pb2.KeySignature = session.key_signature(SignedType.CANCEL_PENDING, body, key, agent)
    request = proposal_pb2.CancelProposalRequest(cancel=body, signature=signature)
    _everywhere(
        session,
        "cancellation",
        hashlib.sha256(body).hexdigest(),
        lambda ms: session.server.write(session.server.proposals.CancelProposal, request, ms),
        lambda s, ms: s.call(
            s.stub.CancelPending, operator_pb2.CancelPendingRequest(cancel=body, signature=signature), ms
        ),
        wait,
        {
            "proposal_id": proposal_id,
            "statement_sha256": seen.sha256.hex(),
            "reason": reason,
            "number": number,
        },
    )


def _everywhere(
    session: Session,
    what: str,
    halt_id: str,
    server: Callable[[int | None], Any],
    signer: Callable[[SignerConnection, int | None], Any],
    wait_s: float,
    told: dict[str, Any],
) -> None:
    """Send the same signed bytes to everyone in parallel, again to those that do not answer; report each."""
    until = time.monotonic() + wait_s

    def reach(name: str, send: Callable[[], Any]) -> _Reached:
        while True:
            try:
                send()
                return _Reached(name, None)
            except Unavailable as error:
                if time.monotonic() + _PAUSE_S > until:
                    return _Reached(name, error)
                time.sleep(_PAUSE_S)
            except CustodyError as error:
                return _Reached(name, error)

    work: list[tuple[str, Callable[[], Any]]] = [("server", lambda: server(None))]
    work += [(f"signer/{one.id}", lambda one=one: signer(one, None)) for one in session.signers]  # type: ignore[misc]
    reached = in_parallel(lambda item: reach(*item), work)
    session.out.say(f"{what} {halt_id}")
    for one in reached:
        session.out.say(f"  {one.name}: {'taken' if one.error is None else one.error}")
    results = [
        {
            "name": one.name,
            "taken": one.error is None,
            "error": None if one.error is None else describe(one.error),
        }
        for one in reached
    ]
    failed = [one.error for one in reached if one.error is not None]
    unlisted = session.unlisted_signers
    answer = {
        "halt_id": halt_id,
        **told,
        "reached": results,
        "complete": not failed,
        "unlisted_signers": unlisted,
    }
    session.out.object(answer)
    if unlisted:
        session.out.error(f"cli.toml does not list {', '.join(unlisted)}: not told from here")
    if not failed:
        return
    names = ", ".join(one.name for one in reached if one.error is not None)
    if len(failed) < len(reached):
        session.out.error(f"not taken by {names}: stop these by other means, or run the command again")
        raise typer.Exit(6)
    session.out.error(f"taken by nobody ({names})")
    refused = [error for error in failed if not isinstance(error, Unavailable)]
    raise typer.Exit(1 if refused else 3)


def resume(
    session: Session,
    halt_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="HALT_ID...",
            help="As `custody status` shows them; also signer/ID/SEQUENCE and server/SEQUENCE.",
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for people: one line, part of the statement.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every halt that server or signers show.")] = False,
    key: Key = None,
    agent: Agent = False,
    yes: Yes = False,
) -> None:
    """Propose to end a halt or suspension; its quorum's approvals then end it, at the server and at every signer."""
    ids = list(halt_ids or [])
    if every:
        ids += [one for one in all_halts(session) if one not in ids]
    if not ids:
        raise NotFound("halt", "in force") if every else typer.BadParameter("name a HALT_ID, or give --all")
    if not reason:
        raise typer.BadParameter("--reason is needed")
    proposed = []
    for halt_id in ids:
        proposed.append(propose(session, ProposalKind.RESUME, ResumeBody(halt_id, reason), key, agent, yes))
    session.out.object({"proposals": proposed})
