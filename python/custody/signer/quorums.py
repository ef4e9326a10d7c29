"""What a quorum asks of this signer: the one model of quorums, under this signer's own chain of authority."""

from __future__ import annotations

import hashlib

from custody.model import quorum
from custody.model.quorum import SignedApproval
from custody.ports import StatementAuthority
from custody.signer.authority import VerifiedSignature
from custody.signer.core import SignerCore


def check_statement(
    core: SignerCore, authority: StatementAuthority, now_ms: int
) -> tuple[VerifiedSignature, ...]:
    """Require everything that must hold before a statement is carried out; return its signatures, proposer's first.

    Needs the lock. Raises Denied with the rule's tag, Malformed for bytes that are no canonical statement.
    """
    state = core.state
    quorum.check_authority(
        state.governance,
        core.policy,
        core.deployment,
        authority.statement,
        authority.propose,
        authority.approvals,
        state.suspended,
        now_ms,
        frozenset(state.cancelled),
    )
    given = (authority.propose, *authority.approvals)
    return tuple(_verified(core, signature) for signature in given if signature is not None)


def _verified(core: SignerCore, signature: SignedApproval) -> VerifiedSignature:
    keys = core.policy.operator(signature.operator).keys
    scheme = next(key.scheme for key in keys if key.key_id == signature.key_id)
    return VerifiedSignature(
        signature.operator, signature.key_id, scheme, signature.signature, signature.evidence
    )


def statement_id(statement: bytes) -> bytes:
    """SHA-256 of a statement's body."""
    return hashlib.sha256(statement).digest()
