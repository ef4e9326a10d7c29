"""Where a command's answer goes: people's text through one escaping, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from custody.cli.escape import shown
from custody.errors import CustodyError

__all__ = ["Declined", "Output"]


class Declined(CustodyError):
    """The operator said no."""


class Output:
    """Standard output for answers, standard error for notes and errors. Nothing is ever read as markup."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._console = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._notes = Console(markup=False, highlight=False, emoji=False, soft_wrap=True, stderr=True)

    def object(self, value: dict[str, Any]) -> None:
        """The answer as JSON, on one line, ASCII alone; nothing unless --json was given."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
            sys.stdout.flush()

    def lines(self, lines: Iterable[str]) -> None:
        """Text that is escaped already; nothing under --json."""
        if not self.as_json:
            for line in lines:
                self._console.print(Text(line))

    def say(self, text: str) -> None:
        """One line of whatever origin; nothing under --json."""
        self.lines([shown(text)])

    def note(self, text: str) -> None:
        """One line beside the answer, on standard error."""
        self._notes.print(Text(shown(text)), style="dim")

    def error(self, text: str) -> None:
        """One line saying what is wrong, on standard error."""
        self._notes.print(Text(shown(text)), style="bold red")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
        """Rows under a heading, every cell escaped and none cut; nothing under --json."""
        if self.as_json:
            return
        kept = [[shown(cell) for cell in row] for row in rows]
        if not kept:
            self.lines([empty])
            return
        if not self._console.is_terminal:
            widths = [max(len(r[i]) for r in [list(columns), *kept]) for i in range(len(columns))]
            for row in [list(columns), *kept]:
                self.lines(["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()])
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in kept:
            table.add_row(*map(Text, row))
        self._console.print(table, soft_wrap=False)

    def confirm(self, question: str, yes: bool) -> None:
        """Raise Declined unless the operator types `yes` or --yes was given. Without a terminal the answer is no."""
        if yes:
            return
        if self.as_json:
            raise Declined("--json shows nothing to read before signing: give --yes once you have seen it")
        if not sys.stdin.isatty():
            raise Declined("nobody is there to confirm: give --yes once you have seen what is signed")
        self._notes.print(Text(shown(question)), style="bold", end=" ")
        if sys.stdin.readline().strip() != "yes":
            raise Declined("not confirmed; nothing was signed")
