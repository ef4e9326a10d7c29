"""How far the withdrawals are, as the server tells it; a server that is just being started again is asked once more."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from custody.client import Client
from custody.client.results import State, Withdrawal
from custody.errors import Unavailable
from custody.testing.demo.timeline import Timeline
from custody.testing.stack import CustodyStack

__all__ = ["UNDER_WAY", "Watch"]

UNDER_WAY = (State.SIGNING, State.BROADCAST, State.CONFIRMED)
_PAUSE_S = 0.2


class Watch:
    """Reads with the backend's certificate."""

    def __init__(self, stack: CustodyStack, client: Client, timeline: Timeline) -> None:
        self._stack = stack
        self._client = client
        self._timeline = timeline
        self.accepted = 0

    def counts(self) -> Counter[str]:
        """Withdrawals that have not ended, by state."""
        told = self._stack.operator(self._stack.shape.operators[0]).status().withdrawals
        found = Counter({name.removeprefix("WITHDRAWAL_STATE_"): number for name, number in told.items()})
        waiting = found[State.QUEUED] + found[State.HELD]
        ended = self.accepted - waiting - sum(found[state] for state in UNDER_WAY)
        self._timeline.bar("signed", self.accepted - waiting, self.accepted)
        self._timeline.bar("ended", ended, self.accepted)
        return found

    def begun(self) -> int:
        """How many are in a payout or have ended."""
        found = self.counts()
        return self.accepted - found[State.QUEUED] - found[State.HELD]

    def ended(self) -> bool:
        """Whether every accepted withdrawal has."""
        found = self.counts()
        return not any(found[state] for state in (State.QUEUED, State.HELD, *UNDER_WAY))

    def listed(self, *states: State) -> list[Withdrawal]:
        """The withdrawals in these states; all without."""
        return list(self._client.list_all(states=states, page_size=500))

    def until(self, what: str, ready: Callable[[], bool], timeout_s: float = 60) -> None:
        """Wait. Raises TimeoutError naming `what` and the states of the withdrawals."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                if ready():
                    return
            except Unavailable:
                pass
            if time.monotonic() > end:
                try:
                    told = f"{dict(self.counts())}"
                except Unavailable as error:
                    told = str(error)
                raise TimeoutError(f"{what}: not within {timeout_s:g} s ({told})")
            time.sleep(_PAUSE_S)
