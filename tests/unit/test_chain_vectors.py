"""Transactions that eth-account 0.14 built and signed, byte for byte: it shares no code with ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from custody import chain
from custody.errors import InvalidSignature, Malformed

# The private key of 32 bytes 0x46, as in EIP-155's example.
PUBLIC_KEY = bytes.fromhex("024bc2a31265153f07e70e0bab08724e6b85e217f8cd628ceb62974247bb493382")
SENDER = "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"


@dataclass(frozen=True)
class Cancel:
    chain_id: int
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    sender: str


@dataclass(frozen=True)
class Vector:
    digest: str
    signature: str
    signed: str
    hash: str
    plan: chain.EvmPlan | None = None
    cancel: Cancel | None = None

    def build(self) -> bytes:
        if self.plan is not None:
            return chain.build(self.plan)
        assert self.cancel is not None
        fields = self.cancel
        return chain.build_cancel(
            fields.chain_id,
            fields.nonce,
            fields.max_priority_fee_per_gas,
            fields.max_fee_per_gas,
            fields.sender,
        )


VECTORS = [
    Vector(
        plan=chain.EvmPlan(
            chain_id=1,
            nonce=0,
            max_priority_fee_per_gas=0,
            max_fee_per_gas=1,
            gas_limit=21_000,
            asset="eip155:1/slip44:60",
            to="0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
            amount=1,
        ),
        digest="5e713015130529fb7c35738667792088e58d8942414765a5576836969a7e5bc7",
        signature=(
            "928373e1cb138027bb54f94d097aea2d4cc22dc1e41ceed17a5cd5a072dae2fb0858ebc52b4ff68a4537b2a929ad9c2b"
            "e892249cc80e9726f8687d100fef808a"
        ),
        signed=(
            "02f8620180800182520894d8da6bf26964af9d7eed9e03e53415d37aa960450180c001a0928373e1cb138027bb54f94d"
            "097aea2d4cc22dc1e41ceed17a5cd5a072dae2fba00858ebc52b4ff68a4537b2a929ad9c2be892249cc80e9726f8687d"
            "100fef808a"
        ),
        hash="88d8574c834d4f68e4d8fffba506eb0ad8284f49de7be237ab790ffa4545d0ef",
    ),
    Vector(
        plan=chain.EvmPlan(
            chain_id=31_337,
            nonce=18_446_744_073_709_551_614,
            max_priority_fee_per_gas=2_000_000_000,
            max_fee_per_gas=100_000_000_000,
            gas_limit=30_000,
            asset="eip155:31337/slip44:60",
            to="0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
            amount=340_282_366_920_938_463_463_374_607_431_768_211_455,
        ),
        digest="53029612502760ed541d3ee57a677d402243946cebdfbe7c255ba18bd9d326da",
        signature=(
            "1b0821a98ec3830c070a6da94d8167c233be3010169559c1a994112c4a83a687714b67551507e70255856d2ccf06a748"
            "45a8b8a591e4287333328b182e11a3b6"
        ),
        signed=(
            "02f885827a6988fffffffffffffffe847735940085174876e80082753094d8da6bf26964af9d7eed9e03e53415d37aa9"
            "604590ffffffffffffffffffffffffffffffff80c080a01b0821a98ec3830c070a6da94d8167c233be3010169559c1a9"
            "94112c4a83a687a0714b67551507e70255856d2ccf06a74845a8b8a591e4287333328b182e11a3b6"
        ),
        hash="e3ff35a1b78b94e5c45b797b0513c2c327390d68b3f9a01ea3a9340c4e8df12d",
    ),
    Vector(
        plan=chain.EvmPlan(
            chain_id=1,
            nonce=127,
            max_priority_fee_per_gas=1_500_000_000,
            max_fee_per_gas=31_000_000_000,
            gas_limit=65_000,
            asset="eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            to="0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
            amount=1_234_567_890,
        ),
        digest="671b8dda1c7bb78d3e37fed65bdcd76e2ce3d5c8512321fa65bf7c452e682421",
        signature=(
            "fad54c6781dc419e3da5fd07238f7cdf47d68856bf10080893268c542198dc3960688e4ca32b397c91be6c2248a7a0c6"
            "750616b7e71e21df10f7a6e69d297085"
        ),
        signed=(
            "02f8b0017f8459682f00850737be760082fde894a0b86991c6218b36c1d19d4a2e9eb0ce3606eb4880b844a9059cbb00"
            "0000000000000000000000d8da6bf26964af9d7eed9e03e53415d37aa960450000000000000000000000000000000000"
            "0000000000000000000000499602d2c001a0fad54c6781dc419e3da5fd07238f7cdf47d68856bf10080893268c542198"
            "dc39a060688e4ca32b397c91be6c2248a7a0c6750616b7e71e21df10f7a6e69d297085"
        ),
        hash="afa8c0461b8c85794d8d2a08fc98ff8cd1f8944ebdd7ca8079a49675c116bbed",
    ),
    Vector(
        plan=chain.EvmPlan(
            chain_id=10,
            nonce=128,
            max_priority_fee_per_gas=1,
            max_fee_per_gas=1,
            gas_limit=255,
            asset="eip155:10/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            to="0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
            amount=340_282_366_920_938_463_463_374_607_431_768_211_455,
        ),
        digest="f9401d3c4bd10bdb535f25413eacbdae98bb34208d11186435aef0c3e0ff97a1",
        signature=(
            "c47a1b8a2325c29490708aeecfaeca52781fda5a227315e25acb2efdec51cad16172f287522d370258efd2e03d7ed93a"
            "fc886d14ee5121c8bd1e0db73dfb2309"
        ),
        signed=(
            "02f8a70a8180010181ff94a0b86991c6218b36c1d19d4a2e9eb0ce3606eb4880b844a9059cbb00000000000000000000"
            "0000d8da6bf26964af9d7eed9e03e53415d37aa9604500000000000000000000000000000000ffffffffffffffffffff"
            "ffffffffffffc001a0c47a1b8a2325c29490708aeecfaeca52781fda5a227315e25acb2efdec51cad1a06172f287522d"
            "370258efd2e03d7ed93afc886d14ee5121c8bd1e0db73dfb2309"
        ),
        hash="43ea30f1f1950f009f77d47c03ddf4825cf85b22b78a43302377fe6689b76e76",
    ),
    Vector(
        cancel=Cancel(
            chain_id=1,
            nonce=9,
            max_priority_fee_per_gas=1_500_000_000,
            max_fee_per_gas=31_000_000_000,
            sender="0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F",
        ),
        digest="2d2236d8a4ffa96b5f87caa1d3ae593938f72c6161e5d5f05d1111a8015d3843",
        signature=(
            "8fde2ac6114dba71f27c235d559aa8669527febd1d2aa4c61c8efb4effc62b9c68ab88f0f048b7dc00c89bd98220d969"
            "562579ba3f4a847077358e19c70a0964"
        ),
        signed=(
            "02f86b01098459682f00850737be7600825208949d8a62f656a8d1615c1294fd71e9cfb3e4855a4f8080c080a08fde2a"
            "c6114dba71f27c235d559aa8669527febd1d2aa4c61c8efb4effc62b9ca068ab88f0f048b7dc00c89bd98220d9695625"
            "79ba3f4a847077358e19c70a0964"
        ),
        hash="5cc37d729d82b4446d47b093a97b65ada7fe5e158e8ba571355c1f2fec175da0",
    ),
]

Item = bytes | list["Item"]


def read_rlp(data: bytes, at: int = 0) -> tuple[Item, int]:
    """A second reader of RLP, from the yellow paper's appendix B; returns an item and where it ends."""
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    short, is_list = (0x80, False) if first < 0xC0 else (0xC0, True)
    start, length = at + 1, first - short
    if length > 55:
        start = at + 1 + length - 55
        length = int.from_bytes(data[at + 1 : start], "big")
    end = start + length
    assert end <= len(data)
    if not is_list:
        return data[start:end], end
    items: list[Item] = []
    while start < end:
        item, start = read_rlp(data, start)
        items.append(item)
    assert start == end
    return items, end


@pytest.mark.parametrize("vector", VECTORS)
def test_bytes_digest_and_hash_are_those_of_eth_account(vector: Vector) -> None:
    unsigned = vector.build()
    assert chain.signing_digest(unsigned).hex() == vector.digest
    signed = chain.assemble(unsigned, bytes.fromhex(vector.signature), SENDER)
    assert signed.hex() == vector.signed
    assert chain.transaction_hash(signed).hex() == vector.hash
    chain.verify_assembled(signed, unsigned, SENDER)


@pytest.mark.parametrize("vector", VECTORS)
def test_effects_are_what_another_reader_finds(vector: Vector) -> None:
    signed = bytes.fromhex(vector.signed)
    assert signed[0] == 2
    fields, end = read_rlp(signed, 1)
    assert end == len(signed) and isinstance(fields, list)
    chain_id, nonce, priority, fee, gas, to, value, data, access_list, *_signature = fields
    assert isinstance(to, bytes) and isinstance(data, bytes) and access_list == []
    numbers = [int.from_bytes(field, "big") for field in (chain_id, nonce, priority, fee, gas, value)]  # type: ignore[arg-type]
    found = chain.effects(signed)
    assert numbers[:5] == [
        found.chain_id,
        found.nonce,
        found.max_priority_fee_per_gas,
        found.max_fee_per_gas,
        found.gas_limit,
    ]
    network = f"eip155:{found.chain_id}"
    if found.kind == "erc20":
        assert found.asset == f"{network}/erc20:0x{to.hex()}"
        assert data[:4].hex() == "a9059cbb" and len(data) == 68
        to, amount = data[16:36], int.from_bytes(data[36:], "big")
        assert numbers[5] == 0
    else:
        assert found.asset == f"{network}/slip44:60"
        assert data == b""
        amount = numbers[5]
    assert found.amount == amount
    assert chain.parse_address(network, found.to) == to
    assert found.max_fee == numbers[3] * numbers[4]
    assert found.sender == SENDER
    assert found.conflict_key == f"{network}:{SENDER}:{found.nonce}"
    assert found.kind == ("cancel" if vector.cancel else "native" if data == b"" else "erc20")


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if vector.plan])
def test_only_the_signed_plan_verifies(vector: Vector) -> None:
    signed = bytes.fromhex(vector.signed)
    plan = vector.plan
    assert plan is not None
    chain.verify_signed(signed, plan, SENDER)
    assert chain.max_network_fee(plan) == chain.effects(signed).max_fee
    with pytest.raises(Malformed):
        chain.verify_signed(signed, replace(plan, nonce=plan.nonce - 1 if plan.nonce else 1), SENDER)
    with pytest.raises(InvalidSignature):
        chain.verify_signed(signed, plan, plan.to)
    with pytest.raises(InvalidSignature):
        chain.verify_signed(chain.build(plan), plan, SENDER)


def test_the_address_of_a_key_is_that_of_eth_account() -> None:
    assert chain.address_of(PUBLIC_KEY) == SENDER
