"""What operators propose and approve, as frozen values: the statement and the bodies that it can carry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from custody.statements._forms import Amount


class ProposalKind(IntEnum):
    """What a proposal does once its quorum is complete."""

    SWEEP = 1
    RELEASE = 2
    RESUME = 3
    ACTIVATE = 4
    POLICY = 5
    ADDRESS = 6
    KEY_ROTATION = 7
    OPENING = 8
    ADJUSTMENT = 9
    LIABILITY_TRANSFER = 10


class AddressAction(IntEnum):
    """Whether an allowlist entry comes or goes."""

    ADD = 1
    REMOVE = 2


class KeyHolder(IntEnum):
    """Whose key it is."""

    INITIATOR = 1
    OPERATOR = 2
    SIGNER = 3


class KeyAction(IntEnum):
    """What happens to the key."""

    ADD = 1
    RETIRE = 2
    REVOKE = 3


@dataclass(frozen=True, slots=True)
class SweepLeg:
    """One from-to-asset-amount of a sweep; `fee_cap` in base units of `fee_asset`."""

    from_wallet: str
    to_wallet: str
    to_address: str
    asset: str
    amount: Amount
    fee_asset: str
    fee_cap: Amount


@dataclass(frozen=True, slots=True)
class SweepBody:
    """1 to 32 legs, executed in order."""

    legs: tuple[SweepLeg, ...]


@dataclass(frozen=True, slots=True)
class ReleaseItem:
    """One held withdrawal."""

    withdrawal_id: str
    intent_sha256: bytes


@dataclass(frozen=True, slots=True)
class ReleaseBody:
    """1 to 1,000 held withdrawals that may go on."""

    items: tuple[ReleaseItem, ...]


@dataclass(frozen=True, slots=True)
class ResumeBody:
    """Ends one halt, suspension or freeze."""

    halt_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SpentAmount:
    """An asset and an amount spent of it."""

    asset: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class ActivateBody:
    """Makes one store of one signer the active one."""

    signer: str
    store_id: bytes
    intents_after_unix_ms: int
    spent: tuple[SpentAmount, ...]


@dataclass(frozen=True, slots=True)
class PolicyBody:
    """The next policy file, whole."""

    policy: bytes


@dataclass(frozen=True, slots=True)
class AddressBody:
    """One destination of the allowlist."""

    action: AddressAction
    network: str
    address: str
    memo: str
    initiator: str
    customer: str
    label: str


@dataclass(frozen=True, slots=True)
class KeyRotationBody:
    """One change of one key; what must be absent follows from `action` and `holder`."""

    action: KeyAction
    holder: KeyHolder
    holder_id: str
    key_id: str
    scheme: str
    public_key: bytes
    role: str
    possession: bytes
    valid_from_unix_ms: int
    valid_until_unix_ms: int


@dataclass(frozen=True, slots=True)
class OpeningBody:
    """A wallet's balance at one final block, credited to one pool."""

    wallet: str
    asset: str
    amount: Amount
    pool: str
    network: str
    block_height: int
    block_hash: bytes


@dataclass(frozen=True, slots=True)
class AdjustmentBody:
    """A correction between two accounts of one asset's ledger."""

    asset: str
    amount: Amount
    debit_account: str
    credit_account: str
    evidence_sha256: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class LiabilityTransferBody:
    """Moves what we owe from one pool to another."""

    asset: str
    amount: Amount
    from_pool: str
    to_pool: str
    reference: str


Payload = (
    SweepBody
    | ReleaseBody
    | ResumeBody
    | ActivateBody
    | PolicyBody
    | AddressBody
    | KeyRotationBody
    | OpeningBody
    | AdjustmentBody
    | LiabilityTransferBody
)

PAYLOADS: dict[ProposalKind, type[Payload]] = {
    ProposalKind.SWEEP: SweepBody,
    ProposalKind.RELEASE: ReleaseBody,
    ProposalKind.RESUME: ResumeBody,
    ProposalKind.ACTIVATE: ActivateBody,
    ProposalKind.POLICY: PolicyBody,
    ProposalKind.ADDRESS: AddressBody,
    ProposalKind.KEY_ROTATION: KeyRotationBody,
    ProposalKind.OPENING: OpeningBody,
    ProposalKind.ADJUSTMENT: AdjustmentBody,
    ProposalKind.LIABILITY_TRANSFER: LiabilityTransferBody,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """The exact thing that a proposer proposes and approvers approve or reject.

    `payload` is the body named by `kind`; its bytes stand in the statement's `body`.
    `not_before_unix_ms` is 0 for at once.
    """

    kind: ProposalKind
    payload: Payload
    policy_hash: bytes
    governance_sequence: int
    governance_hash: bytes
    signer_epoch: int
    proposer: str
    not_before_unix_ms: int
    expires_unix_ms: int
    nonce: bytes
