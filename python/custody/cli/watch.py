"""`custody event watch`: the journal's events as they come, one line each."""

from __future__ import annotations

from typing import Annotated

import typer

from custody.api.v1 import admin_pb2
from custody.cli.command import command, group
from custody.cli.session import Session
from custody.cli.shapes import event_json
from custody.cli.words import moment
from custody.client.follow import Event, follow
from custody.client.results import Cursor
from custody.client.retry import Backoff

__all__ = ["events"]

events = group("Follow what happens.")

_LOST = Backoff(budget_ms=60_000)


@command(events, "watch")
def watch(
    session: Session,
    after: Annotated[
        int | None,
        typer.Option(min=0, help="Begin behind this row of the journal; 0 is the first. Else from now on."),
    ] = None,
    partition: Annotated[str, typer.Option(help="The server's partition.")] = "main",
    limit: Annotated[int, typer.Option(min=0, help="End after this many events; 0 never.")] = 0,
    heartbeats: Annotated[bool, typer.Option(help="Show these too.")] = False,
) -> None:
    """Print events for ever, in order; with --json one object a line.

    A lost connection is taken up again where it was cut. Ends with Ctrl-C.
    """
    start = Cursor(partition, _newest(session, partition) if after is None else after)
    stream = follow(session.server.transport, session.server.events, start, _LOST, heartbeats)
    for count, event in enumerate(stream, 1):
        session.out.say(_line(event))
        session.out.object(event_json(event.message))
        if count == limit:
            return


def _newest(session: Session, partition: str) -> int:
    told = session.server.read(session.server.admin.Status, admin_pb2.StatusRequest())
    return next((cursor.sequence for cursor in told.as_of if cursor.partition == partition), 0)


def _line(event: Event) -> str:
    at = "" if event.recorded_at_ms is None else f"{moment(event.recorded_at_ms)} "
    shape = event_json(event.message)
    about = ""
    for kind, subject in (shape["subject"] or {}).items():
        name = subject.get("reference") or subject.get(f"{kind}_id", "")
        state = subject.get("state") or ", ".join(subject.get("scopes", ()))
        tag = subject.get("tag") or subject.get("reason") or ""
        about = f" {name} {state} {tag}".rstrip()
        if kind == "sweep":
            about = f" {name} {', '.join(leg['state'] for leg in subject['legs'])}"
    return f"{at}{event.cursor.sequence} {event.type}{about}" + (f" by {event.actor}" if event.actor else "")
