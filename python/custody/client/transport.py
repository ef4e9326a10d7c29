"""One long-lived connection to a program of this project: a deadline on every call, statuses back to exceptions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from custody.errors import Conflict, CustodyError, Denied, Failed, Malformed, NotFound, Unavailable

__all__ = ["NotEntitled", "Transport", "error_of"]

Request = TypeVar("Request")
Answer = TypeVar("Answer")

_MESSAGE_BYTES = 64 << 20
_UNREACHABLE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,  # as many calls as it takes
        grpc.StatusCode.CANCELLED,
    }
)


class NotEntitled(Denied):
    """The certificate does not say who calls, or may not call this."""


class Transport:
    """A gRPC channel with mutual TLS. Safe to share between threads; connects at the first call."""

    def __init__(
        self, what: str, address: str, credentials: grpc.ChannelCredentials, timeout_ms: int
    ) -> None:
        """`what` names the other side in errors."""
        self.what = what
        self.address = address
        self._timeout_s = timeout_ms / 1000
        self.channel = grpc.secure_channel(
            address,
            credentials,
            options=[
                ("grpc.max_receive_message_length", _MESSAGE_BYTES),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 2_000),
                ("grpc.enable_retries", 0),  # what may be repeated is decided here, not by the channel
                ("grpc.keepalive_time_ms", 20_000),
                ("grpc.keepalive_timeout_ms", 10_000),
            ],
        )

    def call(self, method: Callable[..., Answer], request: object, timeout_ms: int | None = None) -> Answer:
        """One unary call. Raises what `error_of` says."""
        timeout_s = self._timeout_s if timeout_ms is None else timeout_ms / 1000
        try:
            return method(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise error_of(self.what, error) from None

    def stream(self, method: Callable[..., Any], request: object) -> Iterator[Any]:
        """One streaming call, without a deadline: keepalive ends it when the other side is gone."""
        call = method(request)
        try:
            yield from call
        except grpc.RpcError as error:
            raise error_of(self.what, error) from None
        finally:
            call.cancel()

    def close(self) -> None:
        """End the connection; calls under way fail."""
        self.channel.close()


def error_of(what: str, error: grpc.RpcError) -> CustodyError:
    """The exception that stands for a status.

    Denied (with the rule's tag), NotEntitled, NotFound, Malformed and Conflict are the other side's definite answers;
    after Unavailable the outcome is unknown; anything else is Failed.
    """
    call: Any = error  # what a channel raises is a grpc.Call too, which its types do not say
    if not hasattr(call, "trailing_metadata"):
        return Unavailable(what, str(error))
    code, details = call.code(), call.details() or ""
    reason, metadata = _reason(call)
    if code in _UNREACHABLE:
        return Unavailable(what, details or code.name.lower())
    match code:
        case grpc.StatusCode.FAILED_PRECONDITION:
            return Denied(reason or "refused", metadata.get("detail", details))
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            return NotEntitled(reason or "caller.not_entitled", details)
        case grpc.StatusCode.UNIMPLEMENTED:
            return Denied(reason or "not_implemented", details)
        case grpc.StatusCode.NOT_FOUND:
            return NotFound(metadata.get("kind", "such thing"), metadata.get("name", details))
        case grpc.StatusCode.INVALID_ARGUMENT:
            return Malformed(metadata.get("field", ""), details)
        case grpc.StatusCode.ABORTED:
            return Conflict(details)
    return Failed(what, f"{code.name}: {details}")


def _reason(call: grpc.Call) -> tuple[str, dict[str, str]]:
    info = error_details_pb2.ErrorInfo()
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            with contextlib.suppress(DecodeError):  # nonsense names no rule
                for detail in status_pb2.Status.FromString(value).details:
                    if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                        detail.Unpack(info)
                        return info.reason, dict(info.metadata)
    return "", {}
