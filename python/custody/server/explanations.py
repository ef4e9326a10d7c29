"""ExplainWithdrawal: the answer about an intent as Rust makes it, and the first answer to what is known."""

from __future__ import annotations

from custody.api.v1 import common_pb2, withdrawal_pb2
from custody.errors import Malformed, NotFound
from custody.ledger import reference_key
from custody.server import withdrawal_message
from custody.services.commands import State
from custody.services.conditions import Conditions
from custody.services.explaining import Explainer
from custody.services.old_withdrawals import OldWithdrawals
from custody.services.queries import Answered, answered, find_by_id
from custody.services.writer import Writer

__all__ = ["Explanations"]


class Explanations:
    """An initiator (`own`) asks about its own alone, people (None) about everybody's."""

    def __init__(
        self, writer: Writer, explainer: Explainer, old: OldWithdrawals, conditions: Conditions
    ) -> None:
        self._writer = writer
        self._explainer = explainer
        self._old = old
        self._conditions = conditions

    def answer(
        self, request: withdrawal_pb2.ExplainWithdrawalRequest, own: str | None
    ) -> withdrawal_pb2.ExplainWithdrawalResponse:
        """The whole message. Raises `Malformed` unless there is either a key or an intent; `NotFound`."""
        if request.HasField("key") == bool(request.intent):
            raise Malformed("key", "give either a key or an intent")
        if request.intent:
            return self._of_intent(request.intent, own)
        return self._of_key(request.key, own)

    def _of_intent(self, intent: bytes, own: str | None) -> withdrawal_pb2.ExplainWithdrawalResponse:
        packed, as_of = self._explainer.explain(intent, own)
        answer = withdrawal_pb2.ExplainWithdrawalResponse.FromString(packed)
        answer.as_of.append(self._cursor(as_of))
        if answer.withdrawal_id:
            answer.blockers.extend(self._waits(answer.withdrawal_id))
        return answer

    def _cursor(self, sequence: int) -> common_pb2.Cursor:
        return withdrawal_message.cursor(self._writer.partition, sequence)

    def _waits(self, withdrawal_id: str) -> list[withdrawal_pb2.Blocker]:
        def read(state: State) -> list[withdrawal_pb2.Blocker]:
            found = find_by_id(state, withdrawal_id, None)
            policy = state.control.governance.policy
            return withdrawal_message.blockers(found, policy, self._conditions)

        try:
            return self._writer.read(read)
        except NotFound:  # it left memory, and waits for nothing
            return []

    def _of_key(
        self, key: withdrawal_pb2.WithdrawalKey, own: str | None
    ) -> withdrawal_pb2.ExplainWithdrawalResponse:
        if not key.withdrawal_id and not ((own or key.initiator) and key.reference):
            raise Malformed("key", "needs withdrawal_id, or initiator and reference")
        try:
            return self._writer.read(lambda state: self._known(state, _find(state, key, own)))
        except NotFound:
            as_of = self._writer.head.sequence
            old = self._old.of_key(key.withdrawal_id, key.initiator, key.reference, key.attempt, own)
            if old is None:
                raise
        return withdrawal_pb2.ExplainWithdrawalResponse(
            outcome=withdrawal_pb2.Outcome.Value(f"OUTCOME_{old.decision}"),
            tag=old.tag,
            remedy=withdrawal_pb2.Remedy.ValueType(old.remedy),
            earliest_pass=withdrawal_message.timestamp(old.earliest_pass_ms),
            withdrawal_id=old.withdrawal_id,
            state=withdrawal_pb2.WithdrawalState.Value(f"WITHDRAWAL_STATE_{old.state}"),
            as_of=[self._cursor(as_of)],
        )

    def _known(self, state: State, found: Answered) -> withdrawal_pb2.ExplainWithdrawalResponse:
        attempt, read, policy = found.attempt, found.read, state.control.governance.policy
        name = "REJECTED" if read is None else read.state
        return withdrawal_pb2.ExplainWithdrawalResponse(
            outcome=withdrawal_pb2.Outcome.Value(f"OUTCOME_{attempt.decision.value}"),
            tag=attempt.tag,
            remedy=withdrawal_pb2.Remedy.ValueType(attempt.remedy),
            earliest_pass=withdrawal_message.timestamp(attempt.earliest_pass_ms),
            blockers=[] if read is None else withdrawal_message.blockers(read, policy, self._conditions),
            withdrawal_id="" if read is None else read.view.withdrawal_id,
            state=withdrawal_pb2.WithdrawalState.Value(f"WITHDRAWAL_STATE_{name}"),
            as_of=[self._cursor(state.next_sequence - 1)],
        )


def _find(state: State, key: withdrawal_pb2.WithdrawalKey, own: str | None) -> Answered:
    if key.withdrawal_id:
        view = find_by_id(state, key.withdrawal_id, own).view
        return answered(state, view.key, view.attempt)
    if own is not None and key.initiator not in ("", own):
        raise NotFound("withdrawal", f"{key.initiator}/{key.reference}")
    return answered(state, reference_key(own or key.initiator, key.reference), key.attempt)
