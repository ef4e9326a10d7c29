"""The CLI's connections: one to the server, and one straight to each signer, so that a halt needs no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc

from custody.api.signer.v1 import operator_pb2_grpc
from custody.api.v1 import (
    admin_pb2_grpc,
    event_pb2_grpc,
    proposal_pb2_grpc,
    sweep_pb2_grpc,
    treasury_pb2_grpc,
    withdrawal_pb2_grpc,
)
from custody.cli.config import CliConfig, SignerLink
from custody.client.retry import Backoff, retrying
from custody.client.transport import Transport
from custody.rpc.tls import channel_credentials

__all__ = ["ServerLink", "SignerConnection", "credentials_of", "in_parallel"]

T = TypeVar("T")
R = TypeVar("R")

_READS = Backoff(budget_ms=3_000, longest_ms=1_000)


def credentials_of(config: CliConfig) -> grpc.ChannelCredentials:
    """The operator's certificate and whom it trusts. Raises ConfigError."""
    return channel_credentials(config.tls.certificate, config.tls.key, config.tls.ca)


class ServerLink:
    """custody-server. `read` may be repeated by itself, `write` never is."""

    def __init__(self, config: CliConfig, credentials: grpc.ChannelCredentials) -> None:
        self._transport = Transport(
            "custody-server", config.server.address, credentials, config.server.timeout_ms
        )
        channel = self._transport.channel
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self.events = event_pb2_grpc.EventServiceStub(channel)
        self.proposals = proposal_pb2_grpc.ProposalServiceStub(channel)
        self.sweeps = sweep_pb2_grpc.SweepServiceStub(channel)
        self.treasury = treasury_pb2_grpc.TreasuryServiceStub(channel)
        self.withdrawals = withdrawal_pb2_grpc.WithdrawalServiceStub(channel)

    @property
    def transport(self) -> Transport:
        """For streams."""
        return self._transport

    def read(self, method: Callable[..., T], request: object) -> T:
        """A call that changes nothing; tried again for some seconds while the server is not there."""
        return retrying(_READS, lambda: self._transport.call(method, request))

    def write(self, method: Callable[..., T], request: object, timeout_ms: int | None = None) -> T:
        """A call that changes something; sent once."""
        return self._transport.call(method, request, timeout_ms)

    def pages(self, method: Callable[..., Any], request: Any, most: int) -> Iterator[Any]:
        """Answers of a list call, page after page, until `most` items were asked for or the end."""
        left = most
        while left > 0:
            request.page_size = min(left, 1_000)
            answer = self.read(method, request)
            yield answer
            left -= request.page_size
            request.page_token = answer.next_page_token
            if not answer.next_page_token:
                return

    def close(self) -> None:
        """End the connection."""
        self._transport.close()


class SignerConnection:
    """One signer's endpoint for operators."""

    def __init__(self, link: SignerLink, credentials: grpc.ChannelCredentials) -> None:
        self.id = link.id
        self.address = link.address
        self._transport = Transport(f"signer {link.id}", link.address, credentials, link.timeout_ms)
        self.stub = operator_pb2_grpc.SignerOperatorServiceStub(self._transport.channel)

    def call(self, method: Callable[..., T], request: object, timeout_ms: int | None = None) -> T:
        """One call, sent once."""
        return self._transport.call(method, request, timeout_ms)

    def close(self) -> None:
        """End the connection."""
        self._transport.close()


def in_parallel(work: Callable[[T], R], items: list[T]) -> list[R]:
    """The work done on every item at once; results in order. `work` raises nothing that should not end all."""
    if not items:
        return []
    with ThreadPoolExecutor(len(items), thread_name_prefix="reach") as pool:
        return list(pool.map(work, items))
