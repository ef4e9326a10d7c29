"""The ledger against a plain second writing of its rules: every operation, in any order, with a clock that jumps.

Hypothesis chooses the order of operations and shrinks it; walks that are the same every time go further. What an
operation is about is chosen by its seed, so that rare answers are as likely as the tables below make them.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

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

from custody.ledger import Deposit, End, Pend, Post, Surplus, TransferMove, TransferOrder, Void
from model.pair import OTHER, POOLS, SEEN, USD, Pair, digest
from model.plain_books import MOST
from model.plain_intake import OPEN, Asked, Attempt, Limit
from model.reached import REACHED
from support.ledger_backend import DESTINATION, ETH, HOUR_MS

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
    (Limit("half", (), ETH, None, MOST // 2, None, "hold"),),
    (),
)
SCOPES = (
    *("all", "intake", "payouts", "sweeps", "wallet:hot-1", "wallet:cold-1", "customer:c1"),
    *(f"destination:{OTHER}", f"asset:{ETH}", f"asset:{USD}"),
)
HUGE = (MOST, MOST - 1, MOST // 2 + 1, MOST - 10_000)
ASSETS = (ETH, ETH, USD)
AMOUNTS = (0, *(1, 7, 7, 40, 40, 90, 400) * 4, 4_990, *HUGE)
FEES = (0, 1, 7, 7, 20, 60)
ENDS = ("done", "done", "failed", "given up")
CLOCK_MS = (1, 59_000, 600_000, HOUR_MS - 1, HOUR_MS, 3 * HOUR_MS, -500_000, -HOUR_MS)
SEED = st.integers(0, 2**64 - 1)


class LedgerMachine(RuleBasedStateMachine):
    """Every rule does one thing to both."""

    @initialize(seed=SEED)
    def begin(self, seed: int) -> None:
        self.steps, self.names = 0, 0
        chance = self.chance(seed)
        self.pair = Pair(chance.choice(LIMITS))
        self.plain, self.ledger, self.both = self.pair.plain, self.pair.ledger, self.pair.both
        self.pair.submit([self.asked(chance) for _ in range(8)])

    def chance(self, seed: int) -> Random:
        """Another at each step, since Hypothesis likes its numbers simple and the same."""
        self.steps += 1
        return Random(f"{self.steps} {seed}")

    def name(self, like: str, *, again: bool = False) -> str:
        self.names += not again
        return f"{like}{self.names}"

    def asked(self, chance: Random) -> Asked:
        """A reference's next attempt, mostly; or one that was made, or the one after the next."""
        reference = chance.choice("abcdefgh") if chance.random() < 0.6 else self.name("r")
        known = {e.asked.attempt: e.asked for e in self.plain.attempts if e.asked.reference == reference}
        attempt = max(1, len(known) + chance.choice((1, 1, 1, 1, 0, -1, 2)))
        if attempt in known:
            same = known[attempt]
            return replace(same, amount=same.amount % 500 + 61) if chance.random() < 0.3 else same
        asset, amount = (
            chance.choice(ASSETS),
            chance.choice((1, 50, 120, 120, 250, 301, 890, 7_000) * 3 + HUGE),
        )
        # A token pays no network, and of what is paid something must be left.
        most_fee = chance.choice((None, None, 10, 60)) if asset == ETH and amount > 60 else None
        until_ms = self.pair.now_ms + chance.choice((1_000, 1_000, 1_000, 3, 0)) * HOUR_MS
        return Asked(
            reference,
            attempt,
            asset,
            amount,
            service_fee=chance.choice((0, 0, 9)),
            pool=chance.choice(("customers",) * 5 + ("house",)),
            customer=chance.choice(("c1", "c2", "c3")),
            destination=chance.choice((DESTINATION, OTHER)),
            most_fee=most_fee,
            submit_before_ms=until_ms,
            pay_before_ms=until_ms + HOUR_MS,
            priority=chance.choice((1, 2, 3)),
        )

    @rule(seed=SEED)
    def submit(self, seed: int) -> None:
        chance = self.chance(seed)
        self.pair.submit([self.asked(chance) for _ in range(chance.randint(1, 4))])

    @rule(seed=SEED)
    def explain(self, seed: int) -> None:
        self.pair.explain(self.asked(self.chance(seed)))

    def pick(self, chance: Random, *states: str) -> Attempt:
        """Mostly one in these states, if there is one."""
        made = [attempt for attempt in self.plain.attempts if attempt.id]
        likely = [each for each in made if each.state in states and not each.forgotten]
        return chance.choice(likely if likely and chance.random() < 0.9 else made)

    @precondition(lambda self: any(each.id for each in self.plain.attempts))
    @rule(seed=SEED)
    def change(self, seed: int) -> None:
        """What is likely for one, or anything."""
        chance = self.chance(seed)
        each, now_ms = self.pick(chance, *OPEN), self.pair.now_ms
        what = {"HELD": "release", "QUEUED": "assign"}.get(each.state, "resolve")
        what = chance.choice((what, what, what, "release", "assign", "CANCELLED", *End))
        paying = [name for name, open_ in self.plain.open_.items() if each in dict(open_.items)]
        if what == "release":
            chosen = [each] + [self.pick(chance, "HELD")] * chance.randint(0, 1)
            ids = [[each.id for each in chosen]]
            self.both("release", self.plain.release, self.ledger.decide_release, chosen, to_engine=ids)
        elif what == "resolve" and paying:
            self.pair.resolve(paying[0], chance.choice(ENDS), chance.choice(FEES))
        elif what in ("assign", "resolve"):
            self.assign(seed)
        else:
            to_engine = (each.id, End(what), now_ms)
            self.both(
                "void", self.plain.void, self.ledger.decide_void, each, what, now_ms, to_engine=to_engine
            )

    @precondition(lambda self: any(each.id for each in self.plain.attempts))
    @rule(seed=SEED)
    def assign(self, seed: int) -> None:
        """Up to three, mostly of those that may be."""
        chance = self.chance(seed)
        items = []
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            each = self.pick(chance, "QUEUED")
            cut = min(each.asked.most_fee or 0, each.asked.amount - 1) if chance.random() < 0.8 else 11
            items.append((each, max(0, each.asked.amount - cut), cut))
        name = self.name("p", again=chance.random() < 0.1)
        wallet = "hot-1" if chance.random() < 0.95 else "cold-1"
        self.pair.assign(name, wallet, items, chance.choice(FEES * 3 + (150, MOST)))

    @rule(seed=SEED)
    def pay(self, seed: int) -> None:
        """What the queue says is next, of one asset; and what becomes of it, or not yet."""
        chance, name = self.chance(seed), self.name("p")
        most, fee = chance.randint(1, 3), chance.choice(FEES)
        chosen = self.ledger.select("hot-1", self.pair.now_ms, most, ETH, fee)
        made = [each for each in self.plain.attempts if each.id in chosen]
        items = [(each, each.asked.amount, 0) for each in made if each.asked.asset == made[0].asked.asset]
        if items and self.pair.assign(name, "hot-1", items, fee) == "ok" and chance.random() < 0.7:
            self.pair.resolve(name, chance.choice(ENDS), chance.choice(FEES))

    @rule(seed=SEED)
    def depart(self, seed: int) -> None:
        chance = self.chance(seed)
        wallets = chance.choice([("hot-1", "cold-1"), ("cold-1", "hot-1")] * 6 + [("hot-1", "hot-1")])
        amount, fee = chance.choice(AMOUNTS), chance.choice(FEES * 2 + (150, MOST))
        name, asset = self.name("s", again=chance.random() < 0.1), chance.choice(ASSETS)
        to_engine = (name, *wallets, asset, amount, ETH, fee)
        arguments = (name, *wallets, asset, amount, fee)
        self.both(
            "depart", self.plain.depart, self.ledger.decide_sweep_depart, *arguments, to_engine=to_engine
        )

    @precondition(lambda self: self.plain.open_)
    @rule(seed=SEED)
    def resolve(self, seed: int) -> None:
        chance = self.chance(seed)
        name = chance.choice(sorted(self.plain.open_))
        how = chance.choice(ENDS if self.plain.open_[name].items else ENDS[:-1])
        self.pair.resolve(name, how, chance.choice(FEES))

    @rule(seed=SEED)
    def halt(self, seed: int) -> None:
        chance = self.chance(seed)
        name, scopes = chance.choice("xy"), chance.sample(SCOPES, chance.randint(1, 2))
        if name not in self.plain.halts or chance.random() < 0.3:
            self.both("halt", self.plain.halt, self.ledger.decide_halt, name, tuple(scopes))
            self.pair.compare()
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            self.both("resume", self.plain.resume, self.ledger.decide_resume, name)

    @rule(seed=SEED)
    def edit(self, seed: int) -> None:
        """Another policy: other limits, and perhaps a pool less."""
        chance = self.chance(seed)
        drops = chance.choice((set(), set(), {"insurance"}))
        self.pair.limit(sorted(set(POOLS) - drops), chance.choice(LIMITS))

    def leg(self, chance: Random, initiator: str, part: str) -> TransferMove | Pend | Post | Void:
        """A leg that posts or voids names a pending one, if there is one, or anything."""
        pending = [
            name for name, leg in self.plain.legs.items() if leg.state == "PENDING" and name[0] == initiator
        ]
        if part in ("move", "pend"):
            from_pool, to_pool = chance.sample((*POOLS, "customers", "customers", "house"), 2)
            if chance.random() < 0.1:
                to_pool = "nobody"
            terms = (chance.choice(ASSETS), from_pool, to_pool, chance.choice(AMOUNTS))
            expires_ms = self.pair.now_ms + chance.choice((0, *(12,) * 4, *(600,) * 5)) * HOUR_MS
            return TransferMove(*terms) if part == "move" else Pend(*terms, expires_ms)
        every = [*self.plain.legs, (initiator, "none", 1)]
        name = chance.choice(pending if pending and chance.random() < 0.8 else every)
        if part == "void":
            return Void(*name[1:])
        known = self.plain.legs.get(name)
        amount = chance.choice((known.amount, known.amount // 2, known.amount + 1)) if known else 1
        return Post(*name[1:], min(amount, MOST))

    @rule(seed=SEED)
    def transfer(self, seed: int) -> None:
        """An order, mostly of one leg and under a new name; and once more."""
        chance = self.chance(seed)
        initiator = chance.choice(("backend",) * 4 + ("other",))
        reference = chance.choice("tuv") if chance.random() < 0.3 else self.name("t")
        parts = chance.choices(
            ("move", "pend", "pend", "post", "post", "void"), k=chance.choice((1, 1, 1, 2, 3))
        )
        legs = [self.leg(chance, initiator, part) for part in parts]
        until_ms = self.pair.now_ms + chance.choice((0, *(1,) * 9)) * HOUR_MS
        order = TransferOrder(initiator, reference, digest(legs), until_ms, legs)
        self.pair.transfer(order)
        self.pair.transfer(order)

    @precondition(lambda self: self.plain.legs)
    @rule(seed=SEED)
    def expire(self, seed: int) -> None:
        chance = self.chance(seed)
        pending = [name for name, leg in self.plain.legs.items() if leg.state == "PENDING"]
        every = [*self.plain.legs, ("backend", "none", 1)]
        arguments = (
            *chance.choice(pending if pending and chance.random() < 0.7 else every),
            self.pair.now_ms,
        )
        self.both("expire", self.plain.expire, self.ledger.pools.decide_expiry, *arguments)

    @rule(seed=SEED)
    def owe(self, seed: int) -> None:
        """What came in is owed to a pool, or to nobody, or to a pool after all."""
        chance, pools, plain = self.chance(seed), self.ledger.pools, self.plain
        what = chance.choice(("deposit", "late deposit", "surplus", "suspense"))
        name, pool = self.name("d", again=chance.random() < 0.2), chance.choice((*POOLS, *POOLS, "nobody"))
        wallet, asset, amount = (
            chance.choice(("hot-1", "cold-1")),
            chance.choice(ASSETS),
            chance.choice(AMOUNTS),
        )
        if what == "surplus":
            _, debits, _, credits = plain.balance(asset, f"wallet:{wallet}")
            has = debits - credits + (chance.random() < 0.2)
            if has + amount <= MOST:
                found = Surplus(wallet, asset, has, has + amount, "eip155:1", 9, b"\7" * 32)
                self.both(what, plain.surplus, pools.decide_surplus, found)
        elif what == "suspense":
            arguments = (name, asset, amount, pool)
            for _ in range(2):
                self.both(what, plain.release_suspense, pools.decide_suspense_release, *arguments)
        else:
            made = Deposit("eip155:1", digest(name), 0, wallet, asset, amount, pool, what == "late deposit")
            for deposit in (made, made, replace(made, amount=1)):
                self.both(what, plain.deposit, pools.decide_deposit, deposit)

    @rule(seed=SEED)
    def forget(self, seed: int) -> None:
        chance = self.chance(seed)
        self.pair.now_ms += chance.choice((0, 2, 9)) * HOUR_MS
        self.pair.forget(self.pair.now_ms - chance.choice((-1, 0, HOUR_MS)))

    @rule(seed=SEED)
    def clock(self, seed: int) -> None:
        self.pair.now_ms += self.chance(seed).choice(CLOCK_MS)

    @rule()
    def replay(self) -> None:
        assert self.pair.replayed().state_hash() == self.ledger.state_hash()

    @invariant()
    def both_hold_the_same(self) -> None:
        self.pair.compare()

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            self.replay()


def walk(seed: int, steps: int) -> None:
    """So many steps, all kinds as likely: longer than what Hypothesis would shrink, and the same every time."""
    machine, chance = LedgerMachine(), Random(f"walk {seed}")
    machine.begin(seed)
    for _ in range(steps):
        able = [each for each in machine.rules if all(holds(machine) for holds in each.preconditions)]
        chosen = chance.choice(able)
        chosen.function(machine, **{name: chance.getrandbits(64) for name in chosen.arguments})
        machine.pair.compare()
    machine.teardown()


def run(examples: int) -> None:
    """So many runs of 50 steps."""
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(600)  # to shrink what fails
def test_any_interleaving() -> None:
    run(40)


def test_the_same_walks_reach_every_answer() -> None:
    SEEN.clear()
    for seed in range(20):
        walk(seed, 250)
    assert set(REACHED) - set(SEEN) == set()


@pytest.mark.soak
@pytest.mark.timeout(3_000)
def test_any_interleaving_for_long() -> None:
    run(2_000)
    for seed in range(100, 400):
        walk(seed, 400)
