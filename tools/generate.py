"""Write the code generated from proto/ (`generate.py`), or say what is out of date (`generate.py --check`)."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc_tools

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
# Where each kind of output stands in the tree; the folders hold nothing else.
PYTHON = Path("python/custody/api")
RUST_MESSAGES = Path("rust/wire/src/messages")
RUST_SCHEMA = Path("rust/wire/src/schema.rs")


def main() -> int:
    """Return 0 when the tree holds what the protos say, at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail when something would change"
    )
    check = parser.parse_args().check
    files = sorted(path.relative_to(PROTO).as_posix() for path in PROTO.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        _rust(files, out)
        _python(files, out)
        if check:
            stale = sorted(_differences(out))
            for path in stale:
                print(f"out of date: {path}")
            if stale:
                print("run `make proto` and commit what it writes")
            return 1 if stale else 0
        for part in (PYTHON, RUST_MESSAGES):
            shutil.rmtree(ROOT / part, ignore_errors=True)
            shutil.copytree(out / part, ROOT / part)
        if _bytes(ROOT / RUST_SCHEMA) != _bytes(out / RUST_SCHEMA):
            shutil.copy(out / RUST_SCHEMA, ROOT / RUST_SCHEMA)
    return 0


def _rust(files: list[str], out: Path) -> None:
    home = out / RUST_SCHEMA.parent
    (home / RUST_MESSAGES.name).mkdir(parents=True)
    crate: list[str | Path] = ["--quiet", "--locked", "--manifest-path", ROOT / "tools/protogen/Cargo.toml"]
    _run(
        ["cargo", "run", *crate, "--target-dir", ROOT / "target/protogen", "--", PROTO, home, *files],
    )
    _run(["rustfmt", "--edition", "2024", home / RUST_SCHEMA.name, home / RUST_MESSAGES.name / "mod.rs"])


def _python(files: list[str], out: Path) -> None:
    home = out / PYTHON.parent.parent
    home.mkdir(parents=True)
    binaries = Path(sys.executable).parent
    protoc: list[str | Path] = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}"]
    protoc += [f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    mypy = f"--plugin=protoc-gen-mypy={binaries / 'protoc-gen-mypy'}"
    _run([*protoc, mypy, f"--python_out={home}", f"--mypy_out={home}", *files], quiet=True)
    # A file without services would get an empty module.
    services = [file for file in files if "\nservice " in (PROTO / file).read_text(encoding="utf-8")]
    if services:
        mypy = f"--plugin=protoc-gen-mypy_grpc={binaries / 'protoc-gen-mypy_grpc'}"
        _run([*protoc, mypy, f"--grpc_python_out={home}", f"--mypy_grpc_out={home}", *services], quiet=True)
    for folder in [
        home / "custody/api",
        *(path for path in (home / "custody/api").rglob("*") if path.is_dir()),
    ]:
        source = "proto" / folder.relative_to(home)
        (folder / "__init__.py").write_text(
            f'"""Generated from {source}; do not edit."""\n', encoding="utf-8"
        )


def _run(command: list[str | Path], *, quiet: bool = False) -> None:
    """Run, and show what it said when it fails; `quiet` hides what it says when it does not."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        capture_output=quiet,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed\n{done.stdout or ''}{done.stderr or ''}")


def _differences(out: Path) -> Iterator[Path]:
    for part in (PYTHON, RUST_MESSAGES):
        names = {
            path.relative_to(base)
            for base in (out, ROOT)
            for path in (base / part).rglob("*")
            if path.is_file()
        }
        for name in names:
            if "__pycache__" not in name.parts and _bytes(out / name) != _bytes(ROOT / name):
                yield name
    if _bytes(out / RUST_SCHEMA) != _bytes(ROOT / RUST_SCHEMA):
        yield RUST_SCHEMA


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
