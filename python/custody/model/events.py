"""Which message each kind of journal record holds, and the reading of it; kinds and messages are the protos'."""

from __future__ import annotations

from google.protobuf.message import DecodeError, Message

from custody.api.journal.v1 import (
    governance_pb2,
    record_pb2,
    signer_pb2,
    sweep_pb2,
    transfer_pb2,
    withdrawal_pb2,
)
from custody.errors import InvariantBroken

KIND_NAMES: dict[int, str] = {
    value: name.removeprefix("RECORD_KIND_") for name, value in record_pb2.RecordKind.items() if value
}
"""Every kind's number and its name, `PAYOUTS_SIGNED`."""

_MODULES = (record_pb2, governance_pb2, withdrawal_pb2, sweep_pb2, transfer_pb2, signer_pb2)


def _message_class(kind_name: str) -> type[Message]:
    name = "".join(word.capitalize() for word in kind_name.split("_"))
    found = [getattr(module, name) for module in _MODULES if hasattr(module, name)]
    if len(found) != 1:
        raise InvariantBroken(f"{kind_name}: {len(found)} messages are called {name}")
    message_class: type[Message] = found[0]
    return message_class


PACKED = record_pb2.RECORD_KIND_WITHDRAWALS_SUBMITTED
"""The one kind without a message: its leaves are packed withdrawals."""

MESSAGES: dict[int, type[Message]] = {
    number: _message_class(name) for number, name in KIND_NAMES.items() if number != PACKED
}
"""The message of leaf 1 of each kind."""


def decode(kind: int, leaf: bytes) -> Message:
    """Read leaf 1 of a record of this kind. Raises InvariantBroken: what a journal holds was written by us."""
    message_class = MESSAGES.get(kind)
    if message_class is None:
        raise InvariantBroken(f"no record of kind {kind} has a message")
    try:
        return message_class.FromString(leaf)
    except DecodeError as error:
        raise InvariantBroken(f"a record of kind {KIND_NAMES[kind]} is not readable: {error}") from None
