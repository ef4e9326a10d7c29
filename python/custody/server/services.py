"""Every service that the port offers, made of the server's parts."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from custody.api.v1 import withdrawal_pb2
from custody.rpc.endpoint import Call
from custody.server.health import Health
from custody.server.parts import Parts
from custody.server.withdrawals import Reader, Withdrawals
from custody.services.intake import Intake

__all__ = ["Reflection", "service_table"]

Service = tuple[Any, object]
"""A service's descriptor, and what answers its methods."""


class Reflection:
    """`grpc.reflection`, so that any gRPC client can be pointed at the port."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._servicer = reflection.ReflectionServicer(names)

    def ServerReflectionInfo(
        self, requests: Iterator[reflection_pb2.ServerReflectionRequest], call: Call
    ) -> Iterator[reflection_pb2.ServerReflectionResponse]:
        """Answer what files and names there are."""
        yield from self._servicer.ServerReflectionInfo(requests, call.context)


def service_table(parts: Parts) -> tuple[Health, list[Service]]:
    """The health to drain by, and each service with what answers it."""
    writer = parts.writer
    reader = Reader(writer, parts.intents, parts.metadata, parts.conditions)
    withdrawals = Withdrawals(
        writer, Intake(writer, lambda: secrets.token_bytes(32)), reader, parts.conditions
    )
    table: list[Service] = [
        (withdrawal_pb2.DESCRIPTOR.services_by_name["WithdrawalService"], withdrawals),
    ]
    names = tuple(descriptor.full_name for descriptor, _ in table)
    health = Health(writer, parts.conditions, tuple(parts.signers), tuple(parts.nodes), names)
    health_service = health_pb2.DESCRIPTOR.services_by_name["Health"]
    reflection_service = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
    everything = (*names, health_service.full_name, reflection_service.full_name)
    table += [(health_service, health), (reflection_service, Reflection(everything))]
    return health, table
