"""Bodies that must be refused: what is wrong with structure, and with an intent's forms."""

from __future__ import annotations

from collections.abc import Iterator

from vector_cases import ETH, INTENT, USDC
from vector_draft import (
    ABSENT,
    AMOUNT,
    ASSET,
    DEFAULT,
    END,
    ID,
    LINE,
    NO_VALUE,
    ORDER,
    OVERLONG,
    POSITIVE,
    REQUIRED,
    TOKEN,
    TWICE,
    WIRE,
    Draft,
    Encode,
    Refusal,
    put,
    varint,
)
from vector_statement_refusals import others, statements


def refusals(encode: Encode) -> list[Refusal]:
    """All of them; names are unique."""
    return [*_structure(encode), *_intents(encode), *statements(encode), *others(encode)]


def _structure(encode: Encode) -> Iterator[Refusal]:
    """What is wrong before any meaning: shown on an intent, whose initiator takes the first 12 bytes."""
    body = encode("WithdrawalIntent", INTENT)
    draft, size = Draft(body), len(body)
    attempt, first = draft.start(3), len(draft.parts[0][1])
    one, two, rest = draft.parts[0][1], draft.parts[1][1], body[draft.start(3) :]
    for name, spoiled, field, offset, reason in (
        ("empty", b"", "initiator", 0, REQUIRED),
        ("unknown-field", body + put(17, 1), "", size, "field 17 is unknown"),
        ("unknown-field-high", body + put(2**29 - 1, b"x"), "", size, "field 536870911 is unknown"),
        ("wrong-order", two + one + rest, "initiator", len(two), ORDER),
        ("last-comes-first", draft.parts[-1][1] + body[: draft.start(16)], "initiator", 3, ORDER),
        ("field-twice", draft.with_(3, put(3, 1) * 2), "attempt", attempt + 2, TWICE),
        ("field-twice-later", body + put(3, 1), "attempt", size, ORDER),
        ("explicit-default-text", draft.with_(7, put(7, "")), "memo", draft.start(7) + 2, DEFAULT),
        ("explicit-default-number", draft.with_(3, put(3, 0)), "attempt", attempt + 1, DEFAULT),
        ("explicit-default-enum", draft.with_(11, put(11, 0)), "fee_mode", draft.start(11) + 1, DEFAULT),
        ("overlong-value", draft.with_(3, b"\x18\x81\x00"), "attempt", attempt + 1, OVERLONG),
        ("overlong-tag", b"\x8a\x00" + body[1:], "", 0, OVERLONG),
        ("overlong-length", body[:1] + b"\x8a\x00" + body[2:], "initiator", 1, OVERLONG),
        (
            "varint-65-bits",
            draft.with_(16, b"\x80\x01" + b"\xff" * 9 + b"\x02"),
            "routing_sequence",
            draft.start(16) + 2,
            OVERLONG,
        ),
        (
            "varint-11-bytes",
            draft.with_(16, b"\x80\x01" + b"\x80" * 10 + b"\x01"),
            "routing_sequence",
            draft.start(16) + 2,
            OVERLONG,
        ),
        (
            "uint32-range",
            draft.with_(3, put(3, 2**32)),
            "attempt",
            attempt + 1,
            "the number is above the field's range",
        ),
        ("unknown-enum", draft.with_(11, put(11, 3)), "fee_mode", draft.start(11) + 1, NO_VALUE),
        ("negative-enum", draft.with_(11, put(11, 2**64 - 1)), "fee_mode", draft.start(11) + 1, NO_VALUE),
        ("enum-plus-2-32", draft.with_(11, put(11, 2**32 + 1)), "fee_mode", draft.start(11) + 1, NO_VALUE),
        ("bad-utf8", draft.with_(7, put(7, b"ab\xff")), "memo", draft.start(7) + 4, "the text is not UTF-8"),
        (
            "utf8-surrogate",
            draft.with_(7, put(7, b"\xed\xa0\x80")),
            "memo",
            draft.start(7) + 2,
            "the text is not UTF-8",
        ),
        (
            "utf8-overlong",
            draft.with_(7, put(7, b"\xc0\xaf")),
            "memo",
            draft.start(7) + 2,
            "the text is not UTF-8",
        ),
        ("number-as-bytes", draft.with_(3, put(3, b"\x01")), "attempt", attempt, WIRE),
        ("text-as-number", draft.with_(1, put(1, 1)), "initiator", 0, WIRE),
        ("fixed32", draft.with_(3, b"\x1d\x01\x00\x00\x00"), "", attempt, WIRE),
        ("fixed64", draft.with_(3, b"\x19" + b"\x01" * 8), "", attempt, WIRE),
        ("group", draft.with_(3, b"\x1b\x1c"), "", attempt, WIRE),
        ("field-zero", b"\x00\x01" + body, "", 0, "a tag names no field number"),
        ("tag-too-large", body + varint(2**32 | 0) + b"\x01", "", size, "a tag names no field number"),
        ("cut-in-tag", body + b"\x80", "", size, END),
        ("cut-in-value", body[: first + 3], "reference", first + 1, END),
        ("cut-in-varint", draft.with_(3, b"")[: draft.start(3)] + b"\x18\x80", "attempt", attempt + 1, END),
        ("length-beyond", put(1, "x")[:1] + b"\xff\x01x", "initiator", 1, END),
        ("length-huge", b"\x0a" + varint(2**64 - 1), "initiator", 1, END),
        ("zero-bytes-after", body + b"\x00", "", size, "a tag names no field number"),
    ):
        yield Refusal(name, "intent", spoiled, field, offset, reason)


def _intents(encode: Encode) -> Iterator[Refusal]:
    """Forms and rules across fields of an intent."""
    numbers = {
        "initiator": 1,
        "reference": 2,
        "asset": 4,
        "amount": 5,
        "address": 6,
        "memo": 7,
        "pool": 8,
        "customer": 9,
        "limit_class": 10,
        "max_network_fee": 12,
        "service_fee": 13,
        "submit_before_unix_ms": 14,
        "pay_before_unix_ms": 15,
        "routing_sequence": 16,
    }
    deduct = {**INTENT, "fee_mode": "FEE_MODE_DEDUCT"}
    house_fee = {**INTENT, "max_network_fee": "1"}
    for name, fields, field, reason in (
        ("amount-zero", {**INTENT, "amount": "0"}, "amount", POSITIVE),
        ("amount-leading-zero", {**INTENT, "amount": "01"}, "amount", POSITIVE),
        ("amount-negative", {**INTENT, "amount": "-1"}, "amount", POSITIVE),
        ("amount-plus", {**INTENT, "amount": "+1"}, "amount", POSITIVE),
        ("amount-fraction", {**INTENT, "amount": "1.0"}, "amount", POSITIVE),
        ("amount-exponent", {**INTENT, "amount": "1e18"}, "amount", POSITIVE),
        ("amount-hex", {**INTENT, "amount": "0x10"}, "amount", POSITIVE),
        ("amount-2-128", {**INTENT, "amount": str(2**128)}, "amount", POSITIVE),
        ("amount-79-digits", {**INTENT, "amount": "1" * 79}, "amount", POSITIVE),
        ("amount-arabic-digits", {**INTENT, "amount": "٣"}, "amount", POSITIVE),
        ("service-fee-leading-zero", {**INTENT, "service_fee": "00"}, "service_fee", AMOUNT),
        (
            "sum-above-2-128",
            {**INTENT, "amount": str(2**128 - 1), "service_fee": "1"},
            "service_fee",
            "must not exceed 2^128 - 1 together with the amount",
        ),
        ("house-with-max-fee", house_fee, "max_network_fee", ABSENT),
        (
            "deduct-all",
            {**deduct, "amount": "7", "max_network_fee": "7"},
            "max_network_fee",
            "must be below the amount, so that something is paid",
        ),
        ("deduct-zero", {**deduct, "max_network_fee": "0"}, "max_network_fee", POSITIVE),
        ("initiator-upper-case", {**INTENT, "initiator": "Backend"}, "initiator", ID),
        ("initiator-65", {**INTENT, "initiator": "x" * 65}, "initiator", ID),
        ("reference-space", {**INTENT, "reference": "w 1"}, "reference", TOKEN),
        ("reference-129", {**INTENT, "reference": "x" * 129}, "reference", TOKEN),
        ("address-newline", {**INTENT, "address": "0xAb\n"}, "address", TOKEN),
        ("memo-escape", {**INTENT, "memo": "\x1b[2J"}, "memo", LINE),
        ("memo-129", {**INTENT, "memo": "x" * 129}, "memo", LINE),
        ("memo-right-to-left", {**INTENT, "memo": "a\u202eb"}, "memo", LINE),
        (
            "customer-not-ascii",
            {**INTENT, "customer": "ü"},
            "customer",
            "must be printable ASCII, and not too long",
        ),
        ("asset-contract-upper-case", {**INTENT, "asset": USDC.replace("a0b8", "A0b8")}, "asset", ASSET),
        ("asset-symbol", {**INTENT, "asset": "ETH"}, "asset", ASSET),
        ("asset-chain-leading-zero", {**INTENT, "asset": ETH.replace(":1/", ":01/")}, "asset", ASSET),
        (
            "submit-after-year-9999",
            {**INTENT, "submit_before_unix_ms": "253402300800000", "pay_before_unix_ms": "253402300800000"},
            "submit_before_unix_ms",
            "must be a time before the year 10000",
        ),
        (
            "pay-before-submit",
            {**INTENT, "pay_before_unix_ms": "1"},
            "pay_before_unix_ms",
            "must not be before submit_before_unix_ms",
        ),
        (
            "routing-sequence-2-63",
            {**INTENT, "routing_sequence": str(2**63)},
            "routing_sequence",
            "must be at most 2^63 - 1",
        ),
    ):
        body = encode("WithdrawalIntent", fields)
        head = next(len(raw) for n, raw in Draft(body).parts if n == numbers[field])
        value = fields[field]
        size = len(varint(int(value))) if field.endswith(("_ms", "sequence")) else len(str(value).encode())
        yield Refusal(name, "intent", body, field, Draft(body).start(numbers[field]) + head - size, reason)
    for field in ("initiator", "attempt", "amount", "service_fee", "routing_sequence", "fee_mode"):
        body = encode("WithdrawalIntent", {key: value for key, value in INTENT.items() if key != field})
        yield Refusal(f"without-{field.replace('_', '-')}", "intent", body, field, len(body), REQUIRED)
    body = encode("WithdrawalIntent", deduct)
    yield Refusal("deduct-without-max-fee", "intent", body, "max_network_fee", len(body), REQUIRED)
