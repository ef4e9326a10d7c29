"""What tests of proposals start from: an opened treasury, a statement of an opening, a resume of nothing."""

from __future__ import annotations

from custody.statements import (
    OpeningBody,
    ResumeBody,
)
from support.bench import ETH, Bench
from support.deployment import ETHER, NETWORK
from support.keys import EthKey

ALICE = EthKey("alice").address
RESUME = ResumeBody("ab" * 32, "all is well")


def opening(bench: Bench, wallet: str = "hot-1", amount: int = 50 * ETHER, asset: str = ETH) -> OpeningBody:
    address = bench.policy.wallet(wallet).address
    bench.node.fund(address, asset, amount)
    block = bench.node.head()
    bench.node.mine(3)
    return OpeningBody(wallet, asset, amount, "customers", NETWORK, block.height, block.hash)


def fill(bench: Bench) -> None:
    bench.open("hot-1", ETH, 100 * ETHER)
    bench.open("cold-1", ETH, 10 * ETHER, "house")
