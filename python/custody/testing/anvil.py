"""A real EVM chain in a process: anvil on a free loopback port, its blocks made by time so that they become final."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from custody.testing import abi
from custody.testing.chain_rpc import ChainError, ChainRpc
from custody.testing.ports import free_port
from custody.testing.processes import Process, wait_until
from custody.testing.tools import anvil_binary, contract

__all__ = ["Anvil", "Block"]


@dataclass(frozen=True, slots=True)
class Block:
    """One block: height, hash (32 bytes)."""

    height: int
    hash: bytes


class Anvil:
    """The chain. `accounts[0]` pays for everything that tests put on it. Also a context manager."""

    network = "eip155:31337"

    def __init__(self, directory: Path, block_time_s: float = 0.25) -> None:
        """Start it; `directory/anvil.log` is its log. Blocks are final two blocks later."""
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.block_time_s = block_time_s
        self.rpc = ChainRpc(self.port)
        command = [str(anvil_binary()), "--host", "127.0.0.1", "--port", str(self.port), "--silent"]
        command += ["--block-time", f"{block_time_s:g}", "--slots-in-an-epoch", "1"]
        command += ["--chain-id", self.network.partition(":")[2]]
        self.process = Process("anvil", command, directory / "anvil.log", lambda _: self._answers())
        self.process.start()

    @property
    def url(self) -> str:
        """Of its JSON-RPC."""
        return self.rpc.url

    @cached_property
    def accounts(self) -> list[str]:
        """Unlocked accounts, each with 10,000 ether at the start."""
        found: list[str] = self.rpc.call("eth_accounts")
        return found

    def send(self, to: str | None, *, value: int = 0, data: str = "0x", gas: int | None = None) -> str:
        """Send from `accounts[0]` without waiting; return the transaction's hash."""
        transaction: dict[str, object] = {"from": self.accounts[0], "value": hex(value), "data": data}
        if to is not None:
            transaction["to"] = to
        if gas is not None:
            transaction["gas"] = hex(gas)
        return str(self.rpc.call("eth_sendTransaction", transaction))

    def receipt(self, transaction_hash: str, timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait for a receipt of success. Raises ChainError for a failed transaction."""
        wait_until(
            lambda: self.rpc.call("eth_getTransactionReceipt", transaction_hash) is not None,
            timeout_s,
            f"transaction {transaction_hash}",
        )
        found: dict[str, Any] = self.rpc.call("eth_getTransactionReceipt", transaction_hash)
        if int(found["status"], 16) != 1:
            raise ChainError(f"transaction {transaction_hash} failed")
        return found

    def deploy(self, name: str, label: str = "USD Test", symbol: str = "USDT", supply: int = 10**15) -> str:
        """Deploy a token of tools/contracts, its supply to `accounts[0]`; return its address in lower case."""
        code = contract(name).bytecode + abi.constructor(label, symbol, supply)
        return str(self.receipt(self.send(None, data=code, gas=3_000_000))["contractAddress"]).lower()

    def code(self, address: str) -> bytes:
        """The code at an address."""
        return bytes.fromhex(str(self.rpc.call("eth_getCode", address, "latest"))[2:])

    def code_hash(self, address: str) -> str:
        """Keccak-256 of the code at an address, hex with 0x, as the policy enrols a token."""
        return str(self.rpc.call("web3_sha3", f"0x{self.code(address).hex()}"))

    def fund(self, payments: list[tuple[str, str | None, int]]) -> None:
        """Pay from `accounts[0]`: (address, token contract or None for ether, base units); wait until it is in."""
        hashes = []
        for address, token, amount in payments:
            if token is None:
                hashes.append(self.send(address, value=amount))
            else:
                hashes.append(self.send(token, data=abi.transfer(address, amount), gas=100_000))
        for transaction_hash in hashes:
            self.receipt(transaction_hash)

    def break_token(self, token: str, broken: bool = True) -> None:
        """Make a misbehaving token of tools/contracts misbehave, or behave again."""
        self.receipt(self.send(token, data=abi.set_broken(broken), gas=100_000))

    def balance(self, address: str, token: str | None = None, height: int | str = "latest") -> int:
        """Base units of ether or of a token, at a block's height or tag."""
        at = hex(height) if isinstance(height, int) else height
        if token is None:
            return self.rpc.number("eth_getBalance", address, at)
        return self.rpc.number("eth_call", {"to": token, "data": abi.balance_of(address)}, at)

    def block(self, tag: int | str = "latest") -> Block:
        """A block by height or tag."""
        found = self.rpc.call("eth_getBlockByNumber", hex(tag) if isinstance(tag, int) else tag, False)
        return Block(int(found["number"], 16), bytes.fromhex(found["hash"][2:]))

    def finalise(self, height: int | None = None, timeout_s: float = 20.0) -> Block:
        """Wait until a height (else what is now the head) is final; return the newest final block."""
        wanted = self.block().height if height is None else height
        wait_until(lambda: self.block("finalized").height >= wanted, timeout_s, f"block {wanted} final")
        return self.block("finalized")

    def close(self) -> None:
        """End it; what was on the chain is gone."""
        self.rpc.close()
        self.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answers(self) -> bool:
        try:
            return bool(self.rpc.call("eth_chainId"))
        except (OSError, ChainError):
            self.rpc.close()
            return False
