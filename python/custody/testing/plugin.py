"""A pytest plugin for users' own tests: `hsm`, `evm_chain` and `custody_stack`, all real and all on loopback.

`pytest -p custody.testing.plugin` where the package's entry point is not installed. A stack takes some seconds, so the
fixtures live as long as a test module; a module that needs another shape overrides `custody_shape`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# What the fixtures need is imported when one is used: this module is loaded in every test session.
if TYPE_CHECKING:
    from custody.testing.anvil import Anvil
    from custody.testing.genesis import Shape
    from custody.testing.hsm_token import TokenPaths
    from custody.testing.stack import CustodyStack

__all__ = ["HsmToken", "custody_shape", "custody_stack", "evm_chain", "hsm"]


@dataclass(frozen=True, slots=True)
class HsmToken:
    """An empty SoftHSM2 token; set SOFTHSM2_CONF to `paths.conf` in the process that opens it."""

    paths: TokenPaths
    label: str
    pin: str
    so_pin: str


@pytest.fixture
def hsm(tmp_path: Path) -> HsmToken:
    """A token of its own in the test's temporary directory."""
    from custody.testing.hsm_token import make_token

    pin, so_pin = secrets.token_hex(8), secrets.token_hex(8)
    return HsmToken(make_token(tmp_path / "hsm", "custody", pin, so_pin), "custody", pin, so_pin)


@pytest.fixture(scope="module")
def evm_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """A chain whose blocks come every quarter of a second and are final half a second later."""
    from custody.testing.anvil import Anvil

    with Anvil(tmp_path_factory.mktemp("chain")) as chain:
        yield chain


@pytest.fixture(scope="module")
def custody_shape() -> Shape:
    """What `custody_stack` is made of; override it in a module."""
    from custody.testing.genesis import Shape

    return Shape()


@pytest.fixture(scope="module")
def custody_stack(custody_shape: Shape, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CustodyStack]:
    """Everything: chain, three signers with tokens, the server, its wallets opened by a quorum."""
    from custody.testing.stack import CustodyStack

    with CustodyStack(tmp_path_factory.mktemp("stack"), custody_shape) as stack:
        yield stack
