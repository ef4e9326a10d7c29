"""Where the programs and contracts are that `make build` sets up: `tools/` of this repository, or $CUSTODY_TOOLS."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Contract", "anvil_binary", "contract", "tools_folder"]


def tools_folder() -> Path:
    """The `tools` folder. Raises FileNotFoundError that says what to do."""
    named = os.environ.get("CUSTODY_TOOLS")
    places = (
        [Path(named)]
        if named
        else [parent / "tools" for parent in (*Path(__file__).resolve().parents, Path.cwd())]
    )
    for place in places:
        if (place / "contracts").is_dir():
            return place
    raise FileNotFoundError("no tools folder: run `make build` in the repository, or set CUSTODY_TOOLS")


def anvil_binary() -> Path:
    """anvil itself, not the script that npm puts before it: it is to be ended by its own id."""
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "amd64")
    system = platform.system().lower()
    modules = tools_folder() / "node_modules"
    for place in (
        modules / "@foundry-rs" / f"anvil-{system}-{machine}" / "bin" / "anvil",
        modules / ".bin" / "anvil",
    ):
        if place.exists():
            return place
    raise FileNotFoundError("anvil is not there: run `make build`")


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled contract: what is deployed, and what then stands on the chain."""

    name: str
    bytecode: str
    deployed: str


def contract(name: str) -> Contract:
    """One of tools/contracts. Raises FileNotFoundError that says what to do."""
    path = tools_folder() / "contracts" / "build" / f"{name}.json"
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        raise FileNotFoundError(f"contract {name} is not compiled: run `make build`") from None
    return Contract(name, _hex(found["bytecode"]), _hex(found["deployedBytecode"]))


def _hex(text: str) -> str:
    return text if text.startswith("0x") else f"0x{text}"
