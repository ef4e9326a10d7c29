"""What the control state knows of withdrawals beside the ledger: cancellations that wait, and how the unpaid ended."""

from __future__ import annotations

from dataclasses import dataclass

from custody.api.journal.v1 import withdrawal_pb2 as pb
from custody.errors import InvariantBroken

_ENDS = frozenset({pb.WITHDRAWAL_END_CANCELLED, pb.WITHDRAWAL_END_EXPIRED, pb.WITHDRAWAL_END_REFUNDED})


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Somebody entitled asked; the signer's tombstone is awaited. `cancel` is empty for an expiry."""

    withdrawal_id: bytes
    end: int
    tag: str
    by: str
    cancel: bytes
    since_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A withdrawal that ended unpaid, and its signer's promise (empty where none was needed)."""

    withdrawal_id: bytes
    end: int
    tag: str
    tombstone: bytes
    key_id: str
    signature: bytes
    ended_ms: int


class WithdrawalBook:
    """Pending cancellations and unpaid ends, by withdrawal id."""

    def __init__(self) -> None:
        self.cancellations: dict[bytes, Cancellation] = {}
        self.ended: dict[bytes, Ended] = {}

    def require_payable(self, withdrawal_id: bytes) -> None:
        """Raise InvariantBroken when it has ended or its tombstone is awaited."""
        if withdrawal_id in self.ended:
            raise InvariantBroken(f"withdrawal {withdrawal_id.hex()} has ended")
        if withdrawal_id in self.cancellations:
            raise InvariantBroken(f"withdrawal {withdrawal_id.hex()} is being cancelled")

    def requested(self, message: pb.CancellationRequested, now_ms: int) -> None:
        """A cancellation or an expiry begins."""
        self.require_payable(message.withdrawal_id)
        if message.end not in _ENDS or not message.withdrawal_id:
            raise InvariantBroken("a cancellation names no withdrawal or no end")
        self.cancellations[message.withdrawal_id] = Cancellation(
            message.withdrawal_id,
            message.end,
            message.tag,
            message.signature.principal or "system",
            message.cancel,
            now_ms,
        )

    def ended_unpaid(self, message: pb.WithdrawalsEnded, now_ms: int) -> None:
        """Withdrawals ended."""
        for item in message.items:
            if item.withdrawal_id in self.ended or item.end not in _ENDS or not item.withdrawal_id:
                raise InvariantBroken(f"withdrawal {item.withdrawal_id.hex()} ends twice, or not at all")
            self.cancellations.pop(item.withdrawal_id, None)
            self.ended[item.withdrawal_id] = Ended(
                item.withdrawal_id,
                item.end,
                item.tag,
                item.tombstone,
                item.tombstone_signature.key_id,
                item.tombstone_signature.signature,
                now_ms,
            )

    def canonical(self) -> object:
        """The same for the same state, for its hash."""
        pending = [self.cancellations[key] for key in sorted(self.cancellations)]
        return {"cancellations": pending, "ended": [self.ended[key] for key in sorted(self.ended)]}
