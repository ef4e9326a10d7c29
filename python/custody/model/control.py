"""The server's control state, rebuilt from the journal's own records; `apply` alone changes it, and never by a rule."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from google.protobuf.message import Message

from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.errors import Denied, InvariantBroken
from custody.model.events import KIND_NAMES, MESSAGES
from custody.model.governance import Governance
from custody.model.halts import Activity, Halt, HaltBook, Suspension, halted_by
from custody.model.leg import Leg
from custody.model.leg_book import LegBook
from custody.model.nonces import NonceLanes
from custody.model.payout import Payout, PayoutState
from custody.model.payout_book import PayoutBook
from custody.model.policy import Policy
from custody.model.proposal import Proposal
from custody.model.proposal_book import ProposalBook, read_statement
from custody.model.withdrawal_book import Cancellation, Ended, WithdrawalBook


class RecordView(NamedTuple):
    """One record as the control state sees it; `message` is None for packed withdrawals."""

    sequence: int
    epoch: int
    kind: int
    header: record_pb2.RecordHeader
    message: Message | None


@dataclass(frozen=True, slots=True)
class Opening:
    """A wallet's balance that a quorum brought into the ledger."""

    wallet: str
    asset: str
    amount: str
    pool: str
    block_height: int
    block_hash: bytes
    proposal_id: str


class ControlState:
    """Payouts, proposals, sweeps, halts and governance as the journal says. `genesis` is the pinned policy.

    Everything that a property gives is read-only to callers: `apply` is the one mutator. It raises InvariantBroken for
    a record that cannot follow; the state is then unusable, and the process stops.
    """

    def __init__(self, genesis: Policy) -> None:
        self.governance = Governance.genesis(genesis)
        self.sequence = 0
        self.leader_epoch = 0
        self.last_recorded_ms = 0
        self.began = False
        self.opened: dict[tuple[str, str], Opening] = {}
        self._lanes = NonceLanes()
        self._withdrawals = WithdrawalBook()
        self._payouts = PayoutBook(self._lanes, self._withdrawals)
        self._proposals = ProposalBook()
        self._legs = LegBook(self._lanes)
        self._halts = HaltBook()
        self._appliers = self._table()

    @property
    def payouts(self) -> Mapping[str, Payout]:
        """Every payout by id, ended ones too."""
        return self._payouts.payouts

    @property
    def payout_of(self) -> Mapping[bytes, str]:
        """A withdrawal's id (16 bytes) → its payout's id."""
        return self._payouts.of_withdrawal

    def active_payouts(self, wallet: str | None = None) -> Iterator[Payout]:
        """Payouts that have not ended, in the order planned."""
        return self._payouts.active(wallet)

    @property
    def proposals(self) -> Mapping[str, Proposal]:
        """Every proposal by id, in the order opened."""
        return self._proposals.proposals

    @property
    def proposal_of_statement(self) -> Mapping[bytes, str]:
        """SHA-256 of a statement's bytes → its proposal's id."""
        return self._proposals.of_statement

    def active_proposals(self) -> Iterator[Proposal]:
        """Proposals that have not ended."""
        return self._proposals.active()

    @property
    def cancelled(self) -> frozenset[bytes]:
        """SHA-256 of the statements that an operator cancelled, as `check_authority` takes them."""
        return frozenset(self._proposals.cancelled)

    @property
    def legs(self) -> Mapping[str, Leg]:
        """Every leg of every sweep by id."""
        return self._legs.legs

    def legs_of(self, proposal_id: str) -> tuple[Leg, ...]:
        """A sweep's legs in order."""
        return self._legs.of(proposal_id)

    def active_legs(self) -> Iterator[Leg]:
        """Legs that have not ended."""
        return self._legs.active()

    @property
    def halts(self) -> Mapping[str, Halt]:
        """Halts in force by id."""
        return self._halts.halts

    @property
    def suspensions(self) -> Mapping[str, Suspension]:
        """Suspensions in force by id."""
        return self._halts.suspensions

    @property
    def suspended(self) -> frozenset[str]:
        """Operators who are suspended."""
        return self._halts.suspended

    @property
    def numbers(self) -> Mapping[str, int]:
        """Each operator's highest message number."""
        return self._halts.numbers

    def halt_known(self, halt_id: str) -> bool:
        """Whether this halt or suspension was ever recorded, in force or lifted."""
        return halt_id in self._halts.seen

    @property
    def next_nonce(self) -> Mapping[str, int]:
        """Each wallet's highest planned nonce + 1."""
        return self._lanes.next

    @property
    def free_nonces(self) -> Mapping[str, list[int]]:
        """Each wallet's abandoned nonces, ascending; reuse the lowest first (`plan_nonces`)."""
        return self._lanes.free

    def plan_nonces(self, wallet: str, count: int, chain_nonce: int) -> list[int]:
        """The nonces that the next `count` transactions of a wallet take; see `NonceLanes.plan`."""
        return self._lanes.plan(wallet, count, chain_nonce)

    @property
    def cancellations(self) -> Mapping[bytes, Cancellation]:
        """Withdrawals whose tombstone is awaited; they must not be planned."""
        return self._withdrawals.cancellations

    @property
    def ended(self) -> Mapping[bytes, Ended]:
        """Withdrawals that ended unpaid, with their tombstones."""
        return self._withdrawals.ended

    @property
    def tombstones(self) -> Mapping[bytes, bytes]:
        """TombstoneBody's bytes of each withdrawal that has one."""
        return {key: ended.tombstone for key, ended in self._withdrawals.ended.items() if ended.tombstone}

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
        self,
        *,
        activity: Activity,
        wallet: str | None = None,
        asset: str | None = None,
        customer: str | None = None,
        destination: str | None = None,
    ) -> str | None:
        """The id of the first halt in force that stops this, None when nothing does."""
        names = {"wallet": wallet, "asset": asset, "customer": customer, "destination": destination}
        return halted_by(self.halts.values(), activity=activity, **names)

    def state_hash(self) -> bytes:
        """SHA-256 of the whole state in one canonical form: equal states, equal hashes."""
        head = self.governance
        document = {
            "sequence": self.sequence,
            "leader_epoch": self.leader_epoch,
            "last_recorded_ms": self.last_recorded_ms,
            "began": self.began,
            "governance": [head.deployment, head.head_sequence, head.head_hash, head.signer_epoch],
            "policies": [[sequence, policy.hash] for sequence, policy in sorted(head.policies.items())],
            "opened": [self.opened[key] for key in sorted(self.opened)],
            "nonces": self._lanes.canonical(),
            "withdrawals": self._withdrawals.canonical(),
            "payouts": self._payouts.canonical(),
            "proposals": self._proposals.canonical(),
            "legs": self._legs.canonical(),
            "halts": self._halts.canonical(),
        }
        text = json.dumps(document, default=_plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).digest()


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    raise TypeError(f"{type(value).__name__} has no canonical form")


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
