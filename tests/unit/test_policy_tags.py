"""docs/policy-tags.md lists every tag that the source can answer, and no other: it is the source that is read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from custody import ledger

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "python" / "custody"
DOCUMENT = (ROOT / "docs" / "policy-tags.md").read_text(encoding="utf-8")

FORM = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
"""`prefix.name`: whatever literal has this form is a tag, unless it stands where one of those below does."""
NAMES_A_FIELD = {
    *("Malformed", "ConfigError", "NotFound"),
    *("Failed", "Unavailable", "HsmError", "JournalError", "WriterStopped"),
    *("_amount", "_known"),
}
"""Their first argument is a field or a part, not a rule."""
UNKNOWN_NAMES = {"wallet", "asset", "network"}
"""What a sweep's leg names and the policy may not have."""


@dataclass
class Found:
    """Tags by where they stand: `raised` may be answered, `read` are compared with, `open` cannot be told from here."""

    raised: dict[str, str] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    def take(self, code: str, file: str) -> None:
        """Read one module."""
        tree = ast.parse(code)
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            at = f"{file}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call):
                self._call(node, at)
            elif (
                isinstance(node, ast.Constant) and isinstance(node.value, str) and FORM.fullmatch(node.value)
            ):
                self._literal(node, parents, at)

    def _call(self, call: ast.Call, at: str) -> None:
        name = _name(call.func)
        if name == "Denied" and call.args:
            self._answered(call.args[0], at)
        elif name == "_status" and len(call.args) > 2:
            self._answered(call.args[2], at)

    def _answered(self, given: ast.expr, at: str) -> None:
        """What stands where a tag must: a literal, a choice of them, another refusal's tag, or a family."""
        match given:
            case ast.Constant(value=str(tag)):
                self.raised.setdefault(tag, at)
            case ast.JoinedStr():
                self.families.setdefault(_pattern(given), at)
            case ast.BoolOp(values=values):
                for value in values:
                    if not isinstance(value, ast.Name):
                        self._answered(value, at)
            case ast.IfExp(body=body, orelse=orelse):
                self._answered(body, at)
                self._answered(orelse, at)
            case ast.Attribute(attr="tag"):
                pass
            case ast.Name(id=name) if name.isupper():
                pass  # a constant: the literal is found where it is defined
            case _:
                self.open.append(f"{at}: {ast.unparse(given)}")

    def _literal(self, node: ast.Constant, parents: Mapping[ast.AST, ast.AST], at: str) -> None:
        tag, parent = str(node.value), parents[node]
        above = parents.get(parent)
        path = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Div)
        if tag.startswith("grpc.") or path or isinstance(parent, ast.JoinedStr):
            return  # a channel's option, a file's name, a piece of text
        if isinstance(parent, ast.Call) and _name(parent.func) in NAMES_A_FIELD and node in parent.args[:1]:
            return
        prefixes = isinstance(above, ast.Call) and _name(above.func) == "startswith"
        if isinstance(parent, (ast.Compare, ast.Set)) or prefixes:
            self.read.setdefault(tag, at)
        else:
            self.raised.setdefault(tag, at)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _pattern(text: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in text.values)


def _modules() -> Iterator[Path]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] not in ("api", "testing"):
            yield path


def _halt_scopes() -> set[str]:
    """The scopes that signers ask for, from the functions that name them: `payouts`, `asset:…`."""
    kinds = {"all"}
    for path in (SOURCE / "signer").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_scopes"):
                (answer,) = (part.value for part in ast.walk(node) if isinstance(part, ast.Return))
                assert isinstance(answer, ast.Tuple), f"{path}: {node.name}"
                for item in answer.elts:
                    text = _pattern(item) if isinstance(item, ast.JoinedStr) else str(ast.literal_eval(item))
                    kinds.add(text.partition(":")[0])
    return kinds


@pytest.fixture(scope="module")
def found() -> Found:
    found = Found()
    for path in _modules():
        found.take(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    return found


@pytest.fixture(scope="module")
def answered(found: Found) -> dict[str, str]:
    """Every tag that can be answered, and where."""
    families = {
        "halt.*": {f"halt.{scope}" for scope in _halt_scopes()},
        "sweep.unknown_*": {f"sweep.unknown_{name}" for name in UNKNOWN_NAMES},
    }
    assert set(found.families) == set(families), "a family of tags that this test does not know"
    of_ledger = {tag: "rust/ledger/src/tags.rs" for tag, _ in ledger.tags()}
    spelled = {tag: found.families[family] for family, tags in families.items() for tag in tags}
    return of_ledger | found.raised | spelled


ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in DOCUMENT.splitlines()
    if line.startswith("| `")
]
LISTED = [row[0].strip("`") for row in ROWS]


def test_every_tag_is_listed(answered: dict[str, str]) -> None:
    missing = {tag: at for tag, at in answered.items() if tag not in LISTED}
    assert not missing, f"not in docs/policy-tags.md: {missing}"


def test_every_tag_that_is_listed_can_be_answered(answered: dict[str, str]) -> None:
    gone = [tag for tag in LISTED if tag not in answered]
    assert not gone, f"in docs/policy-tags.md, and nobody answers it: {gone}"


def test_what_is_compared_with_can_be_answered(found: Found, answered: dict[str, str]) -> None:
    never = {tag: at for tag, at in found.read.items() if tag not in answered}
    assert not never, f"no rule has this tag: {never}"


def test_every_refusal_names_its_tag_in_the_source(found: Found) -> None:
    assert not found.open, f"the tag cannot be told from the source: {found.open}"


def test_tags_have_a_form(answered: dict[str, str]) -> None:
    for tag, at in answered.items():
        plain = at.startswith(("python/custody/rpc/errors.py", "python/custody/client/"))
        assert FORM.fullmatch(tag) or tag == "limit.ID" or (plain and re.fullmatch(r"[a-z_]+", tag)), at


def test_the_list_is_in_order_and_whole() -> None:
    assert sorted(LISTED) == LISTED and len(set(LISTED)) == len(LISTED)
    assert all(len(row) == 4 and all(row) for row in ROWS)
    sections = re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    placed = [(prefix, tag) for prefix, text in sections for tag in re.findall(r"^\| `([^`]+)`", text, re.M)]
    assert [tag for _, tag in placed] == LISTED
    assert all(tag.partition(".")[0] == prefix for prefix, tag in placed)


@pytest.mark.parametrize(
    "code",
    [
        "raise Denied('x.y', 'why')",
        "raise errors.Denied('x.y')",
        "raise Denied('x.y' if late else 'x.z')",
        "raise Denied(reason or 'x.y')",
        "Y_TAG: Final = 'x.y'",
        "TAGS = {'seen': 'x.y'}",
        "close(proposal, tag='x.y')",
        "class Short(Denied):\n  def __init__(self):\n    super().__init__('x.y')",
        "return 'x.y' if late else ''",
    ],
)
def test_a_new_tag_is_found_however_it_is_written(code: str) -> None:
    found = Found()
    found.take(f"def f():\n  {code}" if code.startswith("return") else code, "new.py")
    assert "x.y" in found.raised and "x.y" not in LISTED


@pytest.mark.parametrize("code", ["raise Denied(f'x.{y}')", "raise Denied(make())", "raise Denied(name)"])
def test_a_tag_that_cannot_be_read_is_not_passed_over(code: str) -> None:
    found = Found()
    found.take(code, "new.py")
    assert found.families or found.open
