"""The ledger's rules written a second time, for clarity: one asset, plain sums over lists, nothing incremental."""

from __future__ import annotations

from dataclasses import dataclass

HOUR_MS = 3_600_000
PATIENCE_MS = 600_000
DELAY_MS = {1: HOUR_MS, 2: PATIENCE_MS, 3: 0}
SPACING_MS, MAX_SHARE = 60_000, 1_440
CUSTOMER_LIMIT = 300  # holds
TOTAL_LIMIT = 900  # denies
ENDS = ("CANCELLED", "EXPIRED", "REFUNDED")


@dataclass
class Asked:
    """What a client asks for."""

    reference: str
    attempt: int
    amount: int
    service_fee: int
    customer: str
    priority: int
    submit_before_ms: int
    pay_before_ms: int


@dataclass
class Entry:
    """One attempt that was answered for good."""

    asked: Asked
    state: str
    tag: str
    id: str = ""
    accepted_ms: int = 0
    queued_since_ms: int = 0
    place: tuple[int, int] | None = (
        None  # when it is due, and how many queued before it; from when it first queues
    )

    @property
    def hold(self) -> int:
        return self.asked.amount + self.asked.service_fee

    @property
    def is_open(self) -> bool:
        return self.state in ("HELD", "QUEUED", "ASSIGNED")


@dataclass
class Reserved:
    """A payout or a leg in progress."""

    wallet: str
    amount: int
    fee: int
    entry: Entry | None = None
    to_wallet: str = ""


class PlainLedger:
    """Answers every operation with `ok` or the tag of the rule that refuses."""

    def __init__(self) -> None:
        self.wallets = {"hot-1": 1_100, "cold-1": 5_000}
        self.pools = {"customers": 6_000, "house": 100}
        self.entries: list[Entry] = []
        self.open: dict[str, Reserved] = {}
        self.halts: dict[str, str] = {}
        self.time_ms = 0

    def wallet_has(self, wallet: str) -> int:
        return self.wallets[wallet] - sum(r.amount + r.fee for r in self.open.values() if r.wallet == wallet)

    def pool_has(self, pool: str) -> int:
        if pool == "house":
            return self.pools[pool] - sum(r.fee for r in self.open.values())
        return self.pools[pool] - sum(e.hold for e in self.entries if e.is_open)

    def spent(self, now_ms: int, customer: str | None = None) -> int:
        return sum(
            e.hold
            for e in self.entries
            if e.state not in ("REJECTED", *ENDS)
            and e.accepted_ms + HOUR_MS > max(now_ms, self.time_ms)
            and customer in (None, e.asked.customer)
        )

    def halted(self, *scopes: str) -> bool:
        return any(scope in ("all", *scopes) for scope in self.halts.values())

    def submit(self, asked: Asked, now_ms: int) -> tuple[str, str]:
        """Outcome and tag."""
        attempts = [e for e in self.entries if e.asked.reference == asked.reference]
        if asked.attempt <= len(attempts):
            before = attempts[asked.attempt - 1]
            if (before.asked.amount, before.asked.service_fee) != (asked.amount, asked.service_fee):
                return "REJECTED", "id.reused"
            return ("REJECTED" if before.state == "REJECTED" else "DUPLICATE"), before.tag
        if asked.submit_before_ms <= now_ms:
            return "INVALID", "intent.too_late"
        if self.halted("intake"):
            return "BUSY", "halt.intake"
        if asked.attempt > len(attempts) + 1:
            return "REJECTED", "attempt.skipped"
        if attempts and attempts[-1].is_open:
            return "REJECTED", "attempt.open"
        if attempts and attempts[-1].state in ("POSTED", "REFUNDED"):
            return "REJECTED", "attempt.spent"
        entry = Entry(asked, "QUEUED", "")
        if self.spent(now_ms) + entry.hold > TOTAL_LIMIT:
            entry.state, entry.tag = "REJECTED", "limit.total"
        elif self.pool_has("customers") < entry.hold:
            entry.state, entry.tag = "REJECTED", "ledger.insufficient_funds"
        elif self.spent(now_ms, asked.customer) + entry.hold > CUSTOMER_LIMIT:
            entry.state, entry.tag = "HELD", "limit.customer"
        self.time_ms = max(self.time_ms, now_ms)
        entry.accepted_ms = self.time_ms
        entry.queued_since_ms = attempts[0].queued_since_ms if attempts else now_ms
        if entry.state == "QUEUED":
            self.seat(entry)
        self.entries.append(entry)
        return {"QUEUED": "ACCEPTED"}.get(entry.state, entry.state), entry.tag

    def release(self, entry: Entry) -> str:
        if entry.state != "HELD":
            return "ledger.state"
        self.seat(entry)
        entry.state = "QUEUED"
        return "ok"

    def seat(self, entry: Entry) -> None:
        """A customer's next one is due a minute later than the one that it queued before."""
        same = [e for e in self.entries if e.state == "QUEUED" and e.asked.customer == entry.asked.customer]
        due_ms = (
            entry.queued_since_ms + DELAY_MS[entry.asked.priority] + SPACING_MS * min(len(same), MAX_SHARE)
        )
        entry.place = (due_ms, sum(e.place is not None for e in self.entries))

    def void(self, entry: Entry, end: str, now_ms: int) -> str:
        if entry.state not in ("HELD", "QUEUED"):
            return "ledger.state"
        if end == "EXPIRED" and now_ms < entry.asked.pay_before_ms:
            return "ledger.not_expired"
        entry.state = end
        return "ok"

    def assign(self, payout: str, entry: Entry, fee: int, now_ms: int) -> str:
        if entry.state != "QUEUED":
            return "ledger.state"
        if entry.asked.pay_before_ms <= now_ms:
            return "ledger.expired"
        if self.halted("payouts", "wallet:hot-1", f"customer:{entry.asked.customer}"):
            return "ledger.halted"
        return self._reserve(payout, Reserved("hot-1", entry.asked.amount, fee, entry))

    def depart(self, leg: str, wallet: str, to_wallet: str, amount: int, fee: int) -> str:
        if amount == 0:
            return "ledger.amount"
        if self.halted("sweeps", f"wallet:{wallet}", f"wallet:{to_wallet}"):
            return "ledger.halted"
        return self._reserve(leg, Reserved(wallet, amount, fee, to_wallet=to_wallet))

    def _reserve(self, name: str, reserved: Reserved) -> str:
        if self.wallet_has(reserved.wallet) < reserved.amount + reserved.fee:
            return "ledger.wallet_short"
        if self.pool_has("house") < reserved.fee:
            return "ledger.house_empty"
        self.open[name] = reserved
        if reserved.entry is not None:
            reserved.entry.state = "ASSIGNED"
        return "ok"

    def resolve(self, name: str, how: str, fee_paid: int) -> str:
        """`how`: `done` (posted, arrived), `failed`, or `given up` (a payout alone, no fee)."""
        if name not in self.open:
            return "ledger.unknown"
        reserved = self.open[name]
        if how != "given up" and fee_paid > reserved.fee:
            return "ledger.fee_above_reserved"
        del self.open[name]
        entry = reserved.entry
        if entry is not None:
            entry.state = {"given up": "QUEUED", "done": "POSTED", "failed": "REFUNDED"}[how]
        if how == "given up":
            return "ok"
        self.wallets[reserved.wallet] -= fee_paid
        self.pools["house"] -= fee_paid
        if how == "done":
            self.wallets[reserved.wallet] -= reserved.amount
            if entry is None:
                self.wallets[reserved.to_wallet] += reserved.amount
            else:
                self.pools["customers"] -= entry.hold
                self.pools["house"] += entry.asked.service_fee
        return "ok"

    def select(self, now_ms: int, fee: int) -> list[str]:
        queued = [e for e in self.entries if e.state == "QUEUED"]
        queued.sort(key=lambda e: e.place or (0, 0))
        left, house, kept, chosen = self.wallet_has("hot-1"), self.pool_has("house"), False, []
        for entry in queued:
            stopped = self.halted("payouts", "wallet:hot-1", f"customer:{entry.asked.customer}")
            patient = now_ms - entry.queued_since_ms < PATIENCE_MS
            if stopped or entry.asked.pay_before_ms <= now_ms or (kept and patient):
                continue
            if entry.asked.amount + fee <= left and fee <= house:
                left, house = left - entry.asked.amount - fee, house - fee
                chosen.append(entry.id)
            elif not patient:
                kept = True
        return chosen
