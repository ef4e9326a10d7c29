"""The authority chain: which policy is in force, by statements that each follow from the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from custody import statements
from custody.errors import Denied
from custody.model.policy import Policy
from custody.statements import ProposalKind, Statement

GENESIS_SEQUENCE = 1


@dataclass(frozen=True)
class Governance:
    """One head of the chain, with every policy that was in force on the way to it.

    `deployment` is the genesis policy's hash; `signer_epoch` is 1 plus the ACTIVATEs completed; `policies` by
    governance sequence.
    """

    deployment: bytes
    head_sequence: int
    head_hash: bytes
    signer_epoch: int
    policies: Mapping[int, Policy] = field(repr=False)

    @staticmethod
    def genesis(policy: Policy) -> Governance:
        """The chain of a deployment that begins with this policy."""
        return Governance(
            policy.hash, GENESIS_SEQUENCE, policy.hash, 1, MappingProxyType({GENESIS_SEQUENCE: policy})
        )

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.policies[self.head_sequence]

    def policy_at(self, sequence: int) -> Policy:
        """The policy in force at a sequence. Raises Denied `governance.unknown_sequence`."""
        policy = self.policies.get(sequence)
        if policy is None:
            raise Denied(
                "governance.unknown_sequence",
                f"the chain has sequences 1 to {self.head_sequence}, not {sequence}",
            )
        return policy

    def advance(self, statement_bytes: bytes, statement: Statement) -> Governance:
        """The head after a completed statement of a kind that extends the chain.

        The caller has checked its authority. Raises Denied `governance.kind_unsupported` for any kind but ACTIVATE.
        """
        if statement.kind is not ProposalKind.ACTIVATE:
            raise Denied(
                "governance.kind_unsupported", f"{statement.kind.name} does not extend governance here"
            )
        sequence = self.head_sequence + 1
        head_hash = statements.governance_hash(self.head_hash, sequence, statement_bytes)
        policies = MappingProxyType({**self.policies, sequence: self.policy})
        return Governance(self.deployment, sequence, head_hash, self.signer_epoch + 1, policies)
