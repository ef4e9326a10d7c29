"""New statements: made here at the newest proven governance head, shown, signed as `propose`, and sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from custody import statements
from custody.api.v1 import proposal_pb2
from custody.cli.session import Session
from custody.cli.statement_json import statement_json
from custody.cli.statement_view import lines_of
from custody.client.results import enum_name
from custody.errors import Denied
from custody.model.quorum import check_payload, check_statement
from custody.statements import Payload, ProposalKind, SignedType, Statement, WithdrawalIntent

__all__ = ["propose"]


def propose(
    session: Session,
    kind: ProposalKind,
    payload: Payload,
    key: Path | None,
    agent: bool,
    yes: bool,
    released: dict[str, WithdrawalIntent] | None = None,
) -> dict[str, Any]:
    """Make, show, sign and send one statement; gives what --json shows of it."""
    governance = session.newest_governance()
    policy, now_ms = session.policy, session.now_ms()
    statement = Statement(
        kind=kind,
        payload=payload,
        policy_hash=policy.hash,
        governance_sequence=governance.head_sequence,
        governance_hash=governance.head_hash,
        signer_epoch=governance.signer_epoch,
        proposer=session.operator.id,
        not_before_unix_ms=0,
        expires_unix_ms=now_ms + policy.proposal_lifetime_ms,
        nonce=os.urandom(16),
    )
    body = statements.encode(statement)
    check_statement(governance, policy, session.deployment, body, now_ms)
    check_payload(policy, statement)
    session.out.lines(lines_of(body, statement, policy, now_ms, released or {}))
    session.out.confirm("Propose this? Type yes:", yes)
    signature = session.key_signature(SignedType.PROPOSE, body, key, agent)
    service = session.server.proposals
    request = proposal_pb2.ProposeRequest(statement=body, signature=signature)
    proposal = session.server.read(
        service.Propose, request
    ).proposal  # the same statement twice is one proposal
    if proposal.statement_bytes != body:
        raise Denied("cli.server_copy_differs", "the server answered with another statement")
    state = enum_name(proposal_pb2.ProposalState, proposal.state)
    session.out.say("")
    session.out.say(f"Proposed {proposal.proposal_id}; now {state}")
    return {
        "proposal_id": proposal.proposal_id,
        "state": state,
        "statement": statement_json(body, statement, policy, released or {}),
    }
