"""A ledger and its plain second writing, side by side: each operation is done to both, and both say the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from custody import statements
from custody.api.signed.v1 import withdrawal_pb2 as signed_pb2
from custody.api.v1 import withdrawal_pb2
from custody.errors import Denied
from custody.ledger import Ledger, PayoutItem, TransferOrder, reference_key
from custody.ports import OldPlace
from custody.services.id_feed import places_of
from model.plain_books import MOST, Refused
from model.plain_intake import Asked, Attempt, Limit
from model.plain_ledger import PlainLedger
from support.ledger_backend import ETH, NOW_MS, Backend, limit, results

USD = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
OTHER = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"
POOLS = {
    "customers": "customers",
    "house": "house",
    "insurance": "insurance_fund",
    "margin": "margin_collateral",
}
OPENED = (
    ("hot-1", ETH, 1_000, "customers"),
    ("hot-1", ETH, 100, "house"),
    ("cold-1", ETH, 5_000, "customers"),
    ("hot-1", USD, 500, "customers"),
)
# Which answers were given to which operations, over all runs.
SEEN: Counter[str] = Counter()


def document(of: Backend, pools: Sequence[str], limits: Sequence[Limit]) -> dict[str, Any]:
    """The backend's rules with a token, and these pools and limits."""
    listed = [
        limit(
            each.id,
            each.over,
            each.amount,
            each.scope,
            asset=each.asset,
            count=each.count,
            window={"sliding_ms": each.window_ms} if each.window_ms else "lifetime",
        )
        for each in limits
    ]
    initiator = of.document["initiators"][0] | {"pools": ["customers", "house"]}
    token = {"id": USD, "network": "eip155:1", "native": False}
    return of.document | {
        "assets": [*of.document["assets"], token],
        "pools": [{"name": name, "purpose": POOLS[name]} for name in pools],
        "initiators": [initiator],
        "limits": listed,
    }


class Pair:
    """The engine and the plain ledger, the facts so far, and the store of what left the engine's memory."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.backend = Backend()
        self.ledger = Ledger()
        self.plain = PlainLedger(set(POOLS), limits)
        self.log: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.records: dict[int, bytes] = {}
        self.places: dict[bytes, list[OldPlace]] = {}
        self.now_ms = NOW_MS
        self.limit(sorted(POOLS), limits)
        for opened in OPENED:
            self.both("open", self.plain.open, self.ledger.decide_open, *opened)

    def do(self, what: Callable[..., None], *arguments: Any) -> None:
        """Change the engine, and remember how."""
        what(self.ledger, *arguments)
        self.log.append((what, arguments))

    def see(self) -> None:
        self.do(Ledger.see, self.now_ms)
        self.plain.see(self.now_ms)

    def limit(self, pools: Sequence[str], limits: Sequence[Limit]) -> None:
        self.backend.rules = Backend.rules_of(document(self.backend, pools, limits))
        self.do(Ledger.set_rules, self.backend.rules, self.backend.keyring.version)
        self.plain.pools = set(pools)
        self.plain.limit(limits)

    def both(
        self,
        name: str,
        plain: Callable[..., Any],
        decide: Callable[..., bytes | None],
        *arguments: Any,
        to_engine: Sequence[Any] | None = None,
    ) -> str:
        """One operation on both; `ok`, or the tag of the rule by which both refuse."""
        self.see()
        said = "ok"
        try:
            plain(*arguments)
        except Refused as refused:
            said = refused.tag
        try:
            fact = decide(*(arguments if to_engine is None else to_engine))
        except Denied as denied:
            assert denied.tag == said, name
        else:
            assert said == "ok", f"{name}: the plain ledger refuses by {said}"
            if fact is not None:
                self.do(Ledger.apply_fact, fact)
        SEEN[f"{name} {said}"] += 1
        return said

    def body(self, asked: Asked) -> bytes:
        deducts = asked.most_fee is not None
        return self.backend.intent(
            asked.reference,
            asked.amount,
            attempt=asked.attempt,
            asset=asked.asset,
            service_fee=str(asked.service_fee),
            pool=asked.pool,
            customer=asked.customer,
            address=asked.destination,
            fee_mode=signed_pb2.FEE_MODE_DEDUCT if deducts else signed_pb2.FEE_MODE_HOUSE,
            max_network_fee=str(asked.most_fee) if deducts else "",
            submit_before_unix_ms=asked.submit_before_ms,
            pay_before_unix_ms=asked.pay_before_ms,
        )

    def submit(self, batch: Sequence[Asked]) -> None:
        """One request, each item decided after those before it."""
        made: list[Attempt | None] = []
        said = []
        for asked in batch:
            count = len(self.plain.attempts)
            said.append(self.plain.submit(asked, self.now_ms))
            made.append(self.plain.attempts[-1] if len(self.plain.attempts) > count else None)
        prepared = self.backend.prepare(
            [self.backend.item(self.body(asked), priority=asked.priority) for asked in batch]
        )
        generation, keys = self.ledger.may_be_old(prepared)
        old = [place for key in keys for place in self.places.get(key, [])]
        found = [(each.sequence, each.leaf, self.leaf(each), each.state) for each in old]
        self.ledger.answer(prepared, generation, found)
        sequence = len(self.records) + 1
        [submitted] = self.ledger.submit([prepared], self.now_ms, sequence)
        assert not submitted.stale
        if submitted.record is not None:
            self.records[sequence] = submitted.record
            self.log.append((Ledger.apply_intake_record, (submitted.record, sequence)))
        answers = results(submitted)
        for attempt, answer, (outcome, tag) in zip(made, answers, said, strict=True):
            name = withdrawal_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_")
            assert (name, answer.tag) == (outcome, tag), f"{answer} {outcome} {tag}"
            SEEN[f"submit {name} {tag}".strip()] += 1
            if attempt is not None:
                attempt.id = answer.withdrawal_id
        assert (submitted.record is not None) == any(made)

    def leaf(self, place: OldPlace) -> bytes:
        return statements.unpack_record(self.records[place.sequence])[1][place.leaf - 1]

    def transfer(self, order: TransferOrder) -> None:
        tags, is_repeat, counts = self.plain.transfer(order, self.now_ms)
        answer = self.ledger.pools.decide_transfer(order, self.now_ms)
        assert (answer.tags, answer.is_repeat, answer.fact is not None) == (tags, is_repeat, counts)
        if answer.fact is not None:
            self.do(Ledger.apply_fact, answer.fact)
        SEEN.update(f"transfer {tag or 'ok'}" for tag in tags)
        SEEN["transfer before"] += is_repeat

    def assign(self, name: str, wallet: str, items: Sequence[tuple[Attempt, int, int]], fee: int) -> str:
        """A payout takes these, each with what leaves for it and what is deducted."""
        listed = [PayoutItem(each.id, net, cut) for each, net, cut in items]
        return self.both(
            "assign",
            self.plain.assign,
            self.ledger.decide_assign,
            *(name, wallet, items, fee, self.now_ms),
            to_engine=(name, wallet, listed, ETH, fee, self.now_ms),
        )

    def resolve(self, name: str, how: str, fee: int) -> None:
        """A payout or a leg ends; once."""
        is_payout, ledger = bool(self.plain.open_[name].items), self.ledger
        decide: dict[tuple[bool, str], Callable[..., bytes]] = {
            (True, "given up"): lambda name, _: ledger.decide_unassign(name),
            (True, "done"): ledger.decide_post,
            (True, "failed"): ledger.decide_fail,
            (False, "done"): ledger.decide_sweep_arrive,
            (False, "failed"): ledger.decide_sweep_fail,
        }
        kind, said = f"{'payout' if is_payout else 'leg'} {how}", "ok"
        while said == "ok":
            chosen = decide[is_payout, how]
            said = self.both(kind, self.plain.resolve, chosen, name, how, fee, to_engine=(name, fee))

    def forget(self, before_ms: int) -> None:
        """All that may leave memory leaves it."""
        self.see()
        leaving = {reference_key("backend", each): each for each in self.plain.forgettable(before_ms)}
        plan = self.ledger.forgettable(before_ms, 10_000)
        assert {place.key for place in places_of(plan or b"")} == set(leaving)
        SEEN[f"forget {'some' if leaving else 'none'}"] += 1
        if plan is None:
            return
        for place in places_of(plan):
            self.places.setdefault(place.key, []).append(place)
        self.do(Ledger.apply_fact, self.ledger.decide_forget(plan, before_ms))
        for each in self.plain.attempts:
            each.forgotten |= each.asked.reference in leaving.values()

    def replayed(self) -> Ledger:
        """A ledger made of what is stored."""
        ledger = Ledger()
        for what, arguments in self.log:
            what(ledger, *arguments)
        return ledger

    def compare(self) -> None:
        """Balances, states, queue and limits of both; conservation, and nothing negative."""
        ledger, plain = self.ledger, self.plain
        ledger.conservation()
        rows = {(row.asset, row.account): row for row in ledger.balances()}
        for asset, account in plain.accounts() | set(rows):
            row, numbers = rows.get((asset, account)), plain.balance(asset, account)
            known = (
                (row.debits_pending, row.debits_posted, row.credits_pending, row.credits_posted)
                if row
                else (0,) * 4
            )
            assert known == numbers, f"{asset} {account}"
            if row and account != "in_flight":
                assert row.available == plain.has(asset, account) >= 0
        for attempt in plain.attempts:
            view = ledger.withdrawal(attempt.id) if attempt.id else None
            assert (view is None) == (attempt.forgotten or not attempt.id)
            if view is not None:
                assert (view.end or view.state) == attempt.state
                halted = attempt.state == "QUEUED" and plain.stopped(attempt.asked)
                assert attempt.state != "QUEUED" or (ledger.halt_of(attempt.id) is not None) == halted
        queue = [each.id for each in plain.queue()]
        assert [ledger.position(id_) for id_ in queue] == list(range(1, len(queue) + 1))
        for count, fee, bounds, passed in ((99, 7, {}, queue[1:2]), (2, 0, {ETH: 150}, []), (99, 61, {}, [])):
            chosen = ledger.select("hot-1", self.now_ms, count, ETH, fee, passed, max_amounts=bounds)
            assert chosen == plain.select(self.now_ms, count, fee, bounds, set(passed))
        waiting = {each for each in plain.attempts if each.state in ("HELD", "QUEUED")}
        late = {each.id for each in waiting if each.asked.pay_before_ms <= self.now_ms}
        assert set(ledger.expired(self.now_ms)) == late
        assert ledger.halts() == plain.halts
        due = {
            (*name[:2], name[2])
            for name, leg in plain.legs.items()
            if leg.state == "PENDING" and leg.expires_ms <= self.now_ms
        }
        assert set(ledger.pools.expired(self.now_ms)) == due
        for (initiator, reference, number), leg in plain.legs.items():
            transfer = ledger.pools.transfer(initiator, reference)
            assert transfer is not None and transfer.legs[number - 1] == leg.state

    def explain(self, asked: Asked) -> None:
        """What submitting an intent would answer, what each limit says of it, and what is spent under it."""
        generation, keys = self.ledger.references_may_be_old([reference_key("backend", asked.reference)])
        old = [place for key in keys for place in self.places.get(key, [])]
        said = self.ledger.explain(
            "backend",
            self.body(asked),
            self.now_ms,
            everything=True,
            generation=generation,
            found=[(each.sequence, each.leaf, self.leaf(each), each.state) for each in old],
        )
        assert said is not None
        explained = withdrawal_pb2.ExplainWithdrawalResponse.FromString(said)
        name = withdrawal_pb2.Outcome.Name(explained.outcome).removeprefix("OUTCOME_")
        assert (name, explained.tag) == deepcopy(self.plain).submit(asked, self.now_ms), explained
        SEEN[f"explain {name}"] += 1
        clauses = explained.limits
        if any(each.asked == asked for each in self.plain.attempts):
            assert not clauses and not explained.rules, "it was answered before"
            return
        limits = self.plain.limits if asked.hold <= MOST else []
        assert [clause.limit_id for clause in clauses] == [each.id for each in limits]
        for clause, rule in zip(clauses, limits, strict=True):
            verdict = self.plain.verdict(rule, asked, self.now_ms)
            assert _failing(clause) == verdict, f"{rule}: {clause}"
            SEEN[f"limit {rule.over} {verdict or 'pass'}"] += 1
            if verdict != "asset":
                spent = self.plain.spent(rule, asked, self.now_ms)
                assert (int(clause.counted.amount or 0), clause.counted.count) == spent, f"{rule}: {clause}"


def _failing(clause: withdrawal_pb2.LimitClause) -> str:
    if clause.coverage == withdrawal_pb2.LIMIT_COVERAGE_OTHER_ASSET:
        return "asset"
    name = withdrawal_pb2.LimitClauseKind.Name(clause.failing).removeprefix("LIMIT_CLAUSE_KIND_")
    return "" if name == "UNSPECIFIED" else name.lower()


def digest(*parts: object) -> bytes:
    """A body's digest, as good as any."""
    return hashlib.sha256(repr(parts).encode()).digest()
