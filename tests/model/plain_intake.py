"""What intake answers, written a second time, for clarity: a limit looks at every withdrawal there ever was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from model.plain_books import MOST, Entry
from model.plain_pools import PlainPools

PATIENCE_MS = 600_000
DELAY_MS = {1: 3_600_000, 2: PATIENCE_MS, 3: 0}
SPACING_MS, MAX_SHARE = 60_000, 1_440
OPEN = ("HELD", "QUEUED", "ASSIGNED")
ENDS = ("CANCELLED", "EXPIRED", "REFUNDED")


@dataclass(frozen=True)
class Asked:
    """What a client asks for; its intent says all but the priority. `most_fee`: what may be deducted, if it may."""

    reference: str
    attempt: int
    asset: str
    amount: int
    service_fee: int
    pool: str
    customer: str
    destination: str
    most_fee: int | None
    submit_before_ms: int
    pay_before_ms: int
    priority: int = field(compare=False)

    @property
    def hold(self) -> int:
        return self.amount + self.service_fee


@dataclass(eq=False)
class Attempt:
    """What was answered for good: `now_ms` is when, `charged_ms` when as far as limits know."""

    asked: Asked
    now_ms: int
    charged_ms: int
    waited_ms: int  # with those before it
    state: str = "QUEUED"
    tag: str = ""
    id: str = ""
    place: tuple[int, int] | None = None  # when it is due, and how many queued before it
    ended_ms: int = 0
    forgotten: bool = False

    def __post_init__(self) -> None:
        self.since_ms = self.now_ms - self.waited_ms


@dataclass(frozen=True)
class Limit:
    """`window_ms` of None is for ever."""

    id: str
    scope: tuple[str, ...]
    asset: str | None
    window_ms: int | None
    amount: int | None
    count: int | None
    over: str

    @property
    def counted(self) -> tuple[object, ...]:
        return self.scope, self.asset, self.window_ms is None

    @property
    def adds_up(self) -> bool:
        """Base units of several assets are never added up."""
        return self.asset is not None or "asset" in self.scope


class PlainIntake(PlainPools):
    """What is answered to withdrawals; what becomes of them is `PlainLedger`'s."""

    def __init__(self, pools: set[str], limits: Sequence[Limit]) -> None:
        super().__init__(pools)
        self.attempts: list[Attempt] = []
        self.time_ms = 0
        self.joined = 0
        # By what a limit counts: the lengths of its windows, and what it was told of.
        self.told: dict[tuple[object, ...], tuple[set[int | None], list[Attempt]]] = {}
        self.limit(limits)

    def reserved(self) -> Iterator[Entry]:
        yield from super().reserved()
        for each in self.attempts:
            if each.state in OPEN:
                yield each.asked.asset, f"pool:{each.asked.pool}", "", each.asked.hold

    def see(self, now_ms: int) -> None:
        self.time_ms = max(self.time_ms, now_ms)

    # Limits.

    def limit(self, limits: Sequence[Limit]) -> None:
        """What is counted as before goes on; any other way begins with what is in memory."""
        told = {}
        for counted in {limit.counted for limit in limits}:
            lengths = {limit.window_ms for limit in limits if limit.counted == counted}
            before, known = self.told.get(counted, (set(), []))
            in_memory = [each for each in self.attempts if not each.forgotten]
            told[counted] = (before, known) if lengths <= before else (lengths, in_memory)
        self.limits, self.told = sorted(limits, key=lambda limit: limit.id), told

    def spent(self, limit: Limit, asked: Asked, now_ms: int) -> tuple[int, int]:
        """Amount and number."""
        now_ms = max(now_ms, self.time_ms)
        counts = [
            each.asked.hold
            for each in self.told[limit.counted][1]
            if each.state not in ("REJECTED", *ENDS)
            and limit.asset in (None, each.asked.asset)
            and (limit.window_ms is None or each.charged_ms + limit.window_ms > now_ms)
            and all(getattr(each.asked, part) == getattr(asked, part) for part in limit.scope)
        ]
        return (sum(counts) if limit.adds_up else 0), len(counts)

    def verdict(self, limit: Limit, asked: Asked, now_ms: int) -> str:
        """The first clause that fails, if one does."""
        if limit.asset not in (None, asked.asset):
            return "asset"
        amount, count = self.spent(limit, asked, now_ms)
        amount += asked.hold if limit.adds_up else 0
        if amount > MOST:
            return "overflow"
        if limit.amount is not None and (limit.amount == 0 or amount > limit.amount):
            return "amount"
        return "count" if limit.count is not None and count + 1 > limit.count else ""

    # Withdrawals.

    def submit(self, asked: Asked, now_ms: int) -> tuple[str, str]:
        """Outcome and tag."""
        if asked.hold > MOST:
            return "INVALID", "intent.malformed"
        before = [each for each in self.attempts if each.asked.reference == asked.reference]
        if asked.attempt <= len(before):
            first = before[asked.attempt - 1]
            if first.asked != asked:
                return "REJECTED", "id.reused"
            return ("REJECTED" if first.state == "REJECTED" else "DUPLICATE"), first.tag
        if asked.submit_before_ms <= now_ms:
            return "INVALID", "intent.too_late"
        if self.halted("all", "intake"):
            return "BUSY", "halt.intake"
        if asked.attempt > len(before) + 1:
            return "REJECTED", "attempt.skipped"
        if before and before[-1].state in OPEN:
            return "REJECTED", "attempt.open"
        if before and before[-1].state in ("POSTED", "REFUNDED"):
            return "REJECTED", "attempt.spent"
        failing = {limit: self.verdict(limit, asked, now_ms) for limit in self.limits}
        failing = {limit: why for limit, why in failing.items() if why not in ("", "asset")}
        denying = [limit for limit, why in failing.items() if limit.over == "deny" or why == "overflow"]
        short = self.has(asked.asset, f"pool:{asked.pool}") < asked.hold
        self.see(now_ms)
        waited_ms = before[-1].waited_ms if before and not before[-1].forgotten else 0
        made = Attempt(asked, now_ms, self.time_ms, waited_ms)
        if denying or short:
            made.state, made.tag = (
                "REJECTED",
                f"limit.{denying[0].id}" if denying else "ledger.insufficient_funds",
            )
        elif failing:
            made.state, made.tag = "HELD", f"limit.{next(iter(failing)).id}"
        else:
            self.join(made)
        self.attempts.append(made)
        for _, told in self.told.values():
            told.append(made)
        return {"QUEUED": "ACCEPTED"}.get(made.state, made.state), made.tag

    def join(self, joins: Attempt) -> None:
        """A customer's next one is due a minute later than the one that it queued before."""
        same = [e for e in self.attempts if e.state == "QUEUED" and e.asked.customer == joins.asked.customer]
        later_ms = DELAY_MS[joins.asked.priority] + SPACING_MS * min(len(same), MAX_SHARE)
        joins.place, self.joined = (joins.since_ms + later_ms, self.joined), self.joined + 1

    def forgettable(self, before_ms: int) -> set[str]:
        """References of which all that is in memory ended before, and counts under no window any more."""
        lengths = [length or 0 for lengths, _ in self.told.values() for length in lengths]
        counts_ms = max(lengths, default=0) - max(before_ms, self.time_ms)
        ended = {"REJECTED", *ENDS}
        stay = {
            each.asked.reference
            for each in self.attempts
            if not each.forgotten
            and (
                each.state not in {"POSTED", *ended}
                or max(each.now_ms, each.ended_ms) >= before_ms
                or (each.state == "POSTED" and each.charged_ms + counts_ms > 0)
            )
        }
        return {each.asked.reference for each in self.attempts if not each.forgotten} - stay
