"""custody-signer: make a signer (`init`, `prove`), check its file (`check-config`), and sign (`run`)."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer

from custody.adapters.system_clock import SystemClock
from custody.errors import CustodyError, Malformed
from custody.rpc import logging
from custody.rpc.tls import server_credentials
from custody.signer import bootstrap, ceremony
from custody.signer.config import RunConfig, SignerConfig
from custody.signer.keys import check_against_policy
from custody.signer.listeners import listeners
from custody.signer.store import StoreFolder

EXIT_FATAL = 1
"""Signing had to stop; see the log."""
EXIT_CANNOT_START = 2
"""Something is missing or wrong; one line says what, and what to do."""

app = typer.Typer(
    help="Holds one token and signs what it can prove was asked for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[Path, typer.Option("--config", help="The signer's signer.toml.")]
KeysOption = Annotated[list[str], typer.Option("--keys", help="Wallet ids, repeated or separated by commas.")]


@app.command()
def init(config: ConfigOption, keys: KeysOption) -> None:
    """Make keys, store id and store together, in an empty token; print them as JSON."""
    with _one_line_errors():
        settings = SignerConfig.load(config)
        with bootstrap.open_token(settings) as hsm:
            folder = StoreFolder(settings.signer.store)
            _print(ceremony.initialise(hsm, folder, settings.signer.id, _ids(keys)))


@app.command()
def prove(
    config: ConfigOption,
    keys: KeysOption,
    salt: Annotated[str, typer.Option("--salt", help="The genesis policy's salt, 64 hex digits.")],
    kind: Annotated[str, typer.Option("--kind", help="HOT, WARM, COLD, GAS or DEPOSIT, as in the policy.")],
    network: Annotated[str, typer.Option("--network", help="CAIP-2, as in the policy.")],
) -> None:
    """Sign the proofs of possession that the genesis policy needs; print them as JSON."""
    with _one_line_errors():
        settings = SignerConfig.load(config)
        try:
            salt_bytes = bytes.fromhex(salt)
        except ValueError:
            raise Malformed("salt", "must be 64 hex digits") from None
        with bootstrap.open_token(settings) as hsm:
            folder = StoreFolder(settings.signer.store)
            _print(ceremony.prove(hsm, folder, settings.signer.id, salt_bytes, kind, network, _ids(keys)))


@app.command("check-config")
def check_config(config: ConfigOption) -> None:
    """Check the file, the certificates, the policy and the token; change nothing."""
    with _one_line_errors():
        settings = SignerConfig.load(config)
        run = RunConfig.of(settings)
        server_credentials(run.tls.certificate, run.tls.key, run.tls.client_ca)
        policy = bootstrap.read_genesis(run.deployment, settings.signer.id)
        with bootstrap.open_token(settings) as hsm:
            check_against_policy(hsm, policy, settings.signer.id)
        _print({"signer": settings.signer.id, "deployment": policy.hash.hex(), "ok": True})


@app.command("run")
def run_signer(config: ConfigOption) -> None:
    """Sign until SIGTERM. The first line on standard output is JSON with the ports, once they answer."""
    with _one_line_errors():
        settings = SignerConfig.load(config)
        run = RunConfig.of(settings)
        logging.configure(settings.log.level)
        hsm = bootstrap.open_token(settings)
        signer = bootstrap.build(settings, hsm, SystemClock(), _die)
        both = listeners(signer, (run.listen.server, run.listen.operators), run.tls, settings.limits, _die)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for listener in both:
        listener.start()
    ports = {"server": both[0].port, "operators": both[1].port}
    structlog.get_logger("signer").info("serving", signer=settings.signer.id, **ports)
    _print({"event": "serving", "signer": settings.signer.id, "ports": ports})
    stop.wait()
    # Operators last: a halt gets through for as long as anything may still be signed.
    for listener in both:
        listener.stop()
    signer.close()
    hsm.close()


def run() -> None:
    """Entry point of custody-signer."""
    app()


def _die(reason: str) -> NoReturn:
    """End at once: what is durable is unknown, so nothing more may be signed or answered."""
    structlog.get_logger("signer").critical("stopping", reason=reason)
    sys.stderr.flush()
    os._exit(EXIT_FATAL)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except CustodyError as error:
        typer.echo(f"custody-signer: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(EXIT_CANNOT_START) from None


def _ids(keys: list[str]) -> tuple[str, ...]:
    return tuple(name for item in keys for name in item.split(",") if name)


def _print(document: Mapping[str, object]) -> None:
    typer.echo(json.dumps(document, sort_keys=True))
    sys.stdout.flush()


if __name__ == "__main__":
    run()
