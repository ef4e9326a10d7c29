"""Every exception has one status, refusals by rules are never repeated by clients, and nothing inside is shown."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from custody import errors
from custody.rpc.errors import DOMAIN, NotImplementedYet, internal, reason_of, status_of, to_grpc
from custody.rpc.principal import Forbidden, Unauthenticated

C = grpc.StatusCode
CASES: list[tuple[errors.CustodyError, grpc.StatusCode, str]] = [
    (errors.Malformed("a.b", "is wrong", 7), C.INVALID_ARGUMENT, "request.malformed"),
    (errors.InvalidPublicKey("key", "is no key"), C.INVALID_ARGUMENT, "request.malformed"),
    (errors.ConfigError("key", "is missing"), C.INVALID_ARGUMENT, "request.malformed"),
    (errors.InvalidSignature("no"), C.INVALID_ARGUMENT, "signature.invalid"),
    (errors.Denied("limit.customer.daily", "over"), C.FAILED_PRECONDITION, "limit.customer.daily"),
    (errors.NotFound("withdrawal", "x"), C.NOT_FOUND, "not_found"),
    (errors.Conflict("raced"), C.ABORTED, "conflict"),
    (errors.Unavailable("signer a", "gone"), C.UNAVAILABLE, "part.unavailable"),
    (errors.Failed("token", "secret inside"), C.UNAVAILABLE, "part.failed"),
    (errors.HsmError("token", "secret inside"), C.UNAVAILABLE, "part.failed"),
    (errors.JournalError("journal", "secret inside"), C.UNAVAILABLE, "part.failed"),
    (errors.InvariantBroken("secret inside"), C.INTERNAL, "invariant.broken"),
    (errors.CustodyError("secret inside"), C.INTERNAL, "internal"),
    (NotImplementedYet("not yet"), C.UNIMPLEMENTED, "not_implemented"),
    (Unauthenticated("who"), C.UNAUTHENTICATED, "caller.unknown"),
    (Forbidden("no"), C.PERMISSION_DENIED, "caller.not_entitled"),
]


@pytest.mark.parametrize(("error", "code", "reason"), CASES, ids=lambda value: type(value).__name__)
def test_each_exception_has_its_status(
    error: errors.CustodyError, code: grpc.StatusCode, reason: str
) -> None:
    status = status_of(error)
    assert to_grpc(status)[0] is code
    assert reason_of(status) == reason
    assert "secret inside" not in status.message
    assert b"secret inside" not in status.SerializeToString()
    assert to_grpc(status)[2] == status.SerializeToString()


def test_no_exception_is_forgotten() -> None:
    def subclasses(kind: type[object]) -> set[type[object]]:
        return {kind}.union(*(subclasses(each) for each in kind.__subclasses__()))

    known = {type(error) for error, _, _ in CASES}
    missing = {
        kind for kind in subclasses(errors.CustodyError) if kind.__module__ == "custody.errors"
    } - known
    assert missing == set()


def test_a_malformed_field_is_in_a_bad_request() -> None:
    status = status_of(errors.Malformed("items[3].intent", "is empty", 12))
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(bad)
    assert (info.domain, dict(info.metadata)) == (DOMAIN, {"field": "items[3].intent", "offset": "12"})
    assert [(v.field, v.description) for v in bad.field_violations] == [("items[3].intent", "is empty")]


def test_what_a_denial_adds_goes_into_the_metadata() -> None:
    denied = errors.Denied("head.rows_missing", "send more")
    denied.metadata = {"journal_sequence": "7"}  # type: ignore[attr-defined]
    info = error_details_pb2.ErrorInfo()
    assert status_of(denied).details[0].Unpack(info)
    assert dict(info.metadata) == {"detail": "send more", "journal_sequence": "7"}


def test_the_unexpected_shows_an_incident_and_nothing_else() -> None:
    status = internal("0123abcd")
    again = status_pb2.Status.FromString(to_grpc(status)[2])
    assert (again.message, reason_of(again)) == ("internal error 0123abcd", "internal")
