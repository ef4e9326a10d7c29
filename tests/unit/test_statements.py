"""The façade over signed bodies: typed values in, canonical bytes out, and nothing that a reader would refuse."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody import statements
from custody._core import wire
from custody.errors import Malformed
from custody.statements import (
    FeeMode,
    HaltBody,
    KeyAction,
    KeyHolder,
    KeyRotationBody,
    ProposalKind,
    ResumeBody,
    SignedType,
    Statement,
    SweepBody,
    SweepLeg,
    WithdrawalIntent,
)

ETH = "eip155:1/slip44:60"
INTENT = WithdrawalIntent(
    initiator="backend-eu",
    reference="w-1",
    attempt=1,
    asset=ETH,
    amount=10**18,
    address="0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B",
    memo="",
    pool="customers",
    customer="c-1",
    limit_class="",
    fee_mode=FeeMode.HOUSE,
    max_network_fee=None,
    service_fee=0,
    submit_before_unix_ms=1_800_000_000_000,
    pay_before_unix_ms=1_800_000_000_000,
    routing_sequence=1,
)
LEG = SweepLeg("cold-1", "hot-1", INTENT.address, ETH, 5, ETH, 0)
STATEMENT = Statement(
    ProposalKind.SWEEP, SweepBody((LEG,)), b"p" * 32, 1, b"g" * 32, 1, "planner", 0, 99, b"n" * 16
)


def test_every_message_of_the_schema_has_its_dataclass_field_for_field() -> None:
    names = wire.messages()
    assert len(names) == 23
    for name in names:
        cls = getattr(statements, name)
        fields = ["body" if field.name == "payload" else field.name for field in dataclasses.fields(cls)]
        assert fields == wire.fields(name)
        assert "__slots__" in vars(cls) and cls.__dataclass_params__.frozen


def test_types_and_kinds_are_those_of_rust() -> None:
    for signed_type in SignedType:
        assert wire.message_of(signed_type) in wire.messages()
    for kind in ProposalKind:
        assert statements.PAYLOADS[kind].__name__ == wire.payload_of(kind)


def test_a_statement_carries_its_payload_in_its_own_bytes() -> None:
    body = statements.encode(STATEMENT)
    assert statements.encode(STATEMENT.payload) in body
    assert statements.parse_statement(body) == STATEMENT
    for signed_type in (SignedType.PROPOSE, SignedType.APPROVE, SignedType.REJECT):
        assert statements.parse(signed_type, body) == STATEMENT


def test_a_payload_of_another_kind_is_refused() -> None:
    swapped = dataclasses.replace(STATEMENT, payload=ResumeBody("a" * 64, "why"))
    with pytest.raises(Malformed, match="payload"):
        statements.encode(swapped)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", -1),
        ("amount", 0),
        ("amount", 2**128),
        pytest.param("amount", 10**6000, id="amount-of-6001-digits"),
        ("amount", 1.0),
        ("amount", "1"),
        ("amount", True),
        ("amount", None),
        ("attempt", 0),
        ("attempt", -1),
        ("attempt", 2**32),
        ("attempt", True),
        ("attempt", "1"),
        ("routing_sequence", 2**64),
        ("initiator", ""),
        ("initiator", b"backend"),
        ("initiator", None),
        ("reference", "\ud800"),
        ("fee_mode", 1),
        ("max_network_fee", 5),
        ("service_fee", 2**128 - 1),
    ],
)
def test_what_has_no_place_in_a_field_is_malformed(field: str, value: Any) -> None:
    with pytest.raises(Malformed) as refused:
        statements.encode(dataclasses.replace(INTENT, **{field: value}))
    assert refused.value.field == field


def test_a_deduction_is_capped_below_the_amount() -> None:
    deduct = dataclasses.replace(INTENT, fee_mode=FeeMode.DEDUCT, max_network_fee=10**18 - 1)
    assert statements.parse_intent(statements.encode(deduct)) == deduct
    for cap in (None, 0, 10**18):
        with pytest.raises(Malformed, match="max_network_fee"):
            statements.encode(dataclasses.replace(deduct, max_network_fee=cap))


def test_a_rotation_holds_what_its_action_needs() -> None:
    add = KeyRotationBody(
        KeyAction.ADD, KeyHolder.OPERATOR, "ada", "0" * 64, "sshsig", b"k" * 32, "", b"s" * 64, 1, 2
    )
    assert statements.parse_statement(_rotation(add)).payload == add
    retire = dataclasses.replace(
        add, action=KeyAction.RETIRE, scheme="", public_key=b"", possession=b"", valid_from_unix_ms=0
    )
    assert statements.parse_statement(_rotation(retire)).payload == retire
    for wrong in (
        dataclasses.replace(add, role="backend"),
        dataclasses.replace(add, possession=b""),
        dataclasses.replace(add, valid_until_unix_ms=1),
        dataclasses.replace(retire, scheme="sshsig"),
        dataclasses.replace(retire, action=KeyAction.REVOKE),
    ):
        with pytest.raises(Malformed):
            _rotation(wrong)


def _rotation(body: KeyRotationBody) -> bytes:
    return statements.encode(dataclasses.replace(STATEMENT, kind=ProposalKind.KEY_ROTATION, payload=body))


def test_unknown_names_and_lengths_are_malformed() -> None:
    for call in (
        lambda: statements.parse("transfer", b""),
        lambda: statements.signed_message("transfer", bytes(32), b""),
        lambda: statements.signed_message("intent", bytes(31), b""),
        lambda: statements.signing_input("rsa", b""),
        lambda: statements.governance_hash(b"", 2, b""),
        lambda: statements.route("backend", "w-1", []),
        lambda: wire.encode("Nothing", ()),
        lambda: wire.encode("SweepBody", ()),
    ):
        with pytest.raises(Malformed):
            call()


identifiers = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=64)
tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
times = st.integers(1, 253_402_300_799_999)
numbers = st.integers(1, 2**63 - 1)


@given(
    st.builds(
        WithdrawalIntent,
        identifiers,
        tokens,
        st.integers(1, 2**32 - 1),
        st.just(ETH),
        st.integers(2, 2**127),
        tokens,
        st.just("") | tokens,
        identifiers,
        tokens,
        st.just("") | identifiers,
        st.just(FeeMode.HOUSE),
        st.none(),
        st.integers(0, 2**127 - 1),
        times,
        times,
        numbers,
    )
)
def test_intents_come_back_as_they_were(intent: WithdrawalIntent) -> None:
    early, late = sorted((intent.submit_before_unix_ms, intent.pay_before_unix_ms))
    intent = dataclasses.replace(intent, submit_before_unix_ms=early, pay_before_unix_ms=late)
    assert statements.parse_intent(statements.encode(intent)) == intent
    deduct = dataclasses.replace(intent, fee_mode=FeeMode.DEDUCT, max_network_fee=intent.amount - 1)
    assert statements.parse_intent(statements.encode(deduct)) == deduct


@given(
    st.builds(
        HaltBody,
        identifiers,
        st.lists(
            st.sampled_from(["all", "intake", "payouts", "sweeps"]) | identifiers.map("wallet:{}".format),
            min_size=1,
            max_size=32,
            unique=True,
        ).map(tuple),
        tokens,
        times,
        numbers,
    ),
    st.integers(0, 10_000),
    st.integers(0, 255),
)
def test_halts_come_back_and_spoiled_ones_never_pass_for_them(halt: HaltBody, at: int, byte: int) -> None:
    body = bytearray(statements.encode(halt))
    assert statements.parse_halt(bytes(body)) == halt
    at %= len(body)
    if body[at] == byte:
        return
    body[at] = byte
    try:
        other = statements.parse_halt(bytes(body))
    except Malformed:
        return
    assert other != halt
    assert statements.encode(other) == body
