"""Every service that the port offers, made of the server's parts."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from custody.api.v1 import admin_pb2, event_pb2, proposal_pb2, sweep_pb2, treasury_pb2, withdrawal_pb2
from custody.rpc.endpoint import Call
from custody.server import conversion
from custody.server.admin import Admin
from custody.server.events import Events
from custody.server.explanations import Explanations
from custody.server.health import Health
from custody.server.parts import Parts
from custody.server.proposals import Proposals
from custody.server.sweeps import Sweeps
from custody.server.treasury import Treasury
from custody.server.withdrawals import Reader, Withdrawals
from custody.services.cancellations import Canceller
from custody.services.explaining import Explainer
from custody.services.forgetting import OldAnswers
from custody.services.governance import Governor
from custody.services.intake import Intake
from custody.services.old_withdrawals import OldWithdrawals

__all__ = ["Reflection", "Service", "service_table"]

Service = tuple[Any, object]
"""A service's descriptor, and what answers its methods."""

_SALT_BYTES = 32


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
    writer, conditions = parts.writer, parts.conditions
    reader = Reader(writer, parts.intents, parts.metadata, conditions)
    old = OldAnswers(parts.ids, parts.intents)
    old_withdrawals = OldWithdrawals(writer.rulebook.ledger, old)
    intake = Intake(writer, lambda: secrets.token_bytes(_SALT_BYTES), old)
    explanations = Explanations(writer, Explainer(writer, old), old_withdrawals, conditions)
    governor = Governor(writer)
    canceller = Canceller(writer, parts.signers, parts.intents, conditions)
    descriptors = {
        service.name: service
        for module in (withdrawal_pb2, sweep_pb2, proposal_pb2, treasury_pb2, event_pb2, admin_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
    }
    names = tuple(service.full_name for service in descriptors.values())
    health = Health(writer, conditions, tuple(parts.signers), tuple(parts.nodes), names)
    servicers: dict[str, object] = {
        "WithdrawalService": Withdrawals(writer, intake, canceller, reader, old_withdrawals, explanations),
        "SweepService": Sweeps(writer, governor),
        "ProposalService": Proposals(writer, governor),
        "TreasuryService": Treasury(writer, parts.balances),
        "EventService": Events(
            writer,
            parts.journal,
            reader,
            lambda: health.draining,
            proposal=conversion.proposal,
            sweep=conversion.sweep,
        ),
        "AdminService": Admin(parts, health, governor),
    }
    health_service = health_pb2.DESCRIPTOR.services_by_name["Health"]
    reflection_service = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
    everything = (*names, health_service.full_name, reflection_service.full_name)
    return health, [
        *((descriptors[name], servicer) for name, servicer in servicers.items()),
        (health_service, health),
        (reflection_service, Reflection(everything)),
    ]
