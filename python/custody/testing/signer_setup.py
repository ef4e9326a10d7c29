"""A signer's birth in a stack: its token, its keys made in the token, its proofs; by the real `custody-signer`."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custody.testing.hsm_token import TokenPaths, make_token
from custody.testing.keys import write_private
from custody.testing.toml import write_toml

__all__ = ["NewSigner", "SignerPlan", "make_signers", "signer_command"]


@dataclass(frozen=True, slots=True)
class SignerPlan:
    """A signer to be made: its id, its one wallet, and what the wallet is."""

    id: str
    wallet: str
    kind: str


@dataclass(frozen=True, slots=True)
class NewSigner:
    """A signer that has its keys and has not run yet. `wallet_key` and `audit` are as the policy's tables."""

    plan: SignerPlan
    folder: Path
    token: TokenPaths
    address: str
    wallet_key: dict[str, str]
    audit: dict[str, str]

    @property
    def config(self) -> Path:
        """Its signer.toml."""
        return self.folder / "signer.toml"

    def settings(self) -> dict[str, Any]:
        """What its signer.toml has from the beginning."""
        return _settings(self.plan, self.token)


def signer_command(*arguments: str) -> list[str]:
    """`custody-signer …` by this interpreter."""
    return [sys.executable, "-m", "custody.signer.main", *arguments]


def make_signers(directory: Path, plans: Sequence[SignerPlan], network: str, salt: bytes) -> list[NewSigner]:
    """Make them side by side. Raises RuntimeError with the signer's own words."""
    with ThreadPoolExecutor(len(plans)) as pool:
        return list(pool.map(lambda plan: _make(directory / plan.id, plan, network, salt), plans))


def _settings(plan: SignerPlan, token: TokenPaths) -> dict[str, Any]:
    return {
        "signer": {"id": plan.id, "store": "store"},
        "hsm": {"module": token.module_path, "token": plan.id, "pin": "file:pin"},
    }


def _make(folder: Path, plan: SignerPlan, network: str, salt: bytes) -> NewSigner:
    pin = secrets.token_hex(8)
    write_private(folder / "pin", pin.encode())
    token = make_token(folder / "hsm", plan.id, pin, secrets.token_hex(8))
    (folder / "signer.toml").write_text(write_toml(_settings(plan, token)))
    _run(folder, token, "init", "--keys", plan.wallet)
    proven = _run(
        folder,
        token,
        "prove",
        "--keys",
        plan.wallet,
        "--salt",
        salt.hex(),
        "--kind",
        plan.kind,
        "--network",
        network,
    )
    key, audit = proven["wallets"][plan.wallet], proven["audit"]
    return NewSigner(
        plan,
        folder,
        token,
        key["address"],
        {name: key[name] for name in ("scheme", "public", "possession")},
        {name: audit[name] for name in ("scheme", "public", "possession")},
    )


def _run(folder: Path, token: TokenPaths, command: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        signer_command(command, "--config", str(folder / "signer.toml"), *arguments),
        env={**os.environ, "SOFTHSM2_CONF": str(token.conf)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"custody-signer {command}: {(done.stderr or done.stdout).strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
