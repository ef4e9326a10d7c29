"""Every method of every service passes here: who calls is read, checked and logged, and exceptions become statuses.

Handlers are made from the protos' own descriptors, so that no method can be served around the access table.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.rpc import status_pb2

from custody.errors import CustodyError, InvariantBroken, Unavailable
from custody.rpc.errors import NotImplementedYet, internal, reason_of, status_of, to_grpc
from custody.rpc.principal import Methods, Principal, check, principal_of

__all__ = ["LONGEST_CALL_S", "Call", "Endpoint"]

LONGEST_CALL_S = 60.0
"""A unary call waits no longer than this, whatever its deadline says."""

_log = structlog.get_logger("grpc")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who makes it, and how long it may still take."""

    principal: Principal
    method: str
    context: grpc.ServicerContext

    def remaining_s(self) -> float:
        """Seconds until the deadline, at most `LONGEST_CALL_S`."""
        remaining = self.context.time_remaining()
        return LONGEST_CALL_S if remaining is None else max(0.0, min(remaining, LONGEST_CALL_S))

    def alive(self) -> bool:
        """Whether somebody still waits for the answer."""
        return self.context.is_active()


class Endpoint:
    """Makes the gRPC handlers of servicers whose methods take `(request, Call)` and return or yield messages."""

    def __init__(self, methods: Methods, streams: int, on_invariant: Callable[[BaseException], None]) -> None:
        """`methods` says who may call what.

        At most `streams` streaming calls are served at once, half of them for one caller, so that they never take all
        the threads. `on_invariant` is called when a broken invariant was met, and stops the process.
        """
        self._methods = methods
        self._streams = threading.Semaphore(streams)
        self._most_of_one = max(1, streams // 2)
        self._held: Counter[str] = Counter()
        self._guard = threading.Lock()
        self._on_invariant = on_invariant

    def handler(
        self, service: ServiceDescriptor, servicer: object, raw: frozenset[str] = frozenset()
    ) -> grpc.GenericRpcHandler:
        """All methods of a service. Those named in `raw` take and return bytes as they are on the wire.

        A method that the servicer has not answers UNIMPLEMENTED.
        """
        handlers = {
            m.name: self._method(m, getattr(servicer, m.name, None), m.name in raw) for m in service.methods
        }
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _method(
        self, method: MethodDescriptor, behaviour: Callable[..., Any] | None, raw: bool
    ) -> grpc.RpcMethodHandler[Any, Any]:
        name = f"/{method.containing_service.full_name}/{method.name}"
        decode = None if raw else message_factory.GetMessageClass(method.input_type).FromString
        encode = None if raw else message_factory.GetMessageClass(method.output_type).SerializeToString

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            return self._run(name, behaviour, request, context)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            return self._stream(name, behaviour, request, context)

        kinds = {
            (False, False): (grpc.unary_unary_rpc_method_handler, unary),
            (False, True): (grpc.unary_stream_rpc_method_handler, stream),
            (True, True): (grpc.stream_stream_rpc_method_handler, stream),
        }
        make, wrapped = kinds[method.client_streaming, method.server_streaming]
        handler: grpc.RpcMethodHandler[Any, Any] = make(
            wrapped, request_deserializer=decode, response_serializer=encode
        )
        return handler

    def _run(
        self, name: str, behaviour: Callable[..., Any] | None, request: Any, context: grpc.ServicerContext
    ) -> Any:
        started = time.perf_counter()
        log = _log.bind(method=name, request_id=_request_id(request))
        try:
            principal = _caller(context)
            log = log.bind(principal=str(principal))
            check(principal, name, self._methods)
            answer = _implemented(name, behaviour)(request, Call(principal, name, context))
        except BaseException as error:
            self._refuse(error, log, context)
        log.debug("answered", milliseconds=_since(started))
        return answer

    def _stream(
        self, name: str, behaviour: Callable[..., Any] | None, request: Any, context: grpc.ServicerContext
    ) -> Iterator[Any]:
        log = _log.bind(method=name, request_id="")
        if not self._streams.acquire(blocking=False):
            self._refuse(
                Unavailable("server", "serves as many streams as it may; try again later"), log, context
            )
        try:
            principal = _caller(context)
            log = log.bind(principal=str(principal))
            check(principal, name, self._methods)
            with self._share(str(principal)):
                log.info("stream began")
                yield from _implemented(name, behaviour)(request, Call(principal, name, context))
                log.info("stream ended")
        except GeneratorExit:  # the caller left
            raise
        except BaseException as error:
            self._refuse(error, log, context)
        finally:
            self._streams.release()

    @contextmanager
    def _share(self, principal: str) -> Iterator[None]:
        """Hold one of the streams that a principal may have. Raises `Unavailable` beyond half of all."""
        with self._guard:
            if self._held[principal] >= self._most_of_one:
                raise Unavailable("server", f"{principal} has as many streams as one may; end one first")
            self._held[principal] += 1
        try:
            yield
        finally:
            with self._guard:
                self._held[principal] -= 1
                if not self._held[principal]:
                    del self._held[principal]

    def _refuse(self, error: BaseException, log: Any, context: grpc.ServicerContext) -> None:
        """End the call with the exception's status; does not return.

        What is no `Exception` is a panic in Rust: as a broken invariant, it stops the process.
        """
        broken = isinstance(error, InvariantBroken) or not isinstance(error, Exception)
        if broken or not isinstance(error, CustodyError):
            if not context.is_active() and not broken:
                raise error  # the caller left, or the call was ended already
            incident = secrets.token_hex(8)
            log.error("failed unexpectedly", incident=incident, exc_info=error)
            status: status_pb2.Status = internal(incident)
        else:
            status = status_of(error)
            log.info("refused", code=status.code, tag=reason_of(status))
        if broken:
            self._on_invariant(error)
        code, message, details = to_grpc(status)
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(code, message)


def _caller(context: grpc.ServicerContext) -> Principal:
    """Who the verified certificate says it is. Raises `Unauthenticated`."""
    auth: Mapping[str, Iterable[bytes]] = context.auth_context()  # type: ignore[assignment]
    return principal_of(auth.get("x509_subject_alternative_name", ()))


def _implemented(name: str, behaviour: Callable[..., Any] | None) -> Callable[..., Any]:
    if behaviour is None:
        raise NotImplementedYet(f"{name} is not answered by this version")
    return behaviour


def _request_id(request: Any) -> str:
    value = getattr(request, "request_id", "")
    return value[:64] if isinstance(value, str) else ""


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
