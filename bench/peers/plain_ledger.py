"""The ledger's rules in pure Python, written for speed: dicts, running sums and one list of events for each key.

The same answers, balances and limits as the engine's for withdrawals of one asset under one attempt; it keeps no fair
shares between customers, makes no records and checks no signatures.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

from ledger_work import ETH, WALLET, Limit, Withdrawal

__all__ = ["PlainLedger"]

CUSTOMERS, HOUSE, HOT = "pool:customers", "pool:house", f"wallet:{WALLET}"


class Track:
    """What one key spent: its events in order, and for each window what counts and from which event on."""

    __slots__ = ("amounts", "counts", "events", "heads")

    def __init__(self, windows: int) -> None:
        self.events: list[tuple[int, int, int]] = []
        self.amounts, self.counts, self.heads = [0] * windows, [0] * windows, [0] * windows


class Tally:
    """The limits of one scope: which bounds each window has, and the tracks by key."""

    __slots__ = ("bounds", "scope", "tracks", "windows")

    def __init__(self, scope: tuple[str, ...], some: Sequence[Limit]) -> None:
        self.scope = scope
        self.windows = sorted({limit.window_ms for limit in some})
        self.bounds = [
            (limit.id, self.windows.index(limit.window_ms), limit.amount, limit.count) for limit in some
        ]
        self.tracks: dict[tuple[str, ...], Track] = {}

    def track(self, key: tuple[str, ...], now_ms: int) -> Track:
        """What counts now under a key."""
        track = self.tracks.get(key)
        if track is None:
            track = self.tracks[key] = Track(len(self.windows))
        events = track.events
        for window, length_ms in enumerate(self.windows):
            head = track.heads[window]
            while head < len(events) and now_ms - events[head][0] >= length_ms:
                track.amounts[window] -= events[head][1]
                track.counts[window] -= events[head][2]
                head += 1
            track.heads[window] = head
        return track

    def charge(self, track: Track, amount: int, now_ms: int) -> None:
        """Count one more."""
        events = track.events
        if events and events[-1][0] == now_ms and track.heads[0] < len(events):
            events[-1] = (now_ms, events[-1][1] + amount, events[-1][2] + 1)
        else:
            done = track.heads[-1]
            if done > 64:  # what no window counts any more
                del events[:done]
                track.heads = [head - done for head in track.heads]
            events.append((now_ms, amount, 1))
        track.amounts = [spent + amount for spent in track.amounts]
        track.counts = [count + 1 for count in track.counts]


class Open:
    """A withdrawal in memory."""

    __slots__ = ("answer", "asked", "payout", "state")

    def __init__(self, asked: Withdrawal, answer: str, state: str) -> None:
        self.asked, self.answer, self.state, self.payout = asked, answer, state, ""


class PlainLedger:
    """Accounts, holds, queue, deadlines and limits, in dicts."""

    def __init__(self, some: Sequence[Limit], opened: int) -> None:
        by_scope: dict[tuple[str, ...], list[Limit]] = {}
        for limit in some:
            by_scope.setdefault(limit.scope, []).append(limit)
        self._tallies = [Tally(scope, limits) for scope, limits in by_scope.items()]
        # Debits pending and posted, credits pending and posted.
        self._accounts: dict[tuple[str, str], list[int]] = {
            (ETH, HOT): [0, 2 * opened, 0, 0],
            (ETH, CUSTOMERS): [0, 0, 0, opened],
            (ETH, HOUSE): [0, 0, 0, opened],
        }
        self._by_reference: dict[str, Open] = {}
        self._queue: deque[str] = deque()
        self._deadlines: list[tuple[int, str]] = []
        self._payouts: dict[str, tuple[list[Open], int]] = {}

    def submit(self, batch: Sequence[Withdrawal], now_ms: int) -> list[str]:
        """Hold what the rules let pass; answer `accepted`, `duplicate`, or a tag, for each."""
        return [self._one(asked, now_ms) for asked in batch]

    def _one(self, asked: Withdrawal, now_ms: int) -> str:
        before = self._by_reference.get(asked.reference)
        if before is not None:
            if before.asked.body != asked.body:
                return "id.reused"
            return "duplicate" if before.answer == "accepted" else before.answer
        if asked.submit_before_ms <= now_ms:
            return "intent.too_late"
        hold = asked.amount + asked.service_fee
        touched, first = [], ""
        for tally in self._tallies:
            track = tally.track(tuple([asked.value(name) for name in tally.scope]), now_ms)
            touched.append((tally, track))
            for limit, window, amount, count in tally.bounds:
                over = amount is not None and track.amounts[window] + hold > amount
                over = over or (count is not None and track.counts[window] + 1 > count)
                if over and (not first or limit < first):
                    first = limit
        pool = self._accounts[ETH, CUSTOMERS]
        if first:
            answer = f"limit.{first}"
        elif pool[3] - pool[1] - pool[0] < hold:
            answer = "ledger.insufficient_funds"
        else:
            answer = "accepted"
            pool[0] += hold
            for tally, track in touched:
                tally.charge(track, hold, now_ms)
            self._queue.append(asked.reference)
            heapq.heappush(self._deadlines, (asked.pay_before_ms, asked.reference))
        state = "queued" if answer == "accepted" else "rejected"
        self._by_reference[asked.reference] = Open(asked, answer, state)
        return answer

    def next(self, count: int) -> list[str]:
        """Take the oldest that are queued."""
        return [self._queue.popleft() for _ in range(count)]

    def assign(self, payout: str, references: Sequence[str], fee_reserved: int, now_ms: int) -> None:
        """Reserve a payout's outflow and its fee; raise ValueError for what cannot be paid."""
        if payout in self._payouts or len(set(references)) != len(references):
            raise ValueError(payout)
        items = [self._by_reference[reference] for reference in references]
        leaves = 0
        for item in items:
            if item.state != "queued" or item.asked.pay_before_ms <= now_ms:
                raise ValueError(item.asked.reference)
            leaves += item.asked.amount
        wallet, house = self._accounts[ETH, HOT], self._accounts[ETH, HOUSE]
        if wallet[1] - wallet[3] - wallet[2] < leaves + fee_reserved:
            raise ValueError("wallet")
        if house[3] - house[1] - house[0] < fee_reserved:
            raise ValueError("house")
        for item in items:
            item.state, item.payout = "assigned", payout
        wallet[2] += leaves + fee_reserved
        house[0] += fee_reserved
        self._payouts[payout] = (items, fee_reserved)

    def post(self, payout: str, fee_paid: int) -> None:
        """End a payout that paid; raise ValueError for one that cannot have."""
        items, fee_reserved = self._payouts[payout]
        if fee_paid > fee_reserved or any(item.state != "assigned" for item in items):
            raise ValueError(payout)
        del self._payouts[payout]
        leaves = sum(item.asked.amount for item in items)
        kept = sum(item.asked.service_fee for item in items)
        wallet, house, pool = (self._accounts[ETH, name] for name in (HOT, HOUSE, CUSTOMERS))
        for item in items:
            item.state = "posted"
        wallet[2] -= leaves + fee_reserved
        wallet[3] += leaves + fee_paid
        pool[0] -= leaves + kept
        pool[1] += leaves + kept
        house[0] -= fee_reserved
        house[1] += fee_paid
        house[3] += kept
        while self._deadlines and self._by_reference[self._deadlines[0][1]].state == "posted":
            heapq.heappop(self._deadlines)

    def balances(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Debits pending and posted, credits pending and posted, by asset and account."""
        return {name: tuple(numbers) for name, numbers in self._accounts.items()}

    def spent(self, limit: Limit, withdrawal: Withdrawal, now_ms: int) -> tuple[int, int]:
        """What counts under a limit for such a withdrawal: base units, withdrawals."""
        tally = next(tally for tally in self._tallies if tally.scope == limit.scope)
        window = tally.windows.index(limit.window_ms)
        track = tally.track(tuple([withdrawal.value(name) for name in tally.scope]), now_ms)
        return track.amounts[window], track.counts[window]
