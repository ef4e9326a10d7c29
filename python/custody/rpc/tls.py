"""TLS for the server's port and for its connections to signers: always mutual, TLS 1.2 or newer by gRPC's own rule."""

from __future__ import annotations

from pathlib import Path

import grpc

from custody.errors import ConfigError

__all__ = ["channel_credentials", "read_pem", "server_credentials"]


def server_credentials(certificate: Path, key: Path, client_ca: Path) -> grpc.ServerCredentials:
    """Credentials of a server that serves nobody without a certificate of `client_ca`. Raises `ConfigError`."""
    return grpc.ssl_server_credentials(
        [(read_pem(key, "PRIVATE KEY"), read_pem(certificate, "CERTIFICATE"))],
        root_certificates=read_pem(client_ca, "CERTIFICATE"),
        require_client_auth=True,
    )


def channel_credentials(certificate: Path, key: Path, ca: Path) -> grpc.ChannelCredentials:
    """Credentials of a client that shows its own certificate. Raises `ConfigError`."""
    return grpc.ssl_channel_credentials(
        root_certificates=read_pem(ca, "CERTIFICATE"),
        private_key=read_pem(key, "PRIVATE KEY"),
        certificate_chain=read_pem(certificate, "CERTIFICATE"),
    )


def read_pem(path: Path, kind: str) -> bytes:
    """A PEM file that holds a `kind`. Raises `ConfigError` naming the file, never showing it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}") from None
    if f"{kind}-----".encode() not in content:
        raise ConfigError(str(path), f"holds no PEM {kind}")
    return content
