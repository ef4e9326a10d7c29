"""Statements of a policy's deployment with real signatures, which a test may bend one field at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from custody import statements
from custody.model.governance import Governance
from custody.model.policy import Policy
from custody.model.quorum import SignedApproval, check_authority
from custody.statements import (
    ActivateBody,
    OpeningBody,
    Payload,
    ProposalKind,
    ResumeBody,
    SignedType,
    Statement,
    SweepBody,
    SweepLeg,
)
from support.policy_builder import ETH, ETHER, NETWORK, PolicyBuilder

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


def leg(policy: Policy, **changes: Any) -> SweepLeg:
    """A sound refill of hot-eth-1, changed."""
    address = policy.wallet("hot-eth-1").address
    return replace(
        SweepLeg("cold-eth-1", "hot-eth-1", address, ETH, 20 * ETHER, ETH, ETHER // 100), **changes
    )


def payload_of(kind: ProposalKind, policy: Policy) -> Payload:
    """A sound payload of a kind."""
    if kind is ProposalKind.SWEEP:
        return SweepBody((leg(policy),))
    if kind is ProposalKind.RESUME:
        return ResumeBody("ab" * 32, "all is well")
    if kind is ProposalKind.ACTIVATE:
        return ActivateBody("signer-hot-eth-1", b"s" * 16, NOW_MS, ())
    return OpeningBody("cold-eth-1", ETH, 5, "customers", NETWORK, 7, b"h" * 32)


@dataclass
class Case:
    """One statement, its signatures and the world that judges them; every field may be bent before `check()`."""

    builder: PolicyBuilder = field(default_factory=PolicyBuilder)
    kind: ProposalKind = ProposalKind.SWEEP
    proposer: str = "ada"
    approvers: tuple[str, ...] = ("bo", "cy")
    now_ms: int = NOW_MS
    suspended: frozenset[str] = frozenset()
    cancelled: frozenset[bytes] = frozenset()

    def __post_init__(self) -> None:
        self.policy = self.builder.policy()
        self.deployment = self.policy.hash
        self.governance = Governance.genesis(self.policy)
        self.statement = Statement(
            kind=self.kind,
            payload=payload_of(self.kind, self.policy),
            policy_hash=self.policy.hash,
            governance_sequence=1,
            governance_hash=self.policy.hash,
            signer_epoch=1,
            proposer=self.proposer,
            not_before_unix_ms=0,
            expires_unix_ms=NOW_MS + HOUR_MS,
            nonce=b"n" * 16,
        )
        self.sign()

    def bend(self, **changes: Any) -> None:
        """Change the statement, and sign it again as it is then."""
        self.statement = replace(self.statement, **changes)
        self.sign()

    def sign(self) -> None:
        """Everybody signs the statement as it is."""
        self.body = statements.encode(self.statement)
        self.sha256 = hashlib.sha256(self.body).digest()
        proposer = self.statement.proposer
        self.propose = None if proposer == "planner" else self.by(proposer, SignedType.PROPOSE)
        self.approvals = [self.by(operator, SignedType.APPROVE) for operator in self.approvers]

    def by(self, operator: str, signed_type: SignedType, deployment: bytes | None = None) -> SignedApproval:
        """An operator's signature over the statement."""
        return self.builder.sign(operator, signed_type, deployment or self.deployment, self.body)

    def approve(self, operators: Iterable[str]) -> None:
        """These operators approve, and nobody else."""
        self.approvals = [self.by(operator, SignedType.APPROVE) for operator in operators]

    def check(self) -> Statement:
        """Judge it."""
        return check_authority(
            self.governance,
            self.policy,
            self.deployment,
            self.body,
            self.propose,
            self.approvals,
            self.suspended,
            self.now_ms,
            self.cancelled,
        )
