"""Watches the hot wallets' bands and proposes the sweeps that are due; nothing moves without a quorum.

One proposal at a time holds all that is due. A bigger need takes its place while nobody has approved it yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from custody import statements
from custody.errors import Denied
from custody.model.leg import LegState
from custody.model.policy import PLANNER, WalletKind
from custody.model.proposal import Proposal, ProposalState
from custody.model.sweep_planner import Position, due_legs
from custody.services.commands import Decision, State
from custody.services.conditions import Conditions
from custody.services.newest import newest_first
from custody.services.proposing import open_proposal
from custody.services.worker import Worker
from custody.services.writer import Writer
from custody.statements import ProposalKind, Statement, SweepBody, SweepLeg

__all__ = ["TreasuryPlanner", "positions"]

_log = structlog.get_logger("treasury")

_GROWTH_PERCENT = 10
"""How much more than the open proposal a need must be to take its place: people should find what they were shown."""

COOLDOWN_MS = 600_000
"""How long after people refused a sweep, or it failed, the same need is not proposed again."""

_REFUSED = frozenset({ProposalState.REJECTED, ProposalState.CANCELLED, ProposalState.FAILED})


class _Way(NamedTuple):
    """What a leg is for; the source may change with what the cold wallets have."""

    to_wallet: str
    asset: str


class TreasuryPlanner:
    """`step` is called by its own thread, or by tests."""

    def __init__(
        self,
        writer: Writer,
        nonce: Callable[[], bytes],
        conditions: Conditions,
        on_fatal: Callable[[BaseException], None],
        *,
        period_s: float = 2.0,
    ) -> None:
        """`nonce` gives 16 fresh random bytes for each statement."""
        self._writer = writer
        self._nonce = nonce
        self.worker = Worker("treasury", self.step, conditions, on_fatal, period_s=period_s)

    def start(self) -> None:
        """Begin; bands are looked at every few seconds, not on each commit."""
        self.worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self.worker.stop()

    def step(self) -> bool:
        """Open a proposal when one is due; never asks to be called again at once."""
        if not self._writer.read(_needs):
            return False
        nonce = self._nonce()
        try:
            proposal_id: str | None = self._writer.execute(
                lambda state: _propose(state, nonce), principal=PLANNER
            )
        except Denied as denied:
            _log.warning("no sweep could be proposed", tag=denied.tag, detail=denied.detail)
            return False
        if proposal_id:
            _log.info("sweep proposed", proposal=proposal_id)
        return False


def positions(state: State) -> list[Position]:
    """What every banded or supplying wallet has, wants and is about to get, of every opened asset.

    An approved leg counts before it departs: its amount is gone from one wallet and on its way to the other.
    """
    control, ledger = state.control, state.ledger
    policy = control.governance.policy
    leaving: defaultdict[tuple[str, str], int] = defaultdict(int)
    incoming: defaultdict[tuple[str, str], int] = defaultdict(int)
    for leg in control.active_legs():
        if leg.state is LegState.WAITING:
            continue
        incoming[leg.terms.to_wallet, leg.terms.asset] += leg.terms.amount
        if leg.state is LegState.DUE:  # later its reservation is the ledger's
            leaving[leg.terms.from_wallet, leg.terms.asset] += leg.terms.amount
            leaving[leg.terms.from_wallet, leg.terms.fee_asset] += leg.terms.fee_cap
    found: list[Position] = []
    for wallet in policy.wallets:
        for asset in policy.assets_of(wallet.network):
            key = (wallet.id, asset.id)
            available = ledger.available(asset.id, f"wallet:{wallet.id}")
            if key not in control.opened and not available and not incoming[key]:
                continue
            demand = ledger.queued_demand(*key) if wallet.kind is WalletKind.HOT else 0
            found.append(
                Position(wallet.id, asset.id, max(0, available - leaving[key]), demand, incoming[key])
            )
    return found


def _open_by_planner(state: State) -> Proposal | None:
    for proposal in state.control.active_proposals():
        if proposal.statement.proposer == PLANNER and proposal.state is ProposalState.OPEN:
            return proposal
    return None


def _needs(state: State) -> bool:
    """Whether a proposal would be opened now."""
    return bool(_wanted(state)[0])


def _wanted(state: State) -> tuple[tuple[SweepLeg, ...], Proposal | None]:
    """The legs to propose now, () for none, and the open proposal whose place they take."""
    legs = _due(state)
    known = _open_by_planner(state)
    if not legs or (known is not None and (known.approvals or not _outgrown(known, legs))):
        return (), known
    if known is None and _refused_lately(state, legs):
        return (), None
    return legs, known


def _refused_lately(state: State, legs: Sequence[SweepLeg]) -> bool:
    for _, proposal in newest_first(state.control.proposals):
        if proposal.statement.proposer == PLANNER:
            fresh = state.now_ms - proposal.ended_ms < COOLDOWN_MS
            return proposal.state in _REFUSED and fresh and not _outgrown(proposal, legs)
    return False


def _due(state: State) -> tuple[SweepLeg, ...]:
    """The legs that are due and that no halt stops."""
    legs = due_legs(state.control.governance.policy, positions(state))
    return tuple(leg for leg in legs if not _halted(state, leg))


def _halted(state: State, leg: SweepLeg) -> bool:
    return any(
        state.control.halted(activity="sweeps", wallet=wallet, asset=leg.asset)
        for wallet in (leg.from_wallet, leg.to_wallet)
    )


def _amounts(legs: Sequence[SweepLeg]) -> dict[_Way, int]:
    found: defaultdict[_Way, int] = defaultdict(int)
    for leg in legs:
        found[_Way(leg.to_wallet, leg.asset)] += leg.amount
    return found


def _outgrown(known: Proposal, legs: Sequence[SweepLeg]) -> bool:
    """Whether what is due is so much more than a proposal that another one is worth people's time."""
    payload = known.statement.payload
    if not isinstance(payload, SweepBody):
        return False
    proposed = _amounts(payload.legs)
    return any(
        amount * 100 > proposed.get(way, 0) * (100 + _GROWTH_PERCENT)
        for way, amount in _amounts(legs).items()
    )


def _propose(state: State, nonce: bytes) -> Decision[str | None]:
    """Decide again, in the writer, and open the proposal."""
    legs, known = _wanted(state)
    if not legs:
        return Decision((), None)
    governance = state.control.governance
    statement = Statement(
        kind=ProposalKind.SWEEP,
        payload=SweepBody(legs),
        policy_hash=governance.policy.hash,
        governance_sequence=governance.head_sequence,
        governance_hash=governance.head_hash,
        signer_epoch=governance.signer_epoch,
        proposer=PLANNER,
        not_before_unix_ms=0,
        expires_unix_ms=state.now_ms + governance.policy.proposal_lifetime_ms,
        nonce=nonce,
    )
    opened = open_proposal(state, statements.encode(statement), statement, None, known.id if known else "")
    return Decision(opened.drafts, opened.reply)
