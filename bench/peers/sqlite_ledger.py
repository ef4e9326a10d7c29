"""The ledger's rules in Python over SQLite: what somebody would write who wants it quick and has SQL.

A batch is one transaction. It asks for all references and all keys of the batch at once, decides in Python, and writes
with `executemany`, one row for each key: the quickest way that was found. WAL; nothing is flushed (`synchronous=OFF`),
because the engine it is held against writes nothing either. As `plain_ledger`, with amounts below 2^63.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ledger_work import ETH, WALLET, Limit, Withdrawal

__all__ = ["SqliteLedger"]

CUSTOMERS, HOUSE, HOT = "pool:customers", "pool:house", f"wallet:{WALLET}"
_SCHEMA = """
CREATE TABLE withdrawals (
    id INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, body BLOB NOT NULL, answer TEXT NOT NULL,
    state TEXT NOT NULL, payout TEXT, wallet TEXT NOT NULL, asset TEXT NOT NULL, customer TEXT NOT NULL,
    destination TEXT NOT NULL, amount INTEGER NOT NULL, service_fee INTEGER NOT NULL,
    pay_before_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX queue ON withdrawals (wallet, due_ms) WHERE state = 'queued';
CREATE INDEX deadlines ON withdrawals (pay_before_ms) WHERE state = 'queued';
CREATE TABLE payouts (id TEXT PRIMARY KEY, items TEXT NOT NULL, fee_reserved INTEGER NOT NULL) STRICT;
CREATE TABLE accounts (
    asset TEXT NOT NULL, account TEXT NOT NULL, debits_pending INTEGER NOT NULL, debits_posted INTEGER NOT NULL,
    credits_pending INTEGER NOT NULL, credits_posted INTEGER NOT NULL, PRIMARY KEY (asset, account)
) STRICT, WITHOUT ROWID;
"""
_NEW = "INSERT INTO withdrawals VALUES (NULL, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?)"
_AMONG = "IN (SELECT value FROM json_each(?))"


class Tally:
    """The limits of one scope, and the table of what each key spent and when."""

    def __init__(self, number: int, scope: tuple[str, ...], some: Sequence[Limit]) -> None:
        self.scope = scope
        self.windows = sorted({limit.window_ms for limit in some})
        self.bounds = [
            (limit.id, self.windows.index(limit.window_ms), limit.amount, limit.count) for limit in some
        ]
        table = f"spent_{number}"
        self.schema = (
            f"CREATE TABLE {table} (key TEXT, at_ms INTEGER, amount INTEGER, count INTEGER, "
            "PRIMARY KEY (key, at_ms)) STRICT, WITHOUT ROWID"
        )
        sums = ", ".join(
            f"SUM({number}) FILTER (WHERE at_ms > ?1 - {window_ms})"
            for window_ms in self.windows
            for number in ("amount", "count")
        )
        self.select = (
            f"SELECT key, {sums} FROM {table} WHERE key IN (SELECT value FROM json_each(?2)) "
            f"AND at_ms > ?1 - {self.windows[-1]} GROUP BY key"
        )
        self.upsert = (
            f"INSERT INTO {table} VALUES (?, ?, ?, ?) ON CONFLICT (key, at_ms) "
            "DO UPDATE SET amount = amount + excluded.amount, count = count + excluded.count"
        )

    def key(self, withdrawal: Withdrawal) -> str:
        """What a withdrawal is counted under."""
        return "|".join([withdrawal.value(name) for name in self.scope])

    def spent(self, database: sqlite3.Connection, keys: Sequence[str], now_ms: int) -> dict[str, list[int]]:
        """Amount and count of each window in turn, by key."""
        rows = database.execute(self.select, (now_ms, json.dumps(list(set(keys)))))
        found = {row[0]: [number or 0 for number in row[1:]] for row in rows}
        for key in keys:
            if key not in found:
                found[key] = [0] * (2 * len(self.windows))
        return found


class SqliteLedger:
    """Accounts, holds, queue, deadlines and limits, in tables."""

    def __init__(self, path: Path, some: Sequence[Limit], opened: int) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-1000000", "temp_store=MEMORY"):
            self._database.execute(f"PRAGMA {pragma}")
        by_scope: dict[tuple[str, ...], list[Limit]] = {}
        for limit in some:
            by_scope.setdefault(limit.scope, []).append(limit)
        self._tallies = [Tally(number, *scope) for number, scope in enumerate(by_scope.items())]
        self._database.executescript(_SCHEMA)
        for tally in self._tallies:
            self._database.execute(tally.schema)
        rows = [(HOT, 2 * opened, 0), (CUSTOMERS, 0, opened), (HOUSE, 0, opened)]
        self._database.executemany(f"INSERT INTO accounts VALUES ('{ETH}', ?, 0, ?, 0, ?)", rows)

    def submit(self, batch: Sequence[Withdrawal], now_ms: int) -> list[str]:
        """Hold what the rules let pass; answer `accepted`, `duplicate`, or a tag, for each."""
        with self._database as database:
            database.execute("BEGIN IMMEDIATE")
            return self._submit(database, batch, now_ms)

    def _submit(self, database: sqlite3.Connection, batch: Sequence[Withdrawal], now_ms: int) -> list[str]:
        asked = json.dumps([each.reference for each in batch])
        rows = database.execute(
            f"SELECT reference, body, answer FROM withdrawals WHERE reference {_AMONG}", (asked,)
        )
        known: dict[str, tuple[bytes, str]] = {reference: (body, answer) for reference, body, answer in rows}
        keys = [[tally.key(each) for each in batch] for tally in self._tallies]
        spent = [tally.spent(database, of, now_ms) for tally, of in zip(self._tallies, keys, strict=True)]
        charged: list[dict[str, tuple[int, int]]] = [{} for _ in self._tallies]
        available, held = self._available(CUSTOMERS), 0
        answers, new = [], []
        for index, each in enumerate(batch):
            before = known.get(each.reference)
            if before is not None:
                same = "duplicate" if before[1] == "accepted" else before[1]
                answers.append(same if before[0] == each.body else "id.reused")
                continue
            if each.submit_before_ms <= now_ms:
                answers.append("intent.too_late")
                continue
            hold, first = each.amount + each.service_fee, ""
            for tally, sums, of in zip(self._tallies, spent, keys, strict=True):
                numbers = sums[of[index]]
                for limit, window, amount, count in tally.bounds:
                    over = amount is not None and numbers[2 * window] + hold > amount
                    over = over or (count is not None and numbers[2 * window + 1] + 1 > count)
                    if over and (not first or limit < first):
                        first = limit
            answer = "accepted"
            if first:
                answer = f"limit.{first}"
            elif available - held < hold:
                answer = "ledger.insufficient_funds"
            else:
                held += hold
                for sums, of, charge in zip(spent, keys, charged, strict=True):
                    key = of[index]
                    sums[key] = [number + (1 if odd % 2 else hold) for odd, number in enumerate(sums[key])]
                    amount, count = charge.get(key, (0, 0))
                    charge[key] = (amount + hold, count + 1)
            state = "queued" if answer == "accepted" else "rejected"
            known[each.reference] = (each.body, answer)
            place = (WALLET, ETH, each.customer, each.destination, each.amount, each.service_fee)
            new.append((each.reference, each.body, answer, state, *place, each.pay_before_ms, now_ms))
            answers.append(answer)
        database.executemany(_NEW, new)
        for tally, charge in zip(self._tallies, charged, strict=True):
            database.executemany(tally.upsert, ((key, now_ms, *sums) for key, sums in charge.items()))
        self._enter(CUSTOMERS, debits_pending=held)
        return answers

    def next(self, count: int) -> list[int]:
        """Say which are the oldest that are queued."""
        rows = self._database.execute(
            "SELECT id FROM withdrawals WHERE state = 'queued' AND wallet = ? ORDER BY due_ms, id LIMIT ?",
            (WALLET, count),
        )
        return [number for (number,) in rows]

    def assign(self, payout: str, ids: Sequence[int], fee_reserved: int, now_ms: int) -> None:
        """Reserve a payout's outflow and its fee; raise ValueError for what cannot be paid."""
        with self._database as database:
            database.execute("BEGIN IMMEDIATE")
            items = json.dumps(ids)
            payable = database.execute(
                f"SELECT COUNT(*), SUM(amount) FROM withdrawals WHERE id {_AMONG} "
                "AND state = 'queued' AND wallet = ? AND asset = ? AND pay_before_ms > ?",
                (items, WALLET, ETH, now_ms),
            ).fetchone()
            leaves = payable[1]
            if payable[0] != len(ids) or len(set(ids)) != len(ids):
                raise ValueError(payout)
            if self._available(HOT) < leaves + fee_reserved or self._available(HOUSE) < fee_reserved:
                raise ValueError("funds")
            database.execute(
                f"UPDATE withdrawals SET state = 'assigned', payout = ? WHERE id {_AMONG}", (payout, items)
            )
            database.execute("INSERT INTO payouts VALUES (?, ?, ?)", (payout, items, fee_reserved))
            self._enter(HOT, credits_pending=leaves + fee_reserved)
            self._enter(HOUSE, debits_pending=fee_reserved)

    def post(self, payout: str, fee_paid: int) -> None:
        """End a payout that paid; raise ValueError for one that cannot have."""
        with self._database as database:
            database.execute("BEGIN IMMEDIATE")
            items, fee_reserved = database.execute(
                "SELECT items, fee_reserved FROM payouts WHERE id = ?", (payout,)
            ).fetchone()
            count, leaves, kept = database.execute(
                f"SELECT COUNT(*), SUM(amount), SUM(service_fee) FROM withdrawals WHERE id {_AMONG} "
                "AND state = 'assigned' AND payout = ?",
                (items, payout),
            ).fetchone()
            if fee_paid > fee_reserved or count != len(json.loads(items)):
                raise ValueError(payout)
            database.execute(f"UPDATE withdrawals SET state = 'posted' WHERE id {_AMONG}", (items,))
            database.execute("DELETE FROM payouts WHERE id = ?", (payout,))
            self._enter(HOT, credits_pending=-leaves - fee_reserved, credits_posted=leaves + fee_paid)
            self._enter(CUSTOMERS, debits_pending=-leaves - kept, debits_posted=leaves + kept)
            self._enter(HOUSE, debits_pending=-fee_reserved, debits_posted=fee_paid, credits_posted=kept)

    def _enter(self, account: str, **changes: int) -> None:
        sets = ", ".join(f"{name} = {name} + ?" for name in changes)
        row = (*changes.values(), ETH, account)
        self._database.execute(f"UPDATE accounts SET {sets} WHERE asset = ? AND account = ?", row)

    def _available(self, account: str) -> int:
        debits, posted, credits, credited = self.balances()[ETH, account]
        return posted - credited - credits if account == HOT else credited - posted - debits

    def balances(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Debits pending and posted, credits pending and posted, by asset and account."""
        rows = self._database.execute("SELECT * FROM accounts")
        return {(row[0], row[1]): tuple(row[2:]) for row in rows}

    def spent(self, limit: Limit, withdrawal: Withdrawal, now_ms: int) -> tuple[int, int]:
        """What counts under a limit for such a withdrawal: base units, withdrawals."""
        tally = next(tally for tally in self._tallies if tally.scope == limit.scope)
        window, key = 2 * tally.windows.index(limit.window_ms), tally.key(withdrawal)
        numbers = tally.spent(self._database, [key], now_ms)[key]
        return numbers[window], numbers[window + 1]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
