"""The ledger against a plain second writing of its rules: every operation, in any order, with a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from custody.ledger import Deposit, End, PayoutItem, Pend, Post, Surplus, TransferMove, TransferOrder, Void
from model.machine import POOLS, SEEN, USD, Pair, digest
from model.plain_books import MOST
from model.plain_intake import Asked, Attempt, Limit
from support.ledger_backend import DESTINATION, ETH, HOUR_MS, NOW_MS

OTHER = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"
CUSTOMER = Limit("customer", ("customer",), ETH, HOUR_MS, 300, None, "hold")
TOTAL = Limit("total", (), ETH, HOUR_MS, 900, None, "deny")
LIMITS = (
    (CUSTOMER, TOTAL),
    (replace(CUSTOMER, amount=500), replace(TOTAL, amount=400)),
    (
        replace(CUSTOMER, window_ms=2 * HOUR_MS),
        replace(TOTAL, window_ms=1_000),
        replace(CUSTOMER, id="short"),
    ),
    (
        Limit("ever", ("customer", "asset"), None, None, 1_200, 12, "deny"),
        replace(CUSTOMER, scope=("destination",)),
    ),
    (Limit("few", (), None, HOUR_MS, None, 4, "hold"), replace(TOTAL, id="usd", asset=USD, amount=100)),
    (replace(CUSTOMER, amount=0), replace(TOTAL, amount=MOST, window_ms=None)),
    (),
)
SCOPES = (
    *("all", "intake", "payouts", "sweeps", "wallet:hot-1", "wallet:cold-1", "customer:c1"),
    *(f"destination:{OTHER}", f"asset:{ETH}", f"asset:{USD}"),
)
ASSETS = st.sampled_from([ETH, ETH, USD])
POOL = st.sampled_from([*POOLS, "customers", "customers", "nobody"])
FEES = st.sampled_from([0, 1, 7, 20, 60])
HUGE = st.sampled_from([MOST, MOST - 1, MOST // 2 + 1, MOST - 10_000])
AMOUNTS = st.one_of(*([st.sampled_from([0, 1, 40, 90, 400, 4_990])] * 6), HUGE)
WALLETS = st.sampled_from(["hot-1", "cold-1"])
PICK = st.integers(0, 10**6)
ASKED = st.fixed_dictionaries(
    {
        "reference": st.sampled_from("abcdefgh"),
        "step": st.sampled_from([1, 1, 1, 0, 0, -1, 2]),  # from the newest attempt
        "changed": st.sampled_from([False, False, True]),  # when it came before
        "asset": ASSETS,
        "amount": st.one_of(*([st.sampled_from([1, 50, 120, 120, 250, 301, 890, 7_000])] * 9), HUGE),
        "service_fee": st.sampled_from([0, 0, 9]),
        "pool": st.sampled_from(["customers"] * 5 + ["house"]),
        "customer": st.sampled_from(["c1", "c2", "c3"]),
        "destination": st.sampled_from([DESTINATION, OTHER]),
        "most_fee": st.sampled_from([None, None, 10, 60]),
        "priority": st.sampled_from([1, 2, 3]),
        "hours": st.sampled_from([1_000, 1_000, 1_000, 2, 0]),
    }
)
NAME = st.tuples(st.sampled_from(["backend", "backend", "backend", "other"]), st.sampled_from("tuvwxyz"))
NAMED = st.tuples(st.sampled_from("tuvwxyz"), st.sampled_from([1, 1, 2, 3]))
LEGS = st.one_of(
    st.builds(TransferMove, ASSETS, POOL, POOL, AMOUNTS),
    st.builds(
        Pend, ASSETS, POOL, POOL, AMOUNTS, st.sampled_from([1, 3, 3, 9]).map(lambda h: NOW_MS + h * HOUR_MS)
    ),
    st.builds(Pend, ASSETS, POOL, POOL, AMOUNTS, st.just(NOW_MS + 1_000 * HOUR_MS)),
    st.builds(lambda name, amount: Post(*name, amount), NAMED, AMOUNTS),
    st.builds(lambda name: Void(*name), NAMED),
)


class LedgerMachine(RuleBasedStateMachine):
    """Every rule does one thing to both."""

    @initialize(limits=st.sampled_from(LIMITS), batch=st.lists(ASKED, min_size=2, max_size=8))
    def begin(self, limits: tuple[Limit, ...], batch: list[dict[str, Any]]) -> None:
        self.pair = Pair(limits)
        self.plain, self.ledger = self.pair.plain, self.pair.ledger
        self.names = 0
        self.submit(batch)

    def name(self, like: str, again: bool) -> str:
        self.names += not again
        return f"{like}{self.names}"

    def made(self) -> list[Attempt]:
        return [attempt for attempt in self.plain.attempts if attempt.id]

    def pick(self, number: int, *states: str) -> Attempt:
        """Three times of four one in these states, if there is one."""
        likely = [each for each in self.made() if each.state in states and not each.forgotten]
        among = likely if likely and number % 4 else self.made()
        return among[number % len(among)]

    @rule(batch=st.lists(ASKED, min_size=1, max_size=4))
    def submit(self, batch: list[dict[str, Any]]) -> None:
        for size in (len(batch),):
            asked = [self.asked(**each) for each in batch[:size]]
        self.pair.submit(asked)

    def asked(self, reference: str, step: int, changed: bool, hours: int, **fields: Any) -> Asked:
        known = {e.asked.attempt: e.asked for e in self.plain.attempts if e.asked.reference == reference}
        attempt = max(1, len(known) + step)
        if attempt in known:
            same = known[attempt]
            return replace(same, amount=same.amount % 500 + 1) if changed else same
        if fields["asset"] == USD:
            fields["most_fee"] = None
        late_ms = NOW_MS + hours * HOUR_MS
        return Asked(
            reference, attempt, submit_before_ms=late_ms + 1, pay_before_ms=late_ms + HOUR_MS, **fields
        )

    @rule(asked=ASKED)
    def explain(self, asked: dict[str, Any]) -> None:
        self.pair.explain(self.asked(**asked))

    @precondition(lambda self: self.made())
    @rule(first=PICK, second=st.none() | PICK)
    def release(self, first: int, second: int | None) -> None:
        released = [self.pick(each, "HELD") for each in (first, second) if each is not None]
        ids = [each.id for each in released]
        self.pair.both("release", self.plain.release, self.ledger.decide_release, released, to_engine=[ids])

    @precondition(lambda self: self.made())
    @rule(which=PICK, end=st.sampled_from(["CANCELLED", "CANCELLED", "EXPIRED", "REFUNDED"]))
    def void(self, which: int, end: str) -> None:
        each, now_ms = self.pick(which, "HELD", "QUEUED"), self.pair.now_ms
        to_engine = (each.id, End(end), now_ms)
        self.pair.both(
            "void", self.plain.void, self.ledger.decide_void, each, end, now_ms, to_engine=to_engine
        )

    @precondition(lambda self: self.made())
    @rule(
        which=st.lists(PICK, min_size=1, max_size=3),
        fee=FEES | HUGE,
        deducted=st.sampled_from([None, None, None, 0, 11, 1]),
        wallet=st.sampled_from(["hot-1"] * 9 + ["cold-1"]),
        again=st.sampled_from([False] * 9 + [True]),
    )
    def assign(self, which: list[int], fee: int, deducted: int | None, wallet: str, again: bool) -> None:
        items = []
        for number in which:
            each = self.pick(number, "QUEUED")
            cut = deducted if deducted is not None else min(each.asked.most_fee or 0, each.asked.amount - 1)
            items.append((each, max(0, each.asked.amount - cut), cut))
        name, now_ms = self.name("p", again), self.pair.now_ms
        plain_items = [PayoutItem(each.id, net, cut) for each, net, cut in items]
        to_engine = (name, wallet, plain_items, ETH, fee, now_ms)
        arguments = (name, wallet, items, fee, now_ms)
        self.pair.both(
            "assign", self.plain.assign, self.ledger.decide_assign, *arguments, to_engine=to_engine
        )

    @rule(
        wallet=WALLETS,
        to=WALLETS,
        asset=ASSETS,
        amount=AMOUNTS,
        fee=FEES,
        again=st.sampled_from([False] * 9 + [True]),
    )
    def depart(self, wallet: str, to: str, asset: str, amount: int, fee: int, again: bool) -> None:
        name = self.name("s", again)
        to_engine = (name, wallet, to, asset, amount, ETH, fee)
        arguments = (name, wallet, to, asset, amount, fee)
        self.pair.both(
            "depart", self.plain.depart, self.ledger.decide_sweep_depart, *arguments, to_engine=to_engine
        )

    @precondition(lambda self: self.plain.open_)
    @rule(which=PICK, how=st.sampled_from(["done", "done", "failed", "given up"]), fee=FEES)
    def resolve(self, which: int, how: str, fee: int) -> None:
        name = sorted(self.plain.open_)[which % len(self.plain.open_)]
        decide: dict[tuple[bool, str], Callable[..., bytes]] = {
            (True, "done"): self.ledger.decide_post,
            (True, "failed"): self.ledger.decide_fail,
            (False, "done"): self.ledger.decide_sweep_arrive,
            (False, "failed"): self.ledger.decide_sweep_fail,
        }
        kind = "payout" if self.plain.open_[name].items else "leg"
        if how == "given up" and kind == "leg":
            return
        said = "again"
        while said in ("again", "ok"):  # once more when it was resolved: it is resolved once
            to_engine, chosen = [name, fee], decide.get((kind == "payout", how))
            if how == "given up":
                to_engine, chosen = [name], self.ledger.decide_unassign
            assert chosen is not None
            said = self.pair.both(
                f"{kind} {how}", self.plain.resolve, chosen, name, how, fee, to_engine=to_engine
            )

    @rule(halt=st.sampled_from("xy"), scopes=st.lists(st.sampled_from(SCOPES), min_size=1, max_size=2))
    def halt(self, halt: str, scopes: list[str]) -> None:
        stopped = (halt, tuple(scopes))
        self.pair.both("halt", self.plain.halt, self.ledger.decide_halt, *stopped)

    @rule(halt=st.sampled_from("xy"))
    def resume(self, halt: str) -> None:
        self.pair.both("resume", self.plain.resume, self.ledger.decide_resume, halt)

    @rule(limits=st.sampled_from(LIMITS), drops=st.sampled_from([(), (), ("insurance",)]))
    def edit(self, limits: tuple[Limit, ...], drops: tuple[str, ...]) -> None:
        self.pair.limit(sorted(set(POOLS) - set(drops)), limits)

    @rule(name=NAME, legs=st.lists(LEGS, min_size=1, max_size=3), hours=st.sampled_from([0, 2, 2, 500, 500]))
    def transfer(self, name: tuple[str, str], legs: list[Any], hours: int) -> None:
        self.pair.transfer(TransferOrder(*name, digest(legs), NOW_MS + hours * HOUR_MS, legs))
        self.pair.transfer(TransferOrder(*name, digest(legs), NOW_MS + hours * HOUR_MS, legs))

    @rule(name=NAMED, initiator=st.sampled_from(["backend", "backend", "other"]))
    def expire(self, name: tuple[str, int], initiator: str) -> None:
        pools, arguments = self.ledger.pools, (initiator, *name, self.pair.now_ms)
        self.pair.both("expire", self.plain.expire, pools.decide_expiry, *arguments)

    @rule(
        tx=st.sampled_from([b"\1", b"\2", b"\3", b"\4"]),
        wallet=WALLETS,
        asset=ASSETS,
        amount=AMOUNTS,
        pool=POOL,
        late=st.booleans(),
    )
    def deposit(self, tx: bytes, wallet: str, asset: str, amount: int, pool: str, late: bool) -> None:
        made = Deposit("eip155:1", tx * 32, 0, wallet, asset, amount, pool, late)
        said = self.pair.both("deposit", self.plain.deposit, self.ledger.pools.decide_deposit, made)
        if said == "ok":
            assert self.ledger.pools.decide_deposit(made) is None

    @rule(wallet=WALLETS, asset=ASSETS, more=AMOUNTS, moved=st.sampled_from([0, 0, 0, 1]))
    def surplus(self, wallet: str, asset: str, more: int, moved: int) -> None:
        _, debits, _, credits = self.plain.balance(asset, f"wallet:{wallet}")
        has = debits - credits + moved
        if has + more <= MOST:
            found = Surplus(wallet, asset, has, has + more, "eip155:1", 9, b"\7" * 32)
            self.pair.both("surplus", self.plain.surplus, self.ledger.pools.decide_surplus, found)

    @rule(name=st.sampled_from("klmn"), asset=ASSETS, amount=AMOUNTS, pool=POOL)
    def explained(self, name: str, asset: str, amount: int, pool: str) -> None:
        decide, arguments = self.ledger.pools.decide_suspense_release, (name, asset, amount, pool)
        self.pair.both("suspense", self.plain.release_suspense, decide, *arguments)

    @rule(ago_ms=st.sampled_from([-1, 0, HOUR_MS, 3 * HOUR_MS]))
    def forget(self, ago_ms: int) -> None:
        self.pair.forget(self.pair.now_ms - ago_ms)

    @rule(ms=st.sampled_from([1, 59_000, 600_000, HOUR_MS - 1, HOUR_MS, 3 * HOUR_MS, -500_000, -HOUR_MS]))
    def clock(self, ms: int) -> None:
        self.pair.now_ms += ms

    @rule()
    def replay(self) -> None:
        assert self.pair.replayed().state_hash() == self.ledger.state_hash()

    @invariant()
    def both_hold_the_same(self) -> None:
        self.pair.compare()

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            self.replay()


def run(examples: int, *, derandomize: bool) -> None:
    """So many runs of 50 steps."""
    SEEN.clear()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        LedgerMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            derandomize=derandomize,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_interleaving() -> None:
    run(60, derandomize=True)
    for key, n in sorted(SEEN.items()):
        print(n, key)


@pytest.mark.soak
def test_any_interleaving_for_long() -> None:
    run(5_000, derandomize=False)
