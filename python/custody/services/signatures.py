"""Operators' signatures on their way into records and out to signers."""

from __future__ import annotations

from custody.api.journal.v1 import record_pb2
from custody.errors import Denied, NotFound
from custody.model.policy import Key, Policy
from custody.model.proposal import Proposal
from custody.model.quorum import SignedApproval
from custody.ports import StatementAuthority

__all__ = ["authority_of", "operator_key", "stored"]


def operator_key(policy: Policy, operator: str, key_id: str) -> Key:
    """An enrolled key of an operator. Raises Denied `approval.unknown_operator`, `approval.unknown_key`."""
    try:
        keys = policy.operator(operator).keys
    except NotFound:
        raise Denied("approval.unknown_operator", f"no operator {operator!r} in the policy") from None
    for key in keys:
        if key.key_id == key_id:
            return key
    raise Denied("approval.unknown_key", f"{key_id!r} is no key of operator {operator}")


def stored(policy: Policy, signature: SignedApproval) -> record_pb2.StoredSignature:
    """A signature as records hold it, with its key's scheme."""
    return record_pb2.StoredSignature(
        principal=signature.operator,
        key_id=signature.key_id,
        scheme=operator_key(policy, signature.operator, signature.key_id).scheme.value,
        signature=signature.signature,
        evidence=signature.evidence,
    )


def authority_of(proposal: Proposal, policy: Policy, suspended: frozenset[str]) -> StatementAuthority:
    """What a signer is given: the statement, its proposer's signature and the approvals that count now."""
    return StatementAuthority(
        proposal.statement_bytes, proposal.propose, proposal.counting_approvals(policy, suspended)
    )
