"""Withdrawals that left the ledger's memory: what was asked, what was first answered, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from custody import statements
from custody.api.journal.v1 import ledger_pb2, withdrawal_pb2
from custody.errors import InvariantBroken, Malformed
from custody.ledger import Ledger, reference_key, ulid_text
from custody.services.forgetting import OldAnswers

__all__ = ["OldWithdrawal", "OldWithdrawals"]

_STATES = {
    ledger_pb2.FORGOTTEN_STATE_REJECTED: "REJECTED",
    ledger_pb2.FORGOTTEN_STATE_POSTED: "FINAL",
    ledger_pb2.FORGOTTEN_STATE_CANCELLED: "CANCELLED",
    ledger_pb2.FORGOTTEN_STATE_EXPIRED: "EXPIRED",
    ledger_pb2.FORGOTTEN_STATE_REFUNDED: "REFUNDED",
}
_DECISIONS = {
    withdrawal_pb2.INTAKE_DECISION_ACCEPTED: "ACCEPTED",
    withdrawal_pb2.INTAKE_DECISION_HELD: "HELD",
    withdrawal_pb2.INTAKE_DECISION_REJECTED: "REJECTED",
}


@dataclass(frozen=True, slots=True)
class OldWithdrawal:
    """One attempt as the journal has it. `withdrawal_id` is empty and `state` REJECTED when it was refused for good.

    Times are unix ms, 0 for none. The payout that paid it is not known here: events and the journal tell of it.
    """

    withdrawal_id: str
    attempt: int
    initiator: str
    intent: bytes
    state: str
    decision: str
    tag: str
    remedy: int
    earliest_pass_ms: int
    wallet: str
    priority: int
    accepted_ms: int


class OldWithdrawals:
    """Safe to share between threads."""

    def __init__(self, ledger: Ledger, old: OldAnswers) -> None:
        """`old` knows what left this ledger's memory."""
        self._ledger = ledger
        self._old = old

    def of_key(
        self, withdrawal_id: str, initiator: str, reference: str, attempt: int, own: str | None
    ) -> OldWithdrawal | None:
        """By a reference of this initiator; of `own` alone unless it is None. None where there is none.

        Memory is to be asked first: what leaves it is here before.
        """
        if withdrawal_id or (own is not None and initiator not in ("", own)):
            return None
        return self.find(reference_key(own or initiator, reference), attempt)

    def find(self, key: bytes, attempt: int) -> OldWithdrawal | None:
        """The attempt under a `reference_key`, the newest when 0; None when it is not here."""
        if attempt == 0 and self._ledger.attempts(key):
            return None  # the newest is in memory
        _, found = self._old.look_up(self._ledger, key, attempt)
        read = [_read(key, leaf, state) for _, _, leaf, state in found]
        wanted = [each for each in read if attempt in (0, each.attempt)]
        return max(wanted, key=lambda each: each.attempt) if wanted else None


def _read(key: bytes, leaf: bytes, state: int) -> OldWithdrawal:
    try:
        packed, intent, _ = statements.unpack_leaf(leaf)
        outcome = withdrawal_pb2.IntakeOutcome.FromString(packed)
        asked = statements.parse_intent(intent)
        if reference_key(asked.initiator, asked.reference) != key:
            raise InvariantBroken("ids: a leaf of a reference that was not asked for")
        id_ = ulid_text(outcome.withdrawal_id) if outcome.withdrawal_id else ""
        return OldWithdrawal(
            withdrawal_id=id_,
            attempt=asked.attempt,
            initiator=asked.initiator,
            intent=intent,
            state=_STATES[state],  # type: ignore[index]
            decision=_DECISIONS[outcome.decision],
            tag=outcome.tag,
            remedy=outcome.remedy,
            earliest_pass_ms=outcome.earliest_pass_unix_ms,
            wallet=outcome.wallet,
            priority=outcome.priority,
            accepted_ms=int.from_bytes(outcome.withdrawal_id[:6], "big"),
        )
    except (DecodeError, KeyError, Malformed) as error:
        raise InvariantBroken(f"ids: a leaf that is no withdrawal: {error}") from error
