"""client.toml: what a backend needs to know to ask for withdrawals. See docs/samples/client.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from custody import statements
from custody.config import Secret, load
from custody.errors import ConfigError

__all__ = ["ClientConfig", "Defaults", "Deployment", "KeyFile", "Server", "Tls"]

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}")
_NAME = re.compile(r"[a-z0-9-]{1,64}")

LARGEST_BATCH = 8_190
"""As many items as SubmitWithdrawals takes."""


def _between(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ConfigError(name, f"must be from {low} to {high}")


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server listens; a call waits `timeout_ms`, and is repeated for as long as `retry_for_ms`."""

    address: str
    timeout_ms: int = 10_000
    retry_for_ms: int = 60_000
    batch_items: int = 1_000

    def __post_init__(self) -> None:
        if _ADDRESS.fullmatch(self.address) is None:
            raise ConfigError("address", "must be HOST:PORT")
        _between("timeout_ms", self.timeout_ms, 100, 300_000)
        _between("retry_for_ms", self.retry_for_ms, 0, 3_600_000)
        _between("batch_items", self.batch_items, 1, LARGEST_BATCH)


@dataclass(frozen=True, slots=True)
class Tls:
    """The backend's own certificate and key, and the authority of the server's; PEM files."""

    certificate: Path
    key: Path
    ca: Path


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which deployment is signed for: the genesis policy's pinned hash; its file too, to have the hash checked."""

    genesis_hash: bytes
    genesis: Path | None = None

    def __post_init__(self) -> None:
        if len(self.genesis_hash) != 32:
            raise ConfigError("genesis_hash", "must be 64 hex digits")
        if self.genesis is not None:
            try:
                raw = self.genesis.read_bytes()
            except OSError as error:
                raise ConfigError("genesis", f"{self.genesis}: {error.strerror}") from None
            if statements.policy_hash(raw) != self.genesis_hash:
                raise ConfigError("genesis", "is not the policy that genesis_hash pins")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The key that signs intents: a PEM or OpenSSH private key file, and its passphrase by reference."""

    path: Path
    passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an intent says where the caller does not."""

    pool: str = "customers"
    customer: str = ""
    limit_class: str = ""
    fee_mode: Literal["HOUSE", "DEDUCT"] = "HOUSE"
    submit_within_ms: int = 10 * 60 * 1000
    pay_within_ms: int = 24 * 60 * 60 * 1000
    routing_sequence: int = 1

    def __post_init__(self) -> None:
        _between("submit_within_ms", self.submit_within_ms, 1_000, 7 * 86_400_000)
        _between("pay_within_ms", self.pay_within_ms, self.submit_within_ms, 90 * 86_400_000)
        _between("routing_sequence", self.routing_sequence, 1, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """The whole file. Without [key] the client reads, sends what others signed, and signs nothing."""

    initiator: str
    server: Server
    tls: Tls
    deployment: Deployment
    key: KeyFile | None = None
    defaults: Defaults = field(default_factory=Defaults)

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.initiator) is None:
            raise ConfigError("initiator", "must be 1 to 64 of a-z, 0-9 and -")

    @staticmethod
    def load(path: Path) -> ClientConfig:
        """Read client.toml. Raises ConfigError with the key's path."""
        return load(path, ClientConfig)
