"""The operators: each act is the real `custody` command in a process of its own, with that operator's key."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from custody.testing.stack import CustodyStack
from custody.testing.stack_files import python

__all__ = ["Said", "custody"]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed and how it ended."""

    command: str
    status: int
    output: str
    errors: str

    def object(self) -> dict[str, Any]:
        """Of a command with --json."""
        found: dict[str, Any] = json.loads(self.output)
        return found

    def must(self) -> Said:
        """Itself. Raises RuntimeError unless it exited 0."""
        if self.status != 0:
            raise RuntimeError(f"{self.command} exited {self.status}: {self.errors or self.output}")
        return self


def custody(stack: CustodyStack, operator: str, *arguments: str) -> Said:
    """Run `custody ARGUMENTS` as an operator, with their cli.toml."""
    done = subprocess.run(
        python("custody.cli.main", *arguments),
        env={**os.environ, "CUSTODY_CONFIG": str(stack.cli_config(operator))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Said("custody " + " ".join(arguments), done.returncode, done.stdout, done.stderr)
