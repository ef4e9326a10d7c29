"""The server's control state, rebuilt from the journal's own records; `apply` alone changes it, and never by a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf.message import Message

from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.errors import Denied, InvariantBroken
from custody.model.control_view import ControlView, Opening
from custody.model.events import KIND_NAMES, MESSAGES
from custody.model.halts import Activity
from custody.model.payout import PayoutState
from custody.model.policy import Policy
from custody.model.proposal_book import read_statement

__all__ = ["ControlState", "Opening", "RecordView", "halted"]


class RecordView(NamedTuple):
    """One record as the control state sees it; `message` is None for packed withdrawals."""

    sequence: int
    epoch: int
    kind: int
    header: record_pb2.RecordHeader
    message: Message | None


class ControlState(ControlView):
    """Payouts, proposals, sweeps, halts and governance as the journal says. `genesis` is the pinned policy.

    `apply` is the one mutator. It raises InvariantBroken for a record that cannot follow; the state is then unusable,
    and the process stops.
    """

    def __init__(self, genesis: Policy) -> None:
        super().__init__(genesis)
        self._appliers = self._table()

    def apply(self, row: RecordView) -> None:
        """Apply one record. Raises InvariantBroken when it cannot follow what came before."""
        if row.sequence <= self.sequence or row.epoch < self.leader_epoch:
            raise InvariantBroken(
                f"record {row.sequence} of epoch {row.epoch} does not follow {self.sequence}"
            )
        if row.header.recorded_unix_ms < self.last_recorded_ms:
            raise InvariantBroken(f"record {row.sequence} is from before the one before")
        now_ms = row.header.recorded_unix_ms
        if row.kind != record_pb2.RECORD_KIND_WITHDRAWALS_SUBMITTED:
            apply = self._appliers.get(row.kind)
            if apply is None:
                raise InvariantBroken(f"kind {KIND_NAMES.get(row.kind, row.kind)} is not the server's")
            if type(row.message) is not MESSAGES[row.kind]:
                raise InvariantBroken(f"a record of kind {KIND_NAMES[row.kind]} holds another message")
            apply(row.message, now_ms, row)
        self.sequence, self.last_recorded_ms = row.sequence, now_ms

    def _table(self) -> dict[int, Callable[[Any, int, RecordView], None]]:
        payouts, legs, halts = self._payouts, self._legs, self._halts
        kinds = record_pb2
        return {
            kinds.RECORD_KIND_STARTED: self._started,
            kinds.RECORD_KIND_GENESIS: self._genesis,
            kinds.RECORD_KIND_WITHDRAWALS_ENDED: self._withdrawals_ended,
            kinds.RECORD_KIND_WITHDRAWALS_RELEASED: lambda m, now, _: None,
            kinds.RECORD_KIND_CANCELLATION_REQUESTED: self._cancellation,
            kinds.RECORD_KIND_PAYOUTS_PLANNED: lambda m, now, _: payouts.planned(m, now),
            kinds.RECORD_KIND_PAYOUTS_SIGNED: lambda m, now, _: payouts.signed(m),
            kinds.RECORD_KIND_PAYOUTS_BROADCAST: lambda m, now, _: payouts.broadcast(m),
            kinds.RECORD_KIND_PAYOUTS_CONFIRMED: lambda m, now, _: payouts.confirmed(m),
            kinds.RECORD_KIND_PAYOUTS_REORGED: lambda m, now, _: payouts.reorged(m),
            kinds.RECORD_KIND_PAYOUTS_FINAL: lambda m, now, _: payouts.final(m),
            kinds.RECORD_KIND_PAYOUTS_ABANDONED: lambda m, now, _: payouts.abandoned(m),
            kinds.RECORD_KIND_ENDED_FORGOTTEN: lambda m, now, _: None,
            kinds.RECORD_KIND_PROPOSAL_OPENED: self._proposal_opened,
            kinds.RECORD_KIND_APPROVAL_RECORDED: lambda m, now, _: self._proposals.decided(m, now),
            kinds.RECORD_KIND_PROPOSAL_CLOSED: self._proposal_closed,
            kinds.RECORD_KIND_SWEEP_LEG_PLANNED: lambda m, now, _: legs.planned(m, now),
            kinds.RECORD_KIND_SWEEP_LEG_SIGNED: lambda m, now, _: legs.signed(m),
            kinds.RECORD_KIND_SWEEP_LEG_BROADCAST: lambda m, now, _: legs.broadcast(m),
            kinds.RECORD_KIND_SWEEP_LEG_CONFIRMED: lambda m, now, _: legs.confirmed(m),
            kinds.RECORD_KIND_SWEEP_LEG_REORGED: lambda m, now, _: legs.reorged(m),
            kinds.RECORD_KIND_SWEEP_LEG_FINAL: lambda m, now, _: legs.final(m),
            kinds.RECORD_KIND_SWEEP_LEG_ABANDONED: lambda m, now, _: legs.abandoned(m),
            kinds.RECORD_KIND_HALT_RECORDED: lambda m, now, _: halts.halted(m, now),
            kinds.RECORD_KIND_SUSPENSION_RECORDED: lambda m, now, _: halts.suspended_operator(m, now),
            kinds.RECORD_KIND_HALT_LIFTED: lambda m, now, _: halts.lifted(m),
            kinds.RECORD_KIND_WALLET_OPENED: self._wallet_opened,
            # The ledger's alone: what moves what we owe.
            kinds.RECORD_KIND_DEPOSITS_CREDITED: lambda m, now, _: None,
            kinds.RECORD_KIND_TRANSFERS_SUBMITTED: lambda m, now, _: None,
            kinds.RECORD_KIND_TRANSFERS_EXPIRED: lambda m, now, _: None,
            kinds.RECORD_KIND_SUSPENSE_EXPLAINED: lambda m, now, _: None,
            kinds.RECORD_KIND_GOVERNANCE_ADVANCED: self._governance_advanced,
            kinds.RECORD_KIND_RECONCILED: lambda m, now, _: None,
        }

    def _started(self, message: record_pb2.Started, now_ms: int, row: RecordView) -> None:
        if message.epoch != self.leader_epoch + 1 or row.epoch != message.epoch:
            raise InvariantBroken(f"leader epoch {message.epoch} follows {self.leader_epoch}")
        self.leader_epoch = message.epoch

    def _genesis(self, message: record_pb2.Genesis, now_ms: int, row: RecordView) -> None:
        if self.began or message.policy != self.governance.policy.raw:
            raise InvariantBroken(
                "the journal begins with another policy than the one pinned, or begins twice"
            )
        self.began = True

    def _cancellation(self, message: Any, now_ms: int, row: RecordView) -> None:
        if message.withdrawal_id in self._payouts.of_withdrawal:
            raise InvariantBroken(f"withdrawal {message.withdrawal_id.hex()} has a payout already")
        self._withdrawals.requested(message, now_ms)

    def _withdrawals_ended(self, message: Any, now_ms: int, row: RecordView) -> None:
        for item in message.items:
            payout = self.payouts.get(self.payout_of.get(item.withdrawal_id, ""))
            if payout is not None and payout.state is not PayoutState.FAILED:
                raise InvariantBroken(
                    f"withdrawal {item.withdrawal_id.hex()} ends while payout {payout.id} has it"
                )
        self._withdrawals.ended_unpaid(message, now_ms)

    def _proposal_opened(self, message: governance_pb2.ProposalOpened, now_ms: int, row: RecordView) -> None:
        self._legs.proposed(self._proposals.opened(message, now_ms, row.sequence))

    def _proposal_closed(self, message: governance_pb2.ProposalClosed, now_ms: int, row: RecordView) -> None:
        if message.cancel:
            self._halts.cancelled_pending(message.cancel)
        self._legs.proposal_changed(self._proposals.closed(message, now_ms))

    def _wallet_opened(self, message: governance_pb2.WalletOpened, now_ms: int, row: RecordView) -> None:
        key = (message.wallet, message.asset)
        if key in self.opened:
            raise InvariantBroken(f"wallet {message.wallet} is opened in {message.asset} already")
        self.opened[key] = Opening(
            message.wallet,
            message.asset,
            message.amount,
            message.pool,
            message.block_height,
            message.block_hash,
            message.proposal_id,
        )

    def _governance_advanced(
        self, message: record_pb2.GovernanceAdvanced, now_ms: int, row: RecordView
    ) -> None:
        try:
            advanced = self.governance.advance(message.statement, read_statement(message.statement))
        except Denied as error:
            raise InvariantBroken(str(error)) from None
        if (message.sequence, message.hash) != (advanced.head_sequence, advanced.head_hash):
            raise InvariantBroken(f"governance record {message.sequence} does not follow the chain")
        self.governance = advanced


def halted(
    control: ControlState,
    *,
    activity: Activity,
    wallet: str | None = None,
    asset: str | None = None,
    customer: str | None = None,
    destination: str | None = None,
) -> str | None:
    """As `ControlState.halted`."""
    return control.halted(
        activity=activity, wallet=wallet, asset=asset, customer=customer, destination=destination
    )
