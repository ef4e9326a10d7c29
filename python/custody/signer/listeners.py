"""The signer's two ports: one for the server's certificate, one for operators'; nobody else is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from custody.api.signer.v1 import operator_pb2, signer_pb2
from custody.errors import Failed
from custody.rpc.endpoint import Call, Endpoint
from custody.rpc.principal import Methods
from custody.rpc.tls import server_credentials
from custody.signer.bootstrap import Signer
from custody.signer.config import Limits, Tls
from custody.signer.operator_service import SignerOperatorService
from custody.signer.service import SignerService
from custody.signer.status import SigningState, status_of

_SERVER = frozenset({"server"})
_OPERATOR = frozenset({"operator"})
_PEOPLE = frozenset({"operator", "auditor"})
_STREAMS = 2
"""Only reflection streams, and nobody needs more of it."""


def _common(roles: frozenset[str]) -> Methods:
    return {
        "/grpc.health.v1.Health/Check": roles,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": roles,
    }


SERVER_METHODS: Methods = {
    **{
        f"/custody.api.signer.v1.SignerService/{name}": _SERVER
        for name in (
            "SignPayout",
            "SignSweep",
            "Tombstone",
            "Activate",
            "Resume",
            "SignCheckpoint",
            "ListKeys",
            "GetStatus",
        )
    },
    **_common(_SERVER),
}
"""Who may call what on the server's port."""

OPERATOR_METHODS: Methods = {
    **{
        f"/custody.api.signer.v1.SignerOperatorService/{name}": _OPERATOR
        for name in (
            "Halt",
            "Suspend",
            "CancelPending",
        )
    },
    "/custody.api.signer.v1.SignerOperatorService/Status": _PEOPLE,
    **_common(_PEOPLE),
}
"""Who may call what on the operators' port."""


class Health:
    """`grpc.health.v1.Health/Check`: SERVING while the signer is not frozen."""

    def __init__(self, signer: Signer) -> None:
        """Tell of this signer."""
        self._signer = signer

    def Check(self, request: health_pb2.HealthCheckRequest, call: Call) -> health_pb2.HealthCheckResponse:
        """The status now; its reason is in GetStatus."""
        serving = status_of(self._signer.core).state is not SigningState.FROZEN
        status = (
            health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        return health_pb2.HealthCheckResponse(status=status)


class Listener:
    """One port."""

    def __init__(
        self,
        name: str,
        address: str,
        tls: Tls,
        limits: Limits,
        endpoint: Endpoint,
        services: Sequence[tuple[Any, object]],
    ) -> None:
        """Bind `address` for services (descriptor, servicer); raises Failed or ConfigError. `start` serves."""
        self._drain_s = limits.drain_ms / 1000
        self._pool = futures.ThreadPoolExecutor(limits.threads, thread_name_prefix=name)
        self._server = grpc.server(
            self._pool,
            handlers=[endpoint.handler(descriptor, servicer) for descriptor, servicer in services],
            maximum_concurrent_rpcs=limits.concurrent_calls,
            options=[
                ("grpc.so_reuseport", 0),  # else a second signer would take the same port silently
                ("grpc.max_receive_message_length", limits.message_bytes),
                ("grpc.max_send_message_length", limits.message_bytes),
                ("grpc.max_concurrent_streams", limits.concurrent_calls),
                ("grpc.max_metadata_size", 16 * 1024),
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.keepalive_timeout_ms", 10_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )
        credentials = server_credentials(tls.certificate, tls.key, tls.client_ca)
        try:
            self.port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise Failed(f"listen.{name} {address}", f"cannot be bound: {error}") from None
        if self.port == 0:
            raise Failed(f"listen.{name} {address}", "cannot be bound: is another signer running?")

    def start(self) -> None:
        """Serve."""
        self._server.start()

    def stop(self) -> None:
        """Take no new call, let the others finish for as long as the drain may take, then end them."""
        self._server.stop(self._drain_s).wait()
        self._pool.shutdown(wait=True, cancel_futures=True)


def listeners(
    signer: Signer, listen: tuple[str, str], tls: Tls, limits: Limits, on_fatal: Callable[[str], None]
) -> tuple[Listener, Listener]:
    """Bind both ports: the server's and the operators', whose calls never wait for a thread behind the server's."""
    services = (
        (signer_pb2.DESCRIPTOR.services_by_name["SignerService"], SignerService(signer)),
        (operator_pb2.DESCRIPTOR.services_by_name["SignerOperatorService"], SignerOperatorService(signer)),
    )
    made = []
    for name, address, methods, service in zip(
        ("server", "operators"), listen, (SERVER_METHODS, OPERATOR_METHODS), services, strict=True
    ):
        endpoint = Endpoint(methods, _STREAMS, lambda error: on_fatal(str(error)))
        health = (health_pb2.DESCRIPTOR.services_by_name["Health"], Health(signer))
        names = (service[0].full_name, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflected = (
            reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"],
            reflection.ReflectionServicer(names),
        )
        made.append(Listener(name, address, tls, limits, endpoint, (service, health, reflected)))
    return made[0], made[1]
