"""What refusals are made of: a body spoiled in one place, and what a reader must say to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vector_cases import Fields

Encode = Callable[[str, Fields], bytes]

LINE = "must be one line of text without control characters, and not too long"
POSITIVE = "must be a decimal from 1 to 2^128 - 1 without leading zeros"
AMOUNT = "must be a decimal from 0 to 2^128 - 1 without leading zeros"
ASSET = "must be a CAIP-19 asset, an EVM contract in lower case"
ID = "must be 1 to 64 of a-z, 0-9 and -"
TOKEN = "must be printable ASCII without spaces, and not too long"
SCOPE = "must be all, intake, payouts, sweeps, asset:…, wallet:…, customer:… or destination:…"
REQUIRED = "the field is required"
ABSENT = "the field must be absent here"
DEFAULT = "a default value is written out"
OVERLONG = "a varint is longer than its value needs"
END = "the bytes end inside a value"
ORDER = "fields do not ascend by number"
TWICE = "the field occurs twice"
AGAIN = "occurs twice in the list"
WIRE = "the wire type is not the field's"
NO_VALUE = "the enum has no such value"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A body of a type, and what is wrong with it."""

    name: str
    signed_type: str
    body: bytes
    field: str
    offset: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        """As it stands in signed.json."""
        known = {"name": self.name, "type": self.signed_type, "body": self.body.hex()}
        return {**known, "field": self.field, "offset": self.offset, "reason": self.reason}


def varint(value: int) -> bytes:
    """The shortest varint."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def put(number: int, value: int | bytes | str) -> bytes:
    """One field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


class Draft:
    """A body as its top-level fields' bytes, to be spoiled in one place."""

    def __init__(self, body: bytes) -> None:
        self.parts: list[tuple[int, bytes]] = []
        while body:
            tag, at = _read(body, 0)
            value, end = _read(body, at)
            end += value if tag & 7 == 2 else 0
            self.parts.append((tag >> 3, body[:end]))
            body = body[end:]

    def start(self, number: int) -> int:
        """Where the first field with at least this number starts."""
        return sum(len(raw) for n, raw in self.parts if n < number)

    def with_(self, number: int, raw: bytes) -> bytes:
        """The body with `raw` in the field's place, or where the field would be."""
        before = b"".join(part for n, part in self.parts if n < number)
        return before + raw + b"".join(part for n, part in self.parts if n > number)


def _read(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (body[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if body[at - 1] < 128:
            return value, at
