"""The gRPC server: every service through one endpoint, over mutual TLS alone, with a bound on everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent import futures

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from custody.errors import Failed
from custody.rpc.endpoint import Endpoint
from custody.rpc.tls import server_credentials
from custody.server.config import Limits, Listen, Tls

__all__ = ["RAW", "GrpcServer"]

RAW: Mapping[str, frozenset[str]] = {"custody.api.v1.WithdrawalService": frozenset({"SubmitWithdrawals"})}
"""Methods whose requests and answers stay bytes: Rust reads and writes them."""


class GrpcServer:
    """One listening port."""

    def __init__(
        self,
        listen: Listen,
        tls: Tls,
        limits: Limits,
        endpoint: Endpoint,
        services: Iterable[tuple[ServiceDescriptor, object]],
    ) -> None:
        """Bind the port; nothing is served before `start`. Raises `Failed` or `ConfigError`."""
        self._drain_s = limits.drain_ms / 1000
        self._pool = futures.ThreadPoolExecutor(limits.threads, thread_name_prefix="grpc")
        self._server = grpc.server(
            self._pool,
            handlers=[
                endpoint.handler(d, servicer, RAW.get(d.full_name, frozenset())) for d, servicer in services
            ],
            maximum_concurrent_rpcs=limits.concurrent_calls,
            options=[
                ("grpc.so_reuseport", 0),  # else a second server would take the same port silently
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
            self.port = self._server.add_secure_port(listen.address, credentials)
        except RuntimeError as error:
            raise Failed(f"listen.address {listen.address}", f"cannot be bound: {error}") from None
        if self.port == 0:
            raise Failed(f"listen.address {listen.address}", "cannot be bound: is another server running?")

    def start(self) -> None:
        """Serve."""
        self._server.start()

    def stop(self) -> None:
        """Take no new call, let the others finish for as long as the drain may take, then end them."""
        self._server.stop(self._drain_s).wait()
        self._pool.shutdown(wait=True, cancel_futures=True)
