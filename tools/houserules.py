"""The repository's own rules that no linter knows: file sizes, nothing left undone, no machine's paths, public hosts.

Model and services get time and chance as arguments: what import-linter cannot see of that is checked here too.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = {".py": 300, ".rs": 400}
# A test file lists cases, and is read one case at a time.
LONGEST_TEST = {".py": 400, ".rs": 500}
# Longer for a reason that stands beside it.
LONGER: dict[str, int] = {}
GENERATED = ("python/custody/api/", "rust/wire/src/messages/", "rust/wire/src/schema.rs")
# In two pieces, so that this file does not break its own rule.
UNDONE = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
MACHINE_PATH = re.compile(r"(?<![\w./~}-])/(?:root|home/\w+|work|Users)/\w")
PURE = ("python/custody/model/", "python/custody/services/")
# (object, attribute) pairs that read a clock or chance.
IMPURE = {
    ("os", "urandom"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("secrets", "token_bytes"),
}
# Where a lock file says that a package comes from.
SOURCE = re.compile(
    r'(?:registry = |url = |"resolved": |source = )"(?:registry\+|sparse\+)?https?://([^/"]+)'
)
HOSTS = {
    "uv.lock": {"pypi.org", "files.pythonhosted.org"},
    "Cargo.lock": {"github.com"},
    "rust/crypto/fuzz/Cargo.lock": {"github.com"},
    "tools/protogen/Cargo.lock": {"github.com"},
    "tools/package-lock.json": {"registry.npmjs.org"},
}


def main() -> int:
    """Return 1 when a rule is broken, after naming every place."""
    broken = [line for name in _files() for line in _check(name)]
    for line in broken:
        print(line)
    return 1 if broken else 0


def _files() -> list[str]:
    """Return what git knows or would add, relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def _check(name: str) -> Iterator[str]:
    try:
        text = (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    if name in HOSTS:
        yield from _hosts(name, text)
        return
    if name.startswith(GENERATED) or name == "LICENSE":
        return
    lines = text.splitlines()
    usual = LONGEST_TEST if "tests" in Path(name).parts else LONGEST
    longest = LONGER.get(name, usual.get(Path(name).suffix))
    if longest is not None and len(lines) > longest:
        yield f"{name}: {len(lines)} lines, {longest} at most: it wants two nouns"
    for number, line in enumerate(lines, start=1):
        if UNDONE.search(line):
            yield f"{name}:{number}: left undone: {line.strip()}"
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: a path of one machine: {line.strip()}"
    if name.startswith(PURE):
        yield from _impure(name, text)


def _hosts(name: str, text: str) -> Iterator[str]:
    # A homepage or a funding link is no source.
    sources = re.finditer(
        r'(?:registry = |url = |"resolved": |source = )"(?:registry\+|sparse\+)?https?://([^/"]+)', text
    )
    for host in sorted({found.group(1) for found in sources} - HOSTS[name]):
        yield f"{name}: packages from {host}"


def _impure(name: str, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text, filename=name)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            left = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
            if (left, node.attr) in IMPURE:
                yield f"{name}:{node.lineno}: reads a clock or chance: {left}.{node.attr}"


if __name__ == "__main__":
    sys.exit(main())
