"""Follows our transactions through blocks and reorganisations to their end, matched by conflict key, not by hash.

Final means: the block is at or below the finality that the asset names, and is still the block at its height. Paid
means that the receipt says success and, for a token, that its contract emitted exactly the expected Transfer.
"""

from __future__ import annotations

from collections.abc import Callable

from custody import chain
from custody.errors import Unavailable
from custody.ports import BlockRef, Node, Receipt
from custody.services.conditions import ConditionKind, Conditions
from custody.services.intents import IntentStore
from custody.services.settlements import settle
from custody.services.tracking import Event, Finding, Tracked, tracked
from custody.services.worker import Worker
from custody.services.writer import Writer

__all__ = ["ConfirmationWatcher"]

_STRIKES = 2  # looks at different heads that must agree before a nonce counts as spent by a stranger


class _Look:
    """One look at the chain: everything that is asked twice is asked once."""

    def __init__(self, node: Node, head: BlockRef, final: BlockRef) -> None:
        self.node = node
        self.head = head
        self.final = final
        self._nonces: dict[tuple[str, int | None], int] = {}
        self._blocks: dict[int, BlockRef | None] = {}

    def nonce(self, sender: str, height: int | None) -> int:
        """Transactions of an account, at a block or now."""
        if (sender, height) not in self._nonces:
            self._nonces[sender, height] = self.node.nonce(sender, height)
        return self._nonces[sender, height]

    def stands(self, height: int, digest: bytes) -> bool:
        """Whether the block at this height is still this one."""
        if height not in self._blocks:
            self._blocks[height] = self.node.block(height)
        found = self._blocks[height]
        return found is not None and found.hash == digest


class ConfirmationWatcher:
    """Watches one network. `step` is called by its own thread, or by tests."""

    def __init__(
        self,
        writer: Writer,
        node: Node,
        intents: IntentStore,
        conditions: Conditions,
        on_fatal: Callable[[BaseException], None],
        *,
        poll_s: float = 1.0,
    ) -> None:
        """`poll_s` is how often the node's head is looked at."""
        self._writer = writer
        self._node = node
        self._intents = intents
        self._conditions = conditions
        self._looked: tuple[bytes, bytes, int] | None = None
        self._strikes: dict[str, set[bytes]] = {}
        self.worker = Worker(
            f"confirmations {node.network}", self.step, conditions, on_fatal, period_s=poll_s
        )

    def start(self) -> None:
        """Begin to poll."""
        self.worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self.worker.stop()

    def step(self) -> bool:
        """Look at the chain once and record what changed; never asks to be called again at once."""
        network = self._node.network
        try:
            head, final = self._node.head(), self._node.final()
            waiting = self._writer.read(lambda state: tracked(state, network))
            mark = (head.hash, final.hash, hash(tuple((t.id, t.hashes) for t in waiting)))
            if mark == self._looked:
                return False
            look = _Look(self._node, head, final)
            findings = [finding for each in waiting for finding in self._look_at(look, each)]
        except Unavailable as error:
            self._conditions.set(ConditionKind.NODE_DOWN, network, "node.down", str(error))
            return False
        self._conditions.clear(ConditionKind.NODE_DOWN, network)
        if findings:
            self._writer.execute(lambda state: settle(state, findings))
            self._writer.read(lambda state: state.ledger.conservation())
        ids = {each.id for each in waiting}
        self._strikes = {key: heads for key, heads in self._strikes.items() if key in ids}
        self._looked = mark
        return False

    def _look_at(self, look: _Look, each: Tracked) -> list[Finding]:
        final_height = each.final_height(look.head, look.final)
        if look.nonce(each.sender, None) <= each.nonce:
            return [Finding(each, "reorged")] if each.seen else []
        if each.seen is not None and look.stands(each.seen.block_height, each.seen.block_hash):
            if each.seen.block_height > final_height:
                return []
            receipt = self._node.receipt(each.seen.transaction_hash)
        else:
            receipt = next(filter(None, map(self._node.receipt, each.hashes)), None)
        if receipt is None or not look.stands(receipt.block.height, receipt.block.hash):
            return self._unseen(look, each, final_height)
        self._strikes.pop(each.id, None)
        return self._found(each, receipt, final_height)

    def _found(self, each: Tracked, receipt: Receipt, final_height: int) -> list[Finding]:
        findings: list[Finding] = []
        here = (receipt.transaction_hash, receipt.block.hash)
        if each.seen is None or (each.seen.transaction_hash, each.seen.block_hash) != here:
            if each.seen is not None:
                findings.append(Finding(each, "reorged"))
            findings.append(Finding(each, "confirmed", receipt))
        if receipt.block.height <= final_height:
            findings.append(Finding(each, self._outcome(each, receipt), receipt))
        return findings

    def _unseen(self, look: _Look, each: Tracked, final_height: int) -> list[Finding]:
        """The nonce is spent and none of our versions shows: a reorganisation under way, or a stranger with our key."""
        findings = [Finding(each, "reorged")] if each.seen else []
        if final_height < 0 or look.nonce(each.sender, final_height) <= each.nonce:
            self._strikes.pop(each.id, None)
            return findings
        heads = self._strikes.setdefault(each.id, set())
        heads.add(look.head.hash)
        return [*findings, Finding(each, "foreign")] if len(heads) >= _STRIKES else findings

    def _outcome(self, each: Tracked, receipt: Receipt) -> Event:
        if not receipt.success:
            return "reverted"
        expected = each.expected
        if expected.asset.native:
            return "paid"
        logs = [(log.address, list(log.topics), log.data) for log in receipt.logs]
        to = expected.to if isinstance(expected.to, str) else self._intents.intent(*expected.to).address
        asked = (each.sender, to, expected.amount)
        if chain.transfer_matches(expected.asset.id, logs, *asked):
            return "paid"
        # The destination has its coins: giving the hold back would let it be paid twice, whatever else the token took.
        alone = any(chain.transfer_matches(expected.asset.id, [log], *asked) for log in logs)
        return "paid_and_more" if alone else "no_transfer"
