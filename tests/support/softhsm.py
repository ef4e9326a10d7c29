"""SoftHSM2 tokens for in-process tests, made all at once: the module looks at its folder once in a process."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from custody.testing.hsm_token import make_token

PIN = "7391-correct"
SPARE = ("spare-1", "spare-2", "spare-3")
"""Empty tokens, for tests of `init`."""


@cache
def folder() -> Path:
    """A folder for as long as this process lives."""
    made = Path(tempfile.mkdtemp(prefix="custody-softhsm-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def module_with(*labels: str) -> str:
    """Make empty tokens of these labels and the spare ones; return the PKCS#11 module's path."""
    paths = [make_token(folder(), label, PIN, "so-pin-11") for label in (*labels, *SPARE)]
    os.environ["SOFTHSM2_CONF"] = str(paths[0].conf)
    return paths[0].module_path
