"""An operator in the test's own process: signs with their SSH key and calls server and signers with their certificate.

People use `custody`; this is what sets a stack up in seconds, and what attacks it in tests.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from typing import Any

from custody import statements
from custody.api.signed.v1 import statement_pb2
from custody.api.signer.v1 import operator_pb2, operator_pb2_grpc
from custody.api.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    common_pb2,
    proposal_pb2,
    proposal_pb2_grpc,
    sweep_pb2_grpc,
    treasury_pb2_grpc,
)
from custody.client.transport import Transport
from custody.model.policy import Policy
from custody.rpc.tls import channel_credentials
from custody.statements import HaltBody, Payload, ProposalKind, SignedType, Statement
from custody.testing.certificates import Leaf
from custody.testing.keys import OperatorKey

__all__ = ["Operator"]


class Operator:
    """One operator. Calls raise what `custody.client.transport.error_of` says."""

    def __init__(
        self, key: OperatorKey, leaf: Leaf, policy: Policy, server: str, signers: Mapping[str, str]
    ) -> None:
        """`server` and `signers` (by id) are addresses; nothing is called yet."""
        self.id = key.operator
        self.key = key
        self._policy = policy
        self._credentials = channel_credentials(leaf.certificate, leaf.key, leaf.ca)
        self._transport = Transport("custody-server", server, self._credentials, 15_000)
        channel = self._transport.channel
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self.proposals = proposal_pb2_grpc.ProposalServiceStub(channel)
        self.sweeps = sweep_pb2_grpc.SweepServiceStub(channel)
        self.treasury = treasury_pb2_grpc.TreasuryServiceStub(channel)
        self._addresses = dict(signers)
        self._signers: dict[str, Transport] = {}
        self._number = 0

    def call(self, method: Any, request: Any) -> Any:
        """One call to the server."""
        return self._transport.call(method, request)

    def statement(
        self, kind: ProposalKind, payload: Payload, lifetime_ms: int = 30 * 60_000, **changes: Any
    ) -> bytes:
        """A statement's bytes at the genesis head; `changes` replace its fields."""
        values: dict[str, Any] = {
            "kind": kind,
            "payload": payload,
            "policy_hash": self._policy.hash,
            "governance_sequence": 1,
            "governance_hash": self._policy.hash,
            "signer_epoch": 1,
            "proposer": self.id,
            "not_before_unix_ms": 0,
            "expires_unix_ms": time.time_ns() // 1_000_000 + lifetime_ms,
            "nonce": os.urandom(16),
        }
        return statements.encode(Statement(**(values | changes)))

    def propose(self, body: bytes) -> proposal_pb2.Proposal:
        """Sign `propose` over a statement and send it."""
        signature = self.key.sign(SignedType.PROPOSE, self._policy.hash, body)
        signed = common_pb2.KeySignature(key_id=self.key.key_id, signature=signature)
        request = proposal_pb2.ProposeRequest(statement=body, signature=signed)
        found: proposal_pb2.Proposal = self.call(self.proposals.Propose, request).proposal
        return found

    def approve(
        self, *proposals: proposal_pb2.Proposal, reject: bool = False
    ) -> list[proposal_pb2.ApprovalResult]:
        """Sign `approve` (or `reject`) over each statement and send them in one call."""
        signed_type = SignedType.REJECT if reject else SignedType.APPROVE
        items = [
            proposal_pb2.ApprovalInput(
                proposal_id=proposal.proposal_id,
                statement_sha256=hashlib.sha256(proposal.statement_bytes).digest(),
                key_id=self.key.key_id,
                scheme=common_pb2.SIGNATURE_SCHEME_SSHSIG,
                signature=self.key.sign(signed_type, self._policy.hash, proposal.statement_bytes),
            )
            for proposal in proposals
        ]
        if reject:
            return list(self.call(self.proposals.Reject, proposal_pb2.RejectRequest(items=items)).results)
        return list(self.call(self.proposals.Approve, proposal_pb2.ApproveRequest(items=items)).results)

    def open_proposals(self, *kinds: ProposalKind) -> list[proposal_pb2.Proposal]:
        """The open ones of these kinds (all without), newest first."""
        request = proposal_pb2.ListProposalsRequest(
            page_size=100, states=[proposal_pb2.PROPOSAL_STATE_OPEN], kinds=[_kind(kind) for kind in kinds]
        )
        return list(self.call(self.proposals.ListProposals, request).proposals)

    def proposal(self, proposal_id: str) -> proposal_pb2.Proposal:
        """One."""
        request = proposal_pb2.GetProposalRequest(proposal_id=proposal_id)
        found: proposal_pb2.Proposal = self.call(self.proposals.GetProposal, request).proposal
        return found

    def halt(self, *scopes: str, reason: str = "test") -> str:
        """Halt at the server and at every signer; return the halt's id."""
        now_ms = time.time_ns() // 1_000_000
        self._number = max(self._number + 1, now_ms)
        body = statements.encode(HaltBody(self.id, scopes, reason, now_ms, self._number))
        signature = common_pb2.KeySignature(
            key_id=self.key.key_id, signature=self.key.sign(SignedType.HALT, self._policy.hash, body)
        )
        for signer in self._addresses:
            self._signer(signer, "Halt", operator_pb2.HaltRequest(halt=body, signature=signature))
        self.call(self.admin.Halt, admin_pb2.HaltRequest(halt=body, signature=signature))
        return hashlib.sha256(body).hexdigest()

    def status(self) -> admin_pb2.StatusResponse:
        """The server's."""
        found: admin_pb2.StatusResponse = self.call(self.admin.Status, admin_pb2.StatusRequest())
        return found

    def signer_status(self, signer: str) -> Any:
        """A signer's own, asked directly."""
        return self._signer(signer, "Status", operator_pb2.StatusRequest()).status

    def close(self) -> None:
        """End the connections."""
        self._transport.close()
        for transport in self._signers.values():
            transport.close()

    def _signer(self, signer: str, method: str, request: Any) -> Any:
        if signer not in self._signers:
            self._signers[signer] = Transport(
                f"signer {signer}", self._addresses[signer], self._credentials, 10_000
            )
        transport = self._signers[signer]
        stub = operator_pb2_grpc.SignerOperatorServiceStub(transport.channel)
        return transport.call(getattr(stub, method), request)


def _kind(kind: ProposalKind) -> statement_pb2.ProposalKind.ValueType:
    return statement_pb2.ProposalKind.Value(f"PROPOSAL_KIND_{kind.name}")
