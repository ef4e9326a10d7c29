"""Sends batches until each item has an answer: identical bytes again after a lost reply, BUSY items alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from custody.api.v1 import withdrawal_pb2, withdrawal_pb2_grpc
from custody.client.draft import SignedWithdrawal
from custody.client.results import Outcome, SubmitOutcome, submit_outcome
from custody.client.retry import Backoff
from custody.client.transport import Transport
from custody.errors import CustodyError, Failed, Unavailable

__all__ = ["OutcomeUnknown", "submit_all"]

_LARGEST_BATCH_BYTES = 8 << 20  # half of what the server takes by default


class OutcomeUnknown(Unavailable):
    """The server could not be reached for as long as was to be tried: `unanswered` may or may not have been taken.

    Send exactly these again, later (`Client.send`); signing anew would make other bytes. `answered` are the answers
    of the others, by their position in what was given.
    """

    def __init__(
        self,
        cause: CustodyError,
        answered: dict[int, SubmitOutcome],
        unanswered: tuple[SignedWithdrawal, ...],
    ) -> None:
        super().__init__("custody-server", str(cause))
        self.answered = answered
        self.unanswered = unanswered


def submit_all(
    transport: Transport,
    stub: withdrawal_pb2_grpc.WithdrawalServiceStub,
    items: Sequence[SignedWithdrawal],
    batch_items: int,
    backoff: Backoff,
    request_id: str,
) -> list[SubmitOutcome]:
    """One answer for each item, in order.

    Raises OutcomeUnknown when some may have been taken; any other error means that none was.
    """
    answers: dict[int, SubmitOutcome] = {}
    sure = True  # whether everything that was sent is answered
    for batch in _batches(items, batch_items):
        waiting = batch
        pauses = backoff.pauses()
        while waiting:
            lost: CustodyError | None = None
            try:
                _send(transport, stub, items, waiting, answers, request_id)
            except Unavailable as error:
                lost, sure = error, False
            except CustodyError as error:
                # Failed is no definite answer: what broke may have broken after the items were taken.
                if sure and not answers and not isinstance(error, Failed):
                    raise
                raise _unknown(error, items, answers, waiting) from error
            else:
                waiting = [index for index in waiting if answers[index].outcome is Outcome.BUSY]
            if waiting and next(pauses, _NO_MORE) is _NO_MORE:
                if lost is None:
                    break  # BUSY is the answer
                raise _unknown(lost, items, answers, waiting) from lost
    return [answers[index] for index in range(len(items))]


def _unknown(
    cause: CustodyError,
    items: Sequence[SignedWithdrawal],
    answers: dict[int, SubmitOutcome],
    waiting: Sequence[int],
) -> OutcomeUnknown:
    answered = {index: answer for index, answer in answers.items() if index not in waiting}
    return OutcomeUnknown(cause, answered, tuple(i for n, i in enumerate(items) if n not in answered))


_NO_MORE = object()


def _send(
    transport: Transport,
    stub: withdrawal_pb2_grpc.WithdrawalServiceStub,
    items: Sequence[SignedWithdrawal],
    indices: Sequence[int],
    answers: dict[int, SubmitOutcome],
    request_id: str,
) -> None:
    request = withdrawal_pb2.SubmitWithdrawalsRequest(
        request_id=request_id, items=[items[index].item() for index in indices]
    )
    results = transport.call(stub.SubmitWithdrawals, request).results
    if len(results) != len(indices):
        raise Failed(transport.what, f"answered {len(results)} of {len(indices)} items")
    fresh = dict(zip(indices, map(submit_outcome, results), strict=True))
    for index, answer in fresh.items():
        if answer.reference not in ("", items[index].reference):
            raise Failed(
                transport.what, f"answered {answer.reference} in the place of {items[index].reference}"
            )
    answers.update(fresh)


def _batches(items: Sequence[SignedWithdrawal], batch_items: int) -> Iterator[list[int]]:
    batch: list[int] = []
    size = 0
    for index, item in enumerate(items):
        weight = item.item().ByteSize() + 16
        if batch and (len(batch) == batch_items or size + weight > _LARGEST_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(index)
        size += weight
    if batch:
        yield batch
