"""Carries approved sweeps out, leg by leg: durable plan, the cold signer, durable signed bytes, then the network.

A signer may be away for long: its legs wait, and nobody else's do. After a crash the same terms are asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from custody.api.journal.v1 import record_pb2, sweep_pb2, withdrawal_pb2
from custody.errors import Denied, Failed, InvariantBroken, Unavailable
from custody.model.leg import Leg, LegState
from custody.model.policy import Policy
from custody.ports import Clock, Node, SignerClient, StatementAuthority
from custody.services.broadcasts import Broadcaster, Offer
from custody.services.commands import Decision, Draft, State
from custody.services.conditions import ConditionKind, Conditions
from custody.services.fees import replacement_terms
from custody.services.quotes import Quotes
from custody.services.signatures import authority_of
from custody.services.signed_bytes import require_exactly
from custody.services.sweep_legs import LegPlan, abandon_leg, end_sweep, plan_leg, replan_leg
from custody.services.worker import Backoff, Worker
from custody.services.writer import Writer

__all__ = ["SweepSettings", "SweepWorker"]

_log = structlog.get_logger("sweeps")


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """How often things are tried again."""

    bump_after_blocks: int = 20
    rebroadcast_ms: int = 15_000
    replan_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class _Work:
    """What a step sees: approved sweeps' ids, and their legs that have not ended with what a signer is given."""

    policy: Policy
    sweeps: tuple[str, ...]
    legs: tuple[Leg, ...]
    authorities: Mapping[str, StatementAuthority]
    halted: frozenset[str]


class SweepWorker:
    """Sweeps of one network. `step` is called by its own thread, or by tests."""

    def __init__(
        self,
        writer: Writer,
        node: Node,
        signers: Mapping[str, SignerClient],
        conditions: Conditions,
        clock: Clock,
        on_fatal: Callable[[BaseException], None],
        settings: SweepSettings | None = None,
    ) -> None:
        """`signers` by id."""
        self._writer = writer
        self._node = node
        self._signers = signers
        self._conditions = conditions
        self._clock = clock
        self._settings = settings or SweepSettings()
        self._quotes = Quotes(node, clock)
        self._broadcaster = Broadcaster(node, conditions, clock, self._settings.rebroadcast_ms)
        self._backoffs: dict[str, Backoff] = {}
        self._clean: set[str] = set()
        self.waits: dict[str, str] = {}
        self.worker = Worker(f"sweeps {node.network}", self.step, conditions, on_fatal, period_s=1.0)

    def start(self) -> None:
        """Begin, and wake on every commit."""
        self._writer.on_committed(lambda head: self.worker.wake())
        self.worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self.worker.stop()

    def step(self) -> bool:
        """Plan what is due, sign what is planned, broadcast what is signed, close what is done."""
        work = self._read()
        if not work.sweeps and not work.legs:
            return False
        for leg in work.legs:
            if leg.state is LegState.DUE:
                self._plan(work, leg)
        work = self._read()
        for leg in work.legs:
            if leg.unsigned is not None:
                self._sign(work, leg)
        work = self._read()
        self._broadcast(work)
        self._bump(work)
        for proposal_id in work.sweeps:
            self._writer.execute(lambda state, id_=proposal_id: end_sweep(state, id_))  # type: ignore[misc]
        return False

    def _read(self) -> _Work:
        network = self._node.network

        def read(state: State) -> _Work:
            control = state.control
            policy = control.governance.policy
            legs = tuple(
                leg
                for leg in control.active_legs()
                if leg.state is not LegState.WAITING
                and policy.wallet(leg.terms.from_wallet).network == network
            )
            sweeps = tuple(
                proposal.id
                for proposal in control.active_proposals()
                if proposal.state.value == "APPROVED"
                and any(
                    policy.wallet(leg.terms.from_wallet).network == network
                    for leg in control.legs_of(proposal.id)
                )
            )
            authorities = {
                leg.proposal_id: authority_of(control.proposals[leg.proposal_id], policy, control.suspended)
                for leg in legs
            }
            halted = frozenset(leg.id for leg in legs if _halted(state, leg))
            return _Work(policy, sweeps, legs, authorities, halted)

        return self._writer.read(read)

    def _plan(self, work: _Work, leg: Leg) -> None:
        backoff = self._backoffs.setdefault(
            leg.id, Backoff(self._settings.replan_ms, self._settings.replan_ms)
        )
        if not backoff.ready(self._clock.monotonic_ms()) or leg.id in work.halted:
            return
        try:
            quote = self._quotes.now()
            chain_nonce = self._node.nonce(work.policy.wallet(leg.terms.from_wallet).address)
        except Unavailable as error:
            self._conditions.set(ConditionKind.NODE_DOWN, self._node.network, "node.down", str(error))
            return
        try:
            plan: LegPlan = self._writer.execute(lambda state: plan_leg(state, leg.id, quote, chain_nonce))
        except Denied as denied:
            _log.warning("sweep refused", sweep=leg.proposal_id, tag=denied.tag)
            self._writer.execute(lambda state, tag=denied.tag: end_sweep(state, leg.proposal_id, tag))  # type: ignore[misc]
            return
        if plan.planned:
            self._clean.add(leg.id)
            self.waits.pop(leg.id, None)
            self._backoffs.pop(leg.id, None)
        else:
            self.waits[leg.id] = plan.tag
            backoff.failed(self._clock.monotonic_ms())

    def _sign(self, work: _Work, leg: Leg) -> None:
        signer_id = work.policy.signer_of(leg.terms.from_wallet).id
        backoff = self._backoffs.setdefault(f"signer {signer_id}", Backoff())
        if not backoff.ready(self._clock.monotonic_ms()) or leg.id in work.halted:
            return
        try:
            signed = self._ask(work, leg, self._signers[signer_id])
        except Denied as denied:
            self._refused(leg, signer_id, denied)
            backoff.failed(self._clock.monotonic_ms())
        except Failed as failed:
            self._clean.discard(leg.id)
            self._conditions.set(ConditionKind.SIGNER_DOWN, signer_id, "signer.down", str(failed))
            backoff.failed(self._clock.monotonic_ms())
        else:
            backoff.succeeded()
            self._clean.discard(leg.id)
            self.waits.pop(leg.id, None)
            self._conditions.clear(ConditionKind.SIGNER_DOWN, signer_id)
            draft = Draft(record_pb2.RECORD_KIND_SWEEP_LEG_SIGNED, signed)
            self._writer.execute(lambda state: Decision((draft,), None), principal=signer_id)

    def _ask(self, work: _Work, leg: Leg, signer: SignerClient) -> sweep_pb2.SweepLegSigned:
        version = leg.unsigned
        if version is None:
            raise InvariantBroken(f"leg {leg.id} has nothing to sign")
        answer = signer.sign_sweep(work.authorities[leg.proposal_id], leg.index, version.terms)
        wallet, terms = work.policy.wallet(leg.terms.from_wallet), leg.terms
        require_exactly(
            work.policy, wallet, terms.asset, terms.to_address, terms.amount, version.terms, answer
        )
        return sweep_pb2.SweepLegSigned(
            leg_id=leg.id,
            version=version.version,
            transaction=answer.transaction,
            transaction_hash=answer.transaction_hash,
            signer=answer.head.signer,
            signer_sequence=answer.head.sequence,
            signer_hash=answer.head.hash,
        )

    def _refused(self, leg: Leg, signer_id: str, denied: Denied) -> None:
        """A statement that the signer will not carry out any more is given up, if it was surely never signed."""
        _log.warning("signer refused", leg=leg.id, tag=denied.tag)
        self.waits[leg.id] = denied.tag
        for_good = denied.tag.startswith(
            ("statement.", "quorum.", "approval.", "propose.", "sweep.", "governance.head_old")
        )
        # A signer judges a leg's deadlines at its first signing intent: expired means that there is none.
        unsigned = leg.id in self._clean or denied.tag == "statement.expired"
        if for_good and unsigned and leg.state is LegState.PLANNED:
            self._clean.discard(leg.id)
            self._writer.execute(lambda state: abandon_leg(state, leg.id, denied.tag))
            return
        self._conditions.set(ConditionKind.SIGNER_REFUSES, signer_id, denied.tag, denied.detail)

    def _broadcast(self, work: _Work) -> None:
        offers = [
            Offer(leg.id, version.transaction, version.transaction_hash, version.broadcast)
            for leg in sorted(work.legs, key=lambda leg: leg.nonce)
            if leg.state in (LegState.SIGNED, LegState.BROADCAST)
            for version in leg.signed_versions[-1:]
        ]
        drafts = tuple(
            Draft(
                record_pb2.RECORD_KIND_SWEEP_LEG_BROADCAST,
                sweep_pb2.SweepLegBroadcast(
                    seen=withdrawal_pb2.SeenTransaction(id=offer.id, transaction_hash=offer.transaction_hash)
                ),
            )
            for offer in self._broadcaster.offer(offers)
        )
        if drafts:
            self._writer.execute(lambda state: Decision(drafts, None))

    def _bump(self, work: _Work) -> None:
        waiting = [leg for leg in work.legs if leg.state is LegState.BROADCAST and leg.unsigned is None]
        hashes = {leg.versions[-1].transaction_hash for leg in waiting}
        stuck = self._broadcaster.stuck(hashes, self._settings.bump_after_blocks)
        for leg in waiting:
            if leg.versions[-1].transaction_hash not in stuck:
                continue
            terms = replacement_terms(leg.versions[-1].terms, self._quotes.now(), leg.terms.fee_cap)
            if terms is not None:
                self._writer.execute(lambda state, old=leg, new=terms: replan_leg(state, old, new))  # type: ignore[misc]


def _halted(state: State, leg: Leg) -> bool:
    terms, control = leg.terms, state.control
    wallets = (terms.from_wallet, terms.to_wallet)
    return any(
        control.halted(activity="sweeps", wallet=wallet, asset=terms.asset, destination=terms.to_address)
        for wallet in wallets
    )
