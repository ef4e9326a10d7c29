"""All that happened on the chain, read from the chain alone: each transaction with its receipt, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from custody.testing.abi import TRANSFER_TOPIC
from custody.testing.anvil import Anvil

__all__ = ["ChainView", "Payment", "Sent", "read_chain"]


@dataclass(frozen=True, slots=True)
class Payment:
    """Value that moved: `token` is the contract in lower case, None for ether. Addresses in lower case."""

    transaction: str
    sender: str
    to: str
    token: str | None
    amount: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One transaction as it was mined."""

    hash: str
    block: int
    sender: str
    nonce: int
    success: bool
    fee: int
    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class ChainView:
    """All of it up to one height."""

    height: int
    sent: tuple[Sent, ...]

    def by(self, address: str) -> list[Sent]:
        """What one account sent, in the order of nonces."""
        return sorted((s for s in self.sent if s.sender == address.lower()), key=lambda s: s.nonce)

    def payments(self) -> Iterator[Payment]:
        """All value that moved."""
        for sent in self.sent:
            yield from sent.payments


def read_chain(chain: Anvil) -> ChainView:
    """Every block from 0 to what is the head now, once that is final."""
    height = chain.finalise(chain.block().height).height
    sent: list[Sent] = []
    for number in range(height + 1):
        block = chain.rpc.call("eth_getBlockByNumber", hex(number), True)
        if not block["transactions"]:
            continue
        receipts = chain.rpc.call("eth_getBlockReceipts", hex(number))
        by_hash = {receipt["transactionHash"]: receipt for receipt in receipts}
        sent += [_sent(transaction, by_hash[transaction["hash"]]) for transaction in block["transactions"]]
    return ChainView(height, tuple(sent))


def _sent(transaction: dict[str, Any], receipt: dict[str, Any]) -> Sent:
    payments: list[Payment] = []
    name, sender = str(transaction["hash"]), str(transaction["from"]).lower()
    success = int(receipt["status"], 16) == 1
    value = int(transaction["value"], 16)
    if success and value and transaction.get("to"):
        payments.append(Payment(name, sender, str(transaction["to"]).lower(), None, value))
    for log in receipt["logs"]:
        if log["topics"][0] == TRANSFER_TOPIC and len(log["topics"]) == 3:
            giver, taker = ("0x" + topic[-40:] for topic in log["topics"][1:])
            payments.append(Payment(name, giver, taker, str(log["address"]).lower(), int(log["data"], 16)))
    fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    nonce = int(transaction["nonce"], 16)
    return Sent(name, int(receipt["blockNumber"], 16), sender, nonce, success, fee, tuple(payments))
