"""How an exception looks to a caller: one gRPC code, and an ErrorInfo whose reason is the rule's stable tag.

A refusal by a rule is never given a code that clients retry by themselves, and nothing unexpected shows its inside.
"""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from custody.errors import (
    Conflict,
    CustodyError,
    Denied,
    Failed,
    InvalidSignature,
    InvariantBroken,
    Malformed,
    NotFound,
    Unavailable,
)
from custody.rpc.principal import Forbidden, Unauthenticated

__all__ = ["DOMAIN", "NotImplementedYet", "internal", "reason_of", "status_of", "to_grpc"]

DOMAIN = "custody"


class NotImplementedYet(CustodyError):
    """The call is there and this version does not answer it."""


def status_of(error: CustodyError) -> status_pb2.Status:
    """The status of an exception that is raised on purpose."""
    match error:
        case Malformed():
            violation = error_details_pb2.BadRequest.FieldViolation(
                field=error.field, description=error.reason
            )
            bad = error_details_pb2.BadRequest(field_violations=[violation])
            metadata = {"field": error.field} | ({"offset": str(error.offset)} if error.offset >= 0 else {})
            return _status(code_pb2.INVALID_ARGUMENT, str(error), "request.malformed", metadata, bad)
        case InvalidSignature():
            return _status(code_pb2.INVALID_ARGUMENT, str(error), "signature.invalid")
        case Denied():
            return _status(
                code_pb2.FAILED_PRECONDITION,
                str(error),
                error.tag,
                {"detail": error.detail, **getattr(error, "metadata", {})},
            )
        case NotFound():
            return _status(
                code_pb2.NOT_FOUND, str(error), "not_found", {"kind": error.kind, "name": error.name}
            )
        case Conflict():
            return _status(code_pb2.ABORTED, str(error), "conflict")
        case Unauthenticated():
            return _status(code_pb2.UNAUTHENTICATED, str(error), "caller.unknown")
        case Forbidden():
            return _status(code_pb2.PERMISSION_DENIED, str(error), "caller.not_entitled")
        case NotImplementedYet():
            return _status(code_pb2.UNIMPLEMENTED, str(error), "not_implemented")
        case Unavailable():
            return _status(code_pb2.UNAVAILABLE, str(error), "part.unavailable", {"part": error.what})
        case Failed():  # a token, a journal: say which part, not what it said
            return _status(code_pb2.UNAVAILABLE, f"{error.what} failed", "part.failed", {"part": error.what})
        case InvariantBroken():
            return _status(code_pb2.INTERNAL, "a broken invariant; the server stops", "invariant.broken")
        case _:
            return _status(code_pb2.INTERNAL, "internal error", "internal")


def internal(incident: str) -> status_pb2.Status:
    """The status of an unexpected exception: an id to find it in the log by, and nothing else."""
    return _status(code_pb2.INTERNAL, f"internal error {incident}", "internal", {"incident": incident})


def reason_of(status: status_pb2.Status) -> str:
    """The reason in a status's ErrorInfo: the tag."""
    info = error_details_pb2.ErrorInfo()
    return info.reason if status.details and status.details[0].Unpack(info) else ""


def to_grpc(status: status_pb2.Status) -> tuple[grpc.StatusCode, str, bytes]:
    """Code, message, and the `grpc-status-details-bin` trailer."""
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    return code, status.message, status.SerializeToString()


def _status(
    code: int,
    message: str,
    reason: str,
    metadata: Mapping[str, str] | None = None,
    *details: error_details_pb2.BadRequest,
) -> status_pb2.Status:
    shown = {key: value for key, value in (metadata or {}).items() if value}
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=shown)
    packed = []
    for detail in (info, *details):
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    return status_pb2.Status(code=code, message=message, details=packed)
