"""Deposits, transfers and suspense, written a second time, for clarity: an order is tried, and undone when refused."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from custody.ledger import Deposit, Pend, Post, Surplus, TransferMove, TransferOrder, Void
from model.plain_books import Entry, PlainBooks, Refused, require

ENDED = {"POSTED": "already_posted", "VOIDED": "already_voided", "EXPIRED": "expired"}


@dataclass
class Leg:
    """A leg that was taken; what it reserved is reserved while it is PENDING."""

    state: str
    asset: str = ""
    from_pool: str = ""
    to_pool: str = ""
    amount: int = 0
    expires_ms: int = 0


Said = TransferMove | Pend | Post | Void


class PlainPools(PlainBooks):
    """Every operation happens or raises `Refused`; what happened is a list of entries, never changed."""

    def __init__(self, pools: set[str]) -> None:
        super().__init__()
        self.pools = pools
        self.opened: set[tuple[str, str, str]] = set()
        self.deposits: dict[tuple[bytes, int], Deposit] = {}
        self.legs: dict[tuple[str, str, int], Leg] = {}
        self.answered: dict[tuple[str, str], tuple[bytes, tuple[str, ...]]] = {}
        self.released: set[str] = set()
        self.halts: dict[str, tuple[str, ...]] = {}

    def reserved(self) -> Iterator[Entry]:
        yield from super().reserved()
        for leg in self.legs.values():
            if leg.state == "PENDING":
                yield leg.asset, f"pool:{leg.from_pool}", f"pool:{leg.to_pool}", leg.amount

    def halted(self, *scopes: str) -> bool:
        return any(scope in scopes for halt in self.halts.values() for scope in halt)

    def halt(self, name: str, scopes: tuple[str, ...]) -> None:
        require(name not in self.halts, "ledger.exists")
        self.halts[name] = scopes

    def resume(self, name: str) -> None:
        require(name in self.halts, "ledger.unknown")
        del self.halts[name]

    def open(self, wallet: str, asset: str, amount: int, pool: str) -> None:
        require(amount > 0, "ledger.amount")
        require((wallet, asset, pool) not in self.opened, "ledger.already_open")
        require(pool in self.pools, "pool.unknown")
        self.enter((asset, f"wallet:{wallet}", f"pool:{pool}", amount))
        self.opened.add((wallet, asset, pool))

    def deposit(self, deposit: Deposit) -> bool:
        """Whether it is new."""
        d, key = deposit, (deposit.tx_hash, deposit.output)
        if key in self.deposits:
            known = self.deposits[key]
            said = [(each.wallet, each.asset, each.amount, each.pool) for each in (d, known)]
            require(said[0] == said[1], "deposit.other")
            return False
        require(d.amount > 0, "ledger.amount")
        require(d.pool in self.pools, "pool.unknown")
        require(not d.from_suspense or self.has(d.asset, "suspense") >= d.amount, "ledger.suspense_short")
        self.enter(
            (d.asset, "suspense" if d.from_suspense else f"wallet:{d.wallet}", f"pool:{d.pool}", d.amount)
        )
        self.deposits[key] = d
        return True

    def surplus(self, surplus: Surplus) -> None:
        account, more = f"wallet:{surplus.wallet}", surplus.chain_amount - surplus.ledger_amount
        _, debits, _, credits = self.balance(surplus.asset, account)
        require(more > 0, "ledger.amount")
        require(debits - credits == surplus.ledger_amount, "ledger.balance_moved")
        self.enter((surplus.asset, account, "suspense", more))

    def release_suspense(self, name: str, asset: str, amount: int, pool: str) -> None:
        require(name not in self.released, "ledger.exists")
        require(amount > 0, "ledger.amount")
        require(pool in self.pools, "pool.unknown")
        require(self.has(asset, "suspense") >= amount, "ledger.suspense_short")
        self.enter((asset, "suspense", f"pool:{pool}", amount))
        self.released.add(name)

    def transfer(self, order: TransferOrder, now_ms: int) -> tuple[tuple[str, ...], bool, bool]:
        """A tag for each leg; whether it was answered before; whether it is from now on."""
        name, count = (order.initiator, order.reference), len(order.legs)
        if name in self.answered:
            body, tags = self.answered[name]
            same = body == order.body_sha256
            return (tags, True, False) if same else (("id.reused",) * count, False, False)
        late, halted = order.submit_before_ms <= now_ms, self.halted("all", "intake")
        never = (
            self._first(order, lambda leg, _: self._form(leg, order.submit_before_ms))
            or ("intent.too_late",) * count * late
            or ("halt.intake",) * count * halted
            or self._first(order, lambda leg, _: self._stopped(order.initiator, leg))
        )
        if never:
            return never, False, False
        before = copy.deepcopy((self.posted, self.legs))
        tags = self._first(order, lambda leg, number: self._take(name, number, leg, now_ms))
        if tags:
            self.posted, self.legs = before
        self.answered[name] = order.body_sha256, tags or ("",) * count
        return self.answered[name][1], False, True

    def _first(self, order: TransferOrder, look: Callable[[Said, int], None]) -> tuple[str, ...]:
        """The tags when `look` refuses a leg, numbered from 1; none when it refuses none."""
        for number, leg in enumerate(order.legs, 1):
            try:
                look(leg, number)
            except Refused as refused:
                all_ = range(1, len(order.legs) + 1)
                return tuple(refused.tag if each == number else "transfer.linked" for each in all_)
        return ()

    def _form(self, leg: Said, submit_before_ms: int) -> None:
        require(isinstance(leg, Void) or leg.amount > 0, "transfer.amount")
        if isinstance(leg, TransferMove | Pend):
            require(leg.from_pool != leg.to_pool, "transfer.same_pool")
            require(not isinstance(leg, Pend) or leg.expires_ms > submit_before_ms, "transfer.expiry")
            require({leg.from_pool, leg.to_pool} <= self.pools, "pool.unknown")

    def _stopped(self, initiator: str, leg: Said) -> None:
        if isinstance(leg, Post | Void):
            known = self.legs.get((initiator, leg.reference, leg.leg))
            asset = known.asset if known and known.state == "PENDING" else ""
        else:
            asset = leg.asset
        require(not self.halted(f"asset:{asset}"), "ledger.halted")

    def _take(self, name: tuple[str, str], number: int, leg: Said, now_ms: int) -> None:
        if isinstance(leg, Post | Void):
            pending, made = self._pending(name[0], leg.reference, leg.leg), Leg("RESOLVES")
            require(now_ms < pending.expires_ms, "transfer.expired")
            require(isinstance(leg, Void) or leg.amount <= pending.amount, "transfer.exceeds_pending")
            pending.state = "POSTED" if isinstance(leg, Post) else "VOIDED"
            if isinstance(leg, Post):
                self._move(pending, leg.amount)
        else:
            require(self.has(leg.asset, f"pool:{leg.from_pool}") >= leg.amount, "ledger.insufficient_funds")
            made = Leg("MOVED", leg.asset, leg.from_pool, leg.to_pool, leg.amount)
            if isinstance(leg, Pend):
                made.state, made.expires_ms = "PENDING", leg.expires_ms
            else:
                self._move(made, leg.amount)
        self.legs[(*name, number)] = made

    def _move(self, leg: Leg, amount: int) -> None:
        self.enter((leg.asset, f"pool:{leg.from_pool}", f"pool:{leg.to_pool}", amount))

    def _pending(self, initiator: str, reference: str, number: int) -> Leg:
        leg = self.legs.get((initiator, reference, number))
        if leg is None:
            raise Refused("transfer.pending_unknown")
        require(leg.state == "PENDING", f"transfer.{ENDED.get(leg.state, 'not_pending')}")
        return leg

    def expire(self, initiator: str, reference: str, number: int, now_ms: int) -> None:
        leg = self._pending(initiator, reference, number)
        require(leg.expires_ms <= now_ms, "ledger.not_expired")
        leg.state = "EXPIRED"
