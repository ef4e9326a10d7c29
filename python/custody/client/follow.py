"""Follows the journal's events: in order, resumed where it was cut, and loud when the server goes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from custody.api.v1 import event_pb2, event_pb2_grpc
from custody.client.results import Cursor, Withdrawal, cursor, enum_name, unix_ms, withdrawal
from custody.client.retry import Backoff
from custody.client.transport import Transport
from custody.errors import Failed, Malformed, Unavailable

__all__ = ["Event", "JournalWentBack", "follow"]


class JournalWentBack(Failed):
    """The server's journal is behind what it showed before: a restored backup, or another server. Ask a person."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, with the subject's full state now.

    Store `resume` once the event is dealt with: from there nothing is missed. After a cut in the middle of a row
    its events come again, so dealing with one twice must be harmless.
    """

    cursor: Cursor
    resume: Cursor
    recorded_at_ms: int | None
    type: str
    actor: str
    withdrawal: Withdrawal | None
    last_of_row: bool
    record_kind: str
    message: event_pb2.Event


def follow(
    transport: Transport,
    stub: event_pb2_grpc.EventServiceStub,
    start: Cursor | None,
    backoff: Backoff,
    heartbeats: bool = False,
) -> Iterator[Event]:
    """Every event after `start` (None: from the first row), for ever.

    A lost connection is taken up again, for as long as the backoff allows without an answer in between; then
    Unavailable is raised. Raises JournalWentBack for a cursor below one that was seen.
    """
    resume, newest = start, start
    pauses = backoff.pauses()
    while True:
        cursors = [] if resume is None else [resume.to_proto()]
        request = event_pb2.SubscribeRequest(cursors=cursors)
        try:
            for answer in transport.stream(stub.Subscribe, request):
                pauses = backoff.pauses()
                at = cursor(answer.event.cursor)
                resume = _advanced(resume, newest, at, answer.event)
                newest = at if newest is None or at.sequence >= newest.sequence else newest
                if heartbeats or answer.event.type != event_pb2.EVENT_TYPE_HEARTBEAT:
                    yield _event(answer.event, at, resume)
            lost = Unavailable(transport.what, "ended the stream of events")
        except Unavailable as error:
            lost = error
        except Malformed as error:
            if error.field != "cursors":
                raise
            raise JournalWentBack(
                "events", f"the server does not have what it showed before: {error}"
            ) from None
        if next(pauses, _NO_MORE) is _NO_MORE:
            raise lost


_NO_MORE = object()


def _advanced(resume: Cursor | None, newest: Cursor | None, at: Cursor, event: event_pb2.Event) -> Cursor:
    """Where to resume after this event: behind its row when that is complete, else before it."""
    if newest is not None and at.partition != newest.partition:
        raise JournalWentBack("events", f"of partition {at.partition}, not {newest.partition}")
    floor = 0 if resume is None else resume.sequence
    if at.sequence < floor or (at.sequence == floor and event.type != event_pb2.EVENT_TYPE_HEARTBEAT):
        raise JournalWentBack("events", f"row {at.sequence} after row {floor} was complete")
    if event.last_of_row or event.type == event_pb2.EVENT_TYPE_HEARTBEAT:
        return at
    return Cursor(at.partition, at.sequence - 1)


def _event(message: event_pb2.Event, at: Cursor, resume: Cursor) -> Event:
    return Event(
        at,
        resume,
        unix_ms(message, "recorded_at"),
        enum_name(event_pb2.EventType, message.type),
        message.actor,
        withdrawal(message.withdrawal) if message.HasField("withdrawal") else None,
        message.last_of_row,
        message.record_kind,
        message,
    )
