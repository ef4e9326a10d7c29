"""An EVM chain's node over plain JSON-RPC; what it answers is read strictly, and an unclear answer is no answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from custody import chain
from custody.adapters.json_rpc import JsonRpc, RpcError
from custody.errors import Denied, InvariantBroken, Unavailable
from custody.ports import BlockRef, Broadcast, FeeQuote, Log, Receipt

__all__ = ["EvmNode"]

_QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,63})")
_DATA = re.compile(r"0x([0-9a-f]{2})*")
_BALANCE_OF = "0x70a08231"
_BASE_FEE_ROOM = 2  # the base fee grows at most 12.5 % a block: this lasts six full blocks

# How nodes word a refusal (geth, reth, erigon, nethermind, besu, anvil), in order; lower case.
_KNOWN = ("already known", "known transaction", "already imported", "alreadyknown", "already exists")
_NONCE_USED = ("nonce too low", "nonce is too low", "oldnonce", "nonce_too_low", "invalid nonce; got")
_UNDERPRICED = ("underpriced", "fee too low", "less than block base fee", "fee cap less than", "feetoolow")
_REFUSED = (
    "insufficient funds",
    "insufficient balance",
    "intrinsic gas",
    "exceeds block gas limit",
    "gas limit",
    "invalid sender",
    "invalid signature",
    "chain id",
    "chainid",
    "not supported",
    "oversized",
    "rlp",
    "decode",
    "max priority fee per gas higher",
    "tip above",
    "nonce too high",
)


class EvmNode:
    """See `custody.ports.Node`."""

    def __init__(self, network: str, url: str, timeout_ms: int) -> None:
        """`network` is CAIP-2. Nothing is asked before the first call."""
        self.network = network
        self._chain_id = chain.chain_id(network)
        self._name = f"node {network}"
        self._rpc = JsonRpc(self._name, url, timeout_ms)

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    def check(self) -> None:
        """Raise `InvariantBroken` when the node serves another chain."""
        found = self._int(self._ask("eth_chainId"), "eth_chainId")
        if found != self._chain_id:
            raise InvariantBroken(
                f"{self._name} serves chain {found}: give the url of a node of {self.network}"
            )

    def head(self) -> BlockRef:
        """The newest block."""
        return self._required("latest")

    def final(self) -> BlockRef:
        """The newest block that the chain itself calls final."""
        return self._required("finalized")

    def block(self, height: int) -> BlockRef | None:
        """The canonical block at a height, None above the head."""
        found = self._block(hex(height))
        if found is not None and found.height != height:
            raise Unavailable(self._name, f"answered block {found.height} for {height}")
        return found

    def balance(self, address: str, asset: str, height: int) -> int:
        """Base units of an asset at the end of a block."""
        parts = chain.parse_asset(asset)
        if parts.network != self.network:
            raise InvariantBroken(f"{asset} is not on {self.network}")
        if parts.namespace == "slip44":
            return self._int(self._ask("eth_getBalance", address, hex(height)), "eth_getBalance")
        data = _BALANCE_OF + chain.parse_address(self.network, address).hex().rjust(64, "0")
        word = self._data(
            self._ask("eth_call", {"to": parts.reference, "data": data}, hex(height)), "eth_call"
        )
        if len(word) != 32:
            raise Unavailable(
                self._name, f"{asset} answered no balance: is its contract there at block {height}?"
            )
        return int.from_bytes(word)

    def nonce(self, address: str, height: int | None = None) -> int:
        """How many transactions an account has in the chain, at a block or now."""
        tag = "latest" if height is None else hex(height)
        return self._int(self._ask("eth_getTransactionCount", address, tag), "eth_getTransactionCount")

    def quote(self) -> FeeQuote:
        """Twice the newest block's base fee, and the tip that the node suggests."""
        found = self._ask("eth_getBlockByNumber", "latest", False)
        if not isinstance(found, Mapping) or "baseFeePerGas" not in found:
            raise Unavailable(self._name, "its newest block has no base fee")
        base = self._int(found["baseFeePerGas"], "baseFeePerGas")
        tip = self._int(self._ask("eth_maxPriorityFeePerGas"), "eth_maxPriorityFeePerGas")
        return FeeQuote(base, _BASE_FEE_ROOM * base + tip, tip)

    def estimate_gas(self, sender: str, to: str, value: int, data: bytes) -> int:
        """Gas units. Raises `Denied("node.reverted")` when the call would revert."""
        call = {"from": sender, "to": to, "value": hex(value), "data": "0x" + data.hex()}
        try:
            return self._int(self._rpc.call("eth_estimateGas", call, "latest"), "eth_estimateGas")
        except RpcError as error:
            if error.code == 3 or "revert" in error.message.lower():
                raise Denied("node.reverted", error.message[:200]) from None
            if "insufficient funds" in error.message.lower():
                raise Denied("node.refused", error.message[:200]) from None
            raise Unavailable(self._name, f"eth_estimateGas: {error}") from error

    def broadcast(self, raw: bytes) -> Broadcast:
        """Offer signed bytes.

        Raises `Denied` with `node.underpriced` or `node.refused` when the node surely did not take them, `Unavailable`
        when it may have: ask again, the bytes are the same.
        """
        try:
            answer = self._rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        except RpcError as error:
            return self._refusal(error)
        if self._data(answer, "eth_sendRawTransaction") != chain.transaction_hash(raw):
            raise Unavailable(self._name, "answered another transaction's hash")
        return "accepted"

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """What a mined transaction did, None while it is in no block."""
        found = self._ask("eth_getTransactionReceipt", "0x" + transaction_hash.hex())
        if found is None:
            return None
        try:
            height = self._int(found["blockNumber"], "blockNumber")
            block = self.block(height)
            if block is None or block.hash != self._data(found["blockHash"], "blockHash"):
                return None  # the block went away between the two answers
            return Receipt(
                transaction_hash=self._data(found["transactionHash"], "transactionHash"),
                block=block,
                success=self._int(found["status"], "status") == 1,
                gas_used=self._int(found["gasUsed"], "gasUsed"),
                effective_gas_price=self._int(found["effectiveGasPrice"], "effectiveGasPrice"),
                logs=tuple(self._log(log) for log in found["logs"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise Unavailable(self._name, f"an unreadable receipt: {error!r}") from error

    def code_hash(self, contract: str) -> bytes:
        """Keccak-256 of a contract's code as it is now."""
        code = self._data(self._ask("eth_getCode", contract, "latest"), "eth_getCode")
        digest = self._data(self._ask("web3_sha3", "0x" + code.hex()), "web3_sha3")
        if len(digest) != 32:
            raise Unavailable(self._name, "web3_sha3: not 32 bytes")
        return digest

    def _refusal(self, error: RpcError) -> Broadcast:
        words = f"{error.message} {error.data}".lower()
        if any(word in words for word in _KNOWN):
            return "known"
        if any(word in words for word in _NONCE_USED):
            return "nonce_used"
        if any(word in words for word in _UNDERPRICED):
            raise Denied("node.underpriced", error.message[:200]) from None
        if error.code in (-32602, -32600) or any(word in words for word in _REFUSED):
            raise Denied("node.refused", error.message[:200]) from None
        raise Unavailable(self._name, f"eth_sendRawTransaction: {error}") from error

    def _required(self, tag: str) -> BlockRef:
        found = self._block(tag)
        if found is None:
            raise Unavailable(self._name, f"has no {tag} block")
        return found

    def _block(self, tag: str) -> BlockRef | None:
        found = self._ask("eth_getBlockByNumber", tag, False)
        if found is None:
            return None
        try:
            return BlockRef(
                height=self._int(found["number"], "number"),
                hash=self._hash(found["hash"]),
                time_ms=self._int(found["timestamp"], "timestamp") * 1000,
            )
        except (KeyError, TypeError) as error:
            raise Unavailable(self._name, f"an unreadable block: {error!r}") from error

    def _log(self, log: Mapping[str, Any]) -> Log:
        address = chain.format_address(self.network, self._data(log["address"], "address"))
        return Log(
            address, tuple(self._hash(topic) for topic in log["topics"]), self._data(log["data"], "data")
        )

    def _ask(self, method: str, *parameters: Any) -> Any:
        try:
            return self._rpc.call(method, *parameters)
        except RpcError as error:
            raise Unavailable(self._name, f"{method}: {error}") from error

    def _int(self, value: object, what: str) -> int:
        if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
            raise Unavailable(self._name, f"{what}: not a quantity")
        return int(value, 16)

    def _data(self, value: object, what: str) -> bytes:
        if not isinstance(value, str) or _DATA.fullmatch(value.lower()) is None:
            raise Unavailable(self._name, f"{what}: not bytes")
        return bytes.fromhex(value[2:])

    def _hash(self, value: object) -> bytes:
        digest = self._data(value, "hash")
        if len(digest) != 32:
            raise Unavailable(self._name, "hash: not 32 bytes")
        return digest
