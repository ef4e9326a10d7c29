"""What becomes of withdrawals, queue and sweeps, written a second time, for clarity: all is worked out anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from model.plain_books import MOST, Entry, Refused, require
from model.plain_intake import PATIENCE_MS, Asked, Attempt, Limit, PlainIntake

ETH = "eip155:1/slip44:60"
HOT = "hot-1"


@dataclass(eq=False)
class Reserved:
    """A payout or a leg in progress: what leaves the wallet, and its fee at most."""

    wallet: str
    asset: str
    amount: int
    fee: int
    to_wallet: str = ""
    items: Sequence[tuple[Attempt, int]] = ()  # with what is deducted


class PlainLedger(PlainIntake):
    """Every operation happens or raises `Refused`."""

    def __init__(self, pools: set[str], limits: Sequence[Limit]) -> None:
        self.open_: dict[str, Reserved] = {}
        super().__init__(pools, limits)

    def reserved(self) -> Iterator[Entry]:
        yield from super().reserved()
        for open_ in self.open_.values():
            yield open_.asset, "", f"wallet:{open_.wallet}", open_.amount
            yield ETH, "pool:house", f"wallet:{open_.wallet}", open_.fee
            if open_.to_wallet:
                yield open_.asset, "in_flight", "in_flight", open_.amount
                yield open_.asset, f"wallet:{open_.to_wallet}", "", open_.amount

    def known(self, each: Attempt, *states: str) -> None:
        require(not each.forgotten, "ledger.unknown")
        require(each.state in states, "ledger.state")

    def release(self, released: Sequence[Attempt]) -> None:
        require(len(set(released)) == len(released), "ledger.state")
        for each in released:
            self.known(each, "HELD")
        for each in released:
            self.join(each)
            each.state = "QUEUED"

    def void(self, each: Attempt, end: str, now_ms: int) -> None:
        self.known(each, *(("HELD", "QUEUED") if end != "REFUNDED" else ()))
        require(end != "EXPIRED" or each.asked.pay_before_ms <= now_ms, "ledger.not_expired")
        each.waited_ms += max(0, self.time_ms - each.now_ms)
        each.state = end

    def assign(
        self, name: str, wallet: str, items: Sequence[tuple[Attempt, int, int]], fee: int, now_ms: int
    ) -> None:
        """`items`: with what leaves for it and what is deducted."""
        require(name not in self.open_, "ledger.exists")
        require(len({each for each, _, _ in items}) == len(items) > 0, "ledger.state")
        asset = ""
        for each, net, deducted in items:
            self.known(each, "QUEUED")
            asked = each.asked
            require(wallet == HOT, "ledger.wallet_other")
            require(now_ms < asked.pay_before_ms, "ledger.expired")
            require(not self.stopped(asked), "ledger.halted")
            require(net + deducted == asked.amount and net > 0, "ledger.amount")
            require(deducted <= (asked.most_fee or 0), "ledger.amount")
            require(asset in ("", asked.asset), "ledger.amount")
            asset = asked.asset
        leaves = sum(net for _, net, _ in items)
        self.reserve(name, Reserved(wallet, asset, leaves, fee, "", [(each, cut) for each, _, cut in items]))
        for each, _, _ in items:
            each.state = "ASSIGNED"

    def stopped(self, asked: Asked) -> bool:
        scopes = ("payouts", f"asset:{asked.asset}", f"wallet:{HOT}", f"customer:{asked.customer}")
        return self.halted("all", *scopes, f"destination:{asked.destination}")

    def depart(self, name: str, wallet: str, to_wallet: str, asset: str, amount: int, fee: int) -> None:
        require(name not in self.open_, "ledger.exists")
        require(amount > 0, "ledger.amount")
        require(wallet != to_wallet, "ledger.wallet_other")
        scopes = (f"asset:{asset}", f"wallet:{wallet}", f"wallet:{to_wallet}")
        require(not self.halted("all", "sweeps", *scopes), "ledger.halted")
        self.reserve(name, Reserved(wallet, asset, amount, fee, to_wallet))

    def reserve(self, name: str, wanted: Reserved) -> None:
        needed = {ETH: wanted.fee}
        needed[wanted.asset] = needed.get(wanted.asset, 0) + wanted.amount
        require(max(needed.values()) <= MOST, "ledger.overflow")
        for asset, amount in needed.items():
            require(self.has(asset, f"wallet:{wanted.wallet}") >= amount, "ledger.wallet_short")
        require(self.has(ETH, "pool:house") >= wanted.fee, "ledger.house_empty")
        self.open_[name] = wanted

    def resolve(self, name: str, how: str, fee_paid: int) -> None:
        """`how`: `done` (posted, arrived), `failed`, or `given up` (a payout alone, no fee)."""
        if name not in self.open_:
            raise Refused("ledger.unknown")
        open_ = self.open_[name]
        require(how == "given up" or fee_paid <= open_.fee, "ledger.fee_above_reserved")
        wallet, entries = f"wallet:{open_.wallet}", []
        if how == "done" and open_.to_wallet:
            entries = [(open_.asset, "in_flight", wallet, open_.amount)]
            entries += [(open_.asset, f"wallet:{open_.to_wallet}", "in_flight", open_.amount)]
        elif how == "done":
            for each, deducted in open_.items:
                pool, kept = f"pool:{each.asked.pool}", each.asked.service_fee + deducted
                entries += [(open_.asset, pool, wallet, each.asked.amount - deducted)]
                entries += [(open_.asset, pool, "pool:house", kept)]
        if how != "given up":
            self.enter(*entries, (ETH, "pool:house", wallet, fee_paid))
        del self.open_[name]
        for each, _ in open_.items:
            each.state = {"given up": "QUEUED", "done": "POSTED", "failed": "REFUNDED"}[how]
            each.ended_ms = 0 if how == "given up" else self.time_ms

    def queue(self) -> list[Attempt]:
        return sorted(
            (e for e in self.attempts if e.state == "QUEUED"), key=lambda each: each.place or (0, 0)
        )

    def select(
        self, now_ms: int, count: int, fee: int, bounds: Mapping[str, int], passed: set[str]
    ) -> list[str]:
        left = {asset: self.has(asset, f"wallet:{HOT}") for asset, _ in self.accounts()}
        house, kept, room = self.has(ETH, "pool:house"), set(), dict(bounds)
        chosen: list[str] = []
        for each in self.queue():
            asked, patient = each.asked, now_ms - each.since_ms < PATIENCE_MS
            late = asked.pay_before_ms <= now_ms
            dear = asked.most_fee is not None and fee > asked.most_fee
            if self.stopped(asked) or late or dear or each.id in passed or (asked.asset in kept and patient):
                continue
            needed = {ETH: fee if asked.most_fee is None else 0}
            needed[asked.asset] = needed.get(asked.asset, 0) + asked.amount
            fits = all(left.get(asset, 0) >= amount for asset, amount in needed.items())
            if len(chosen) < count and fits and fee <= house and asked.amount <= room.get(asked.asset, MOST):
                for asset, amount in needed.items():
                    left[asset] -= amount
                house, room[asked.asset] = house - fee, room.get(asked.asset, MOST) - asked.amount
                chosen.append(each.id)
            elif not patient:
                kept.add(asked.asset)
        return chosen
