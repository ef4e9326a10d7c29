"""Checkpoints: the audit key signs a journal's tree head only when it extends the one signed before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody import statements
from custody.api.journal.v1 import signer_pb2
from custody.errors import Denied, Malformed
from custody.signer.core import RequestContext, SignerCore, SignerHead


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """The audit key's signature over a checkpoint, and the log after it."""

    key_id: str
    signature: bytes
    head: SignerHead


class Checkpoints:
    """Signs checkpoints of one journal. Safe to share between threads."""

    def __init__(self, core: SignerCore, journal: str) -> None:
        """Sign checkpoints of `journal` (`server/PARTITION`) alone."""
        self._core = core
        self._journal = journal

    def sign(self, context: RequestContext, checkpoint: bytes, proof: Sequence[bytes]) -> SignedCheckpoint:
        """Sign a checkpoint that extends the newest one by its consistency proof (empty for the first).

        The same checkpoint again gives the same signature. Raises Malformed, Denied `checkpoint.…`.
        """
        core = self._core
        with core.decide(context) as admission:
            body = statements.parse_checkpoint(checkpoint)
            if body.journal != self._journal:
                raise Denied("checkpoint.other_journal", f"this signer follows {self._journal}")
            newest = core.state.checkpoint
            if newest is not None and newest[0] == checkpoint:
                return SignedCheckpoint(core.audit_key_id, newest[1], core.head)
            if body.tree_size > core.state.followed.position.sequence:
                raise Denied("checkpoint.beyond_head", "it covers rows that this signer has not followed")
            self._check_consistent(body, newest[0] if newest is not None else None, proof)
            signature = core.audit_signature(statements.SignedType.CHECKPOINT, checkpoint)
            core.log.append(
                signer_pb2.CheckpointSigned(checkpoint=checkpoint, signature=signature), admission.now_ms
            )
            return SignedCheckpoint(core.audit_key_id, signature, core.head)

    def _check_consistent(
        self, body: statements.CheckpointBody, newest: bytes | None, proof: Sequence[bytes]
    ) -> None:
        if newest is None:
            if proof:
                raise Malformed("consistency_proof", "must be empty for the first checkpoint")
            return
        before = statements.parse_checkpoint(newest)
        if body.issued_unix_ms < before.issued_unix_ms:
            raise Denied("checkpoint.time", "it was issued before the newest one")
        if body.tree_size < before.tree_size:
            raise Denied("checkpoint.smaller", f"the newest one has {before.tree_size} rows")
        try:
            statements.verify_consistency(before.tree_size, before.root, body.tree_size, body.root, proof)
        except Malformed as error:
            raise Denied("checkpoint.inconsistent", error.reason) from None
