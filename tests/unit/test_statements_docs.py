"""docs/signing.md says what the vectors say, and its programs, run as they stand, print the vector's signature."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from custody.crypto import Scheme
from custody.statements import SignedType

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/signing.md").read_text(encoding="utf-8")
VECTORS = json.loads((ROOT / "tests/vectors/signed.json").read_text(encoding="utf-8"))
INTENT = next(vector for vector in VECTORS["accepted"] if vector["name"] == "intent")
SEED = next(key["secret"] for key in VECTORS["keys"] if key["scheme"] == "ed25519")
SIGNATURE = next(item["signature"] for item in INTENT["signatures"] if item["scheme"] == "ed25519")


def _program(language: str, holding: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    (program,) = (block for block in blocks if holding in block)
    return str(program)


def _run(*command: str, cwd: Path) -> str:
    command = (*command, SEED, VECTORS["deployment"], INTENT["body"])
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_worked_example_is_the_vector() -> None:
    for value in (INTENT["body"], VECTORS["deployment"], SEED, SIGNATURE):
        assert value in DOCUMENT
    assert INTENT["signed_message"].removesuffix(INTENT["body"]) in DOCUMENT
    for value in INTENT["fields"].values():
        plain = str(value).removeprefix("FEE_MODE_")
        assert plain in DOCUMENT.replace("_", "")


def test_every_type_and_scheme_is_explained() -> None:
    for name in (*SignedType, *Scheme):
        assert f"`{name}`" in DOCUMENT


def test_the_go_program_signs_the_vector(tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("go is not on PATH: the document's Go program is not run")
    (tmp_path / "main.go").write_text(_program("go", "func main"), encoding="utf-8")
    assert _run("go", "run", "main.go", cwd=tmp_path) == SIGNATURE


def test_the_java_program_signs_the_vector(tmp_path: Path) -> None:
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip("no JDK is on PATH: the document's Java program is not run")
    (tmp_path / "SignIntent.java").write_text(_program("java", "void main"), encoding="utf-8")
    assert _run("java", "SignIntent.java", cwd=tmp_path) == SIGNATURE
