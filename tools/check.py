"""Run every check of `make check`, each timed, all of them even when one fails; exit 1 when any did."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
TOOLS = ROOT / ".tools/bin"
# Clippy has a target folder of its own: in the shared one, plain cargo and maturin would rebuild PyO3 in turn.
CLIPPY = (
    "clippy --workspace --all-targets --locked --quiet --keep-going --target-dir target/lint -- -D warnings"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One check: a name and the command that fails when it does not hold."""

    name: str
    command: list[str | Path]


def steps() -> list[Step]:
    """Return the checks, quick ones first."""
    return [
        Step("house rules", [sys.executable, "tools/houserules.py"]),
        Step("Python format", [BIN / "ruff", "format", "--check", "--quiet", "."]),
        Step("Python lint", [BIN / "ruff", "check", "--quiet", "."]),
        Step("import rules", [BIN / "lint-imports", "--no-cache", "--no-logo"]),
        Step("protos: lint", [TOOLS / "buf", "lint"]),
        Step("protos: breaking", [TOOLS / "buf", "breaking", "--against", "tools/proto-image.binpb"]),
        Step("Rust format", ["cargo", "fmt", "--all", "--check", "--", "--color=never"]),
        Step(
            "Rust format: protogen",
            ["cargo", "fmt", "--check", "--manifest-path", "tools/protogen/Cargo.toml"],
        ),
        Step(
            "Rust format: fuzz",
            ["cargo", "fmt", "--check", "--manifest-path", "rust/crypto/fuzz/Cargo.toml"],
        ),
        Step("Python types", [BIN / "mypy"]),
        Step("extension's stub", [BIN / "stubtest", "custody._core", "--mypy-config-file", "pyproject.toml"]),
        Step("generated code", [sys.executable, "tools/generate.py", "--check"]),
        Step("dependencies", [TOOLS / "cargo-deny", "--locked", "check", "bans", "licenses", "sources"]),
        Step("Rust lint", ["cargo", *CLIPPY.split()]),
    ]


def main() -> int:
    """Return the exit code."""
    environment = dict(os.environ)
    # What rust/python is linted against: the Python that it is built for.
    environment["PYO3_PYTHON"] = sys.executable
    environment["CARGO_TERM_COLOR"] = "never"
    environment["MYPYPATH"] = str(ROOT / "python")
    failed = []
    for step in steps():
        started = time.monotonic()
        command = [str(part) for part in step.command]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        verdict = "ok" if done.returncode == 0 else "FAILED"
        print(f"{verdict:7}{step.name:24}{time.monotonic() - started:6.1f} s", flush=True)
        if done.returncode != 0:
            failed.append(step.name)
            print(done.stdout, flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
