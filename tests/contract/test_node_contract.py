"""What every Node must do, the fake that the services' tests believe in and the real adapter over anvil alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from custody import chain
from custody.adapters.evm_node import EvmNode
from custody.chain import EvmPlan
from custody.errors import Denied, InvariantBroken
from custody.ports import Node, Receipt
from custody.testing.anvil import Anvil
from custody.testing.processes import wait_until
from support.fake_node import FakeNode
from support.keys import EthKey

NETWORK = Anvil.network
ETH = f"{NETWORK}/slip44:60"
ETHER = 10**18
TO = EthKey("somebody").address


@dataclass
class World:
    """A node, and how its chain is moved on by what is not ours."""

    node: Node
    fund: Callable[[str, int], None]
    mine: Callable[[], None]

    def mined(self, transaction_hash: bytes) -> Receipt:
        def found() -> bool:
            self.mine()
            return self.node.receipt(transaction_hash) is not None

        wait_until(found, 20.0, "the receipt")
        receipt = self.node.receipt(transaction_hash)
        assert receipt is not None
        return receipt


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with Anvil(tmp_path_factory.mktemp("anvil"), block_time_s=0.2) as made:
        yield made


@pytest.fixture(params=["fake", "anvil"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "fake":
        fake = FakeNode(NETWORK)
        yield World(fake, lambda to, amount: fake.fund(to, ETH, amount), fake.mine)
        return
    made: Anvil = request.getfixturevalue("anvil")
    with closing(EvmNode(NETWORK, made.url, 5_000)) as node:
        yield World(node, lambda to, amount: made.fund([(to, None, amount)]), lambda: None)


@pytest.fixture
def key(world: World, request: pytest.FixtureRequest) -> EthKey:
    """A fresh account with ten ether."""
    found = EthKey(f"contract of {request.node.name}")
    world.fund(found.address, 10 * ETHER)
    return found


def payment(world: World, key: EthKey, nonce: int, amount: int = ETHER, *, percent: int = 100) -> bytes:
    quote = world.node.quote()
    tip = max(quote.max_priority_fee_per_gas, 10) * percent // 100
    most = quote.max_fee_per_gas * percent // 100 + tip
    plan = EvmPlan(chain.chain_id(NETWORK), nonce, tip, most, 21_000, ETH, TO, amount)
    unsigned = chain.build(plan)
    return chain.assemble(unsigned, key.sign_digest(chain.signing_digest(unsigned)), key.address)


def test_a_payment_is_taken_mined_and_told_exactly(world: World, key: EthKey) -> None:
    raw = payment(world, key, 0)
    assert world.node.receipt(chain.transaction_hash(raw)) is None
    assert world.node.broadcast(raw) == "accepted"
    receipt = world.mined(chain.transaction_hash(raw))
    assert receipt.success and receipt.transaction_hash == chain.transaction_hash(raw)
    height = receipt.block.height
    spent = ETHER + receipt.gas_used * receipt.effective_gas_price
    assert world.node.balance(key.address, ETH, height) == 10 * ETHER - spent
    assert world.node.balance(key.address, ETH, height - 1) == 10 * ETHER
    assert (world.node.nonce(key.address, height), world.node.nonce(key.address, height - 1)) == (1, 0)
    assert world.node.nonce(key.address) == 1
    assert receipt.effective_gas_price <= chain.effects(raw).max_fee_per_gas


def test_the_same_bytes_are_known_while_they_wait_and_used_up_afterwards(world: World, key: EthKey) -> None:
    raw = payment(world, key, 0)
    assert world.node.broadcast(raw) == "accepted"
    assert world.node.broadcast(raw) in ("known", "nonce_used")  # a block may come in between
    world.mined(chain.transaction_hash(raw))
    assert world.node.broadcast(raw) == "nonce_used"
    assert world.node.broadcast(payment(world, key, 0, 5)) == "nonce_used"


def test_what_waits_for_an_earlier_nonce_is_taken_and_mined_after_it(world: World, key: EthKey) -> None:
    later, first = payment(world, key, 1), payment(world, key, 0)
    assert world.node.broadcast(later) == "accepted"
    world.mine()
    assert world.node.receipt(chain.transaction_hash(later)) is None
    assert world.node.broadcast(first) == "accepted"
    one, two = world.mined(chain.transaction_hash(first)), world.mined(chain.transaction_hash(later))
    assert one.block.height <= two.block.height


def test_a_replacement_needs_a_higher_price(world: World, key: EthKey) -> None:
    world.node.broadcast(payment(world, key, 1))  # waits for nonce 0, so that no block takes it
    with pytest.raises(Denied):
        world.node.broadcast(payment(world, key, 1, 7))
    assert world.node.broadcast(payment(world, key, 1, percent=200)) == "accepted"


def test_what_cannot_be_paid_for_or_is_no_transaction_is_refused(world: World, key: EthKey) -> None:
    with pytest.raises(Denied):
        world.node.broadcast(payment(world, key, 0, 11 * ETHER))
    with pytest.raises(Denied):
        world.node.broadcast(b"\x02\xc0")


def test_blocks_are_one_chain(world: World) -> None:
    world.mine()
    head, final = world.node.head(), world.node.final()
    assert final.height <= head.height
    found = world.node.block(head.height)
    assert found == head
    assert world.node.block(head.height + 1_000) is None
    assert world.node.block(final.height) == final


def test_a_balance_of_another_network_is_a_broken_invariant(world: World, key: EthKey) -> None:
    with pytest.raises(InvariantBroken):
        world.node.balance(key.address, "eip155:1/slip44:60", 0)


def test_an_unknown_transaction_has_no_receipt(world: World) -> None:
    assert world.node.receipt(b"\x11" * 32) is None
