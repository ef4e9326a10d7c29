"""The documents lead somewhere: links reach a file and its heading, shown commands parse, each rpc is explained."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from custody.cli.main import app as custody_app
from custody.server.main import _app as server_app
from custody.signer.main import app as signer_app

ROOT = Path(__file__).parents[2]
SKIPPED = {"node_modules", "target"}
PROGRAMS = {
    "custody": typer.main.get_command(custody_app),
    "custody-server": typer.main.get_command(server_app),
    "custody-signer": typer.main.get_command(signer_app),
}
ENDS = {"|", "||", "&&", ";", "&", ">", ">>", "2>", "<", "…", "...", ")"}
"""Where a command ends in a line of shell, or where the document says no more of it."""


def _documents() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.md")):
        parts = path.relative_to(ROOT).parts
        if not any(part.startswith(".") or part in SKIPPED for part in parts):
            yield path


DOCUMENTS = list(_documents())
RUNBOOKS = [path for path in DOCUMENTS if path.parent.name == "runbooks"]


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def _anchors(path: Path) -> set[str]:
    """Headings as a link names them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        reached = (document.parent / name).resolve() if name else document
        assert reached.exists(), f"{target} is not there"
        assert not anchor or anchor in _anchors(reached), f"{target}: no such heading"


def _shown(text: str) -> Iterator[tuple[str, bool]]:
    """What a document shows as code, and whether in full: a line of a block is, a word in a text may be cut."""
    text = text.replace("\\\n", " ")
    for language, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        if language in ("", "sh", "shell", "bash", "console"):
            for line in block.splitlines():
                yield line, True
    for span in re.findall(
        r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    ):
        yield span, False


def _commands(text: str) -> Iterator[tuple[str, list[str], bool]]:
    for line, whole in _shown(text):
        started = re.match(
            r"\s*(?:[$#] )?(?:[A-Z0-9_]+=\S+ )*(?:\S*/bin/)?(custody(?:-server|-signer)?)(?: |$)(.*)", line
        )
        if started is None:
            continue
        words = shlex.split(started[2], comments=True)
        end = next((at for at, word in enumerate(words) if word in ENDS), len(words))
        yield started[1], words[:end], whole and end == len(words)


def check_command(program: str, words: list[str], whole: bool) -> None:
    """Fail unless the program has this command, with these options and, where shown in full, all that it needs."""
    command, shown = PROGRAMS[program], [program]
    while (subcommands := getattr(command, "commands", None)) is not None:
        if not words or words[0].startswith("-"):
            break
        if words[0].isupper():
            return  # COMMAND, for any of them
        shown.append(words[0])
        assert words[0] in subcommands, f"there is no `{' '.join(shown)}`"
        command, words = subcommands[words[0]], words[1:]
    if subcommands is not None:
        assert words in ([], ["--help"]), f"`{' '.join(shown)}` takes no {words}"
        return
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in known, f"`{' '.join(shown)}` has no {word}"
    if not whole or "--help" in words:
        return
    given, _, _ = command.make_parser(command.context_class(command, info_name=program)).parse_args(
        list(words)
    )
    for param in command.params:
        missing = param.required and not given.get(param.name or "")
        assert not missing, f"`{' '.join(shown)}` needs {param.name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_shown_commands_exist(document: Path) -> None:
    for program, words, whole in _commands(document.read_text(encoding="utf-8")):
        check_command(program, words, whole)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("custody propose", "no `custody propose`"),
        ("custody proposal aprove ID", "no `custody proposal aprove`"),
        ("custody halt all --resaon drill", "has no --resaon"),
        ("custody halt all", "needs reason"),
        ("custody proposal approve", "needs"),
        ("custody-signer init --config signer.toml", "needs keys"),
        ("custody-server start", "no `custody-server start`"),
    ],
)
def test_a_wrong_command_is_noticed(line: str, why: str) -> None:
    ((program, words, whole),) = _commands(f"```sh\n$ {line}\n```\n")
    with pytest.raises(AssertionError, match=re.escape(why)):
        check_command(program, words, whole)


def test_runbooks_are_short_and_show_commands() -> None:
    assert RUNBOOKS
    for path in RUNBOOKS:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 60, path
        assert any(whole for _, _, whole in _commands(text)), path


@pytest.mark.parametrize("proto", sorted((ROOT / "proto").rglob("*.proto")), ids=lambda path: path.name)
def test_every_rpc_is_explained(proto: Path) -> None:
    lines = [line.strip() for line in proto.read_text(encoding="utf-8").splitlines()]
    for before, line in itertools.pairwise(lines):
        if line.startswith("rpc "):
            assert before.startswith("//") and len(before) > 10, f"{proto.name}: {line}"
