"""Amounts as text, and what intake gets of a policy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.errors import Malformed
from custody.ledger import Rules
from custody.model.intake_rules import intake_rules
from custody.model.money import format_amount, format_units, parse_amount
from support.policy_builder import ETH, TOKEN, PolicyBuilder


@given(st.integers(0, 2**128 - 1), st.integers(0, 40))
def test_amounts_survive_the_round_trip(amount: int, decimals: int) -> None:
    assert parse_amount(format_amount(amount)) == amount
    units = format_units(amount, decimals)
    whole, _, fraction = units.partition(".")
    assert int(whole + fraction.ljust(decimals, "0")) == amount
    assert not fraction.endswith("0")


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [(0, 18, "0"), (1, 18, "0.000000000000000001"), (1_500_000, 6, "1.5"), (10**18, 18, "1"), (42, 0, "42")],
)
def test_units(amount: int, decimals: int, text: str) -> None:
    assert format_units(amount, decimals) == text


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "01", "00", "1.0", "1e3", " 1", "1_0", "١", str(2**128), "9" * 79]
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(Malformed):
        parse_amount(text)


@pytest.mark.parametrize("amount", [-1, 2**128, True, 1.0])
def test_what_cannot_be_written_as_an_amount(amount: Any) -> None:
    with pytest.raises(Malformed):
        format_amount(amount)


def test_intake_reads_what_the_model_writes() -> None:
    policy = PolicyBuilder().policy()
    raw = intake_rules(policy, 7, "main", b"\x22" * 32)
    rules = Rules(raw)
    assert (rules.policy_hash, rules.governance_sequence) == (policy.hash, 7)
    assert raw == intake_rules(PolicyBuilder().policy(), 7, "main", b"\x22" * 32)


def test_a_limit_for_ever_is_a_word_of_its_own() -> None:
    builder = PolicyBuilder()
    builder.document["limits"][1]["window"] = "lifetime"
    policy = builder.policy()
    assert policy.limits[1].window_ms is None
    raw = intake_rules(policy, 7, "main", b"\x22" * 32)
    assert json.loads(raw)["limits"][1]["window"] == "lifetime"
    Rules(raw)
    with pytest.raises(Malformed):
        Rules(raw.replace(b'"lifetime"', b'"forever"'))


def test_intake_gets_every_rule_of_the_policy() -> None:
    policy = PolicyBuilder().policy()
    document = json.loads(intake_rules(policy, 7, "main", b"\x22" * 32))
    assert document["deployment"] == "22" * 32
    assert (document["partition"], document["house_pool"]) == ("main", "house")
    (backend,) = document["initiators"]
    assert backend["role"] == "backend"
    assert [(key["key_id"], key["role"]) for key in backend["keys"]] == [
        (key.key_id, key.role) for key in policy.initiator("backend-eu").keys
    ]
    assert backend["co_sign"] == [{"asset": ETH, "above": "10000000000000000000", "role": "risk-engine"}]
    assert [asset["id"] for asset in document["assets"]] == [ETH, TOKEN]
    assert [limit["id"] for limit in document["limits"]] == ["asset-daily", "customer-hourly", "retail-daily"]
    assert document["limits"][1] == {
        "id": "customer-hourly",
        "scope": ["customer"],
        "asset": None,
        "class": None,
        "window": {"sliding_ms": 3_600_000},
        "amount": None,
        "count": 1000,
        "over": "deny",
    }
    assert [wallet["kind"] for wallet in document["wallets"]] == ["HOT", "HOT", "COLD"]
