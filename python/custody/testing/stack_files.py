"""The configuration files of a stack: server.toml, signer.toml, client.toml, and one cli.toml for each operator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custody.model.policy import Policy
from custody.testing.genesis import INITIATOR
from custody.testing.keys import OperatorKey
from custody.testing.signer_setup import NewSigner
from custody.testing.toml import write_toml

__all__ = ["Addresses", "check_journal", "python", "write", "write_addresses"]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who listens where: the server, each signer's pair (for the server, for operators), the node's URL."""

    server: str
    signers: Mapping[str, tuple[str, str]]
    node: str


def python(module: str, *arguments: str) -> list[str]:
    """A module of this interpreter as a command."""
    return [sys.executable, "-m", module, *arguments]


def write(
    directory: Path,
    policy: Policy,
    addresses: Addresses,
    signers: Sequence[NewSigner],
    operators: Mapping[str, OperatorKey],
    server_settings: Mapping[str, Any],
) -> None:
    """Write them all. `server_settings` are further tables of server.toml, such as `workers`."""
    pinned = {"genesis": "genesis.toml", "genesis_hash": policy.hash.hex()}
    server = {
        "deployment": pinned,
        "listen": {"address": addresses.server},
        "tls": {
            "certificate": "tls/server-main.pem",
            "key": "tls/server-main.key",
            "client_ca": "tls/ca.pem",
        },
        "journal": {"path": "data/journal.db"},
        "metadata": {"path": "data/metadata.db"},
        "signers": [{"id": name, "address": pair[0]} for name, pair in addresses.signers.items()],
        "nodes": [{"network": network.id, "url": addresses.node} for network in policy.networks],
        **server_settings,
    }
    (directory / "data").mkdir(exist_ok=True)
    (directory / "server.toml").write_text(write_toml(server))
    for signer in signers:
        name = signer.plan.id
        settings = {
            **signer.settings(),
            "deployment": {"genesis": "../../genesis.toml", "genesis_hash": policy.hash.hex()},
            "listen": {"server": addresses.signers[name][0], "operators": addresses.signers[name][1]},
            "tls": {
                "certificate": f"../../tls/signer-{name}.pem",
                "key": f"../../tls/signer-{name}.key",
                "client_ca": "../../tls/ca.pem",
            },
        }
        signer.config.write_text(write_toml(settings))
    (directory / "client.toml").write_text(write_toml(_client(policy, addresses)))
    for name, key in operators.items():
        cli = {
            "operator": name,
            "ssh_key": f"keys/{key.path.name}",
            "state": f"state/{name}.json",
            "server": {"address": addresses.server},
            "tls": _tls("operator", name),
            "deployment": pinned,
            "signers": [{"id": signer, "address": pair[1]} for signer, pair in addresses.signers.items()],
        }
        (directory / f"cli-{name}.toml").write_text(write_toml(cli))


def write_addresses(
    directory: Path,
    policy: Policy,
    addresses: Addresses,
    signers: Sequence[NewSigner],
    assets: Mapping[str, str],
) -> None:
    """Write addresses.json: the deployment's hash, who listens where, and the wallets' addresses."""
    found = {
        "deployment": policy.hash.hex(),
        "server": addresses.server,
        "signers": {name: {"server": a, "operators": b} for name, (a, b) in addresses.signers.items()},
        "node": addresses.node,
        "assets": assets,
        "wallets": {signer.plan.wallet: signer.address for signer in signers},
    }
    (directory / "addresses.json").write_text(json.dumps(found, indent=2) + "\n")


def _client(policy: Policy, addresses: Addresses) -> dict[str, Any]:
    return {
        "initiator": INITIATOR,
        "server": {"address": addresses.server},
        "tls": _tls("initiator", INITIATOR),
        "deployment": {"genesis": "genesis.toml", "genesis_hash": policy.hash.hex()},
        "key": {"path": "keys/backend.pem"},
        "defaults": {"customer": "customer-1"},
    }


def _tls(role: str, name: str) -> dict[str, str]:
    return {"certificate": f"tls/{role}-{name}.pem", "key": f"tls/{role}-{name}.key", "ca": "tls/ca.pem"}


def check_journal(config: Path) -> dict[str, str]:
    """What check-journal prints, by its first word. Raises RuntimeError with its own words."""
    done = subprocess.run(
        python("custody.server", "check-journal", "--config", str(config)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"custody-server check-journal: {(done.stderr or done.stdout).strip()}")
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())
