"""`custody inbox` and `custody proposal …`: look at what waits, and sign exactly what was looked at."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer

from custody.api.signed.v1 import statement_pb2
from custody.api.v1 import common_pb2, proposal_pb2
from custody.cli import checks
from custody.cli.checks import Seen
from custody.cli.command import Agent, Key, Yes, command, group
from custody.cli.escape import shown
from custody.cli.hearsay import hearsay
from custody.cli.session import Session
from custody.cli.shapes import approval_results_json, cursors_json, groups_json
from custody.cli.statement_json import statement_json
from custody.cli.statement_view import lines_of
from custody.cli.words import when
from custody.client.results import enum_name, unix_ms
from custody.errors import Denied, Malformed, Unavailable
from custody.statements import ProposalKind, SignedType

__all__ = ["decide", "inbox", "proposals", "show"]

proposals = group("Look at proposals, and approve or reject them with your own key.")

Ids = Annotated[
    list[str], typer.Argument(metavar="PROPOSAL_ID...", help="One or more, as `inbox` shows them.")
]


def inbox(session: Session) -> None:
    """Proposals that wait for your approval, each decoded and checked here.

    `ok` in the last column: the statement may be approved; else the tag of the rule that speaks against it.
    Look at one with `custody proposal show ID` before you approve it.
    """
    request = proposal_pb2.ListProposalsRequest(
        states=[proposal_pb2.PROPOSAL_STATE_OPEN], waiting_for=session.config.operator
    )
    _list(session, request, 1_000, "Nothing waits for you.")


@command(proposals, "list")
def list_proposals(
    session: Session,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help="OPEN, APPROVED, EXECUTED, REJECTED, EXPIRED…; any of."),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="SWEEP, RELEASE, RESUME…; any of.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many, newest first.")] = 100,
) -> None:
    """Proposals, newest first."""
    request = proposal_pb2.ListProposalsRequest(
        states=[_value(proposal_pb2.ProposalState, "PROPOSAL_STATE", "state", name) for name in state or []],
        kinds=[_value(statement_pb2.ProposalKind, "PROPOSAL_KIND", "kind", name) for name in kind or []],
    )
    _list(session, request, limit, "There are no such proposals.")


def _value(enum: Any, prefix: str, field: str, name: str) -> Any:
    try:
        return enum.Value(f"{prefix}_{name.upper().replace('-', '_')}")
    except ValueError:
        raise Malformed(field, f"there is no {name}") from None


def _list(session: Session, request: proposal_pb2.ListProposalsRequest, limit: int, empty: str) -> None:
    rows: list[list[str]] = []
    objects: list[dict[str, Any]] = []
    as_of: list[dict[str, Any]] = []
    now_ms = session.now_ms()
    for page in session.server.pages(session.server.proposals.ListProposals, request, limit):
        as_of = cursors_json(page.as_of)
        for proposal in page.proposals:
            try:
                seen = checks.judge(session, proposal)
            except Unavailable:
                raise
            except Denied as error:
                rows.append([proposal.proposal_id, "?", _state(proposal), "?", "", "", error.tag])
                objects.append({"proposal_id": proposal.proposal_id, "refusal": _refusal(error)})
                continue
            counted = ", ".join(f"{g.name} {g.counted}/{g.needed}" for g in proposal.quorum)
            judged = "ok" if seen.refusal is None else seen.refusal.tag
            expires = when(seen.statement.expires_unix_ms, now_ms)
            row = [proposal.proposal_id, seen.statement.kind.name, _state(proposal), seen.statement.proposer]
            rows.append([*row, counted, expires, judged])
            objects.append(_object(session, seen))
    session.out.table(["proposal", "kind", "state", "by", "quorum", "expires", "check"], rows, empty)
    session.out.object({"proposals": objects, "as_of": as_of})


@command(proposals, "show")
def show_proposal(
    session: Session, proposal_id: Annotated[str, typer.Argument(metavar="PROPOSAL_ID")]
) -> None:
    """Everything that an approval would sign, decoded from the statement's own bytes.

    Addresses, symbols and decimals are those of the policy that this machine pins; the server's copy is not shown.
    """
    seen = checks.look(session, proposal_id)
    show(session, seen)
    session.out.object(_object(session, seen))


def show(session: Session, seen: Seen) -> None:
    """Print one proposal, the statement's bytes decoded here."""
    proposal = seen.proposal
    lines = [f"{'Proposal':<14}{shown(proposal.proposal_id)}", f"{'State':<14}{_state(proposal)}"]
    lines += lines_of(seen.body, seen.statement, session.policy, session.now_ms(), seen.released)
    lines.append("")
    for quorum in proposal.quorum:
        still = ", ".join(map(shown, quorum.can_still_approve)) or "nobody"
        line = f"{quorum.counted} of {quorum.needed} approvals; {still} may still approve"
        lines.append(f"{'Quorum':<14}{shown(quorum.name)}: {line}")
    for given in proposal.approvals:
        lines.append(f"{'':<14}{_decision(session, seen, given)}")
    if not session.out.as_json:
        told = hearsay(session, seen.statement)
        lines += [f"{'Hearsay' if n == 0 else '':<14}{shown(line)}" for n, line in enumerate(told)]
    if seen.refusal is not None:
        lines += ["", f"CANNOT BE APPROVED: {shown(str(seen.refusal))}"]
    session.out.lines(lines)


def _decision(session: Session, seen: Seen, given: proposal_pb2.Approval) -> str:
    word = "approved" if given.decision == proposal_pb2.DECISION_APPROVE else "rejected"
    genuine = checks.decision_is_genuine(session, seen.body, given)
    line = f"{shown(given.operator)} {word}"
    line += "" if genuine else ", BUT THE SIGNATURE SHOWN IS NOT THEIRS"
    line += (
        ""
        if given.counted or given.decision == proposal_pb2.DECISION_REJECT
        else f" (does not count: {shown(given.not_counted_tag)})"
    )
    return line + (f": {shown(given.reason)}" if given.reason else "")


@command(proposals, "approve")
def approve(
    session: Session,
    proposal_ids: Ids,
    reason: Annotated[str, typer.Option(help="Why, for people; not signed.")] = "",
    key: Key = None,
    agent: Agent = False,
    yes: Yes = False,
) -> None:
    """Show each proposal, ask, and sign `approve` over exactly the bytes shown.

    Nothing is signed that does not decode, that the pinned policy does not allow, or that is older than what this
    machine has seen. Exits 1 when an approval does not count.
    """
    decide(session, SignedType.APPROVE, proposal_ids, reason, key, agent, yes)


@command(proposals, "reject")
def reject(
    session: Session,
    proposal_ids: Ids,
    reason: Annotated[str, typer.Option(help="Why, for people; not signed.")],
    key: Key = None,
    agent: Agent = False,
    yes: Yes = False,
) -> None:
    """Show each proposal, ask, and sign `reject` over exactly the bytes shown."""
    decide(session, SignedType.REJECT, proposal_ids, reason, key, agent, yes)


def decide(
    session: Session,
    signed_type: SignedType,
    proposal_ids: list[str],
    reason: str,
    key: Path | None,
    agent: bool,
    yes: bool,
) -> None:
    """Sign and send decisions on proposals that were shown."""
    items = []
    for proposal_id in proposal_ids:
        seen = checks.look(session, proposal_id)
        show(session, seen)
        if signed_type is SignedType.APPROVE:
            checks.require(seen)
        session.out.confirm(f"{signed_type.value} {proposal_id}? Type yes:", yes)
        signature = session.sign(signed_type, seen.body, key, agent)
        items.append(
            proposal_pb2.ApprovalInput(
                proposal_id=proposal_id,
                statement_sha256=hashlib.sha256(seen.body).digest(),
                key_id=signature.key_id,
                scheme=common_pb2.SIGNATURE_SCHEME_SSHSIG,
                signature=signature.signature,
                reason=reason,
            )
        )
    service = session.server.proposals
    answer: proposal_pb2.ApproveResponse | proposal_pb2.RejectResponse
    if signed_type is SignedType.APPROVE:
        answer = session.server.write(service.Approve, proposal_pb2.ApproveRequest(items=items))
    else:
        answer = session.server.write(service.Reject, proposal_pb2.RejectRequest(items=items))
    results = approval_results_json(answer.results)
    for result in results:
        done = (
            f"{signed_type.value} counts"
            if result["counted"]
            else f"does not count: {result['tag']} {result['detail']}"
        )
        session.out.say(f"{result['proposal_id']}: {done}; now {result['state']}")
    session.out.object({"results": results})
    if not all(result["counted"] for result in results):
        raise typer.Exit(1)


def _object(session: Session, seen: Seen) -> dict[str, Any]:
    proposal = seen.proposal
    return {
        "proposal_id": proposal.proposal_id,
        "state": _state(proposal),
        "statement": statement_json(seen.body, seen.statement, session.policy, seen.released),
        "quorum": groups_json(proposal.quorum),
        "approvals": [
            {
                "operator": given.operator,
                "key_id": given.key_id,
                "decision": enum_name(proposal_pb2.Decision, given.decision),
                "genuine": checks.decision_is_genuine(session, seen.body, given),
                "counted": given.counted,
                "not_counted_tag": given.not_counted_tag,
                "reason": given.reason,
                "recorded_at_unix_ms": unix_ms(given, "recorded_at"),
            }
            for given in proposal.approvals
        ],
        "approvable": seen.refusal is None,
        "refusal": None if seen.refusal is None else _refusal(seen.refusal),
        "superseded_by": proposal.superseded_by,
        "effective_at_unix_ms": unix_ms(proposal, "effective_at"),
        "tag": proposal.tag,
    }


def _refusal(error: Denied) -> dict[str, str]:
    return {"tag": error.tag, "detail": error.detail}


def _state(proposal: proposal_pb2.Proposal) -> str:
    return enum_name(proposal_pb2.ProposalState, proposal.state)


def kinds() -> list[str]:
    """The names of every kind."""
    return [kind.name for kind in ProposalKind]
