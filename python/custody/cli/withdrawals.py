"""`custody withdrawal …`: how withdrawals are, why they wait, and ending one before it is signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from custody import statements
from custody.api.v1 import withdrawal_pb2
from custody.cli.command import Agent, Key, Yes, command, group
from custody.cli.escape import grouped, shown
from custody.cli.explanations import explanation_json, show_explanation
from custody.cli.session import Session
from custody.cli.shapes import cursors_json, withdrawal_json
from custody.cli.words import base_units, units, when
from custody.client import results
from custody.client.cancel import cancel_body
from custody.client.explanation import explanation
from custody.client.results import CancelOutcome, State, Withdrawal
from custody.errors import Denied, Malformed
from custody.statements import SignedType

__all__ = ["withdrawals"]

withdrawals = group("Look at withdrawals; cancel one that no signer has begun to sign.")

_LONGEST_INTENT = 4_096  # bytes; what is longer is refused, so that is all that is read

Which = Annotated[
    str, typer.Argument(metavar="WITHDRAWAL", help="Its id; or INITIATOR/REFERENCE for the newest attempt.")
]


def _key(which: str) -> withdrawal_pb2.WithdrawalKey:
    initiator, slash, reference = which.partition("/")
    if slash:
        return withdrawal_pb2.WithdrawalKey(initiator=initiator, reference=reference)
    return withdrawal_pb2.WithdrawalKey(withdrawal_id=which)


def _get(session: Session, which: str) -> withdrawal_pb2.Withdrawal:
    request = withdrawal_pb2.GetWithdrawalRequest(key=_key(which))
    found = session.server.read(session.server.withdrawals.GetWithdrawal, request).withdrawal
    known = results.withdrawal(found)
    if which not in (known.withdrawal_id, f"{known.intent.initiator}/{known.reference}"):
        raise Denied("cli.other_withdrawal", f"asked for {which}, the server answered {known.withdrawal_id}")
    return found


@command(withdrawals, "list")
def list_withdrawals(
    session: Session,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help="HELD, QUEUED, SIGNING, BROADCAST, FINAL…; any of."),
    ] = None,
    initiator: Annotated[str, typer.Option(help="Exactly this initiator.")] = "",
    reference: Annotated[str, typer.Option(help="Exactly this reference.")] = "",
    customer: Annotated[str, typer.Option(help="Exactly this customer.")] = "",
    asset: Annotated[str, typer.Option(help="Exactly this asset, CAIP-19.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most this many, newest first.")] = 100,
) -> None:
    """Withdrawals, newest first."""
    request = withdrawal_pb2.ListWithdrawalsRequest(
        initiator=initiator, reference=reference, customer=customer, asset=asset
    )
    for name in state or []:
        if name.upper() not in State.__members__:
            raise Malformed("state", f"there is no {name}")
        request.states.append(withdrawal_pb2.WithdrawalState.Value(f"WITHDRAWAL_STATE_{name.upper()}"))
    rows: list[list[str]] = []
    objects: list[dict[str, Any]] = []
    as_of: list[dict[str, Any]] = []
    for page in session.server.pages(session.server.withdrawals.ListWithdrawals, request, limit):
        as_of = cursors_json(page.as_of)
        for message in page.withdrawals:
            objects.append(withdrawal_json(message))
            if not session.out.as_json:
                rows.append(_line(session, results.withdrawal(message)))
    columns = ["withdrawal", "reference", "state", "amount", "to", "waits for"]
    session.out.table(columns, rows, "There are no such withdrawals.")
    session.out.object({"withdrawals": objects, "as_of": as_of})


def _line(session: Session, known: Withdrawal) -> list[str]:
    waits = ", ".join(f"{b.kind} {b.tag}".strip() for b in known.blockers) or known.tag
    amount = units(session.policy, known.intent.asset, known.intent.amount)
    return [known.withdrawal_id, known.reference, str(known.state), amount, known.intent.address, waits]


@command(withdrawals, "show")
def show_withdrawal(session: Session, withdrawal: Which) -> None:
    """One withdrawal: what was asked for is read from the intent's signed bytes."""
    message = _get(session, withdrawal)
    known = results.withdrawal(message)
    session.out.lines(_lines(session, known))
    session.out.object(withdrawal_json(message))


def _lines(session: Session, known: Withdrawal) -> Iterator[str]:
    def row(label: str, value: str) -> str:
        return f"{label:<14}{value}"

    intent, policy, now_ms = known.intent, session.policy, session.now_ms()
    yield row("Withdrawal", shown(known.withdrawal_id))
    yield row("State", f"{known.state}{f' ({shown(known.tag)})' if known.tag else ''}")
    for blocker in known.blockers:
        yield row("Waits for", shown(f"{blocker.kind} {blocker.tag} {blocker.proposal_id}".strip()))
    yield row("Reference", shown(f"{intent.initiator} {intent.reference}, attempt {intent.attempt}"))
    yield row("Amount", f"{units(policy, intent.asset, intent.amount)}, {base_units(intent.amount)}")
    yield row("Asset", shown(intent.asset))
    yield row("To", grouped(intent.address))
    yield row("", shown(intent.address))
    if intent.memo:
        yield row("Memo", shown(intent.memo))
    yield row("Customer", shown(intent.customer))
    yield row("Pool", shown(intent.pool))
    yield row("Fee", intent.fee_mode.name)
    yield row("Pay before", when(intent.pay_before_unix_ms, now_ms))
    if known.queue_position:
        yield row("Queue", f"{known.queue_position}. of {shown(known.wallet_id)}")
    elif known.wallet_id:
        yield row("Wallet", shown(known.wallet_id))
    if known.eta_p50_ms is not None and known.eta_p90_ms is not None:
        yield row("Likely by", when(known.eta_p50_ms, now_ms))
        yield row("9 of 10 by", when(known.eta_p90_ms, now_ms))
    if known.net_amount is not None:
        yield row("Receives", base_units(known.net_amount))
    if known.network_fee is not None:
        yield row("Network fee", units(policy, known.network_fee_asset, known.network_fee))
    for tx in known.txs:
        depth = f", block {tx.block_height}, {tx.confirmations} confirmations" if tx.block_height else ""
        yield row("Transaction", f"{shown(tx.hash)} {tx.state}{depth}")


@command(withdrawals, "explain")
def explain(
    session: Session,
    withdrawal: Annotated[
        str,
        typer.Argument(metavar="WITHDRAWAL", help="Its id; or INITIATOR/REFERENCE for the newest attempt."),
    ] = "",
    intent: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead: a WithdrawalIntent's canonical bytes, unsigned."),
    ] = None,
) -> None:
    """Which rule decided a withdrawal, and why it waits; or what every rule and limit says of an intent.

    `>` marks what decides. Nothing is changed, and nothing is signed.
    """
    if bool(withdrawal) == bool(intent):
        raise Malformed("withdrawal", "give either a withdrawal or --intent")
    if intent is None:
        request = withdrawal_pb2.ExplainWithdrawalRequest(key=_key(withdrawal))
    else:
        request = withdrawal_pb2.ExplainWithdrawalRequest(intent=_bytes(intent))
    answer = session.server.read(session.server.withdrawals.ExplainWithdrawal, request)
    told = explanation(answer)
    show_explanation(session, told)
    session.out.object(explanation_json(told))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_INTENT + 1)
    except OSError as error:
        raise Malformed("intent", f"{path}: {error.strerror}") from error


@command(withdrawals, "cancel")
def cancel(
    session: Session, withdrawal: Which, key: Key = None, agent: Agent = False, yes: Yes = False
) -> None:
    """End a withdrawal before it is signed: its signer promises never to pay it.

    Exits 1 with TOO_LATE when it may be paid at any moment. PENDING: the signer's promise is awaited.
    """
    known = results.withdrawal(_get(session, withdrawal))
    session.out.lines(_lines(session, known))
    session.out.confirm("cancel this withdrawal? Type yes:", yes)
    body = cancel_body(known.intent_bytes, session.now_ms())
    statements.parse_cancel(body)
    signature = session.key_signature(SignedType.CANCEL, body, key, agent)
    request = withdrawal_pb2.CancelWithdrawalsRequest(
        items=[withdrawal_pb2.CancelItem(cancel=body, signature=signature)]
    )
    answer = session.server.read(session.server.withdrawals.CancelWithdrawals, request)
    if len(answer.results) != 1:
        raise Malformed("results", "the server answered not exactly one cancellation")
    result = results.cancel_result(answer.results[0])
    session.out.say(f"{result.outcome} {result.tag} {result.detail}".rstrip())
    session.out.object(
        {
            "withdrawal_id": result.withdrawal_id,
            "reference": result.reference,
            "outcome": str(result.outcome),
            "state": str(result.state),
            "tag": result.tag,
            "detail": result.detail,
        }
    )
    if result.outcome is CancelOutcome.NOT_FOUND:
        raise typer.Exit(4)
    if result.outcome not in (CancelOutcome.CANCELLED, CancelOutcome.PENDING):
        raise typer.Exit(1)
