"""What server.toml must name, of the policy that it serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from custody import config
from custody.errors import ConfigError
from custody.server.bootstrap import check_names
from custody.server.config import ServerConfig
from support.policy_builder import PolicyBuilder

POLICY = PolicyBuilder().policy()
SIGNERS = [signer.id for signer in POLICY.signers]
NETWORKS = sorted({wallet.network for wallet in POLICY.wallets})


def settings(signers: list[str], networks: list[str]) -> ServerConfig:
    table = {
        "deployment": {"genesis": "p", "genesis_hash": POLICY.hash.hex()},
        "listen": {"address": "127.0.0.1:0"},
        "tls": {"certificate": "c", "key": "k", "client_ca": "a"},
        "journal": {"path": "j"},
        "metadata": {"path": "m"},
        "signers": [{"id": id_, "address": "127.0.0.1:1"} for id_ in signers],
        "nodes": [{"network": network, "url": "http://127.0.0.1:1"} for network in networks],
    }
    return config.parse(table, ServerConfig, Path())


def test_every_signer_and_network_of_a_wallet_or_none_at_all() -> None:
    check_names(settings(SIGNERS, NETWORKS), POLICY)
    check_names(settings([], []), POLICY)
    check_names(settings(SIGNERS, []), POLICY)


@pytest.mark.parametrize("missing", SIGNERS)
def test_a_missing_signer_is_refused_by_name(missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        check_names(settings([one for one in SIGNERS if one != missing], NETWORKS), POLICY)


def test_a_missing_network_is_refused_by_name() -> None:
    builder, other = PolicyBuilder(), "eip155:1"
    builder.document["networks"].append(builder.document["networks"][0] | {"id": other})
    native = next(asset for asset in builder.document["assets"] if asset["id"].endswith("slip44:60"))
    builder.document["assets"].append(native | {"id": f"{other}/slip44:60"})
    policy = builder.policy()
    with pytest.raises(ConfigError, match=f"none of {NETWORKS[0]}"):
        check_names(settings(SIGNERS, [other]), policy)


def test_what_the_policy_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"signers\[0\]"):
        check_names(settings(["nobody"], NETWORKS), POLICY)
    with pytest.raises(ConfigError, match=r"nodes\[0\]"):
        check_names(settings(SIGNERS, ["eip155:999"]), POLICY)
