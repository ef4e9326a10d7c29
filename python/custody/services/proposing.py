"""Whether a statement may become a proposal, and what each kind asks besides: decided in the writer."""

from __future__ import annotations

import hashlib

from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.errors import CustodyError, Denied
from custody.ledger import LedgerState, ulid_bytes
from custody.model.policy import Policy
from custody.model.quorum import SignedApproval, check_payload, check_statement
from custody.services.book import time_halts
from custody.services.commands import Decision, Draft, State
from custody.services.ids import make_ulid
from custody.services.signatures import stored
from custody.statements import OpeningBody, ProposalKind, ReleaseBody, ResumeBody, Statement

__all__ = ["IMPLEMENTED", "KindNotImplemented", "judged_at", "open_proposal"]

IMPLEMENTED = frozenset(
    {
        ProposalKind.SWEEP,
        ProposalKind.RELEASE,
        ProposalKind.RESUME,
        ProposalKind.ACTIVATE,
        ProposalKind.OPENING,
    }
)

MOST_OPEN = 1_000
"""Far above what people can look at; bounds what a proposer can make the server hold."""


class KindNotImplemented(CustodyError):
    """A kind of proposal that this version does not carry out."""


def judged_at(state: State, statement: Statement) -> int:
    """The time that a statement is judged at: guarded time, unless it confirms the time.

    Guarded time stands still until a quorum confirms it, so that statement alone is judged by the wall clock.
    """
    payload = statement.payload
    confirms = isinstance(payload, ResumeBody) and payload.halt_id in time_halts(state.control)
    return state.wall_ms if confirms else state.now_ms


def open_proposal(
    state: State, body: bytes, statement: Statement, propose: SignedApproval | None, supersedes: str = ""
) -> Decision[str]:
    """Open a proposal, or find the one that this very statement has already; its id.

    The proposer's signature was verified before. Raises Denied with the tag of the first rule that refuses.
    """
    control, governance = state.control, state.control.governance
    known = control.proposal_of_statement.get(hashlib.sha256(body).digest())
    if known is not None:
        return Decision((), known)
    policy = governance.policy
    check_statement(
        governance, policy, governance.deployment, body, judged_at(state, statement), control.cancelled
    )
    if (
        propose is not None
        and propose.operator in control.suspended
        and statement.kind is not ProposalKind.RESUME
    ):
        raise Denied("propose.suspended", f"{propose.operator} is suspended")
    check_payload(policy, statement)
    _check_kind(state, statement)
    if sum(1 for _ in control.active_proposals()) >= MOST_OPEN:
        raise Denied("proposal.too_many", f"{MOST_OPEN} proposals are open")
    proposal_id = make_ulid(state.now_ms, "proposal", body)
    message = governance_pb2.ProposalOpened(
        proposal_id=proposal_id,
        statement=body,
        propose=None if propose is None else stored(policy, propose),
        supersedes=supersedes,
    )
    drafts = [Draft(record_pb2.RECORD_KIND_PROPOSAL_OPENED, message)]
    if supersedes:
        closed = governance_pb2.ProposalClosed(
            proposal_id=supersedes,
            phase=governance_pb2.PROPOSAL_PHASE_SUPERSEDED,
            tag="proposal.superseded",
            superseded_by=proposal_id,
        )
        drafts.append(Draft(record_pb2.RECORD_KIND_PROPOSAL_CLOSED, closed))
    return Decision(tuple(drafts), proposal_id)


def _check_kind(state: State, statement: Statement) -> None:
    payload = statement.payload
    if isinstance(payload, ReleaseBody):
        check_release(state, payload)
    elif isinstance(payload, OpeningBody):
        check_opening(state, state.control.governance.policy, payload)
    elif isinstance(payload, ResumeBody):
        # Halts that went to signers alone are not known here; the server's own are.
        own = payload.halt_id.startswith("server/")
        if own and payload.halt_id not in state.control.halts:
            raise Denied("halt.unknown", f"nothing is halted by {payload.halt_id}")


def check_release(state: State, body: ReleaseBody) -> None:
    """Require that every item is held now and is what the statement says. Raises Denied `release.…`."""
    if len({item.withdrawal_id for item in body.items}) != len(body.items):
        raise Denied("release.duplicate", "a withdrawal is named twice")
    for item in body.items:
        view = state.ledger.withdrawal(item.withdrawal_id)
        if view is None or view.state is not LedgerState.HELD:
            raise Denied("release.not_held", f"withdrawal {item.withdrawal_id}")
        if view.intent_sha256 != item.intent_sha256:
            raise Denied("release.other_intent", f"withdrawal {item.withdrawal_id}")
        if ulid_bytes(item.withdrawal_id) in state.control.cancellations:
            raise Denied("release.cancelling", f"withdrawal {item.withdrawal_id}")


def check_opening(state: State, policy: Policy, body: OpeningBody) -> None:
    """Require that nothing was counted of this wallet and asset yet. Raises Denied `opening.…`."""
    if (body.wallet, body.asset) in state.control.opened:
        raise Denied("opening.already_open", f"{body.wallet} in {body.asset}")
    for leg in state.control.legs.values():
        if (
            leg.versions
            and leg.terms.asset == body.asset
            and body.wallet in (leg.terms.from_wallet, leg.terms.to_wallet)
        ):
            raise Denied("opening.moved", f"leg {leg.id} moves {body.asset} from or to {body.wallet}")
    for payout in state.control.active_payouts(body.wallet):
        raise Denied("opening.assigned", f"payout {payout.id} of {body.wallet} is under way")
