"""ACTIVATE: a quorum says which store of a signer is the one that may sign, and what its windows start with."""

from __future__ import annotations

from dataclasses import dataclass

from custody import statements
from custody.api.journal.v1 import signer_pb2
from custody.errors import Denied, HsmError
from custody.ports import StatementAuthority
from custody.signer.core import RequestContext, SignerCore, SignerHead
from custody.signer.quorums import check_statement, statement_id
from custody.signer.signing import Signing, stored
from custody.signer.store import TokenMark


@dataclass(frozen=True, slots=True)
class Activated:
    """The governance head that this signer follows now, and the log after it."""

    sequence: int
    hash: bytes
    head: SignerHead


class Activation:
    """Takes ACTIVATE statements. Safe to share between threads."""

    def __init__(self, core: SignerCore, signing: Signing) -> None:
        """Record in this signer's log; it is answered once nothing asked for before is being signed any more."""
        self._core = core
        self._signing = signing

    def activate(self, context: RequestContext, authority: StatementAuthority) -> Activated:
        """Take a completed ACTIVATE, of this signer's store or of another's; again, it changes nothing.

        A frozen signer takes it too: it is what ends a freeze. Raises Malformed, Denied, HsmError.
        """
        core = self._core
        with core.lock:
            core.check_deployment(context)
            if statement_id(authority.statement) not in core.state.activated:
                self._take(authority)
            activated = self._now()
        self._signing.settle()
        return activated

    def _take(self, authority: StatementAuthority) -> None:
        core = self._core
        statement = statements.parse_statement(authority.statement)
        body = statement.payload
        if not isinstance(body, statements.ActivateBody):
            raise Denied("statement.kind", f"{statement.kind.name} is no ACTIVATE")
        now_ms = core.now()
        signatures = check_statement(core, authority, now_ms)
        governance = core.state.governance.advance(authority.statement, statement)
        mine = body.signer == core.id and body.store_id == core.state.store_id
        if mine:
            self._check_not_spent(governance.head_sequence)
        core.log.append(
            signer_pb2.SignerActivated(
                governance_sequence=governance.head_sequence,
                governance_hash=governance.head_hash,
                statement=authority.statement,
                signatures=stored(signatures),
            ),
            now_ms,
        )
        if mine:
            self._mark_token(now_ms)

    def _check_not_spent(self, sequence: int) -> None:
        """An older copy of a store still follows an older head: the token knows which ACTIVATE it was given last."""
        mark = TokenMark.read(self._core.hsm)
        if mark is not None and mark.activated >= sequence:
            raise Denied(
                "governance.head_old", f"the token was activated at {mark.activated}, not {sequence}"
            )

    def _mark_token(self, now_ms: int) -> None:
        """After it is durable: killed between, the next start finds the token behind, and finishes it."""
        core, state = self._core, self._core.state
        try:
            TokenMark(state.store_id, state.start_counter, state.activated_here).write(core.hsm)
        except HsmError as error:
            core.freeze("store.mismatch", f"the token could not be marked: {error}", now_ms)
            raise

    def _now(self) -> Activated:
        governance = self._core.state.governance
        return Activated(governance.head_sequence, governance.head_hash, self._core.head)
