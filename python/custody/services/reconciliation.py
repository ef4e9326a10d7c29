"""Compares the ledger's wallets with the chain at one final block: a surplus goes to suspense, a deficit stops it.

A wallet is compared only while nothing of it lies between ledger and block, so every difference is unexplained; what
is in suspense is owed to nobody, so no withdrawal is taken against it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.errors import Denied, Unavailable
from custody.ledger import Surplus
from custody.model.policy import AssetRule, Wallet
from custody.ports import BlockRef, Node
from custody.services.commands import Decision, Draft, State
from custody.services.conditions import ConditionKind, Conditions
from custody.services.newest import newest_first
from custody.services.stops import stop_draft
from custody.services.worker import Worker
from custody.services.writer import Writer

__all__ = ["ChainBalances", "OnChain", "Reconciler"]

_log = structlog.get_logger("reconciliation")

DEFICIT = "reconciliation.deficit"
_RECENT = 10_000  # ended payouts looked back at; far more than become final between two blocks


@dataclass(frozen=True, slots=True)
class OnChain:
    """What the chain says of one wallet and asset: at a final block, and at the head."""

    final: int
    head: int
    block: BlockRef
    asked_ms: int


class ChainBalances:
    """The newest answers, for readers. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], OnChain] = {}

    def put(self, wallet: str, asset: str, found: OnChain) -> None:
        """Keep what was found."""
        with self._lock:
            self._found[wallet, asset] = found

    def get(self, wallet: str, asset: str) -> OnChain | None:
        """The newest, None when it was never asked."""
        with self._lock:
            return self._found.get((wallet, asset))


@dataclass(frozen=True, slots=True)
class _Books:
    """One wallet in one asset as the ledger has it, and the nonces that the ledger has not settled yet."""

    wallet: Wallet
    asset: AssetRule
    posted: int
    unsettled: tuple[tuple[str, int], ...]
    newest_height: int


@dataclass(frozen=True, slots=True)
class _Difference:
    wallet: str
    asset: str
    ledger: int
    chain: int


class Reconciler:
    """One network's comparison. `step` is called by its own thread, or by tests."""

    def __init__(
        self,
        writer: Writer,
        node: Node,
        conditions: Conditions,
        balances: ChainBalances,
        now_ms: Callable[[], int],
        on_fatal: Callable[[BaseException], None],
        *,
        period_s: float = 60.0,
    ) -> None:
        """`balances` takes what the chain says, `now_ms` says when it was asked."""
        self._writer = writer
        self._node = node
        self._conditions = conditions
        self._balances = balances
        self._now_ms = now_ms
        self._known: frozenset[_Difference] | None = None
        self.worker = Worker(
            f"reconciliation {node.network}", self.step, conditions, on_fatal, period_s=period_s
        )

    def start(self) -> None:
        """Begin; a period is all that wakes it."""
        self.worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self.worker.stop()

    def step(self) -> bool:
        """Compare everything once and record what is new; never asks to be called again at once."""
        network = self._node.network
        try:
            head, block = self._node.head(), self._node.final()
            books = self._writer.read(lambda state: _books(state, network))
            found = [
                difference for each in books if (difference := self._compare(each, block, head)) is not None
            ]
        except Unavailable as error:
            self._conditions.set(ConditionKind.NODE_DOWN, network, "node.down", str(error))
            return False
        differences = frozenset(found)
        if differences != (self._known or frozenset()):
            self._writer.execute(lambda state: _record(state, network, block, found))
        # What went to suspense is no difference any more; what is missing stays one.
        self._known = frozenset(each for each in found if each.chain < each.ledger)
        return False

    def _compare(self, books: _Books, block: BlockRef, head: BlockRef) -> _Difference | None:
        """The difference at the block, None when there is none or something of the wallet is under way."""
        wallet, asset = books.wallet, books.asset
        chain_amount = self._node.balance(wallet.address, asset.id, block.height)
        newest = self._node.balance(wallet.address, asset.id, head.height)
        self._balances.put(wallet.id, asset.id, OnChain(chain_amount, newest, block, self._now_ms()))
        if books.newest_height > block.height or chain_amount == books.posted:
            return None
        for sender, nonce in books.unsettled:
            if self._node.nonce(sender, block.height) > nonce:
                return None  # in the block, and not posted yet
        again = self._node.block(block.height)
        if again is None or again.hash != block.hash:
            return None
        now = self._writer.read(lambda state: _books(state, self._node.network, wallet.id, asset.id))
        if not now or now[0].posted != books.posted:
            return None  # posted while the chain was asked
        _log.error(
            "ledger and chain differ",
            wallet=wallet.id,
            asset=asset.id,
            ledger=books.posted,
            chain=chain_amount,
        )
        return _Difference(wallet.id, asset.id, books.posted, chain_amount)


def _books(state: State, network: str, wallet_id: str = "", asset_id: str = "") -> list[_Books]:
    """The opened wallets of a network, or one of them in one asset."""
    control = state.control
    policy = control.governance.policy
    rows = {(row.account, row.asset): row for row in state.ledger.balances()}
    found: list[_Books] = []
    for wallet in policy.wallets:
        if wallet.network != network or wallet_id not in ("", wallet.id):
            continue
        unsettled = _unsettled(state, wallet)
        newest = _newest_height(state, wallet)
        for asset in policy.assets_of(network):
            row = rows.get((f"wallet:{wallet.id}", asset.id))
            opening = control.opened.get((wallet.id, asset.id))
            if (row is None and opening is None) or asset_id not in ("", asset.id):
                continue
            posted = row.debits_posted - row.credits_posted if row is not None else 0
            height = max(newest, opening.block_height if opening is not None else 0)
            found.append(_Books(wallet, asset, posted, unsettled, height))
    return found


def _unsettled(state: State, wallet: Wallet) -> tuple[tuple[str, int], ...]:
    """Sender and nonce of everything planned that moves this wallet's coins and is not final in the ledger."""
    control = state.control
    policy = control.governance.policy
    found = [(wallet.address, payout.nonce) for payout in control.active_payouts(wallet.id)]
    for leg in control.active_legs():
        if leg.versions and wallet.id in (leg.terms.from_wallet, leg.terms.to_wallet):
            found.append((policy.wallet(leg.terms.from_wallet).address, leg.nonce))
    return tuple(found)


def _newest_height(state: State, wallet: Wallet) -> int:
    """The highest block that the ledger's balance of a wallet already counts."""
    height = 0
    for count, (_, payout) in enumerate(newest_first(state.control.payouts)):
        if count == _RECENT:
            break
        if payout.wallet == wallet.id and payout.ended and payout.seen is not None:
            height = max(height, payout.seen.block_height)
    for leg in state.control.legs.values():
        if leg.ended and leg.seen is not None and wallet.id in (leg.terms.from_wallet, leg.terms.to_wallet):
            height = max(height, leg.seen.block_height)
    return height


def _record(state: State, network: str, block: BlockRef, found: list[_Difference]) -> Decision[None]:
    """What differs becomes durable: with a surplus the ledger's fact of it, with a deficit a stop of the wallet."""
    message = governance_pb2.Reconciled(
        network=network,
        block_height=block.height,
        block_hash=block.hash,
        differences=[
            governance_pb2.ReconciledBalance(
                wallet=each.wallet, asset=each.asset, ledger=str(each.ledger), chain=str(each.chain)
            )
            for each in found
        ],
    )
    facts = [fact for each in found if (fact := _surplus(state, network, block, each)) is not None]
    drafts = [Draft(record_pb2.RECORD_KIND_RECONCILED, message, tuple(facts))]
    for wallet in sorted({each.wallet for each in found if each.chain < each.ledger}):
        stop = stop_draft(state, len(drafts), (f"wallet:{wallet}",), DEFICIT)
        if stop is not None:
            drafts.append(stop)
    return Decision(tuple(drafts), None)


def _surplus(state: State, network: str, block: BlockRef, found: _Difference) -> bytes | None:
    """The fact that what a wallet has more is in suspense; None for a deficit, or when its balance has moved since."""
    if found.chain <= found.ledger:
        return None
    surplus = Surplus(found.wallet, found.asset, found.ledger, found.chain, network, block.height, block.hash)
    try:
        return state.ledger.pools.decide_surplus(surplus)
    except Denied as denied:
        _log.warning("a surplus is compared again", wallet=found.wallet, asset=found.asset, tag=denied.tag)
        return None
