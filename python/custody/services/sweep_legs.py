"""A sweep's leg on its way: planned and reserved, given up, or ended with its proposal: decided in the writer."""

from __future__ import annotations

from dataclasses import dataclass

from custody.api.journal.v1 import governance_pb2, record_pb2, sweep_pb2
from custody.errors import Denied
from custody.model.leg import Leg, LegState
from custody.model.proposal import ProposalState
from custody.model.transaction import EvmTerms, conflict_key
from custody.ports import FeeQuote
from custody.services.commands import Decision, Draft, State
from custody.services.deciding import close_draft
from custody.services.execution import require_authority
from custody.services.fees import first_terms
from custody.services.payout_plans import evm_message

__all__ = ["LegPlan", "abandon_leg", "end_sweep", "plan_leg", "replan_leg"]


@dataclass(frozen=True, slots=True)
class LegPlan:
    """Whether the leg was planned, and else the tag of what it waits for."""

    planned: bool
    tag: str = ""
    detail: str = ""


def plan_leg(state: State, leg_id: str, quote: FeeQuote, chain_nonce: int) -> Decision[LegPlan]:
    """Reserve a leg's amount and fee, and bind it to one conflict key.

    A rule that refuses it for now (short wallet, empty house, halt, fee) leaves it due; one that refuses the statement
    raises `Denied`.
    """
    control = state.control
    leg = control.legs[leg_id]
    if leg.state is not LegState.DUE:
        return Decision((), LegPlan(False))
    proposal = control.proposals[leg.proposal_id]
    if state.now_ms < proposal.statement.not_before_unix_ms:
        return Decision((), LegPlan(False, "statement.too_early"))
    require_authority(state, proposal)
    policy, terms = control.governance.policy, leg.terms
    wallet = policy.wallet(terms.from_wallet)
    halt = control.halted(activity="sweeps", destination=terms.to_address)
    if halt is not None:
        return Decision((), LegPlan(False, "ledger.halted", halt))
    (nonce,) = control.plan_nonces(wallet.id, 1, chain_nonce)
    evm = first_terms(quote, nonce, policy.asset(terms.asset).gas_limit, terms.fee_cap)
    if evm is None:
        return Decision((), LegPlan(False, "fee.above_cap"))
    try:
        fact = state.ledger.decide_sweep_depart(
            leg.id, wallet.id, terms.to_wallet, terms.asset, terms.amount, terms.fee_asset, terms.fee_cap
        )
    except Denied as denied:
        return Decision((), LegPlan(False, denied.tag, denied.detail))
    message = sweep_pb2.SweepLegPlanned(
        leg_id=leg.id,
        version=1,
        conflict_key=conflict_key(wallet.network, wallet.address, nonce),
        evm=evm_message(evm),
    )
    return Decision((Draft(record_pb2.RECORD_KIND_SWEEP_LEG_PLANNED, message, (fact,)),), LegPlan(True))


def replan_leg(state: State, leg: Leg, terms: EvmTerms) -> Decision[None]:
    """A further version at another price; nothing when the leg went on meanwhile."""
    now = state.control.legs[leg.id]
    if now.state is not LegState.BROADCAST or now.unsigned is not None or now.versions != leg.versions:
        return Decision((), None)
    message = sweep_pb2.SweepLegPlanned(
        leg_id=leg.id, version=len(now.versions) + 1, conflict_key=now.conflict_key, evm=evm_message(terms)
    )
    return Decision((Draft(record_pb2.RECORD_KIND_SWEEP_LEG_PLANNED, message),), None)


def abandon_leg(state: State, leg_id: str, tag: str) -> Decision[None]:
    """Give up a leg that was surely never signed."""
    leg = state.control.legs[leg_id]
    if leg.state is not LegState.PLANNED:
        return Decision((), None)
    fact = state.ledger.decide_sweep_fail(leg_id, 0)
    message = sweep_pb2.SweepLegAbandoned(leg_id=leg_id, tag=tag)
    return Decision((Draft(record_pb2.RECORD_KIND_SWEEP_LEG_ABANDONED, message, (fact,)),), None)


def end_sweep(state: State, proposal_id: str, refused: str = "") -> Decision[bool]:
    """Close a sweep all of whose legs ended, or whose legs that are still due will never be planned; whether it did.

    `refused` is the tag of the rule that refuses the statement from now on, empty while none does.
    """
    control = state.control
    proposal = control.proposals[proposal_id]
    if proposal.state is not ProposalState.APPROVED:
        return Decision((), False)
    legs = control.legs_of(proposal_id)
    expired = state.now_ms >= proposal.statement.expires_unix_ms
    over = refused or ("statement.expired" if expired else "")
    if any(not leg.ended and (leg.state is not LegState.DUE or not over) for leg in legs):
        return Decision((), False)
    failed = next((leg.tag for leg in legs if leg.tag and leg.state is not LegState.MOVED), "")
    if all(leg.state is LegState.MOVED for leg in legs):
        phase = governance_pb2.PROPOSAL_PHASE_EXECUTED
    elif expired and not refused and all(leg.state is LegState.DUE for leg in legs):
        phase = governance_pb2.PROPOSAL_PHASE_EXPIRED
    else:
        phase = governance_pb2.PROPOSAL_PHASE_FAILED
    return Decision((close_draft(proposal_id, phase, failed or over),), True)
