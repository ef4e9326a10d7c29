"""How each part is, and the standard health service over it: SERVING only while every part serves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from grpc_health.v1 import health_pb2

from custody.errors import NotFound
from custody.rpc.endpoint import Call
from custody.services.conditions import ConditionKind, Conditions
from custody.services.writer import Writer

__all__ = ["Health", "Part"]

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_ListResponse: Any = health_pb2.HealthListResponse  # type: ignore[attr-defined]  # newer than the stubs
_LOOK_S = 1.0  # how soon a watcher sees a change, and one that left gives its thread back


class Part(NamedTuple):
    """One part the server needs: whether it serves, and why not."""

    name: str
    serving: bool
    reason: str


class Health:
    """The parts' states, and `grpc.health.v1.Health`. Any thread may ask."""

    def __init__(
        self,
        writer: Writer,
        conditions: Conditions,
        signers: tuple[str, ...],
        networks: tuple[str, ...],
        services: tuple[str, ...],
    ) -> None:
        """`services` are the full names that may be asked about, besides the empty one; all share one status."""
        self._writer = writer
        self._conditions = conditions
        self._signers = signers
        self._networks = networks
        self._services = ("", *services)
        self._draining = threading.Event()

    def drain(self) -> None:
        """Answer NOT_SERVING from now on: the process is about to end."""
        self._draining.set()

    @property
    def draining(self) -> bool:
        """Whether the process is about to end."""
        return self._draining.is_set()

    def parts(self) -> tuple[Part, ...]:
        """The journal, the writer, every signer and node, and what workers are failing."""
        failure = self._writer.failure
        parts = [
            Part("journal", failure is None, "" if failure is None else "appending failed: see the log"),
            Part(
                "writer",
                failure is None and not self.draining,
                "the server is stopping" if self.draining else "",
            ),
        ]
        parts.extend(self._part("signer", ConditionKind.SIGNER_DOWN, signer) for signer in self._signers)
        parts.extend(self._part("node", ConditionKind.NODE_DOWN, network) for network in self._networks)
        failing = (found for found in self._conditions.all() if found.kind is ConditionKind.WORKER)
        parts.extend(Part(f"worker/{found.subject}", False, found.detail or found.tag) for found in failing)
        return tuple(parts)

    def _part(self, prefix: str, kind: ConditionKind, subject: str) -> Part:
        found = self._conditions.get(kind, subject)
        return Part(f"{prefix}/{subject}", found is None, "" if found is None else found.detail or found.tag)

    # The service.

    def Check(self, request: health_pb2.HealthCheckRequest, call: Call) -> health_pb2.HealthCheckResponse:
        """SERVING or NOT_SERVING now; the reasons are in AdminService.Status."""
        self._known(request.service)
        return health_pb2.HealthCheckResponse(status=self._status())

    def List(self, request: Any, call: Call) -> Any:
        """The status under every name."""
        answer = health_pb2.HealthCheckResponse(status=self._status())
        return _ListResponse(statuses=dict.fromkeys(self._services, answer))

    def Watch(
        self, request: health_pb2.HealthCheckRequest, call: Call
    ) -> Iterator[health_pb2.HealthCheckResponse]:
        """The status now and whenever it changes."""
        self._known(request.service)
        told = None
        while call.alive():
            status = self._status()
            if status != told:
                told = status
                yield health_pb2.HealthCheckResponse(status=status)
            if self._draining.wait(_LOOK_S) and told == _NOT_SERVING:
                return

    def _known(self, service: str) -> None:
        if service not in self._services:
            raise NotFound("service", service)

    def _status(self) -> Any:
        sound = not self.draining and all(part.serving for part in self.parts())
        return _SERVING if sound else _NOT_SERVING
