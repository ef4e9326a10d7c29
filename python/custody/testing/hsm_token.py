"""SoftHSM2 tokens in a directory of their own, for tests and the demo: never a token that holds money.

SoftHSM2 reads SOFTHSM2_CONF when its module starts: set it before the first `Hsm` of a process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True, slots=True)
class TokenPaths:
    """Where a token is: the file that SOFTHSM2_CONF names, and the PKCS#11 module."""

    conf: Path
    module_path: str


def find_softhsm() -> str:
    """The path of SoftHSM2's PKCS#11 module. Raises FileNotFoundError that says how to install it."""
    multiarch = sorted(str(path) for path in Path("/usr/lib").glob("*-linux-*/softhsm/libsofthsm2.so"))
    for place in (*_PLACES, *multiarch):
        if os.path.exists(place):
            return place
    raise FileNotFoundError("SoftHSM2 is not installed: apt-get install softhsm2")


def make_token(directory: Path, label: str, pin: str, so_pin: str) -> TokenPaths:
    """Initialise a token called `label` in `directory`, which may hold others already.

    Raises FileNotFoundError without SoftHSM2, RuntimeError with its own words when it refuses.
    """
    module_path = find_softhsm()
    tool = shutil.which("softhsm2-util")
    if tool is None:
        raise FileNotFoundError("softhsm2-util is not on PATH: apt-get install softhsm2")
    tokens = directory / "tokens"
    tokens.mkdir(mode=0o700, parents=True, exist_ok=True)
    conf = directory / "softhsm2.conf"
    conf.write_text(
        f"directories.tokendir = {tokens.resolve()}\n"
        "objectstore.backend = file\n"
        "log.level = ERROR\n"
        "slots.removable = false\n"
    )
    # softhsm2-util takes PINs as arguments alone: other users of the machine can see them while it runs.
    done = subprocess.run(
        [tool, "--module", module_path, "--init-token", "--free"]
        + ["--label", label, "--so-pin", so_pin, "--pin", pin],
        env={**os.environ, "SOFTHSM2_CONF": str(conf)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"softhsm2-util did not make token {label}: {(done.stderr or done.stdout).strip()}"
        )
    return TokenPaths(conf=conf, module_path=module_path)
