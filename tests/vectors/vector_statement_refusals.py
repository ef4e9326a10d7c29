"""Statements and other bodies that must be refused."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from vector_cases import HALT, INTENT, LEG, PAYLOADS, POSSESSION, ROTATION, statement
from vector_draft import (
    ABSENT,
    AGAIN,
    NO_VALUE,
    ORDER,
    REQUIRED,
    SCOPE,
    TWICE,
    Draft,
    Encode,
    Refusal,
    put,
    varint,
)


def _statement(encode: Encode, kind: str, payload: bytes, **changes: Any) -> bytes:
    body = base64.b64encode(payload).decode()
    return encode("Statement", {**statement(kind, **changes), "body": body})


def statements(encode: Encode) -> Iterator[Refusal]:
    """Statements; the offset of a payload's byte n is n after the start of the field's value."""
    leg, sweep = encode("SweepLeg", LEG), encode("SweepBody", {"legs": [LEG]})
    twice = Draft(leg).with_(5, put(5, "1") * 2)
    at_leg = 2 + len(put(2, sweep)) - len(sweep) + 1 + len(varint(len(leg)))

    def place(payload: bytes, offset: int) -> int:
        return 2 + len(put(2, payload)) - len(payload) + offset

    def refuse(name: str, kind: str, payload: bytes, field: str, offset: int, reason: str) -> Refusal:
        body = _statement(encode, kind, payload)
        return Refusal(name, "propose", body, field, place(payload, offset), reason)

    yield refuse(
        "payload-unknown-field", "SWEEP", sweep + put(2, 1), "body", len(sweep), "field 2 is unknown"
    )
    yield refuse(
        "leg-unknown-field",
        "SWEEP",
        put(1, leg + put(8, 1)),
        "body.legs[0]",
        2 + 1 + len(leg),
        "field 8 is unknown",
    )
    yield refuse(
        "leg-field-twice",
        "SWEEP",
        sweep + put(1, twice),
        "body.legs[1].amount",
        len(sweep) + 3 + Draft(leg).start(5) + 3,
        TWICE,
    )
    yield refuse("leg-empty", "SWEEP", put(1, b""), "body.legs[0].from_wallet", 2, REQUIRED)
    many = sweep * 33
    yield refuse("legs-33", "SWEEP", many, "body.legs", len(many) - len(leg), "there are too many items")
    to_itself = encode("SweepBody", {"legs": [{**LEG, "to_wallet": LEG["from_wallet"]}]})
    yield refuse(
        "leg-to-itself",
        "SWEEP",
        to_itself,
        "body.legs[0].to_wallet",
        3 + 12 + 2,
        "must differ from the side before it",
    )
    yield refuse(
        "payload-of-other-kind",
        "RELEASE",
        sweep,
        "body.items[0].withdrawal_id",
        at_leg - place(sweep, 0) + 2,
        "must be a ULID",
    )
    name, fields = PAYLOADS["OPENING"]
    opening = encode(name, {**fields, "network": "eip155:10"})
    yield refuse(
        "opening-network",
        "OPENING",
        opening,
        "body.network",
        Draft(opening).start(5) + 2,
        "must be the asset's network",
    )
    revoke = {**ROTATION, "action": "KEY_ACTION_REVOKE"}
    payload = encode("KeyRotationBody", revoke)
    yield refuse(
        "revoke-with-scheme", "KEY_ROTATION", payload, "body.scheme", Draft(payload).start(5) + 2, ABSENT
    )
    for left_out in ("possession", "role"):
        payload = encode("KeyRotationBody", {k: v for k, v in ROTATION.items() if k != left_out})
        yield refuse(
            f"add-without-{left_out}", "KEY_ROTATION", payload, f"body.{left_out}", len(payload), REQUIRED
        )
    payload = encode("KeyRotationBody", {**ROTATION, "holder": "KEY_HOLDER_OPERATOR"})
    yield refuse(
        "operator-with-role", "KEY_ROTATION", payload, "body.role", Draft(payload).start(7) + 2, ABSENT
    )
    same = encode("LiabilityTransferBody", {**PAYLOADS["LIABILITY_TRANSFER"][1], "to_pool": "house"})
    yield refuse(
        "pool-to-itself",
        "LIABILITY_TRANSFER",
        same,
        "body.to_pool",
        Draft(same).start(4) + 2,
        "must differ from the side before it",
    )
    for name, fields, number, reason in (
        ("nonce", {"nonce": base64.b64encode(b"n" * 15).decode()}, 10, "must be 16 bytes"),
        ("policy_hash", {"policy_hash": base64.b64encode(b"h" * 31).decode()}, 3, "must be 32 bytes"),
    ):
        body = _statement(encode, "SWEEP", sweep, **fields)
        yield Refusal(
            f"{name.replace('_', '-')}-short", "approve", body, name, Draft(body).start(number) + 2, reason
        )
    body = _statement(encode, "SWEEP", sweep, not_before_unix_ms="5", expires_unix_ms="5")
    yield Refusal(
        "expires-at-start",
        "approve",
        body,
        "expires_unix_ms",
        Draft(body).start(9) + 1,
        "must be after not_before_unix_ms",
    )
    body = Draft(_statement(encode, "SWEEP", sweep)).with_(1, put(1, 11))
    yield Refusal("kind-unknown", "reject", body, "kind", 1, NO_VALUE)
    item = encode("ReleaseItem", PAYLOADS["RELEASE"][1]["items"][0])
    other = Draft(item).with_(2, put(2, bytes(32)))
    payload = put(1, item) + put(1, other)
    yield refuse("release-twice", "RELEASE", payload, "body.items[1]", len(put(1, item)) + 2, AGAIN)
    payload = encode("ActivateBody", PAYLOADS["ACTIVATE"][1])
    more = put(4, encode("SpentAmount", {**PAYLOADS["ACTIVATE"][1]["spent"][0], "amount": "1"}))
    yield refuse("spent-twice", "ACTIVATE", payload + more, "body.spent[2]", len(payload) + 2, AGAIN)
    body = _statement(encode, "SWEEP", b"")
    yield Refusal("payload-empty", "propose", body, "body", len(body), REQUIRED)


def others(encode: Encode) -> Iterator[Refusal]:
    """Halts and possessions."""
    scopes = {**HALT, "scopes": ["all", "everything"]}
    body = encode("HaltBody", scopes)
    yield Refusal("scope-unknown", "halt", body, "scopes[1]", 5 + 5 + 2, SCOPE)
    body = encode("HaltBody", {**HALT, "scopes": [f"wallet:w-{number:02}" for number in range(33)]})
    yield Refusal("scopes-33", "halt", body, "scopes", 5 + 33 * 13 - 11, "there are too many items")
    body = encode("HaltBody", {**HALT, "scopes": ["all", "payouts", "all"]})
    yield Refusal("scope-twice", "halt", body, "scopes[2]", 5 + 5 + 9 + 2, AGAIN)
    body = encode("HaltBody", {**HALT, "scopes": []})
    yield Refusal("scopes-none", "halt", body, "scopes", len(body), REQUIRED)
    draft = Draft(encode("HaltBody", {**HALT, "scopes": ["all"]}))
    split = (
        b"".join(raw for _, raw in draft.parts[:3])
        + put(2, "sweeps")
        + b"".join(raw for _, raw in draft.parts[3:])
    )
    yield Refusal("repeated-field-split", "halt", split, "scopes", draft.start(4), ORDER)
    yield Refusal("scope-empty", "halt", draft.with_(2, put(2, "")), "scopes[0]", 7, SCOPE)
    audit = {**POSSESSION, "kind": "AUDIT", "wallet": "hot-1"}
    body = encode("PossessionBody", audit)
    yield Refusal("audit-with-network", "possession", body, "network", Draft(body).start(3) + 2, ABSENT)
    body = encode("PossessionBody", {k: v for k, v in POSSESSION.items() if k != "network"})
    yield Refusal("wallet-without-network", "possession", body, "network", len(body), REQUIRED)
    body = encode("PossessionBody", {**POSSESSION, "scheme": "rsa"})
    yield Refusal(
        "scheme-unknown",
        "possession",
        body,
        "scheme",
        Draft(body).start(5) + 2,
        "must be the name of a scheme",
    )
    # The second field of both is text: a reference is no scope, and the second scope is a second reference.
    yield Refusal("intent-as-halt", "halt", encode("WithdrawalIntent", INTENT), "scopes[0]", 12 + 2, SCOPE)
    yield Refusal("halt-as-intent", "intent", encode("HaltBody", HALT), "reference", 5 + 9, TWICE)
