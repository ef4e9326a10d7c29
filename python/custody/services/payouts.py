"""Payouts of one hot wallet: durable plan, then the signer, then durable signed bytes, then the network.

Plans of a lane are signed strictly in the order of their nonces, so what follows a refused one was surely never signed.
After a crash the same terms are asked for again and the same bytes are broadcast again: no second transaction is ever
made without the first one's conflict key.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from custody.api.journal.v1 import record_pb2, withdrawal_pb2
from custody.errors import Denied, Failed, InvariantBroken
from custody.model.payout import Payout, PayoutState
from custody.ports import Clock, Node, SignerClient
from custody.services.broadcasts import Broadcaster, Offer
from custody.services.cap_meter import CapMeter
from custody.services.commands import Decision, Draft
from custody.services.conditions import ConditionKind, Conditions
from custody.services.denials import Verdict, verdict_of
from custody.services.fees import replacement_terms
from custody.services.intents import IntentStore
from custody.services.lanes import Lane, read_lane
from custody.services.payout_plans import Planned, PlanOrder, abandon_payouts, plan_payouts, replan_payout
from custody.services.payout_settings import PayoutSettings
from custody.services.quotes import Quotes
from custody.services.signed_bytes import require_exactly
from custody.services.tombstones import check_tombstone
from custody.services.worker import Backoff, Worker
from custody.services.writer import Writer

__all__ = ["PayoutSettings", "PayoutWorker"]

_log = structlog.get_logger("payouts")


class PayoutWorker:
    """Pays what maps to one hot wallet. `step` is called by its own thread, or by tests."""

    def __init__(
        self,
        wallet: str,
        writer: Writer,
        node: Node,
        signer: SignerClient,
        intents: IntentStore,
        conditions: Conditions,
        clock: Clock,
        on_fatal: Callable[[BaseException], None],
        settings: PayoutSettings | None = None,
        *,
        period_s: float = 1.0,
    ) -> None:
        """`signer` is the one that holds the wallet's key."""
        self.wallet = wallet
        self._writer = writer
        self._node = node
        self._signer = signer
        self._intents = intents
        self._conditions = conditions
        self._clock = clock
        self._settings = settings or PayoutSettings()
        self._quotes = Quotes(node, clock)
        self._meter = CapMeter(wallet)
        self._signing = Backoff()
        self._planning = Backoff(self._settings.replan_ms, self._settings.replan_ms)
        self._broadcaster = Broadcaster(node, conditions, clock, self._settings.rebroadcast_ms)
        self._clean: set[str] = set()
        self._aside: dict[bytes, int] = {}
        self.worker = Worker(f"payouts {wallet}", self.step, conditions, on_fatal, period_s=period_s)

    def start(self) -> None:
        """Begin, and wake on every commit."""
        self._writer.on_committed(lambda head: self.worker.wake())
        self.worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self.worker.stop()

    def step(self) -> bool:
        """Sign what is planned, broadcast what is signed, then plan more; True when more can be done at once."""
        lane = self._read()
        if self._sign(lane):
            lane = self._read()
        self._broadcast(lane)
        self._bump(lane)
        return self._plan(lane)

    def _read(self) -> Lane:
        return self._writer.read(lambda state: read_lane(state, self.wallet))

    # Signing.

    def _sign(self, lane: Lane) -> bool:
        """Ask for signatures in the order of nonces; True when anything was recorded."""
        waiting = sorted((p for p in lane.payouts if p.unsigned is not None), key=lambda p: p.nonce)
        if not waiting or not self._signing.ready(self._clock.monotonic_ms()):
            return False
        recorded = False
        signed: list[withdrawal_pb2.SignedPayout] = []
        for place, payout in enumerate(waiting):
            if self.worker.stopping:
                break
            if payout.id in lane.halted:
                if payout.state is PayoutState.PLANNED:
                    recorded |= self._give_up(self._clean_of(waiting[place:]), "halted")
                    break
                continue
            try:
                signed.append(self._ask(lane, payout))
            except Denied as denied:
                recorded |= self._record_signed(signed)
                signed = []
                if payout.state is PayoutState.PLANNED:
                    recorded |= self._refused(lane, payout, waiting[place + 1 :], denied)
                    break
                self._wait(denied.tag, denied.detail)  # a replacement: the version before goes on
            except Failed as failed:
                self._clean.discard(payout.id)
                self._signing.failed(self._clock.monotonic_ms())
                self._conditions.set(
                    ConditionKind.SIGNER_DOWN, self._signer.signer, "signer.down", str(failed)
                )
                break
        else:
            self._signing.succeeded()
            self._conditions.clear(ConditionKind.SIGNER_DOWN, self._signer.signer)
            self._conditions.clear(ConditionKind.SIGNER_REFUSES, self._signer.signer)
        return self._record_signed(signed) or recorded

    def _ask(self, lane: Lane, payout: Payout) -> withdrawal_pb2.SignedPayout:
        """One version's signed bytes, checked against what they must do. Raises Denied, Failed."""
        version = payout.unsigned
        if version is None:
            raise InvariantBroken(f"payout {payout.id} has nothing to sign")
        view = lane.views[payout.id]
        authority = self._intents.authority(view.sequence, view.leaf)
        intent = self._intents.intent(view.sequence, view.leaf, view.intent_sha256)
        answer = self._signer.sign_payout(self.wallet, authority, version.terms)
        wallet, net = lane.policy.wallet(self.wallet), version.net_amounts[0]
        require_exactly(lane.policy, wallet, view.asset, intent.address, net, version.terms, answer)
        return withdrawal_pb2.SignedPayout(
            payout_id=payout.id,
            version=version.version,
            transaction=answer.transaction,
            transaction_hash=answer.transaction_hash,
            signer=answer.head.signer,
            signer_sequence=answer.head.sequence,
            signer_hash=answer.head.hash,
        )

    def _record_signed(self, signed: list[withdrawal_pb2.SignedPayout]) -> bool:
        if not signed:
            return False
        message = withdrawal_pb2.PayoutsSigned(payouts=signed)
        draft = Draft(record_pb2.RECORD_KIND_PAYOUTS_SIGNED, message)
        self._clean.difference_update(item.payout_id for item in signed)
        self._writer.execute(lambda state: Decision((draft,), None), principal=self._signer.signer)
        return True

    def _refused(self, lane: Lane, payout: Payout, later: list[Payout], denied: Denied) -> bool:
        """Deal with a plan that the signer would not sign; True when anything was recorded."""
        _log.warning("signer refused", payout=payout.id, wallet=self.wallet, tag=denied.tag)
        verdict = verdict_of(denied.tag)
        if verdict is Verdict.NEVER and self._buried(lane, payout):
            return self._give_up([payout, *self._clean_of(later)], denied.tag, ends=payout)
        if verdict is Verdict.ASIDE and payout.id in self._clean:
            until_ms = self._clock.monotonic_ms() + self._settings.aside_ms
            self._aside.update(dict.fromkeys(payout.withdrawal_ids, until_ms))
            return self._give_up([payout, *self._clean_of(later)], denied.tag)
        self._wait(denied.tag, denied.detail)
        return self._give_up(self._clean_of(later), denied.tag)

    def _wait(self, tag: str, detail: str) -> None:
        self._signing.failed(self._clock.monotonic_ms())
        self._conditions.set(ConditionKind.SIGNER_REFUSES, self._signer.signer, tag, detail)

    def _buried(self, lane: Lane, payout: Payout) -> bool:
        """Whether the signer promises never to pay it: the proof that no signing intent of it is durable."""
        view = lane.views[payout.id]
        authority = self._intents.authority(view.sequence, view.leaf)
        try:
            check_tombstone(lane.policy, lane.deployment, view, authority, self._signer.tombstone(authority))
        except Denied as denied:
            _log.error("refused, and too late to end", payout=payout.id, tag=denied.tag)
            return False
        except Failed:
            return False
        return True

    def _clean_of(self, payouts: list[Payout]) -> list[Payout]:
        """Those that no signer can have signed: planned by this process, and never asked for without a clear no."""
        return [payout for payout in payouts if payout.id in self._clean]

    def _give_up(self, payouts: list[Payout], tag: str, ends: Payout | None = None) -> bool:
        """Queue the withdrawals of plans that were never signed again; that of `ends` is ended instead."""
        ids = [payout.id for payout in payouts]
        if not ids:
            return False
        self._writer.execute(lambda state: abandon_payouts(state, ids, tag, ends.id if ends else ""))
        self._clean.difference_update(ids)
        return True

    # Broadcasting.

    def _broadcast(self, lane: Lane) -> None:
        offers = [
            Offer(payout.id, version.transaction, version.transaction_hash, version.broadcast)
            for payout in sorted(lane.payouts, key=lambda p: p.nonce)
            if payout.state in (PayoutState.SIGNED, PayoutState.BROADCAST)
            for version in payout.signed_versions[-1:]
        ]
        taken = self._broadcaster.offer(offers)
        if taken:
            seen = [
                withdrawal_pb2.SeenTransaction(id=o.id, transaction_hash=o.transaction_hash) for o in taken
            ]
            message = withdrawal_pb2.PayoutsBroadcast(payouts=seen)
            draft = Draft(record_pb2.RECORD_KIND_PAYOUTS_BROADCAST, message)
            self._writer.execute(lambda state: Decision((draft,), None))

    def _bump(self, lane: Lane) -> None:
        """Give what waits in the pool for too long a further version, while the reserved fee allows it."""
        stuck = self._broadcaster.stuck(
            {
                payout.versions[-1].transaction_hash
                for payout in lane.payouts
                if payout.state is PayoutState.BROADCAST and payout.unsigned is None
            },
            self._settings.bump_after_blocks,
        )
        # The lowest nonce alone: what is above waits for it, not for a better price.
        first = min((p.nonce for p in lane.payouts if p.state is not PayoutState.CONFIRMED), default=-1)
        for payout in lane.payouts:
            if payout.nonce != first or payout.versions[-1].transaction_hash not in stuck:
                continue
            terms = replacement_terms(payout.versions[-1].terms, self._quotes.now(), lane.reserved[payout.id])
            if terms is None:
                self._conditions.set(ConditionKind.FEE_ABOVE_CAP, self.wallet, "fee.reserved", payout.id)
                continue
            self._writer.execute(lambda state, p=payout, t=terms: replan_payout(state, p, t))  # type: ignore[misc]
            self.worker.wake()

    # Planning.

    def _plan(self, lane: Lane) -> bool:
        now_ms = self._clock.monotonic_ms()
        flying = sum(1 for payout in lane.payouts if payout.state is not PayoutState.CONFIRMED)
        unsigned = any(p.unsigned is not None and p.state is PayoutState.PLANNED for p in lane.payouts)
        room = self._settings.in_flight - flying
        if unsigned or room <= 0 or not self._planning.ready(now_ms) or not self._signing.ready(now_ms):
            return False
        fee_asset = lane.policy.network(lane.policy.wallet(self.wallet).network).fee_asset
        if not self._writer.read(lambda s: s.ledger.select(self.wallet, s.now_ms, 1, fee_asset, 0)):
            self._planning.failed(now_ms)
            return False
        self._aside = {key: until for key, until in self._aside.items() if until > now_ms}
        order = PlanOrder(
            self.wallet,
            min(self._settings.batch, room),
            self._quotes.now(),
            self._node.nonce(lane.policy.wallet(self.wallet).address),
            frozenset(self._aside),
        )
        planned: Planned = self._writer.execute(lambda state: plan_payouts(state, order, self._meter))
        self._show(planned)
        self._clean.update(planned.payout_ids)
        if planned.payout_ids:
            self._planning.succeeded()
        else:
            self._planning.failed(now_ms)
        return bool(planned.payout_ids)

    def _show(self, planned: Planned) -> None:
        shown = {
            ConditionKind.FEE_ABOVE_CAP: (planned.fee_above_cap, "fee.above_cap"),
            ConditionKind.HOUSE_EMPTY: (planned.house_empty, "ledger.house_empty"),
            ConditionKind.CAP_REACHED: (planned.cap_reached, "cap.reached"),
        }
        for kind, (holds, tag) in shown.items():
            if holds:
                self._conditions.set(kind, self.wallet, tag)
            else:
                self._conditions.clear(kind, self.wallet)
