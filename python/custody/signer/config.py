"""signer.toml: what one custody-signer needs to know. See docs/samples/signer.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from custody.config import Secret, load
from custody.errors import ConfigError

__all__ = [
    "Deployment",
    "HsmEntry",
    "Limits",
    "Listen",
    "Log",
    "RunConfig",
    "SignerConfig",
    "SignerEntry",
    "Tls",
]

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}")
_NAME = re.compile(r"[a-z0-9-]{1,64}")


def _between(field_name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ConfigError(field_name, f"must be from {low} to {high}")


@dataclass(frozen=True, slots=True)
class SignerEntry:
    """Its id in the policy, and the folder of its durable store, which `init` makes."""

    id: str
    store: Path

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.id) is None:
            raise ConfigError("id", "must be 1 to 64 of a-z, 0-9 and -")


@dataclass(frozen=True, slots=True)
class HsmEntry:
    """The PKCS#11 module, the token's label, and where its PIN is (`env:NAME` or `file:PATH`)."""

    module: str
    token: str
    pin: Secret


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which deployment it serves: the genesis policy's file, its pinned hash, and the server's partition."""

    genesis: Path
    genesis_hash: bytes
    partition: str = "main"

    def __post_init__(self) -> None:
        if len(self.genesis_hash) != 32:
            raise ConfigError("genesis_hash", "must be 64 hex digits")
        if _NAME.fullmatch(self.partition) is None:
            raise ConfigError("partition", "must be 1 to 64 of a-z, 0-9 and -")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the server connects, and where operators do: two ports, two sets of roles."""

    server: str
    operators: str

    def __post_init__(self) -> None:
        for name in ("server", "operators"):
            if _ADDRESS.fullmatch(getattr(self, name)) is None:
                raise ConfigError(name, "must be HOST:PORT")
        if self.server == self.operators and not self.server.endswith(":0"):
            raise ConfigError("operators", "must be another port than the server's")


@dataclass(frozen=True, slots=True)
class Tls:
    """The signer's certificate and key, and the authority of those who call it; PEM files."""

    certificate: Path
    key: Path
    client_ca: Path


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds, each with the reason in docs/samples/signer.toml."""

    threads: int = 16
    concurrent_calls: int = 128
    message_bytes: int = 8 * 1024 * 1024
    drain_ms: int = 10_000

    def __post_init__(self) -> None:
        _between("threads", self.threads, 4, 256)
        _between("concurrent_calls", self.concurrent_calls, self.threads, 10_000)
        _between("message_bytes", self.message_bytes, 2 * 1024 * 1024, 64 * 1024 * 1024)
        _between("drain_ms", self.drain_ms, 100, 600_000)


@dataclass(frozen=True, slots=True)
class Log:
    """How much is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class SignerConfig:
    """The whole file; `init` and `prove` come before the policy, and need neither [deployment], [listen] nor [tls]."""

    signer: SignerEntry
    hsm: HsmEntry
    deployment: Deployment | None = None
    listen: Listen | None = None
    tls: Tls | None = None
    limits: Limits = field(default_factory=Limits)
    log: Log = field(default_factory=Log)

    @staticmethod
    def load(path: Path) -> SignerConfig:
        """Read signer.toml. Raises ConfigError with the key's path."""
        return load(path, SignerConfig)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What `run` cannot do without."""

    deployment: Deployment
    listen: Listen
    tls: Tls

    @staticmethod
    def of(config: SignerConfig) -> RunConfig:
        """Raises ConfigError naming the section that is missing."""
        if config.deployment is None:
            raise ConfigError("deployment", "is missing: the genesis policy's file and its hash")
        if config.listen is None:
            raise ConfigError("listen", "is missing: the addresses for the server and for operators")
        if config.tls is None:
            raise ConfigError("tls", "is missing: certificate, key and client_ca")
        return RunConfig(config.deployment, config.listen, config.tls)
