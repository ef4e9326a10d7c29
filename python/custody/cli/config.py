"""cli.toml: who the operator is, whom the CLI talks to, and what it pins. See docs/samples/cli.toml."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from custody.config import load
from custody.errors import ConfigError

__all__ = ["CliConfig", "Deployment", "Server", "SignerLink", "Tls", "find"]

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}")
_NAME = re.compile(r"[a-z0-9-]{1,64}")

VARIABLE = "CUSTODY_CONFIG"


def _address(text: str) -> None:
    if _ADDRESS.fullmatch(text) is None:
        raise ConfigError("address", "must be HOST:PORT")


def _timeout(value: int) -> None:
    if not 100 <= value <= 300_000:
        raise ConfigError("timeout_ms", "must be from 100 to 300000")


@dataclass(frozen=True, slots=True)
class Server:
    """Where custody-server listens."""

    address: str
    timeout_ms: int = 10_000

    def __post_init__(self) -> None:
        _address(self.address)
        _timeout(self.timeout_ms)


@dataclass(frozen=True, slots=True)
class SignerLink:
    """One signer: its id in the policy, and where it listens for operators."""

    id: str
    address: str
    timeout_ms: int = 5_000

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.id) is None:
            raise ConfigError("id", "must be 1 to 64 of a-z, 0-9 and -")
        _address(self.address)
        _timeout(self.timeout_ms)


@dataclass(frozen=True, slots=True)
class Tls:
    """The operator's own certificate and key, and the authority of server and signers; PEM files."""

    certificate: Path
    key: Path
    ca: Path


@dataclass(frozen=True, slots=True)
class Deployment:
    """The genesis policy's file and its pinned hash: names, addresses, symbols and decimals come from it alone."""

    genesis: Path
    genesis_hash: bytes

    def __post_init__(self) -> None:
        if len(self.genesis_hash) != 32:
            raise ConfigError("genesis_hash", "must be 64 hex digits")


@dataclass(frozen=True, slots=True)
class CliConfig:
    """The whole file. `ssh_key` is a private key, or a .pub whose private half the agent has; without it the agent."""

    operator: str
    server: Server
    tls: Tls
    deployment: Deployment
    signers: tuple[SignerLink, ...] = ()
    ssh_key: Path | None = None
    state: Path | None = None

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.operator) is None:
            raise ConfigError("operator", "must be 1 to 64 of a-z, 0-9 and -")
        ids = [signer.id for signer in self.signers]
        twice = {one for one in ids if ids.count(one) > 1}
        if twice:
            raise ConfigError("signers", f"has {min(twice)} twice")

    @staticmethod
    def load(path: Path) -> CliConfig:
        """Read cli.toml. Raises ConfigError with the key's path."""
        return load(path, CliConfig)

    @property
    def state_file(self) -> Path:
        """Where the highest governance head seen and the numbers used are remembered."""
        if self.state is not None:
            return expanded(self.state)
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return Path(base) / "custody" / "state.json"


def find(given: Path | None) -> Path:
    """The configuration file: as given, else $CUSTODY_CONFIG, else ~/.config/custody/cli.toml."""
    if given is not None:
        return given
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "custody" / "cli.toml"


def expanded(path: Path) -> Path:
    """A path whose `~`, which the loader put behind the file's folder, is the home folder."""
    parts = path.parts
    return Path.home().joinpath(*parts[parts.index("~") + 1 :]) if "~" in parts else path
