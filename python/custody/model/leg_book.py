"""Every leg of every proposed sweep: planned only once its proposal is approved, bound to one conflict key for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from custody.api.journal.v1 import sweep_pb2 as pb
from custody.api.journal.v1 import withdrawal_pb2
from custody.errors import InvariantBroken
from custody.model import leg as table
from custody.model.leg import Leg, LegEvent
from custody.model.nonces import NonceLanes
from custody.model.proposal import Proposal, ProposalState
from custody.model.transaction import (
    Version,
    add_version,
    index_of,
    read_amount,
    read_seen,
    read_terms,
    set_broadcast,
    set_signed,
)
from custody.statements import SweepBody


class LegBook:
    """Legs by id, `PROPOSAL_ID/INDEX`."""

    def __init__(self, lanes: NonceLanes) -> None:
        self.legs: dict[str, Leg] = {}
        self._active: dict[str, None] = {}
        self._lanes = lanes

    def active(self) -> Iterator[Leg]:
        """Legs that have not ended, in the order proposed."""
        return (self.legs[leg_id] for leg_id in list(self._active))

    def of(self, proposal_id: str) -> tuple[Leg, ...]:
        """A sweep's legs, in the statement's order; () for any other proposal."""
        found: list[Leg] = []
        while (leg_id := f"{proposal_id}/{len(found)}") in self.legs:
            found.append(self.legs[leg_id])
        return tuple(found)

    def proposed(self, proposal: Proposal) -> None:
        """A sweep's legs wait for its quorum."""
        if isinstance(proposal.statement.payload, SweepBody):
            for index, terms in enumerate(proposal.statement.payload.legs):
                leg_id = f"{proposal.id}/{index}"
                state = table.next_state(None, LegEvent.PROPOSED, leg_id)
                self._put(Leg(leg_id, proposal.id, index, terms, state))

    def proposal_changed(self, proposal: Proposal) -> None:
        """Its legs are due, or will not be."""
        approved = proposal.state is ProposalState.APPROVED
        event = LegEvent.APPROVED if approved else LegEvent.PROPOSAL_ENDED
        for leg in self.of(proposal.id):
            if proposal.state is ProposalState.EXECUTED and not leg.ended:
                raise InvariantBroken(f"leg {leg.id}: its proposal is executed, and it has not ended")
            self._put(
                replace(leg, state=table.next_state(leg.state, event, leg.id) if not leg.ended else leg.state)
            )

    def planned(self, message: pb.SweepLegPlanned, now_ms: int) -> None:
        """A version may be signed from now on."""
        known = self._known(message.leg_id)
        version = Version(message.version, read_terms(message.evm))
        state = table.next_state(known.state, LegEvent.PLANNED, known.id)
        versions = add_version(known.versions, version, f"leg {known.id}")
        if known.versions:
            if message.conflict_key != known.conflict_key:
                raise InvariantBroken(f"leg {known.id}: a version has another conflict key than the first")
            self._put(replace(known, state=state, versions=versions))
            return
        if not message.conflict_key:
            raise InvariantBroken(f"leg {known.id}: no conflict key")
        nonce = version.terms.nonce
        self._lanes.take(known.terms.from_wallet, nonce)
        key = message.conflict_key
        self._put(
            replace(known, state=state, versions=versions, conflict_key=key, nonce=nonce, planned_ms=now_ms)
        )

    def signed(self, message: pb.SweepLegSigned) -> None:
        """Signed bytes became durable."""
        known = self._known(message.leg_id)
        state = table.next_state(known.state, LegEvent.SIGNED, known.id)
        self._put(
            replace(known, state=state, versions=set_signed(known.versions, message, f"leg {known.id}"))
        )

    def broadcast(self, message: pb.SweepLegBroadcast) -> None:
        """A node took the bytes."""
        known = self._known(message.seen.id)
        state = table.next_state(known.state, LegEvent.BROADCAST, known.id)
        versions = set_broadcast(known.versions, message.seen.transaction_hash, f"leg {known.id}")
        self._put(replace(known, state=state, versions=versions))

    def confirmed(self, message: pb.SweepLegConfirmed) -> None:
        """A block holds one version."""
        self._seen(message.seen, LegEvent.CONFIRMED)

    def reorged(self, message: pb.SweepLegReorged) -> None:
        """The block is gone."""
        self._seen(message.seen, LegEvent.REORGED)

    def _seen(self, seen: withdrawal_pb2.SeenTransaction, event: LegEvent) -> None:
        known = self._known(seen.id)
        state = table.next_state(known.state, event, known.id)
        index_of(known.versions, seen.transaction_hash, f"leg {known.id}")
        self._put(replace(known, state=state, seen=read_seen(seen) if event is LegEvent.CONFIRMED else None))

    def final(self, message: pb.SweepLegFinal) -> None:
        """The conflict key is spent for good; by a stranger's transaction only when not moved."""
        known = self._known(message.seen.id)
        event = LegEvent.MOVED if message.moved else LegEvent.FAILED
        state = table.next_state(known.state, event, known.id)
        if message.moved:
            index_of(known.versions, message.seen.transaction_hash, f"leg {known.id}")
        fee = read_amount(message.fee_paid)
        self._put(replace(known, state=state, seen=read_seen(message.seen), fee_paid=fee, tag=message.tag))

    def abandoned(self, message: pb.SweepLegAbandoned) -> None:
        """Given up before any signature; the nonce is free."""
        known = self._known(message.leg_id)
        state = table.next_state(known.state, LegEvent.ABANDONED, known.id)
        self._put(replace(known, state=state, tag=message.tag))
        self._lanes.release(known.terms.from_wallet, known.nonce)

    def _known(self, leg_id: str) -> Leg:
        known = self.legs.get(leg_id)
        if known is None:
            raise InvariantBroken(f"leg {leg_id} was never proposed")
        return known

    def _put(self, leg: Leg) -> None:
        self.legs[leg.id] = leg
        if leg.ended:
            self._active.pop(leg.id, None)
        else:
            self._active[leg.id] = None

    def canonical(self) -> object:
        """The same for the same legs, for the state's hash."""
        return [self.legs[leg_id] for leg_id in sorted(self.legs)]
