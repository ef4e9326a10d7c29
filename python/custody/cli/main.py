"""`custody`: the operators' command. See docs/cli.md."""

from __future__ import annotations

import typer

from custody.cli.command import command
from custody.cli.demo import demo
from custody.cli.doctor import doctor
from custody.cli.proposals import inbox, proposals
from custody.cli.statement_commands import activations, openings, releases
from custody.cli.status import status, whoami
from custody.cli.stops import halt, resume, suspend
from custody.cli.sweeps import sweeps
from custody.cli.treasury import balance, wallets
from custody.cli.watch import events
from custody.cli.withdrawals import withdrawals

__all__ = ["app", "run"]

EPILOG = (
    "Exit codes: 0 done; 1 refused by a rule, or you said no; 2 usage or configuration; 3 unreachable; 4 not found; "
    "5 internal error; 6 partly done (a halt that not everyone took); 130 interrupted."
)

app = typer.Typer(
    help="Look at, approve and stop what a custody deployment does. You sign with your own SSH key what you are shown.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

command(app, "inbox")(inbox)
app.add_typer(proposals, name="proposal")
app.add_typer(withdrawals, name="withdrawal")
app.add_typer(sweeps, name="sweep")
app.add_typer(openings, name="opening")
app.add_typer(releases, name="release")
app.add_typer(activations, name="activate")
app.add_typer(wallets, name="wallet")
command(app, "balance")(balance)
app.add_typer(events, name="event")
command(app, "halt")(halt)
command(app, "resume")(resume)
command(app, "suspend")(suspend)
command(app, "status")(status)
command(app, "whoami")(whoami)
command(app, "doctor")(doctor)
app.command("demo")(demo)


def run() -> None:
    """The console script."""
    app(prog_name="custody")


if __name__ == "__main__":
    run()
