"""A chain in memory behind the Node port: it executes real signed bytes, and can be down, reorganised or unfair."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from custody import chain
from custody.errors import Denied, InvariantBroken, Malformed, Unavailable
from custody.ports import BlockRef, Broadcast, FeeQuote, Log, Receipt

TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
GENESIS_MS = 1_700_000_000_000
BLOCK_MS = 1_000


@dataclass
class World:
    """Balances and nonces after one block."""

    balances: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    nonces: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def copy(self) -> World:
        return World(defaultdict(int, self.balances), defaultdict(int, self.nonces))


@dataclass
class Block:
    ref: BlockRef
    world: World
    receipts: dict[bytes, Receipt]
    transactions: list[bytes]


class FakeNode:
    """Implements `custody.ports.Node`. Safe to share between threads.

    `finality` blocks lie between head and final block. `token_gas` and 21,000 gas are used; the gas price is base fee
    plus tip, at most the maximum. Set `down` to make every call Unavailable, `refuse` to refuse broadcasts, and
    `token_behaviour` to `revert`, `silent` (no event, nothing moves),
    `skim` (one unit less arrives) or `surcharge` (one unit more leaves, to the token) for bad tokens.
    """

    def __init__(
        self, network: str, *, finality: int = 2, base_fee: int = 1_000_000_000, tip: int = 100_000_000
    ) -> None:
        self.network = network
        self.chain_id = chain.chain_id(network)
        self.finality = finality
        self.base_fee = base_fee
        self.tip = tip
        self.token_gas = 50_000
        self.down = False
        self.refuse = ""
        self.token_behaviour = ""
        self.native = f"{network}/slip44:60"
        self.broadcasts: list[bytes] = []
        self.on_broadcast: Callable[[bytes], None] = lambda raw: None
        self._lock = threading.RLock()
        self._forks = 0
        self._pool: dict[tuple[str, int], bytes] = {}
        world = World()
        self._blocks = [Block(self._ref(0), world, {}, [])]

    # What tests do to the chain.

    def fund(self, address: str, asset: str, amount: int) -> None:
        """Give an address so much, in a new block."""
        with self._lock:
            world = self._blocks[-1].world.copy()
            world.balances[address, asset] += amount
            self._append(world, {}, [])

    def mine(self, blocks: int = 1) -> None:
        """Make blocks of what waits in the pool, in the order of nonces."""
        for _ in range(blocks):
            with self._lock:
                self._mine_one()

    def reorg(self, depth: int, *, keep: bool = True) -> None:
        """Replace the newest blocks by as many empty ones and one more; what they held waits again when `keep`."""
        with self._lock:
            gone = self._blocks[-depth:]
            del self._blocks[-depth:]
            self._forks += 1
            pool, self._pool = self._pool, {}
            for _ in range(depth + 1):
                self._append(self._blocks[-1].world.copy(), {}, [])
            self._pool = pool
            if keep:
                for block in gone:
                    for raw in block.transactions:
                        found = chain.effects(raw)
                        self._pool[str(found.sender), found.nonce] = raw

    def drop_pool(self) -> None:
        """Forget what waits, as a restarted node does."""
        with self._lock:
            self._pool.clear()

    def spend_nonce(self, address: str) -> None:
        """Let a stranger who has the key use the next nonce up, in a block of its own."""
        with self._lock:
            world = self._blocks[-1].world.copy()
            world.nonces[address] += 1
            self._append(world, {}, [])

    @property
    def mined(self) -> list[bytes]:
        """Every transaction of the canonical chain, in order."""
        with self._lock:
            return [raw for block in self._blocks for raw in block.transactions]

    @property
    def pool(self) -> list[bytes]:
        """What waits."""
        with self._lock:
            return list(self._pool.values())

    def held(self, address: str, asset: str) -> int:
        """The newest balance."""
        with self._lock:
            return self._blocks[-1].world.balances[address, asset]

    # The port.

    def check(self) -> None:
        self._up()

    def head(self) -> BlockRef:
        self._up()
        with self._lock:
            return self._blocks[-1].ref

    def final(self) -> BlockRef:
        self._up()
        with self._lock:
            return self._blocks[max(0, len(self._blocks) - 1 - self.finality)].ref

    def block(self, height: int) -> BlockRef | None:
        self._up()
        with self._lock:
            return self._blocks[height].ref if height < len(self._blocks) else None

    def balance(self, address: str, asset: str, height: int) -> int:
        self._up()
        if not asset.startswith(self.network + "/"):
            raise InvariantBroken(f"{asset} is not on {self.network}")
        with self._lock:
            return self._at(height).world.balances[address, asset]

    def nonce(self, address: str, height: int | None = None) -> int:
        self._up()
        with self._lock:
            block = self._blocks[-1] if height is None else self._at(height)
            return block.world.nonces[address]

    def quote(self) -> FeeQuote:
        self._up()
        return FeeQuote(self.base_fee, 2 * self.base_fee + self.tip, self.tip)

    def estimate_gas(self, sender: str, to: str, value: int, data: bytes) -> int:
        self._up()
        return self.token_gas if data else 21_000

    def broadcast(self, raw: bytes) -> Broadcast:
        self._up()
        self.on_broadcast(raw)
        if self.refuse:
            raise Denied("node.refused", self.refuse)
        try:
            found = chain.effects(raw)
        except Malformed as error:
            raise Denied("node.refused", str(error)) from None
        if found.sender is None or found.chain_id != self.chain_id:
            raise Denied("node.refused", "unsigned, or of another chain")
        with self._lock:
            self.broadcasts.append(raw)
            place = (found.sender, found.nonce)
            if found.nonce < self._blocks[-1].world.nonces[found.sender]:
                return "nonce_used"
            needs = found.max_fee + (found.amount if found.asset == self.native else 0)
            if self._blocks[-1].world.balances[found.sender, self.native] < needs:
                raise Denied("node.refused", "insufficient funds for gas * price + value")
            waiting = self._pool.get(place)
            if waiting == raw:
                return "known"
            if waiting is not None:
                before = chain.effects(waiting)
                if found.max_fee_per_gas * 10 < before.max_fee_per_gas * 11:
                    raise Denied("node.underpriced", "replacement transaction underpriced")
            self._pool[place] = raw
            return "accepted"

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        self._up()
        with self._lock:
            for block in reversed(self._blocks):
                found = block.receipts.get(transaction_hash)
                if found is not None:
                    return found
        return None

    def code_hash(self, contract: str) -> bytes:
        self._up()
        return hashlib.sha256(contract.encode()).digest()

    # Inside.

    def _up(self) -> None:
        if self.down:
            raise Unavailable(f"node {self.network}", "connection refused")

    def _at(self, height: int) -> Block:
        if height >= len(self._blocks):
            raise Unavailable(f"node {self.network}", f"no block {height}")
        return self._blocks[height]

    def _ref(self, height: int) -> BlockRef:
        digest = hashlib.sha256(f"{self.network}/{self._forks}/{height}".encode()).digest()
        return BlockRef(height, digest, GENESIS_MS + height * BLOCK_MS)

    def _append(self, world: World, receipts: dict[bytes, Receipt], transactions: list[bytes]) -> None:
        ref = self._ref(len(self._blocks))
        receipts = {key: replace(value, block=ref) for key, value in receipts.items()}
        self._blocks.append(Block(ref, world, receipts, transactions))

    def _mine_one(self) -> None:
        world = self._blocks[-1].world.copy()
        receipts: dict[bytes, Receipt] = {}
        transactions: list[bytes] = []
        for sender, nonce in sorted(self._pool):
            raw = self._pool[sender, nonce]
            if nonce < world.nonces[sender]:
                del self._pool[sender, nonce]
                continue
            found = chain.effects(raw)
            if nonce != world.nonces[sender] or found.max_fee_per_gas < self.base_fee:
                continue
            receipt = self._run(world, raw, found)
            if receipt is None:
                continue
            del self._pool[sender, nonce]
            receipts[receipt.transaction_hash] = receipt
            transactions.append(raw)
        self._append(world, receipts, transactions)

    def _run(self, world: World, raw: bytes, found: chain.EvmEffects) -> Receipt | None:
        sender = str(found.sender)
        native = found.asset == self.native
        gas = 21_000 if native or found.kind == "cancel" else self.token_gas
        price = min(found.max_fee_per_gas, self.base_fee + found.max_priority_fee_per_gas)
        fee = gas * price
        value = found.amount if native else 0
        if world.balances[sender, self.native] < found.max_fee + value:
            return None
        world.nonces[sender] += 1
        world.balances[sender, self.native] -= fee
        success = True
        logs: tuple[Log, ...] = ()
        if native:
            world.balances[sender, found.asset] -= value
            world.balances[found.to, found.asset] += value
        elif found.kind == "erc20":
            success, logs = self._transfer(world, sender, found)
        return Receipt(chain.transaction_hash(raw), self._ref(0), success, gas, price, logs)

    def _transfer(self, world: World, sender: str, found: chain.EvmEffects) -> tuple[bool, tuple[Log, ...]]:
        if self.token_behaviour == "revert" or world.balances[sender, found.asset] < found.amount:
            return False, ()
        if self.token_behaviour == "silent":
            return True, ()
        arrives = found.amount - 1 if self.token_behaviour == "skim" else found.amount
        world.balances[sender, found.asset] -= found.amount
        world.balances[found.to, found.asset] += arrives
        contract = chain.format_address(
            self.network, bytes.fromhex(chain.parse_asset(found.asset).reference[2:])
        )
        moves = [(found.to, arrives)]
        if self.token_behaviour == "surcharge":
            world.balances[sender, found.asset] -= 1
            moves.append((contract, 1))
        return True, tuple(
            Log(contract, (TRANSFER, self._topic(sender), self._topic(to)), amount.to_bytes(32, "big"))
            for to, amount in moves
        )

    def _topic(self, address: str) -> bytes:
        return chain.parse_address(self.network, address).rjust(32, b"\0")
