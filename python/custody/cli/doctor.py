"""`custody doctor`: why something does not work, in stages: files, key, name, port, TLS, entitlement."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer

from custody.api.signer.v1 import operator_pb2
from custody.api.v1 import admin_pb2
from custody.cli import tls_probe
from custody.cli.config import expanded
from custody.cli.exits import Exit
from custody.cli.session import Session
from custody.crypto import Scheme
from custody.errors import ConfigError, CustodyError

__all__ = ["doctor"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `stage` names it, `detail` says what was seen, and what to do when it is not fine."""

    part: str
    stage: str
    fine: bool
    detail: str


def doctor(session: Session) -> None:
    """Check this machine's files and every connection, stage by stage, and say what to do about what fails.

    A refused client certificate shows ordinary clients only "unavailable"; here the reason is told.
    Exits 2 when the fault is in this machine's files, else 3 when something is not reached or 1 when it refuses.
    """
    findings: list[Finding] = []

    def check(part: str, stage: str, work: Callable[[], str]) -> bool:
        try:
            findings.append(Finding(part, stage, True, work()))
        except (CustodyError, tls_probe.Failure) as error:
            findings.append(Finding(part, stage, False, str(error)))
        finding = findings[-1]
        session.out.say(f"{'ok ' if finding.fine else 'BAD'} {part}: {stage}: {finding.detail}")
        return finding.fine

    local = check("machine", "configuration", lambda: f"operator {session.config.operator}")
    if local:
        _machine(session, check)
        config = session.config
        tls_fine = check("machine", "certificate", lambda: tls_probe.own_certificate(config.tls))
        targets: list[tuple[str, str, Callable[[], str]]] = [
            ("server", config.server.address, lambda: _server(session))
        ]
        for connection in session.signers if tls_fine else []:
            name = f"signer {connection.id}"
            targets.append((name, connection.address, lambda c=connection: _signer(session, c)))  # type: ignore[misc]
        for part, address, call in targets:
            reached = check(part, "name", lambda a=address: tls_probe.resolve(a))  # type: ignore[misc]
            reached = reached and check(part, "port", lambda a=address: tls_probe.connect(a))  # type: ignore[misc]
            reached = reached and tls_fine
            reached = reached and check(part, "TLS", lambda a=address: tls_probe.handshake(a, config.tls))  # type: ignore[misc]
            if reached:
                check(part, "answer", call)
    _finish(session, findings)


def _machine(session: Session, check: Callable[[str, str, Callable[[], str]], bool]) -> None:
    check("machine", "policy", lambda: f"{expanded(session.config.deployment.genesis)} is the pinned one")
    check("machine", "policy's content", lambda: f"hash {session.policy.hash.hex()}")
    check("machine", "operator", lambda: f"{session.operator.id}, {len(session.operator.keys)} keys")
    check("machine", "signers", lambda: _listed(session))
    check("machine", "ssh-keygen", _ssh_keygen)
    check("machine", "SSH key", lambda: _ssh_key(session))
    check("machine", "state file", lambda: _state(session))


def _listed(session: Session) -> str:
    if session.unlisted_signers:
        names = ", ".join(session.unlisted_signers)
        raise ConfigError("signers", f"{names} of the policy are not listed: a halt would not reach them")
    return f"all {len(session.config.signers)} are listed"


def _ssh_keygen() -> str:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise ConfigError("ssh-keygen", "is not installed: apt-get install openssh-client")
    return program


def _ssh_key(session: Session) -> str:
    """Whether the configured key is enrolled, as far as its public half tells."""
    key = session.config.ssh_key
    if key is None:
        return "none configured: ssh-agent will be asked"
    path = expanded(key)
    public = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
    if not path.is_file():
        raise ConfigError("ssh_key", f"{path}: there is no such file")
    if not public.is_file():
        return f"{path} is there; {public.name} is not, so whether it is enrolled shows when it signs"
    fields = public.read_text(errors="replace").split()
    blob = base64.b64decode(fields[1]) if len(fields) > 1 else b""
    for enrolled in session.operator.keys:
        if enrolled.scheme is Scheme.SSHSIG and enrolled.public == blob:
            return f"{path} is {enrolled.key_id}"
    raise ConfigError("ssh_key", f"{public} is no key of {session.operator.id} in the policy")


def _state(session: Session) -> str:
    session.memory.check_writable()
    head, _ = session.memory.head()
    return f"{session.config.state_file}, highest governance head seen {head}"


def _server(session: Session) -> str:
    who = session.server.write(session.server.admin.WhoAmI, admin_pb2.WhoAmIRequest())
    told = session.server.write(session.server.admin.Status, admin_pb2.StatusRequest())
    if told.deployment != session.deployment.hex():
        raise ConfigError("deployment", f"the server serves {told.deployment}, not the pinned one")
    if who.principal.rpartition("/")[2] != session.config.operator:
        raise ConfigError(
            "tls.certificate", f"is {who.principal}'s, the operator here is {session.config.operator}"
        )
    bad = [f"{part.name}: {part.reason}" for part in told.parts if not part.serving]
    return f"serves {who.principal}" + (f"; but {'; '.join(bad)}" if bad else "")


def _signer(session: Session, connection: Any) -> str:
    told = connection.call(connection.stub.Status, operator_pb2.StatusRequest()).status
    if told.signer != connection.id:
        raise ConfigError("signers", f"{connection.address} is the signer {told.signer}, not {connection.id}")
    if told.deployment != session.deployment:
        raise ConfigError("deployment", f"the signer serves {told.deployment.hex()}, not the pinned one")
    return f"{told.signer} answers"


def _finish(session: Session, findings: list[Finding]) -> None:
    session.out.object(
        {
            "fine": all(finding.fine for finding in findings),
            "findings": [
                {"part": f.part, "stage": f.stage, "fine": f.fine, "detail": f.detail} for f in findings
            ],
        }
    )
    bad = [finding for finding in findings if not finding.fine]
    if not bad:
        return
    if any(finding.part == "machine" for finding in bad):
        raise typer.Exit(Exit.USAGE)
    raise typer.Exit(Exit.REFUSED if any(f.stage in ("answer", "TLS") for f in bad) else Exit.UNREACHABLE)
