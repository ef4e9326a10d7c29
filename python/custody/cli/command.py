"""Makes a function a command: `--config` and `--json` on every one, and every ending an exit code."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from custody.cli.exits import Exit, describe, exit_of
from custody.cli.output import Declined, Output
from custody.cli.session import Session
from custody.errors import CustodyError, Failed

__all__ = ["Agent", "Key", "Yes", "command", "group"]

_Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="cli.toml; else $CUSTODY_CONFIG, else ~/.config/custody/cli.toml.", metavar="FILE"
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="Your SSH private key, or a .pub that ssh-agent holds; else ssh_key of cli.toml, else the agent.",
    ),
]
Agent = Annotated[bool, typer.Option("--agent", help="Sign by ssh-agent, whatever ssh_key in cli.toml says.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before signing: for scripts that have checked.")]

Function = Callable[..., None]


def group(help_text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=help_text, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


def command(app: typer.Typer, name: str) -> Callable[[Function], Function]:
    """Register `function(session, …)` under a name; its docstring is its help."""

    def register(function: Function) -> Function:
        hints = get_type_hints(function, include_extras=True)
        own = list(inspect.signature(function).parameters.values())[1:]
        parameters = [parameter.replace(annotation=hints[parameter.name]) for parameter in own]
        common = {"config": _Config, "as_json": _Json}
        for option, annotation in common.items():
            default = None if option == "config" else False
            parameters.append(
                inspect.Parameter(
                    option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
                )
            )

        @functools.wraps(function)
        def run(**given: Any) -> None:
            config, as_json = given.pop("config"), given.pop("as_json")
            _run(function, config, as_json, given)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name, help=inspect.getdoc(function))(run)
        return function

    return register


def _run(function: Function, config: Path | None, as_json: bool, given: dict[str, Any]) -> None:
    out = Output(as_json)
    try:
        with Session(config, out) as session:
            function(session, **given)
    except Declined as error:
        out.object({"error": {"kind": "declined", "tag": "", "detail": str(error)}})
        out.error(str(error))
        raise typer.Exit(Exit.REFUSED) from None
    except CustodyError as error:
        out.object({"error": describe(error)})
        out.error(str(error))
        raise typer.Exit(exit_of(error)) from None
    except (KeyboardInterrupt, BrokenPipeError):
        raise typer.Exit(130) from None
    except (typer.Exit, typer.BadParameter):
        raise
    except Exception as error:
        if os.environ.get("CUSTODY_DEBUG"):
            raise
        failure = Failed("custody", f"{type(error).__name__}: {error} (CUSTODY_DEBUG=1 shows where)")
        out.object({"error": describe(failure)})
        out.error(str(failure))
        raise typer.Exit(Exit.INTERNAL) from None
