"""Writes a golden journal: records as a server stores them, the ledger's state hash after each, and one snapshot.

A file that a release had is never written again: what it holds must replay for ever. A new format of snapshots, or a
new kind of fact, gets a new name. Run as `python tests/vectors/make_ledger.py NAME` with the tests' folder on the path.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from custody import statements
from custody.api.journal.v1 import record_pb2
from custody.api.signed.v1 import withdrawal_pb2 as signed_pb2
from custody.ledger import (
    Deposit,
    End,
    Ledger,
    PayoutItem,
    Pend,
    Post,
    Surplus,
    TransferMove,
    TransferOrder,
    Void,
)
from support.ledger_backend import ETH, HOUR_MS, NOW_MS, Backend, limit, results

HERE = Path(__file__).parent / "ledger"
POOLS = {"customers": "customers", "house": "house", "insurance": "insurance_fund"}
POLICIES = (
    [limit("day", "deny", 500, ["asset", "customer"]), limit("large", "hold", 240, ["customer"])],
    [
        limit("day", "deny", 400, ["asset", "customer"], window={"sliding_ms": 2 * HOUR_MS}),
        limit("count", "deny", None, ["customer", "wallet"], count=40, asset=None),
        limit("ever", "hold", 90_000, [], window="lifetime"),
    ],
)


class Golden:
    """A ledger, and the rows that make it."""

    def __init__(self) -> None:
        self.backend = Backend()
        self.ledger = Ledger()
        self.now_ms = NOW_MS
        self.rows: list[dict[str, Any]] = []
        self.policies: list[dict[str, Any]] = []

    def policy(self, limits: list[dict[str, Any]]) -> None:
        """Take a policy in force."""
        pools = [{"name": name, "purpose": purpose} for name, purpose in POOLS.items()]
        document = self.backend.document | {"limits": limits, "pools": pools}
        self.backend.rules = self.backend.rules_of(document)
        self.ledger.set_rules(self.backend.rules, self.backend.keyring.version)
        self.policies.append(document)
        self._add({"policy": len(self.policies) - 1})

    def facts(self, kind: str, *facts: bytes) -> None:
        """Apply facts and add their row; the ledger reads nothing of the leaf before them."""
        header = record_pb2.RecordHeader(recorded_unix_ms=self.now_ms, principal="golden")
        record, _ = statements.build_record(header.SerializeToString(deterministic=True), [b"", *facts])
        for fact in facts:
            self.ledger.see(self.now_ms)
            self.ledger.apply_fact(fact)
        self.backend.sequence += 1
        self._record(kind, record)

    def submit(self, *intents: bytes) -> list[str]:
        """Submit one request; the withdrawals' ids, empty where it was rejected."""
        prepared = self.backend.prepare([self.backend.item(intent) for intent in intents])
        generation, keys = self.ledger.may_be_old(prepared)
        assert not keys
        self.ledger.answer(prepared, generation, [])
        [submitted] = self.ledger.submit([prepared], self.now_ms, self.backend.sequence + 1)
        self.backend.sequence += 1
        assert submitted.record is not None
        self._record("WITHDRAWALS_SUBMITTED", submitted.record)
        return [result.withdrawal_id for result in results(submitted)]

    def intent(self, reference: str, amount: int, **fields: Any) -> bytes:
        """An intent of now."""
        times = {
            "submit_before_unix_ms": self.now_ms + HOUR_MS,
            "pay_before_unix_ms": self.now_ms + 2 * HOUR_MS,
        }
        return self.backend.intent(reference, amount, **(times | fields))

    def _record(self, kind: str, record: bytes) -> None:
        number = record_pb2.RecordKind.Value(f"RECORD_KIND_{kind}")
        row = {"kind": number, "sequence": self.backend.sequence}
        self._add(row | {"record": base64.b64encode(record).decode()})

    def _add(self, row: dict[str, Any]) -> None:
        self.ledger.conservation()
        self.rows.append(row | {"state_hash": self.ledger.state_hash().hex()})


def order(reference: str, legs: list[TransferMove | Pend | Post | Void]) -> TransferOrder:
    """Legs of one signed body."""
    body = hashlib.sha256(f"{reference} {legs}".encode()).digest()
    return TransferOrder("backend", reference, body, NOW_MS + HOUR_MS, legs)


def transfer(golden: Golden, reference: str, *legs: TransferMove | Pend | Post | Void) -> None:
    """An order, taken or refused for good."""
    answer = golden.ledger.pools.decide_transfer(order(reference, list(legs)), golden.now_ms)
    assert answer.fact is not None, answer
    golden.facts("TRANSFERS_SUBMITTED", answer.fact)


def forget(golden: Golden) -> None:
    """All that has ended leaves memory."""
    wanted = golden.ledger.forgettable(golden.now_ms - 1, 100)
    assert wanted is not None
    golden.facts("ENDED_FORGOTTEN", golden.ledger.decide_forget(wanted, golden.now_ms - 1))


def first_half(golden: Golden) -> None:
    """Every kind of fact."""
    ledger, pools = golden.ledger, golden.ledger.pools
    golden.policy(POLICIES[0])
    for wallet, amount, pool in (
        ("hot-1", 3_000, "customers"),
        ("hot-1", 400, "house"),
        ("cold-1", 5_000, "customers"),
        ("hot-1", 70, "insurance"),
    ):
        golden.facts("WALLET_OPENED", ledger.decide_open(wallet, ETH, amount, pool))
    deduct = {"fee_mode": signed_pb2.FEE_MODE_DEDUCT, "max_network_fee": "25"}
    a, b, c, d, _e, large, rejected = golden.submit(
        golden.intent("a", 10),
        golden.intent("b", 20, service_fee="3"),
        golden.intent("c", 60, customer="c2", **deduct),
        golden.intent("d", 40),
        golden.intent("e", 50, customer="c3"),
        golden.intent("large", 250, customer="c2"),
        golden.intent("rejected", 501),
    )
    assert large and not rejected
    golden.now_ms += 1_000
    golden.facts("WITHDRAWALS_RELEASED", ledger.decide_release([large]))
    for payout, items in (("p1", [(a, 10, 0), (b, 20, 0)]), ("p2", [(c, 40, 20)]), ("p3", [(d, 40, 0)])):
        terms = [PayoutItem(*item) for item in items]
        fact = ledger.decide_assign(payout, "hot-1", terms, ETH, 21, golden.now_ms)
        golden.facts("PAYOUTS_PLANNED", fact)
    golden.now_ms += 60_000
    golden.facts("PAYOUTS_FINAL", ledger.decide_post("p1", 20))
    golden.facts("PAYOUTS_FINAL", ledger.decide_fail("p2", 9))
    golden.facts("PAYOUTS_ABANDONED", ledger.decide_unassign("p3"))
    golden.facts("WITHDRAWALS_ENDED", ledger.decide_void(d, End.CANCELLED, golden.now_ms))
    for leg, amount in (("l1", 500), ("l2", 30), ("l3", 20)):
        depart = ledger.decide_sweep_depart(leg, "cold-1", "hot-1", ETH, amount, ETH, 21)
        golden.facts("SWEEP_LEG_PLANNED", depart)
    golden.facts("SWEEP_LEG_FINAL", ledger.decide_sweep_arrive("l1", 7))
    golden.facts("SWEEP_LEG_ABANDONED", ledger.decide_sweep_fail("l2", 0))
    for tx, amount, pool in ((b"\x01", 90, "customers"), (b"\x02", 5, "insurance")):
        deposited = pools.decide_deposit(Deposit("eip155:1", tx * 32, 0, "hot-1", ETH, amount, pool))
        assert deposited is not None
        golden.facts("DEPOSITS_CREDITED", deposited)
    [hot] = [row for row in ledger.balances() if row.account == "wallet:hot-1"]
    has = hot.debits_posted - hot.credits_posted
    surplus = Surplus("hot-1", ETH, has, has + 30, "eip155:1", 9, b"\x09" * 32)
    golden.facts("RECONCILED", pools.decide_surplus(surplus))
    late = pools.decide_deposit(Deposit("eip155:1", b"\x03" * 32, 1, "hot-1", ETH, 11, "customers", True))
    assert late is not None
    golden.facts("DEPOSITS_CREDITED", late)
    golden.facts("SUSPENSE_EXPLAINED", pools.decide_suspense_release("s1", ETH, 12, "house"))
    soon, later = golden.now_ms + HOUR_MS, golden.now_ms + 200 * HOUR_MS
    transfer(
        golden, "o1", TransferMove(ETH, "house", "customers", 5), Pend(ETH, "insurance", "house", 9, soon)
    )
    transfer(
        golden, "o2", Pend(ETH, "customers", "house", 8, soon), Pend(ETH, "house", "customers", 4, later)
    )
    transfer(golden, "o3", Post("o1", 2, 6), Pend(ETH, "insurance", "house", 2, soon))
    transfer(golden, "o4", Void("o3", 2))
    transfer(golden, "o5", TransferMove(ETH, "insurance", "customers", 5_000))
    golden.facts("HALT_RECORDED", ledger.decide_halt("h1", ["customer:c3", "asset:" + ETH]))
    golden.facts("HALT_RECORDED", ledger.decide_halt("h2", ["customer:c3"]))
    golden.facts("HALT_LIFTED", ledger.decide_resume("h1"))
    golden.now_ms += HOUR_MS + 1
    golden.facts("TRANSFERS_EXPIRED", pools.decide_expiry("backend", "o2", 1, golden.now_ms))
    golden.policy(POLICIES[1])
    golden.submit(golden.intent("f", 10), golden.intent("rejected", 30, attempt=2))
    golden.now_ms += HOUR_MS
    forget(golden)
    golden.submit(golden.intent("g", 10), golden.intent("h", 15))


def second_half(golden: Golden) -> None:
    """What comes after the snapshot."""
    ledger = golden.ledger
    golden.now_ms += 3 * HOUR_MS
    for id_ in ledger.expired(golden.now_ms):
        golden.facts("WITHDRAWALS_ENDED", ledger.decide_void(id_, End.EXPIRED, golden.now_ms))
    golden.now_ms += HOUR_MS
    forget(golden)
    golden.submit(*(golden.intent(f"n{n}", 10 + n, customer=f"c{n % 4}") for n in range(12)))
    chosen = ledger.select("hot-1", golden.now_ms, 5, ETH, 21)
    terms = [PayoutItem(id_, _amount(ledger, id_), 0) for id_ in chosen]
    golden.facts("PAYOUTS_PLANNED", ledger.decide_assign("p4", "hot-1", terms, ETH, 21, golden.now_ms))
    golden.facts("PAYOUTS_FINAL", ledger.decide_post("p4", 20))


def _amount(ledger: Ledger, id_: str) -> int:
    view = ledger.withdrawal(id_)
    assert view is not None
    return view.amount


def main(name: str) -> None:
    """Write NAME.json and NAME.snapshot."""
    if (HERE / f"{name}.json").exists():
        raise SystemExit(f"{name} is there: what it holds must replay for ever")
    golden = Golden()
    first_half(golden)
    snapshot, after = golden.ledger.snapshot(), len(golden.rows)
    second_half(golden)
    content = {"policies": golden.policies, "snapshot_after": after, "rows": golden.rows}
    HERE.mkdir(exist_ok=True)
    (HERE / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (HERE / f"{name}.snapshot").write_bytes(snapshot)
    print(f"{name}: {len(golden.rows)} rows, a snapshot of {len(snapshot)} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
