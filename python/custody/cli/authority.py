"""The policy and the governance head that this machine believes: the pinned genesis, and quorums verified since."""

from __future__ import annotations

from custody import statements
from custody.api.signed.v1 import statement_pb2
from custody.api.v1 import proposal_pb2
from custody.cli.config import Deployment, expanded
from custody.cli.connection import ServerLink
from custody.cli.memory import Memory
from custody.errors import ConfigError, Denied, Malformed
from custody.model.governance import Governance
from custody.model.policy import Policy, parse_policy
from custody.model.quorum import SignedApproval, check_statement, tally, verify_operator_signature
from custody.statements import ProposalKind, SignedType

__all__ = ["follow_governance", "load_policy"]

_MOST_ACTIVATIONS = 10_000


def load_policy(deployment: Deployment) -> Policy:
    """The pinned genesis policy. Raises ConfigError when the file is another one, or not sound."""
    path = expanded(deployment.genesis)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError("deployment.genesis", f"{path}: {error.strerror}") from None
    found = statements.policy_hash(raw)
    if found != deployment.genesis_hash:
        raise ConfigError("deployment.genesis", f"{path} has the hash {found.hex()}, not the pinned one")
    try:
        return parse_policy(raw)
    except Malformed as error:
        raise ConfigError("deployment.genesis", f"{path}: {error}") from None


def follow_governance(policy: Policy, memory: Memory, server: ServerLink, needed: int) -> Governance:
    """The newest head that can be proven, at least as new as any seen before.

    The server is asked for completed ACTIVATEs only when genesis is not enough: `needed`, or what this machine
    remembers, is beyond it. Each one's quorum is verified here. Raises Denied `governance.…`.
    """
    governance = Governance.genesis(policy)
    if max(needed, memory.head()[0]) > governance.head_sequence:
        governance = _advanced(governance, server)
    memory.check_head(governance.head_sequence, governance.head_hash)
    memory.remember_head(governance.head_sequence, governance.head_hash)
    return governance


def _advanced(governance: Governance, server: ServerLink) -> Governance:
    request = proposal_pb2.ListProposalsRequest(
        states=[proposal_pb2.PROPOSAL_STATE_EXECUTED], kinds=[statement_pb2.PROPOSAL_KIND_ACTIVATE]
    )
    completed: dict[int, list[proposal_pb2.Proposal]] = {}
    for page in server.pages(server.proposals.ListProposals, request, _MOST_ACTIVATIONS):
        for proposal in page.proposals:
            at = statements.parse_statement(proposal.statement_bytes).governance_sequence
            completed.setdefault(at, []).append(proposal)
    while governance.head_sequence in completed:
        candidates = completed[governance.head_sequence]
        if len(candidates) != 1:
            raise Denied(
                "governance.forked", f"{len(candidates)} statements follow head {governance.head_sequence}"
            )
        governance = _extended(governance, candidates[0])
    return governance


def _extended(governance: Governance, proposal: proposal_pb2.Proposal) -> Governance:
    body, policy, deployment = proposal.statement_bytes, governance.policy, governance.deployment
    statement = statements.parse_statement(body)
    if statement.kind is not ProposalKind.ACTIVATE:
        raise Denied("governance.kind_unsupported", f"{statement.kind.name} does not extend governance here")
    check_statement(governance, policy, deployment, body, statement.expires_unix_ms - 1)
    approved, rejected = [], set()
    for given in proposal.approvals:
        approves = given.decision == proposal_pb2.DECISION_APPROVE
        kind = SignedType.APPROVE if approves else SignedType.REJECT
        signature = SignedApproval(given.operator, given.key_id, given.signature, given.evidence)
        try:
            verify_operator_signature(policy, deployment, kind, body, signature)
        except Denied:
            continue
        if approves:
            approved.append(given.operator)
        else:
            rejected.add(given.operator)
    if not tally(policy, statement, approved, frozenset(), frozenset(rejected)).complete:
        raise Denied(
            "governance.unproven", f"no quorum is shown for what follows head {governance.head_sequence}"
        )
    return governance.advance(body, statement)
