"""What must hold before an operator's key signs a statement: nothing of it is believed because the server says so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from custody import statements
from custody.api.v1 import proposal_pb2, withdrawal_pb2
from custody.cli.session import Session
from custody.client.results import check_id
from custody.errors import ConfigError, Denied, Failed, Malformed, NotFound
from custody.model import sweep
from custody.model.policy import PLANNER
from custody.model.quorum import SignedApproval, check_payload, check_statement, verify_operator_signature
from custody.statements import ReleaseBody, SignedType, Statement, SweepBody, WithdrawalIntent

__all__ = ["Seen", "look", "require"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A proposal whose statement was decoded here. `refusal` is why it must not be approved, None when it may be."""

    proposal: proposal_pb2.Proposal
    body: bytes
    statement: Statement
    refusal: Denied | None
    released: Mapping[str, WithdrawalIntent]

    @property
    def sha256(self) -> bytes:
        """Of the statement's bytes."""
        return hashlib.sha256(self.body).digest()


def look(session: Session, proposal_id: str) -> Seen:
    """Fetch one proposal, decode its bytes, and judge it. Raises Denied when the bytes are no statement."""
    request = proposal_pb2.GetProposalRequest(proposal_id=proposal_id)
    proposal = session.server.read(session.server.proposals.GetProposal, request).proposal
    if proposal.proposal_id != proposal_id:
        raise Denied(
            "cli.other_proposal", f"asked for {proposal_id}, the server answered {proposal.proposal_id}"
        )
    return judge(session, proposal)


def judge(session: Session, proposal: proposal_pb2.Proposal) -> Seen:
    """Decode and judge a proposal that was fetched."""
    body = proposal.statement_bytes
    try:
        statement = statements.parse_statement(body)
    except Malformed as error:
        raise Denied(
            "cli.no_statement", f"{proposal.proposal_id}: its bytes are no statement: {error}"
        ) from None
    released: Mapping[str, WithdrawalIntent] = {}
    refusal: Denied | None = None
    try:
        released = _released(session, statement)
        _check(session, proposal, body, statement)
    except Denied as error:
        refusal = error
    except ConfigError:
        raise
    except Malformed as error:
        refusal = Denied("cli.malformed", str(error))
    return Seen(proposal, body, statement, refusal, released)


def require(seen: Seen) -> None:
    """Raise the refusal, if there is one."""
    if seen.refusal is not None:
        raise seen.refusal


def _check(session: Session, proposal: proposal_pb2.Proposal, body: bytes, statement: Statement) -> None:
    if proposal.HasField("statement") and proposal.statement.SerializeToString(deterministic=True) != body:
        raise Denied(
            "cli.server_copy_differs", "the server shows another statement than the bytes to be signed"
        )
    policy, governance = session.policy, session.governance(statement.governance_sequence)
    check_statement(governance, policy, session.deployment, body, session.now_ms())
    check_payload(policy, statement)
    if statement.proposer == PLANNER:
        if not isinstance(statement.payload, SweepBody):
            raise Denied("propose.planner_kind", f"the planner proposes sweeps, not {statement.kind.name}")
        sweep.check_planner_bound(policy, statement.payload)
    else:
        try:
            policy.operator(statement.proposer)
        except NotFound as error:
            raise Denied("approval.unknown_operator", str(error)) from None


def _released(session: Session, statement: Statement) -> Mapping[str, WithdrawalIntent]:
    """The intents that a RELEASE names, each with exactly the hash that it names."""
    if not isinstance(statement.payload, ReleaseBody):
        return {}
    items = statement.payload.items
    keys = [withdrawal_pb2.WithdrawalKey(withdrawal_id=item.withdrawal_id) for item in items]
    request = withdrawal_pb2.BatchGetWithdrawalsRequest(keys=keys)
    answer = session.server.read(session.server.withdrawals.BatchGetWithdrawals, request)
    if len(answer.withdrawals) != len(items):
        raise Denied(
            "cli.release_unknown", "the server does not show every withdrawal that would be released"
        )
    released = {}
    for item, found in zip(items, answer.withdrawals, strict=True):
        if hashlib.sha256(found.intent_bytes).digest() != item.intent_sha256:
            raise Denied(
                "cli.release_unknown",
                f"{item.withdrawal_id}: the server shows another intent than the statement names",
            )
        released[item.withdrawal_id] = intent = statements.parse_intent(found.intent_bytes)
        try:
            check_id(item.withdrawal_id, intent)
        except Failed as error:
            raise Denied("cli.release_unknown", str(error)) from None
    return released


def decision_is_genuine(session: Session, body: bytes, given: proposal_pb2.Approval) -> bool:
    """Whether an operator's decision that the server shows is really theirs."""
    kind = SignedType.APPROVE if given.decision == proposal_pb2.DECISION_APPROVE else SignedType.REJECT
    signature = SignedApproval(given.operator, given.key_id, given.signature, given.evidence)
    try:
        verify_operator_signature(session.policy, session.deployment, kind, body, signature)
    except Denied:
        return False
    return True
