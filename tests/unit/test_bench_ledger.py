"""What the ledger's bench compares does the same work: engine and peers end with equal answers, balances and sums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from custody.api.v1 import withdrawal_pb2 as pb
from custody.ledger import Ledger, LedgerState, PayoutItem
from ledger_work import ETH, HOUR_MS, NOW_MS, WALLET, Limit, Withdrawal, Work, nth
from peers.plain_ledger import PlainLedger
from peers.sqlite_ledger import SqliteLedger

OPENED = 72_000
LIMITS = (
    Limit("all.hour", (), HOUR_MS, amount=15_500),
    Limit("customer.count", ("customer",), 2 * HOUR_MS, amount=None, count=8),
    Limit("customer.day", ("customer",), 24 * HOUR_MS, amount=19_000),
    Limit("customer.hour", ("customer",), HOUR_MS, amount=4_600),
    Limit("wallet.two", ("asset", "wallet"), 2 * HOUR_MS, amount=30_000),
)
MINUTE_MS = 60_000


def of(number: int, **changes: Any) -> Withdrawal:
    """One of four customers', with a deadline beyond the day."""
    customer = number % 4
    fields = {"customer": f"c-{customer}", "destination": f"0x7{customer:039d}"}
    until = NOW_MS + 48 * HOUR_MS
    return nth(number, **(fields | {"submit_before_ms": until, "pay_before_ms": until} | changes))


def batches() -> list[tuple[int, list[Withdrawal]]]:
    """New ones, ones that came before, other bodies under an id, late ones; and when."""
    made, now_ms = [], NOW_MS
    for number in range(36):
        now_ms += 17 * MINUTE_MS + number
        # Many small ones, or fewer large ones.
        small = {"amount": 7} if number % 6 < 2 else {}
        batch = [of(10 * number + index, **small) for index in range(9 if small else 6)]
        batch += [of(10 * number - 7), of(10 * number - 8, amount=4)] if number else [batch[0]]
        batch.append(of(10_000 + number, submit_before_ms=now_ms))
        made.append((now_ms, batch))
    return made


class Engine:
    """The façade, with a peer's face."""

    def __init__(self, some: Sequence[Limit]) -> None:
        self._work, self._sequence = Work(), 1
        self._some = {limit.id: place for place, limit in enumerate(sorted(some, key=lambda limit: limit.id))}
        self.ledger: Ledger = self._work.ledger(some, OPENED)

    def submit(self, batch: Sequence[Withdrawal], now_ms: int) -> list[str]:
        """As the peers answer."""
        [submitted] = self.ledger.submit([self._work.prepared(batch)], now_ms, self._sequence)
        self._sequence += submitted.record is not None
        results = pb.SubmitWithdrawalsResponse.FromString(submitted.response).results
        words = {pb.OUTCOME_ACCEPTED: "accepted", pb.OUTCOME_DUPLICATE: "duplicate"}
        return [words.get(result.outcome, result.tag) for result in results]

    def next(self, count: int) -> list[str]:
        """The oldest: by their ids, whose moments are in order, and then as they came."""
        states = self.ledger.withdrawals(states=[LedgerState.QUEUED])
        return [each.withdrawal_id for each in sorted(states, key=lambda w: (w.accepted_ms, w.leaf))[:count]]

    def assign(self, payout: str, ids: Sequence[str], fee_reserved: int, now_ms: int) -> None:
        """Decide and apply."""
        found = [self.ledger.withdrawal(each) for each in ids]
        items = [PayoutItem(each.withdrawal_id, each.amount, 0) for each in found if each]
        fact = self.ledger.decide_assign(payout, WALLET, items, ETH, fee_reserved, now_ms)
        self.ledger.apply_fact(fact)

    def post(self, payout: str, fee_paid: int) -> None:
        """Decide and apply."""
        self.ledger.apply_fact(self.ledger.decide_post(payout, fee_paid))

    def balances(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """As the peers'."""
        return {
            (row.asset, row.account): (
                row.debits_pending,
                row.debits_posted,
                row.credits_pending,
                row.credits_posted,
            )
            for row in self.ledger.balances()
        }

    def spent(self, limit: Limit, withdrawal: Withdrawal, now_ms: int) -> tuple[int, int]:
        """What the limit's clause counts."""
        said = self.ledger.explain("backend", self._work.intent(withdrawal), now_ms, everything=True)
        explained = pb.ExplainWithdrawalResponse.FromString(said or b"")
        [clause] = [clause for clause in explained.limits if clause.limit_id == limit.id]
        return int(clause.counted.amount or 0), clause.counted.count


@pytest.mark.parametrize("peer", ["plain", "sqlite"])
def test_a_peer_ends_where_the_engine_does(peer: str, tmp_path: Path) -> None:
    engine = Engine(LIMITS)
    sqlite = SqliteLedger(tmp_path / "ledger.sqlite", LIMITS, OPENED) if peer == "sqlite" else None
    other: Any = sqlite or PlainLedger(LIMITS, OPENED)
    seen = set()
    for number, (now_ms, batch) in enumerate(batches()):
        answers = engine.submit(batch, now_ms)
        assert other.submit(batch, now_ms) == answers
        seen.update(answers)
        if number % 2:
            for ledger in (engine, other):
                ledger.assign(f"payout-{number}", ledger.next(3), 21, now_ms)
                if number % 4 == 1:
                    ledger.post(f"payout-{number}", 20)
        assert other.balances() == engine.balances()
        for limit in LIMITS:
            for customer in range(4):
                asked = of(20_000 + customer)
                assert other.spent(limit, asked, now_ms) == engine.spent(limit, asked, now_ms), limit.id
    assert seen == {
        "accepted",
        "duplicate",
        "id.reused",
        "intent.too_late",
        "ledger.insufficient_funds",
        *(f"limit.{limit.id}" for limit in LIMITS if limit.id != "wallet.two"),
    }
    with pytest.raises(ValueError, match="twice"):
        other.assign("twice", other.next(1) * 2, 21, NOW_MS)
    if sqlite:
        sqlite.close()
