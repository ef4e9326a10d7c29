"""Carries approved proposals out (all but sweeps), ends those whose time passed, and brings statements to signers.

Authority is checked again, whole, in the writer, in the same step as what it allows; signers check it by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import structlog

from custody.api.journal.v1 import governance_pb2, record_pb2, withdrawal_pb2
from custody.errors import Denied, Unavailable
from custody.ledger import LedgerState, ulid_bytes
from custody.model.proposal import Proposal, ProposalState
from custody.model.quorum import check_authority
from custody.ports import Clock, Node, SignerClient
from custody.services.commands import Decision, Draft, State
from custody.services.conditions import ConditionKind, Conditions
from custody.services.deciding import close_draft
from custody.services.delivery import Carrier
from custody.services.proposing import check_opening, judged_at
from custody.services.signatures import authority_of, stored
from custody.services.worker import Worker
from custody.services.writer import Writer
from custody.statements import ActivateBody, OpeningBody, ReleaseBody, ResumeBody, SweepBody

__all__ = ["GovernanceWorker"]

_log = structlog.get_logger("governance")

_FAILED = governance_pb2.PROPOSAL_PHASE_FAILED
_EXECUTED = governance_pb2.PROPOSAL_PHASE_EXECUTED
_EXPIRED = governance_pb2.PROPOSAL_PHASE_EXPIRED


class GovernanceWorker:
    """One thread for all proposals. `step` is called by it, or by tests."""

    def __init__(
        self,
        writer: Writer,
        signers: Mapping[str, SignerClient],
        nodes: Mapping[str, Node],
        conditions: Conditions,
        clock: Clock,
        on_fatal: Callable[[BaseException], None],
        *,
        period_s: float = 1.0,
    ) -> None:
        """Nodes by network, for openings; signers by id, for what they must follow."""
        self._writer = writer
        self._nodes = nodes
        self._conditions = conditions
        self._carrier = Carrier(writer, signers, clock)
        self.worker = Worker("governance", self.step, conditions, on_fatal, period_s=period_s)

    def start(self) -> None:
        """Begin, and wake on every commit."""
        self._writer.on_committed(lambda head: self.worker.wake())
        self.worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self.worker.stop()

    def step(self) -> bool:
        """End what expired, carry out what is approved, bring to signers what they lack."""
        for proposal in self._writer.read(_due):
            self._carry_out(proposal)
        self._carrier.deliver()
        return False

    def _carry_out(self, proposal: Proposal) -> None:
        command: Callable[[State, Proposal], Decision[None]] | None = None
        if isinstance(proposal.statement.payload, OpeningBody) and proposal.state is ProposalState.APPROVED:
            command = self._opening(proposal.statement.payload)
        else:
            command = _step
        if command is not None:
            chosen = command
            self._writer.execute(lambda state: _guarded(state, proposal.id, chosen))

    def _opening(self, body: OpeningBody) -> Callable[[State, Proposal], Decision[None]] | None:
        """Compare an opening with the chain; None while its block is not final or the node does not answer."""
        node = self._nodes.get(body.network)
        if node is None:
            return lambda state, proposal: _fail(proposal, "opening.no_node")
        try:
            if node.final().height < body.block_height:
                return _expire_or_wait
            block = node.block(body.block_height)
            if block is None or block.hash != body.block_hash:
                return lambda state, proposal: _fail(proposal, "opening.block")
            address = self._writer.read(
                lambda state: state.control.governance.policy.wallet(body.wallet).address
            )
            amount = node.balance(address, body.asset, body.block_height)
        except Unavailable as error:
            self._conditions.set(ConditionKind.NODE_DOWN, body.network, "node.down", str(error))
            return _expire_or_wait
        if amount != body.amount:
            _log.warning("opening differs from the chain", wallet=body.wallet, asset=body.asset, chain=amount)
            return lambda state, proposal: _fail(proposal, "opening.balance")
        return lambda state, proposal: _open(state, proposal, body)


def _due(state: State) -> list[Proposal]:
    """Proposals that a step may change: approved ones, and any that expired or are of an older governance head."""
    found: list[Proposal] = []
    for proposal in state.control.active_proposals():
        if isinstance(proposal.statement.payload, SweepBody) and proposal.state is ProposalState.APPROVED:
            continue  # the sweep worker's
        if proposal.state is ProposalState.APPROVED or _over(state, proposal):
            found.append(proposal)
    return found


def _over(state: State, proposal: Proposal) -> str:
    """Why a proposal can no longer be carried out; empty while it can."""
    if judged_at(state, proposal.statement) >= proposal.statement.expires_unix_ms:
        return "statement.expired"
    if proposal.statement.governance_sequence < state.control.governance.head_sequence:
        return "governance.head_old"
    return ""


def _guarded(
    state: State, proposal_id: str, command: Callable[[State, Proposal], Decision[None]]
) -> Decision[None]:
    """Run a command over the proposal as it is now; a rule that refuses it ends it FAILED."""
    proposal = state.control.proposals[proposal_id]
    if proposal.ended:
        return Decision((), None)
    try:
        return command(state, proposal)
    except Denied as denied:
        return _fail(proposal, denied.tag)


def _fail(proposal: Proposal, tag: str) -> Decision[None]:
    _log.warning("proposal failed", proposal=proposal.id, tag=tag)
    return Decision((close_draft(proposal.id, _FAILED, tag),), None)


def _expire_or_wait(state: State, proposal: Proposal) -> Decision[None]:
    tag = _over(state, proposal)
    if tag == "statement.expired":
        return Decision((close_draft(proposal.id, _EXPIRED, tag),), None)
    return _fail(proposal, tag) if tag else Decision((), None)


def _step(state: State, proposal: Proposal) -> Decision[None]:
    if proposal.state is not ProposalState.APPROVED or _over(state, proposal):
        return _expire_or_wait(state, proposal)
    payload = proposal.statement.payload
    if judged_at(state, proposal.statement) < proposal.statement.not_before_unix_ms:
        return Decision((), None)
    if isinstance(payload, ReleaseBody):
        return _release(state, proposal, payload)
    if isinstance(payload, ResumeBody):
        return _resume(state, proposal, payload)
    if isinstance(payload, ActivateBody):
        return _activate(state, proposal)
    return _fail(proposal, "proposal.kind")


def require_authority(state: State, proposal: Proposal) -> None:
    """Require what a signer would: raises Denied with the rule's tag."""
    control = state.control
    governance = control.governance
    authority = authority_of(proposal, governance.policy, control.suspended)
    check_authority(
        governance,
        governance.policy,
        governance.deployment,
        authority.statement,
        authority.propose,
        authority.approvals,
        control.suspended,
        judged_at(state, proposal.statement),
        control.cancelled,
    )


def _executed(proposal: Proposal, drafts: Iterable[Draft], tag: str = "") -> Decision[None]:
    return Decision((*drafts, close_draft(proposal.id, _EXECUTED, tag)), None)


def _release(state: State, proposal: Proposal, body: ReleaseBody) -> Decision[None]:
    """HELD to QUEUED, for those that are held still."""
    require_authority(state, proposal)
    ids: list[str] = []
    for item in body.items:
        view = state.ledger.withdrawal(item.withdrawal_id)
        held = (
            view is not None and view.state is LedgerState.HELD and view.intent_sha256 == item.intent_sha256
        )
        if held and ulid_bytes(item.withdrawal_id) not in state.control.cancellations:
            ids.append(item.withdrawal_id)
    if not ids:
        return _fail(proposal, "release.not_held")
    message = withdrawal_pb2.WithdrawalsReleased(
        proposal_id=proposal.id, withdrawal_ids=[ulid_bytes(withdrawal_id) for withdrawal_id in ids]
    )
    fact = state.ledger.decide_release(ids)
    return _executed(proposal, [Draft(record_pb2.RECORD_KIND_WITHDRAWALS_RELEASED, message, (fact,))])


def _resume(state: State, proposal: Proposal, body: ResumeBody) -> Decision[None]:
    """End the halt here; the signers that know it are told by the carrier."""
    require_authority(state, proposal)
    control = state.control
    if body.halt_id not in control.halts and body.halt_id not in control.suspensions:
        return _executed(proposal, [])  # a halt of signers alone, or lifted here already
    facts = (state.ledger.decide_resume(body.halt_id),) if body.halt_id in control.halts else ()
    message = governance_pb2.HaltLifted(halt_id=body.halt_id, proposal_id=proposal.id)
    return _executed(proposal, [Draft(record_pb2.RECORD_KIND_HALT_LIFTED, message, facts)])


def _activate(state: State, proposal: Proposal) -> Decision[None]:
    """Governance goes on by one; every signer follows by the same statement."""
    require_authority(state, proposal)
    control = state.control
    policy = control.governance.policy
    advanced = control.governance.advance(proposal.statement_bytes, proposal.statement)
    authority = authority_of(proposal, policy, control.suspended)
    message = record_pb2.GovernanceAdvanced(
        sequence=advanced.head_sequence,
        hash=advanced.head_hash,
        statement=proposal.statement_bytes,
        propose=None if authority.propose is None else stored(policy, authority.propose),
        approvals=[stored(policy, approval) for approval in authority.approvals],
    )
    return _executed(proposal, [Draft(record_pb2.RECORD_KIND_GOVERNANCE_ADVANCED, message)])


def _open(state: State, proposal: Proposal, body: OpeningBody) -> Decision[None]:
    """The balance comes into the ledger, once; the caller compared it with the chain at a final block."""
    if _over(state, proposal):
        return _expire_or_wait(state, proposal)
    require_authority(state, proposal)
    check_opening(state, state.control.governance.policy, body)
    message = governance_pb2.WalletOpened(
        proposal_id=proposal.id,
        wallet=body.wallet,
        asset=body.asset,
        amount=str(body.amount),
        pool=body.pool,
        block_height=body.block_height,
        block_hash=body.block_hash,
    )
    facts = (
        (state.ledger.decide_open(body.wallet, body.asset, body.amount, body.pool),) if body.amount else ()
    )
    return _executed(proposal, [Draft(record_pb2.RECORD_KIND_WALLET_OPENED, message, facts)])
