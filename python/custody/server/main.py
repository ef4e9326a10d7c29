"""`custody-server`: run it, check its configuration, check its journal."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer

from custody import config as configuration
from custody.crypto import Keyring
from custody.errors import CustodyError, Failed, Malformed
from custody.ledger import Ledger
from custody.model.control import ControlState
from custody.rpc import logging, tls
from custody.server import bootstrap
from custody.server.config import ServerConfig
from custody.services.replay import replay
from custody.services.rulebook import Rulebook

__all__ = ["run"]

BAD_CONFIG = 2
FAILED = 1

_app = typer.Typer(
    help="The orchestrator: takes signed withdrawals, keeps the ledger, plans payouts and sweeps. It holds no key that "
    "can move money. Exit codes: 0 stopped as asked, 1 a part failed, 2 the configuration cannot be used, 70 the "
    "journal could not be written.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config", "-c", metavar="FILE", help="server.toml; docs/samples/server.toml explains every key."
    ),
]


@_app.command("run")
def serve(config: ConfigOption) -> None:
    """Serve until SIGTERM or SIGINT, then drain: finish what was begun, take nothing new.

    Logs are JSON lines on standard error. SIGKILL loses nothing that was answered.
    """
    settings = _load(config)
    logging.configure(settings.log.level)
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    try:
        server = bootstrap.Server(settings)
        for problem in bootstrap.check_parts(server.parts):
            structlog.get_logger("server").warning("part does not answer at start", problem=problem)
            print(f"custody-server: {problem}", file=sys.stderr)
        server.start()
    except CustodyError as error:
        _fail(error)
    print(f"custody-server: listening on port {server.port}", flush=True)
    asked.wait()
    server.stop()


@_app.command("check-config")
def check_config(config: ConfigOption) -> None:
    """Read the configuration, the policy and the certificates; say what is wrong, or that nothing is.

    Opens no journal and connects to nothing.
    """
    settings = _load(config)
    try:
        policy = bootstrap.load_policy(settings)
        bootstrap.make_keyring(policy)
        tls.server_credentials(settings.tls.certificate, settings.tls.key, settings.tls.client_ca)
        bootstrap.check_names(settings, policy)
    except CustodyError as error:
        _fail(error)
    print(f"{config}: good; deployment {policy.hash.hex()}")


@_app.command("check-journal")
def check_journal(config: ConfigOption) -> None:
    """Replay the whole journal of a stopped server, verifying every row; print its head and the state's hash.

    The hash is the same after every replay of the same rows.
    """
    settings = _load(config)
    try:
        policy = bootstrap.load_policy(settings)
        journal = bootstrap.open_journal(settings, policy)
        try:
            ledger, control = Ledger(), ControlState(policy)
            head = replay(
                journal, ledger, control, Rulebook(ledger, Keyring(), settings.deployment.partition)
            )
            ledger.conservation()
        finally:
            journal.close()
    except CustodyError as error:
        _fail(error)
    print(f"sequence {head.sequence}")
    print(f"epoch {head.epoch}")
    print(f"head {head.hash.hex()}")
    print(f"ledger {ledger.state_hash().hex()}")
    print(f"control {control.state_hash().hex()}")


def run() -> None:
    """The entry point."""
    _app()


def _load(path: Path) -> ServerConfig:
    try:
        return configuration.load(path, ServerConfig)
    except CustodyError as error:
        _fail(error)


def _fail(error: CustodyError) -> NoReturn:
    """One line that says what, and what to do."""
    print(f"custody-server: {error}", file=sys.stderr)
    code = BAD_CONFIG if isinstance(error, Malformed) else FAILED
    raise typer.Exit(code if not isinstance(error, Failed) else FAILED)
