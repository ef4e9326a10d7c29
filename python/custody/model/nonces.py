"""Nonce lanes: each wallet's nonces are planned once; one given up before any signature is used first again."""

from __future__ import annotations

from bisect import bisect_left, insort

from custody.errors import InvariantBroken


class NonceLanes:
    """`next` is each wallet's highest planned nonce + 1, `free` its abandoned nonces, ascending."""

    def __init__(self) -> None:
        self.next: dict[str, int] = {}
        self.free: dict[str, list[int]] = {}

    def plan(self, wallet: str, count: int, chain_nonce: int) -> list[int]:
        """The nonces that `count` new transactions take, without taking them.

        Free ones first, lowest first, or whatever is above stays stuck. `chain_nonce` is the wallet's transaction
        count at a final block: nonces below it are spent, and it is the first one of a wallet never planned before.
        """
        reused = [nonce for nonce in self.free.get(wallet, ()) if nonce >= chain_nonce][:count]
        first = max(self.next.get(wallet, 0), chain_nonce)
        return reused + list(range(first, first + count - len(reused)))

    def take(self, wallet: str, nonce: int) -> None:
        """A plan uses this nonce. Raises InvariantBroken when another one had it and was not abandoned."""
        free = self.free.get(wallet, [])
        index = bisect_left(free, nonce)
        if index < len(free) and free[index] == nonce:
            free.pop(index)
            if not free:
                del self.free[wallet]
            return
        if nonce < self.next.get(wallet, 0):
            raise InvariantBroken(f"wallet {wallet}: nonce {nonce} is another transaction's")
        self.next[wallet] = nonce + 1

    def release(self, wallet: str, nonce: int) -> None:
        """A plan with this nonce was given up before it could be signed."""
        insort(self.free.setdefault(wallet, []), nonce)

    def canonical(self) -> object:
        """The same for the same lanes, for the state's hash."""
        return {"next": self.next, "free": self.free}
