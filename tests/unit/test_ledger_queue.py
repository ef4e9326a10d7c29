"""The queue through the façade: what one payout may carry, position, and estimates from what the wallet really took."""

from __future__ import annotations

from custody.ledger import Ledger, PayoutItem
from support.ledger_backend import ETH, NOW_MS, Backend, results

OPENED = (("hot-1", 1_000, "customers"), ("hot-1", 100, "house"))
MINUTE_MS = 60_000


def take(backend: Backend, ledger: Ledger, reference: str, amount: int, now_ms: int, customer: str) -> str:
    body = backend.intent(reference, amount, customer=customer)
    [submitted] = backend.submit(ledger, now_ms, [backend.item(body)])
    return results(submitted)[0].withdrawal_id


def test_a_payout_carries_what_its_bounds_allow_and_no_more() -> None:
    backend = Backend()
    ledger = backend.ledger(*OPENED)
    ids = [
        take(backend, ledger, f"r{n}", amount, NOW_MS, f"c{n}") for n, amount in enumerate((40, 300, 30, 5))
    ]

    def chosen(**bounds: object) -> list[str]:
        return ledger.select("hot-1", NOW_MS, 9, ETH, 1, (), **bounds)  # type: ignore[arg-type]

    assert chosen() == ids
    assert chosen(max_amounts={ETH: 75}) == [ids[0], ids[2], ids[3]]
    assert chosen(max_weight=100, weights={ETH: 43}) == ids[:2]
    assert chosen(max_weight=100) == [], "an asset without a weight"
    assert ledger.select("hot-1", NOW_MS, 2, ETH, 1, ids[:1]) == ids[1:3]


def test_one_customers_many_stand_behind_others() -> None:
    backend = Backend()
    ledger = backend.ledger(*OPENED)
    flood = [take(backend, ledger, f"f{n}", 1, NOW_MS, "flooder") for n in range(5)]
    other = take(backend, ledger, "o", 1, NOW_MS + MINUTE_MS, "other")
    assert [ledger.position(id_) for id_ in (*flood, other)] == [1, 2, 4, 5, 6, 3]
    assert ledger.select("hot-1", NOW_MS, 9, ETH, 1) == [*flood[:2], other, *flood[2:]]


def test_estimates_come_from_what_others_took() -> None:
    backend = Backend()
    ledger, now_ms = backend.ledger(*OPENED), NOW_MS
    for n in range(8):
        id_ = take(backend, ledger, f"r{n}", 1, now_ms, f"c{n}")
        assert ledger.eta(id_, now_ms) is None, "too little is known"
        now_ms += MINUTE_MS
        ledger.see(now_ms)
        ledger.apply_fact(ledger.decide_assign(f"p{n}", "hot-1", [PayoutItem(id_, 1, 0)], ETH, 1, now_ms))
        now_ms += 2 * MINUTE_MS
        ledger.see(now_ms)
        ledger.apply_fact(ledger.decide_post(f"p{n}", 1))
        assert ledger.eta(id_, now_ms) is None, "it has ended"
    waits = take(backend, ledger, "waits", 1, now_ms, "c")
    eta = ledger.eta(waits, now_ms)
    assert eta is not None and (eta.p50_ms, eta.p90_ms) == (now_ms + 3 * MINUTE_MS, now_ms + 3 * MINUTE_MS)
    ledger.apply_fact(ledger.decide_halt("h", ["customer:c"]))
    assert ledger.eta(waits, now_ms) is None
    assert ledger.queued_demand("hot-1", ETH) == 0 and ledger.select("hot-1", now_ms, 9, ETH, 1) == []
    ledger.apply_fact(ledger.decide_resume("h"))
    assert ledger.eta(waits, now_ms) == eta
