"""Brings completed RESUME and ACTIVATE statements to the signers that have not followed them yet.

What a signer lacks is read from the signer itself, so nothing is lost by a crash here and nothing is sent for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import structlog

from custody.errors import Denied, Failed
from custody.model.proposal import ProposalState
from custody.ports import Clock, SignerClient, SignerStatus, StatementAuthority
from custody.services.commands import State
from custody.services.newest import newest_first
from custody.services.signatures import authority_of
from custody.services.worker import Backoff
from custody.services.writer import Writer
from custody.statements import ActivateBody, ResumeBody

__all__ = ["Carrier"]

_log = structlog.get_logger("delivery")

_MOST = 200  # the newest statements that are looked at; older ones have expired


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A completed statement as a signer takes it."""

    proposal_id: str
    payload: ResumeBody | ActivateBody
    governance_sequence: int
    authority: StatementAuthority


class Carrier:
    """One thread's deliveries."""

    def __init__(self, writer: Writer, signers: Mapping[str, SignerClient], clock: Clock) -> None:
        """Nothing is asked of a signer while there is nothing to bring."""
        self._writer = writer
        self._signers = signers
        self._clock = clock
        self._backoffs = {signer: Backoff() for signer in signers}
        self._settled: set[tuple[str, str]] = set()

    def deliver(self) -> None:
        """Bring each signer what it lacks; one that does not answer is asked again after a pause."""
        parcels = self._writer.read(_completed)
        current = {parcel.proposal_id for parcel in parcels}
        self._settled = {key for key in self._settled if key[1] in current}
        for signer_id, signer in self._signers.items():
            waiting = [p for p in parcels if (signer_id, p.proposal_id) not in self._settled]
            backoff = self._backoffs[signer_id]
            if not waiting or not backoff.ready(self._clock.monotonic_ms()):
                continue
            try:
                self._bring(signer, waiting)
            except (Denied, Failed) as error:
                backoff.failed(self._clock.monotonic_ms())
                _log.info("signer does not take statements now", signer=signer_id, reason=str(error))
            else:
                backoff.succeeded()

    def _bring(self, signer: SignerClient, waiting: list[_Parcel]) -> None:
        status = signer.status()
        for parcel in waiting:
            try:
                if _lacks(status, parcel):
                    self._hand_over(signer, parcel)
            except Denied as denied:
                # It judges for itself; what it refuses for good it refuses again, so it is asked once more later.
                if not _final_refusal(denied.tag):
                    raise
                _log.warning(
                    "signer refused", signer=signer.signer, proposal=parcel.proposal_id, tag=denied.tag
                )
            self._settled.add((signer.signer, parcel.proposal_id))

    def _hand_over(self, signer: SignerClient, parcel: _Parcel) -> None:
        if isinstance(parcel.payload, ResumeBody):
            signer.resume(parcel.authority)
        else:
            signer.activate(parcel.authority)
        _log.info("signer follows", signer=signer.signer, proposal=parcel.proposal_id)


def _lacks(status: SignerStatus, parcel: _Parcel) -> bool:
    if isinstance(parcel.payload, ActivateBody):
        return status.governance_sequence <= parcel.governance_sequence
    return any(halt.halt_id == parcel.payload.halt_id for halt in status.halts)


def _final_refusal(tag: str) -> bool:
    return tag.startswith(
        ("statement.", "quorum.", "approval.", "propose.", "governance.head_old", "halt.unknown")
    )


def _completed(state: State) -> list[_Parcel]:
    """Executed statements that a signer may still take, oldest first."""
    control = state.control
    policy = control.governance.policy
    found: list[_Parcel] = []
    for proposal_id, proposal in islice(newest_first(control.proposals), _MOST):
        payload = proposal.statement.payload
        if proposal.state is not ProposalState.EXECUTED or not isinstance(
            payload, (ResumeBody, ActivateBody)
        ):
            continue
        if state.wall_ms >= proposal.statement.expires_unix_ms and isinstance(payload, ResumeBody):
            continue
        authority = authority_of(proposal, policy, control.suspended)
        found.append(_Parcel(proposal_id, payload, proposal.statement.governance_sequence, authority))
    return found[::-1]
