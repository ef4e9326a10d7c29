"""What server and signers say about things that a statement names by a hash alone: shown beside it, never signed."""

from __future__ import annotations

from typing import Any

from custody.cli.session import Session
from custody.cli.status import ask_server, ask_signers
from custody.statements import ActivateBody, ResumeBody, Statement

__all__ = ["hearsay"]


def hearsay(session: Session, statement: Statement) -> list[str]:
    """Lines for an approver, not escaped: which halt a RESUME ends, whether a signer knows the store of an ACTIVATE."""
    match statement.payload:
        case ResumeBody(halt_id, _):
            return _halt(session, halt_id)
        case ActivateBody() as activate:
            return [_store(session, activate)]
    return []


def _halt(session: Session, halt_id: str) -> list[str]:
    lines = []
    for name, part in _parts(session):
        if not part["reachable"]:
            lines.append(f"{name} is not reached: {part['error']['detail']}")
        for halt in part.get("halts", []):
            if halt["halt_id"] == halt_id:
                by = f", by {halt['by']}" if halt.get("by") else ""
                lines.append(f"{name}: it stops {', '.join(halt['scopes'])}: {halt['reason']}{by}")
    return lines or ["neither the server nor a signer shows such a halt in force"]


def _parts(session: Session) -> list[tuple[str, dict[str, Any]]]:
    return [("server", ask_server(session)), *((f"signer {one['id']}", one) for one in ask_signers(session))]


def _store(session: Session, activate: ActivateBody) -> str:
    for told in ask_signers(session):
        if told["id"] != activate.signer:
            continue
        if not told["reachable"]:
            return f"signer {activate.signer} is not reached to compare its store: {told['error']['detail']}"
        if told["store_id"] == activate.store_id.hex():
            return f"signer {activate.signer} itself says that this is its store ({told['state']})"
        return f"SIGNER {activate.signer} ITSELF SAYS THAT ITS STORE IS {told['store_id']}"
    return f"cli.toml does not list signer {activate.signer}, so its store is not compared"
