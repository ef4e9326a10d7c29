"""How each part is, and the standard health service over it: SERVING only while every part serves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import structlog
from grpc_health.v1 import health_pb2

from custody.errors import NotFound
from custody.rpc.endpoint import Call

__all__ = ["Health", "Part"]

_log = structlog.get_logger("health")
_Status = health_pb2.HealthCheckResponse.ServingStatus
_LOOK_S = 1.0  # how soon a watcher that left gives its thread back


class Part(NamedTuple):
    """One part the server needs: whether it serves, and why not."""

    name: str
    serving: bool
    reason: str


class Health:
    """The parts' states, and `grpc.health.v1.Health`. Any thread may report; a repeated report changes nothing."""

    def __init__(self, services: tuple[str, ...]) -> None:
        """`services` are the full names that may be asked about, besides the empty one; all share one status."""
        self._services = ("", *services)
        self._parts: dict[str, Part] = {}
        self._draining = False
        self._changed = threading.Condition()

    def report(self, name: str, serving: bool, reason: str = "") -> None:
        """Say how a part is: `writer`, `journal`, `signer/ID`, `node/CAIP-2`, `worker/NAME`."""
        part = Part(name, serving, reason)
        with self._changed:
            if self._parts.get(name) == part:
                return
            known = name in self._parts
            self._parts[name] = part
            self._changed.notify_all()
        if not serving:
            _log.warning("part does not serve", part=name, reason=reason)
        elif known:
            _log.info("part serves again", part=name)

    def drain(self) -> None:
        """Answer NOT_SERVING from now on: the process is about to end."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()

    @property
    def draining(self) -> bool:
        """Whether the process is about to end."""
        return self._draining

    def parts(self) -> tuple[Part, ...]:
        """Every part, by name."""
        with self._changed:
            return tuple(part for _, part in sorted(self._parts.items()))

    def reason(self, name: str) -> str | None:
        """Why a part does not serve; None while it does or is unknown."""
        part = self._parts.get(name)
        return None if part is None or part.serving else part.reason

    # The service.

    def Check(self, request: health_pb2.HealthCheckRequest, call: Call) -> health_pb2.HealthCheckResponse:
        """SERVING or NOT_SERVING now; the reasons are in AdminService.Status."""
        self._known(request.service)
        return health_pb2.HealthCheckResponse(status=self._status())

    def List(self, request: health_pb2.HealthListRequest, call: Call) -> health_pb2.HealthListResponse:
        """The status under every name."""
        answer = health_pb2.HealthCheckResponse(status=self._status())
        return health_pb2.HealthListResponse(statuses=dict.fromkeys(self._services, answer))

    def Watch(
        self, request: health_pb2.HealthCheckRequest, call: Call
    ) -> Iterator[health_pb2.HealthCheckResponse]:
        """The status now and whenever it changes."""
        self._known(request.service)
        return self._follow(call.alive)

    def _follow(self, alive: Callable[[], bool]) -> Iterator[health_pb2.HealthCheckResponse]:
        told = None
        while alive():
            with self._changed:
                if self._status() == told:
                    if self._draining:
                        return
                    self._changed.wait(_LOOK_S)
                    continue
                told = self._status()
            yield health_pb2.HealthCheckResponse(status=told)

    def _known(self, service: str) -> None:
        if service not in self._services:
            raise NotFound("service", service)

    def _status(self) -> _Status.ValueType:
        sound = not self._draining and all(part.serving for part in self._parts.values())
        return _Status.SERVING if sound else _Status.NOT_SERVING
