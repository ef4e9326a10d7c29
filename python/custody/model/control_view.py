"""What the control state shows: payouts, proposals, sweeps, halts and governance as the journal's records left them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from custody.model.governance import Governance
from custody.model.halts import Activity, Halt, HaltBook, Suspension, halted_by
from custody.model.leg import Leg
from custody.model.leg_book import LegBook
from custody.model.nonces import NonceLanes
from custody.model.payout import Payout
from custody.model.payout_book import PayoutBook
from custody.model.policy import Policy
from custody.model.proposal import Proposal
from custody.model.proposal_book import ProposalBook
from custody.model.withdrawal_book import Cancellation, Ended, WithdrawalBook


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


class ControlView:
    """The books and all that is read of them; every collection is read-only to callers."""

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
