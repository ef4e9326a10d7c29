"""The ledger against a plain second writing of its rules, in any order of operations, with a clock that jumps."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from custody.api.v1 import withdrawal_pb2
from custody.errors import Denied
from custody.ledger import End, Ledger, PayoutItem
from model.plain_ledger import CUSTOMER_LIMIT, TOTAL_LIMIT, Asked, Entry, PlainLedger
from support.ledger_backend import ETH, HOUR_MS, NOW_MS, Backend, limit, results

LIMITS = (
    limit("customer", "hold", CUSTOMER_LIMIT, ["customer"]),
    limit("total", "deny", TOTAL_LIMIT),
)
OPENED = (("hot-1", 1_000, "customers"), ("hot-1", 100, "house"), ("cold-1", 5_000, "customers"))
SCOPES = ("all", "intake", "payouts", "sweeps", "wallet:hot-1", "wallet:cold-1", "customer:c1")
FEES = st.sampled_from([0, 1, 7, 20, 60])
ASKED = st.fixed_dictionaries(
    {
        "reference": st.sampled_from("abcdefgh"),
        # 0 is the newest attempt again, 1 the next.
        "skip": st.sampled_from([1, 1, 1, 0, -1, 2]),
        "amount": st.sampled_from([1, 50, 120, 120, 250, 301, 890, 7_000]),
        "service_fee": st.sampled_from([0, 0, 9]),
        "customer": st.sampled_from(["c1", "c2", "c3"]),
        "priority": st.sampled_from([1, 2, 3]),
        "late": st.sampled_from([False, False, False, True]),
    }
)


class LedgerMachine(RuleBasedStateMachine):
    """Every rule does one thing to both, and they must say the same."""

    @initialize(batch=st.lists(ASKED, min_size=2, max_size=8))
    def begin(self, batch: list[dict[str, Any]]) -> None:
        self.backend = Backend(LIMITS)
        self.ledger = self.backend.ledger(*OPENED)
        self.plain = PlainLedger()
        self.now_ms = NOW_MS
        self.names = 0
        self.stored: list[tuple[bytes, int]] = []
        self.submit(batch)

    def name(self) -> str:
        self.names += 1
        return f"n{self.names}"

    def withdrawals(self) -> list[Entry]:
        return [entry for entry in self.plain.entries if entry.id]

    def enact(self, expected: str, decide: Any, *arguments: Any) -> None:
        try:
            fact = decide(*arguments)
        except Denied as denied:
            assert denied.tag == expected
            return
        assert expected == "ok"
        self.ledger.apply_fact(fact)
        self.stored.append((fact, 0))

    @rule(batch=st.lists(ASKED, min_size=1, max_size=4))
    def submit(self, batch: list[dict[str, Any]]) -> None:
        for asked in batch:
            self.submit_one(**asked)

    def submit_one(
        self,
        reference: str,
        skip: int,
        amount: int,
        service_fee: int,
        customer: str,
        priority: int,
        late: bool,
    ) -> None:
        attempts = sum(e.asked.reference == reference for e in self.plain.entries)
        attempt = max(1, attempts + skip)
        submit_before_ms = NOW_MS + (1 if late else 1_000 * HOUR_MS)
        pay_before_ms = submit_before_ms + HOUR_MS
        asked = Asked(
            reference, attempt, amount, service_fee, customer, priority, submit_before_ms, pay_before_ms
        )
        known = [
            e.asked
            for e in self.plain.entries
            if (e.asked.reference, e.asked.attempt) == (reference, attempt)
        ]
        if known and (known[0].amount, known[0].service_fee) == (amount, service_fee):
            asked = known[0]
        expected = self.plain.submit(asked, self.now_ms)
        body = self.backend.intent(
            reference,
            amount,
            attempt=attempt,
            service_fee=str(service_fee),
            customer=asked.customer,
            submit_before_unix_ms=asked.submit_before_ms,
            pay_before_unix_ms=asked.pay_before_ms,
        )
        item = self.backend.item(body, priority=asked.priority)
        [submitted] = self.backend.submit(self.ledger, self.now_ms, [item])
        [result] = results(submitted)
        outcome = withdrawal_pb2.Outcome.Name(result.outcome).removeprefix("OUTCOME_")
        assert (outcome, result.tag) == expected
        if submitted.record is not None:
            self.stored.append((submitted.record, self.backend.sequence))
            self.plain.entries[-1].id = result.withdrawal_id

    @precondition(lambda self: self.withdrawals())
    @rule(data=st.data(), what=st.sampled_from(["release", "CANCELLED", "EXPIRED", "assign"]), fee=FEES)
    def change(self, data: st.DataObject, what: str, fee: int) -> None:
        entry = data.draw(st.sampled_from(self.withdrawals()))
        if what == "release":
            self.enact(self.plain.release(entry), self.ledger.decide_release, [entry.id])
        elif what == "assign":
            payout, items = self.name(), [PayoutItem(entry.id, entry.asked.amount, 0)]
            expected = self.plain.assign(payout, entry, fee, self.now_ms)
            self.enact(expected, self.ledger.decide_assign, payout, "hot-1", items, ETH, fee, self.now_ms)
        else:
            expected = self.plain.void(entry, what, self.now_ms)
            self.enact(expected, self.ledger.decide_void, entry.id, End(what), self.now_ms)

    @rule(back=st.booleans(), amount=st.sampled_from([0, 1, 900, 4_990]), fee=FEES)
    def depart(self, back: bool, amount: int, fee: int) -> None:
        wallet, to_wallet = ("hot-1", "cold-1") if back else ("cold-1", "hot-1")
        leg = self.name()
        expected = self.plain.depart(leg, wallet, to_wallet, amount, fee)
        self.enact(expected, self.ledger.decide_sweep_depart, leg, wallet, to_wallet, ETH, amount, ETH, fee)

    @precondition(lambda self: self.plain.open)
    @rule(data=st.data(), how=st.sampled_from(["done", "failed", "given up"]), fee=FEES)
    def resolve(self, data: st.DataObject, how: str, fee: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.plain.open)))
        is_payout = self.plain.open[name].entry is not None
        if how == "given up":
            if is_payout:
                self.enact(self.plain.resolve(name, how, 0), self.ledger.decide_unassign, name)
            return
        ledger = self.ledger
        decide = {
            (True, "done"): ledger.decide_post,
            (True, "failed"): ledger.decide_fail,
            (False, "done"): ledger.decide_sweep_arrive,
            (False, "failed"): ledger.decide_sweep_fail,
        }[is_payout, how]
        self.enact(self.plain.resolve(name, how, fee), decide, name, fee)
        if name not in self.plain.open:
            self.enact("ledger.unknown", decide, name, fee)

    @rule(
        halt=st.sampled_from("xy"), scope=st.sampled_from(SCOPES), stays=st.sampled_from([False, False, True])
    )
    def halt(self, halt: str, scope: str, stays: bool) -> None:
        expected = "ledger.exists" if halt in self.plain.halts else "ok"
        self.plain.halts.setdefault(halt, scope)
        self.enact(expected, self.ledger.decide_halt, halt, [scope])
        self.both_hold_the_same()
        if stays:
            return
        del self.plain.halts[halt]
        self.enact("ok", self.ledger.decide_resume, halt)
        self.enact("ledger.unknown", self.ledger.decide_resume, halt)

    @rule(
        ms=st.sampled_from(
            [1, 59_000, 300_000, 600_000, 600_000, HOUR_MS - 1, HOUR_MS, 2 * HOUR_MS, -500_000, -HOUR_MS]
        )
    )
    def clock(self, ms: int) -> None:
        self.now_ms += ms

    @invariant()
    def both_hold_the_same(self) -> None:
        self.ledger.conservation()
        for wallet in self.plain.wallets:
            assert self.ledger.available(ETH, f"wallet:{wallet}") == self.plain.wallet_has(wallet) >= 0
        for pool in self.plain.pools:
            assert self.ledger.available(ETH, f"pool:{pool}") == self.plain.pool_has(pool) >= 0
        for entry in self.withdrawals():
            view = self.ledger.withdrawal(entry.id)
            assert view is not None
            assert (view.end or view.state) == entry.state
        assert self.ledger.select("hot-1", self.now_ms, 99, ETH, 7) == self.plain.select(self.now_ms, 7)
        waiting = [e for e in self.withdrawals() if e.state in ("HELD", "QUEUED")]
        late = {e.id for e in waiting if e.asked.pay_before_ms <= self.now_ms}
        assert set(self.ledger.expired(self.now_ms)) == late

    def teardown(self) -> None:
        replayed = self.backend.ledger(*OPENED)
        replay(replayed, self.stored)
        assert replayed.state_hash() == self.ledger.state_hash()


def replay(ledger: Ledger, stored: list[tuple[bytes, int]]) -> None:
    """Facts (sequence 0) and intake's records, as they were stored."""
    for bytes_, sequence in stored:
        if sequence:
            ledger.apply_intake_record(bytes_, sequence)
        else:
            ledger.apply_fact(bytes_)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
