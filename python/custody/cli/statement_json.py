"""A statement as --json shows it: every field by its proto's name, bytes in hex, amounts as decimal strings."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from custody.cli.words import units
from custody.model.policy import Policy
from custody.statements import OpeningBody, Statement, SweepBody, WithdrawalIntent

__all__ = ["body_json", "statement_json"]

_AMOUNTS = frozenset({"amount", "fee_cap", "service_fee", "max_network_fee"})


def statement_json(
    body: bytes, statement: Statement, policy: Policy, released: Mapping[str, WithdrawalIntent]
) -> dict[str, Any]:
    """Read from the bytes alone; `*_units` are added from the pinned policy."""
    shape: dict[str, Any] = {
        "sha256": hashlib.sha256(body).hexdigest(),
        "bytes": body.hex(),
        **body_json(statement),
    }
    payload = statement.payload
    if isinstance(payload, SweepBody):
        for leg, entry in zip(payload.legs, shape["payload"]["legs"], strict=True):
            entry["amount_units"] = units(policy, leg.asset, leg.amount)
            entry["fee_cap_units"] = units(policy, leg.fee_asset, leg.fee_cap)
    if isinstance(payload, OpeningBody):
        shape["payload"]["amount_units"] = units(policy, payload.asset, payload.amount)
    if released:
        shape["released"] = {key: body_json(intent) for key, intent in released.items()}
    return shape


def body_json(body: Any) -> dict[str, Any]:
    """Any signed body."""
    return {field.name: _value(field.name, getattr(body, field.name)) for field in dataclasses.fields(body)}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, tuple):
        return [_value(name, item) for item in value]
    if dataclasses.is_dataclass(value):
        return body_json(value)
    if name in _AMOUNTS and value is not None:
        return str(value)
    return value
