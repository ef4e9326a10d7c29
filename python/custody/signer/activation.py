"""ACTIVATE: a quorum says which store of a signer is the one that may sign, and what its windows start with."""

from __future__ import annotations

from dataclasses import dataclass

from custody import statements
from custody.api.journal.v1 import signer_pb2
from custody.errors import Denied
from custody.ports import StatementAuthority
from custody.signer.core import RequestContext, SignerCore, SignerHead
from custody.signer.quorums import check_statement, statement_id
from custody.signer.signing import stored
from custody.signer.store import TokenMark


@dataclass(frozen=True, slots=True)
class Activated:
    """The governance head that this signer follows now, and the log after it."""

    sequence: int
    hash: bytes
    head: SignerHead


class Activation:
    """Takes ACTIVATE statements. Safe to share between threads."""

    def __init__(self, core: SignerCore) -> None:
        """Record in this signer's log."""
        self._core = core

    def activate(self, context: RequestContext, authority: StatementAuthority) -> Activated:
        """Take a completed ACTIVATE, of this signer's store or of another's; again, it changes nothing.

        A frozen signer takes it too: it is what ends a freeze. Raises Malformed, Denied, HsmError.
        """
        core = self._core
        with core.lock:
            core.check_deployment(context)
            if statement_id(authority.statement) in core.state.activated:
                return self._now()
            statement = statements.parse_statement(authority.statement)
            body = statement.payload
            if not isinstance(body, statements.ActivateBody):
                raise Denied("statement.kind", f"{statement.kind.name} is no ACTIVATE")
            now_ms = core.now()
            signatures = check_statement(core, authority, now_ms)
            governance = core.state.governance.advance(authority.statement, statement)
            if body.signer == core.id and body.store_id == core.state.store_id:
                # Before it is durable: after a crash between, the log still says frozen, and ACTIVATE comes again.
                TokenMark(core.state.store_id, core.state.start_counter).write(core.hsm)
            core.log.append(
                signer_pb2.SignerActivated(
                    governance_sequence=governance.head_sequence,
                    governance_hash=governance.head_hash,
                    statement=authority.statement,
                    signatures=stored(signatures),
                ),
                now_ms,
            )
            return self._now()

    def _now(self) -> Activated:
        governance = self._core.state.governance
        return Activated(governance.head_sequence, governance.head_hash, self._core.head)
