"""WithdrawalService: translates between the API and the services, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from custody.api.v1 import common_pb2, withdrawal_pb2
from custody.errors import Malformed, NotFound, Unavailable
from custody.ledger import ulid_bytes
from custody.model.policy import Policy
from custody.ports import MetadataStore
from custody.rpc.endpoint import Call
from custody.rpc.principal import Principal
from custody.server import withdrawal_message
from custody.server.cancellations import cancel_withdrawals
from custody.server.explanations import Explanations
from custody.server.withdrawal_message import cursor
from custody.services.cancellations import Canceller
from custody.services.commands import State
from custody.services.conditions import Conditions
from custody.services.intake import Intake
from custody.services.intents import IntentStore
from custody.services.old_withdrawals import OldWithdrawal, OldWithdrawals
from custody.services.queries import WithdrawalRead, find, find_by_id, listed
from custody.services.writer import Writer

__all__ = ["Reader", "Withdrawals", "initiator_of", "wait_for"]

_MOST_KEYS = 1_000
_PAGE = 100
_LARGEST_PAGE = 1_000

_UNKNOWN = withdrawal_pb2.Withdrawal()


def initiator_of(principal: Principal) -> str | None:
    """Whose withdrawals the caller may see: an initiator its own, people everybody's (None)."""
    return principal.id if principal.role == "initiator" else None


def wait_for(writer: Writer, minimum: common_pb2.Cursor, call: Call) -> None:
    """Wait until the journal is as new as the caller asks. Raises `Unavailable` when it is not in time."""
    if not minimum.sequence:
        return
    if minimum.partition not in ("", writer.partition):
        raise Malformed("min_cursor.partition", f"this server is partition {writer.partition!r}")
    if not writer.wait_for(minimum.sequence, call.remaining_s()):
        raise Unavailable("journal", f"is at {writer.head.sequence}, not yet at {minimum.sequence}")


class Reader:
    """Makes whole messages of what was read in the writer: the intent and the client's words come from outside it."""

    def __init__(
        self, writer: Writer, intents: IntentStore, metadata: MetadataStore, conditions: Conditions
    ) -> None:
        self._writer = writer
        self._intents = intents
        self._metadata = metadata
        self._conditions = conditions

    def message(self, read: WithdrawalRead, policy: Policy) -> withdrawal_pb2.Withdrawal:
        """One withdrawal."""
        view = read.view
        authority = self._intents.authority(view.sequence, view.leaf)
        words = self._metadata.get(ulid_bytes(view.withdrawal_id))
        return withdrawal_message.withdrawal(
            read, policy, self._writer.partition, authority.intent, words, self._conditions
        )

    def old_message(self, old: OldWithdrawal) -> withdrawal_pb2.Withdrawal:
        """One that left memory."""
        id_ = ulid_bytes(old.withdrawal_id)
        ended, as_of = self._writer.read(
            lambda state: (state.control.ended.get(id_), state.next_sequence - 1)
        )
        return withdrawal_message.old_withdrawal(
            old, ended, self._writer.partition, as_of, self._metadata.get(id_)
        )

    def messages(
        self, withdrawal_ids: Sequence[str], initiator: str | None
    ) -> list[withdrawal_pb2.Withdrawal]:
        """Those of these withdrawals that the initiator may see (None: everybody's), as they are now."""

        def read(state: State) -> tuple[list[WithdrawalRead], Policy]:
            found = []
            for id_ in withdrawal_ids:
                try:
                    found.append(find_by_id(state, id_, initiator))
                except NotFound:
                    continue
            return found, state.control.governance.policy

        found, policy = self._writer.read(read)
        return [self.message(each, policy) for each in found]


class Withdrawals:
    """See withdrawal.proto."""

    def __init__(
        self,
        writer: Writer,
        intake: Intake,
        canceller: Canceller,
        reader: Reader,
        old: OldWithdrawals,
        explanations: Explanations,
    ) -> None:
        self._writer = writer
        self._canceller = canceller
        self._intake = intake
        self._reader = reader
        self._old = old
        self._explanations = explanations

    def SubmitWithdrawals(self, request: bytes, call: Call) -> bytes:
        """Bytes in, bytes out: Rust reads and answers every item."""
        return self._intake.submit(request, call.principal.id)

    def GetWithdrawal(
        self, request: withdrawal_pb2.GetWithdrawalRequest, call: Call
    ) -> withdrawal_pb2.GetWithdrawalResponse:
        """One withdrawal."""
        wait_for(self._writer, request.min_cursor, call)
        key, own = request.key, initiator_of(call.principal)
        try:
            read, policy = self._writer.read(
                lambda state: (_found(state, key, own), state.control.governance.policy)
            )
        except NotFound:
            message = self._old_message(key, own)
            if message is None:
                raise
        else:
            message = self._reader.message(read, policy)
        return withdrawal_pb2.GetWithdrawalResponse(withdrawal=message)

    def _old_message(
        self, key: withdrawal_pb2.WithdrawalKey, own: str | None
    ) -> withdrawal_pb2.Withdrawal | None:
        """One that left memory, which is asked first; None where there is none that the caller may see."""
        old = self._old.of_key(key.withdrawal_id, key.initiator, key.reference, key.attempt, own)
        return None if old is None or not old.withdrawal_id else self._reader.old_message(old)

    def BatchGetWithdrawals(
        self, request: withdrawal_pb2.BatchGetWithdrawalsRequest, call: Call
    ) -> withdrawal_pb2.BatchGetWithdrawalsResponse:
        """Many, in the order asked; an empty entry for one that is not known."""
        if not 1 <= len(request.keys) <= _MOST_KEYS:
            raise Malformed("keys", f"{len(request.keys)} of 1 to {_MOST_KEYS}")
        own = initiator_of(call.principal)
        wait_for(self._writer, request.min_cursor, call)

        def read(state: State) -> tuple[list[WithdrawalRead | None], Policy, int]:
            found: list[WithdrawalRead | None] = []
            for key in request.keys:
                try:
                    found.append(_found(state, key, own))
                except NotFound:
                    found.append(None)
            return found, state.control.governance.policy, state.next_sequence - 1

        found, policy, as_of = self._writer.read(read)
        return withdrawal_pb2.BatchGetWithdrawalsResponse(
            withdrawals=[
                (self._old_message(key, own) or _UNKNOWN)
                if each is None
                else self._reader.message(each, policy)
                for key, each in zip(request.keys, found, strict=True)
            ],
            as_of=[cursor(self._writer.partition, as_of)],
        )

    def ListWithdrawals(
        self, request: withdrawal_pb2.ListWithdrawalsRequest, call: Call
    ) -> withdrawal_pb2.ListWithdrawalsResponse:
        """One page, newest first."""
        if request.page_size > _LARGEST_PAGE:
            raise Malformed("page_size", f"at most {_LARGEST_PAGE}")
        if request.page_token:
            ulid_bytes(request.page_token)  # Malformed for anything else
        own = initiator_of(call.principal)
        if own is not None and request.initiator not in ("", own):
            raise NotFound("initiator", request.initiator)
        states = [_state_name(number) for number in request.states]
        wait_for(self._writer, request.min_cursor, call)

        def read(state: State) -> tuple[list[WithdrawalRead], str, Policy, int]:
            page, last = listed(
                state,
                states=states,
                initiator=own or request.initiator or None,
                reference=request.reference or None,
                customer=request.customer or None,
                asset=request.asset or None,
                accepted_from_ms=_unix_ms(request.accepted_from)
                if request.HasField("accepted_from")
                else None,
                accepted_to_ms=_unix_ms(request.accepted_to) if request.HasField("accepted_to") else None,
                before=request.page_token or None,
                size=request.page_size or _PAGE,
            )
            return page, last, state.control.governance.policy, state.next_sequence - 1

        page, last, policy, as_of = self._writer.read(read)
        return withdrawal_pb2.ListWithdrawalsResponse(
            withdrawals=[self._reader.message(each, policy) for each in page],
            next_page_token=last,
            as_of=[cursor(self._writer.partition, as_of)],
        )

    def CancelWithdrawals(
        self, request: withdrawal_pb2.CancelWithdrawalsRequest, call: Call
    ) -> withdrawal_pb2.CancelWithdrawalsResponse:
        """Each item by itself, in order."""
        return cancel_withdrawals(self._writer, self._canceller, request, call)

    def ExplainWithdrawal(
        self, request: withdrawal_pb2.ExplainWithdrawalRequest, call: Call
    ) -> withdrawal_pb2.ExplainWithdrawalResponse:
        """What every rule says of an intent; or what was answered to a known one, and what it waits for."""
        wait_for(self._writer, request.min_cursor, call)
        return self._explanations.answer(request, initiator_of(call.principal))


def _found(state: State, key: withdrawal_pb2.WithdrawalKey, own: str | None) -> WithdrawalRead:
    if key.withdrawal_id:
        return find_by_id(state, key.withdrawal_id, own)
    if own is not None and key.initiator not in ("", own):
        raise NotFound("withdrawal", f"{key.initiator}/{key.reference}")
    return find(state, own or key.initiator, key.reference, key.attempt)


def _state_name(number: int) -> str:
    try:
        name = withdrawal_pb2.WithdrawalState.Name(number)  # type: ignore[arg-type]
    except ValueError:
        name = "WITHDRAWAL_STATE_UNSPECIFIED"
    if number == withdrawal_pb2.WITHDRAWAL_STATE_UNSPECIFIED or name.endswith("UNSPECIFIED"):
        raise Malformed("states", f"{number} is no state")
    return name.removeprefix("WITHDRAWAL_STATE_")


def _unix_ms(time: Timestamp) -> int:
    return max(0, time.seconds * 1000 + time.nanos // 1_000_000)
