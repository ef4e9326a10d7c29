"""server.toml: what one custody-server needs to know. See docs/samples/server.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from custody.errors import ConfigError

__all__ = [
    "Deployment",
    "IdsFile",
    "JournalFile",
    "Limits",
    "Listen",
    "Log",
    "MetadataFile",
    "NodeEntry",
    "ServerConfig",
    "SignerEntry",
    "Tls",
]

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}")
_NAME = re.compile(r"[a-z0-9-]{1,64}")


def _address(field_name: str, text: str) -> None:
    if _ADDRESS.fullmatch(text) is None:
        raise ConfigError(field_name, "must be HOST:PORT")


def _between(field_name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ConfigError(field_name, f"must be from {low} to {high}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which deployment this server serves: the genesis policy's file, and its pinned hash (32 bytes, hex)."""

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
    """Where clients connect."""

    address: str

    def __post_init__(self) -> None:
        _address("address", self.address)


@dataclass(frozen=True, slots=True)
class Tls:
    """This server's certificate and key, and the authority of its clients and of its signers; PEM files."""

    certificate: Path
    key: Path
    client_ca: Path


@dataclass(frozen=True, slots=True)
class JournalFile:
    """Where the journal is. It needs a local disk."""

    path: Path


@dataclass(frozen=True, slots=True)
class MetadataFile:
    """Where clients' own words are; erasable."""

    path: Path


@dataclass(frozen=True, slots=True)
class IdsFile:
    """Where the ids are that left the ledger's memory (left out: beside the journal), and when they leave it."""

    path: Path | None = None
    forget_after_days: int = 90
    period_ms: int = 1_000

    def __post_init__(self) -> None:
        # Longer than the signers' windows of 7 days, by which the server meters what it asks them to sign.
        _between("forget_after_days", self.forget_after_days, 8, 3_650)
        _between("period_ms", self.period_ms, 250, 3_600_000)

    def beside(self, journal: Path) -> Path:
        """The file's path."""
        return self.path or journal.with_name(f"{journal.name}.ids")


@dataclass(frozen=True, slots=True)
class SignerEntry:
    """One signer: its id in the policy, where it listens for servers, and the files to connect with.

    Left out, `ca`, `certificate` and `key` are those of [tls].
    """

    id: str
    address: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    timeout_ms: int = 10_000

    def __post_init__(self) -> None:
        _address("address", self.address)
        _between("timeout_ms", self.timeout_ms, 100, 60_000)


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """One node: its network (CAIP-2, in the policy) and its JSON-RPC address."""

    network: str
    url: str
    timeout_ms: int = 5_000

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError("url", "must begin with http:// or https://")
        _between("timeout_ms", self.timeout_ms, 100, 60_000)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds, each with the reason in docs/samples/server.toml."""

    threads: int = 32
    streams: int = 12
    concurrent_calls: int = 256
    message_bytes: int = 16 * 1024 * 1024
    drain_ms: int = 10_000

    def __post_init__(self) -> None:
        _between("threads", self.threads, 4, 256)
        _between("streams", self.streams, 1, self.threads - 2)
        _between("concurrent_calls", self.concurrent_calls, self.threads, 10_000)
        _between("message_bytes", self.message_bytes, 64 * 1024, 64 * 1024 * 1024)
        _between("drain_ms", self.drain_ms, 100, 600_000)


@dataclass(frozen=True, slots=True)
class Log:
    """How much is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class Workers:
    """How often the workers look, besides being woken by events."""

    payouts_ms: int = 1_000
    confirmations_ms: int = 1_000
    treasury_ms: int = 2_000
    reconciliation_ms: int = 60_000

    def __post_init__(self) -> None:
        for name in self.__slots__:
            _between(name, getattr(self, name), 50, 3_600_000)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The whole file."""

    deployment: Deployment
    listen: Listen
    tls: Tls
    journal: JournalFile
    metadata: MetadataFile
    signers: tuple[SignerEntry, ...] = ()
    nodes: tuple[NodeEntry, ...] = ()
    ids: IdsFile = field(default_factory=IdsFile)
    limits: Limits = field(default_factory=Limits)
    workers: Workers = field(default_factory=Workers)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        for name, found in (
            ("signers", [s.id for s in self.signers]),
            ("nodes", [n.network for n in self.nodes]),
        ):
            twice = {one for one in found if found.count(one) > 1}
            if twice:
                raise ConfigError(name, f"has {min(twice)} twice")
