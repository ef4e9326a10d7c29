"""The façade over the chain crate: spellings, ints, errors with their field, and receipts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from custody import chain
from custody.errors import Malformed

ALICE = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
BOB = "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"
TOKEN = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
ERC20 = f"eip155:1/erc20:{TOKEN.lower()}"
TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")

PLAN = chain.EvmPlan(
    chain_id=1,
    nonce=7,
    max_priority_fee_per_gas=1,
    max_fee_per_gas=100,
    gas_limit=21_000,
    asset="eip155:1/slip44:60",
    to=ALICE,
    amount=10**18,
)


def test_an_address_is_read_in_its_one_spelling() -> None:
    raw = chain.parse_address("eip155:1", ALICE)
    assert raw == bytes.fromhex(ALICE[2:])
    assert chain.format_address("eip155:1", raw) == ALICE


@pytest.mark.parametrize("text", [ALICE.lower(), "0x" + ALICE[2:].upper()])
def test_an_address_without_checksum_is_shown_with_it(text: str) -> None:
    with pytest.raises(Malformed) as raised:
        chain.parse_address("eip155:1", text)
    assert raised.value.field == "address"
    assert ALICE in raised.value.reason


@pytest.mark.parametrize(
    "text",
    ["", ALICE[2:], ALICE[:-1], ALICE + "0", ALICE.replace("dA", "Da", 1), ALICE + "\n", "vitalik.eth"],
)
def test_another_spelling_is_refused_without_a_suggestion(text: str) -> None:
    with pytest.raises(Malformed) as raised:
        chain.parse_address("eip155:1", text)
    assert ALICE not in raised.value.reason


@pytest.mark.parametrize(
    "network", ["", "eip155:", "eip155:0", "eip155:01", "eip155:x", "bip122:00", "1", "eip155:-1"]
)
def test_an_unknown_network_is_refused(network: str) -> None:
    for call in (lambda: chain.chain_id(network), lambda: chain.parse_address(network, ALICE)):
        with pytest.raises(Malformed) as raised:
            call()
        assert raised.value.field == "network"


def test_an_asset_is_read_in_its_parts_and_printed_back() -> None:
    assert chain.parse_asset(ERC20) == chain.Asset("eip155:1", "erc20", TOKEN.lower())
    for text in (ERC20, "eip155:31337/slip44:60"):
        assert str(chain.parse_asset(text)) == text
    for text in (f"eip155:1/erc20:{TOKEN}", "eip155:1/slip44:0", "eip155:1", "USDC"):
        with pytest.raises(Malformed):
            chain.parse_asset(text)


@pytest.mark.parametrize("field", ["chain_id", "nonce", "gas_limit", "max_fee_per_gas", "amount"])
@pytest.mark.parametrize("value", [True, -1, 2**128, 1.0, "1", None])
def test_a_number_is_an_int_in_its_range(field: str, value: Any) -> None:
    with pytest.raises(Malformed) as raised:
        chain.build(replace(PLAN, **{field: value}))
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("amount", {"amount": 0}),
        ("gas_limit", {"gas_limit": 0}),
        ("max_priority_fee_per_gas", {"max_priority_fee_per_gas": 101}),
        ("asset", {"chain_id": 2}),
        ("to", {"to": "0x" + "0" * 40}),
        ("to", {"to": "0x" + "0" * 39 + "1"}),
        ("to", {"to": ALICE.lower()}),
        ("to", {"asset": ERC20, "to": TOKEN}),
    ],
)
def test_a_plan_that_is_never_paid_is_refused_with_its_field(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as raised:
        chain.build(replace(PLAN, **change))
    assert raised.value.field == field


def test_check_destination_says_what_build_would() -> None:
    chain.check_destination(PLAN.asset, ALICE)
    for asset, to in ((PLAN.asset, "0x" + "0" * 40), (ERC20, TOKEN)):
        with pytest.raises(Malformed) as raised:
            chain.check_destination(asset, to)
        assert raised.value.field == "to"


def test_unsigned_effects_name_no_sender() -> None:
    found = chain.effects(chain.build(PLAN))
    assert (found.kind, found.sender, found.conflict_key) == ("native", None, "eip155:1:?:7")
    assert found.max_fee == chain.max_network_fee(PLAN) == 2_100_000


def test_a_signature_has_64_bytes() -> None:
    with pytest.raises(Malformed):
        chain.assemble(chain.build(PLAN), b"\1" * 65, BOB)


def transfer(contract: str, sender: str, to: str, amount: int) -> chain.Log:
    topics = [TRANSFER, *(bytes(12) + bytes.fromhex(address[2:]) for address in (sender, to))]
    return contract.lower(), topics, amount.to_bytes(32, "big")


def test_a_receipt_proves_exactly_one_transfer() -> None:
    good = transfer(TOKEN, BOB, ALICE, 5)
    fee = transfer(TOKEN, BOB, TOKEN, 1)
    of_others = transfer(ALICE, BOB, ALICE, 1)
    other = transfer(TOKEN, ALICE, BOB, 5)

    def matches(*logs: chain.Log) -> bool:
        return chain.transfer_matches(ERC20, logs, BOB, ALICE, 5)

    assert matches(good)
    assert matches(other, good)
    assert not matches()
    assert not matches(good, good)
    assert not matches(good, fee)
    assert matches(good, of_others), "whoever is paid could undo it by a log of their own"
    assert not matches(transfer(TOKEN, BOB, ALICE, 4))
    assert not matches(transfer(BOB, BOB, ALICE, 5))


def test_a_receipt_that_is_no_receipt_raises() -> None:
    _, topics, data = transfer(TOKEN, BOB, ALICE, 5)
    for log in (("0x12", topics, data), (TOKEN, [b"\1" * 31], data)):
        with pytest.raises(Malformed):
            chain.transfer_matches(ERC20, [log], BOB, ALICE, 5)
    with pytest.raises(Malformed):
        chain.transfer_matches(PLAN.asset, [], BOB, ALICE, 5)
