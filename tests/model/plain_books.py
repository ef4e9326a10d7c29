"""The books, written a second time, for clarity: entries are a list that only grows, a balance is a sum over it."""

from __future__ import annotations

from collections.abc import Iterator

MOST = 2**128 - 1
# Asset, the account that is debited, the one that is credited, amount; of a reservation one of the two may be missing.
Entry = tuple[str, str, str, int]


class Refused(Exception):
    """Nothing happened; `tag` is the rule that says so."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def require(holds: bool, tag: str) -> None:
    """Refuse unless it holds."""
    if not holds:
        raise Refused(tag)


class PlainBooks:
    """What is refused was never entered."""

    def __init__(self) -> None:
        self.posted: list[Entry] = []

    def reserved(self) -> Iterator[Entry]:
        """What may yet be entered."""
        yield from ()

    def balance(self, asset: str, account: str) -> tuple[int, int, int, int]:
        """Debits pending and posted, credits pending and posted."""
        both = [entry for entry in self.reserved() if entry[0] == asset]
        done = [entry for entry in self.posted if entry[0] == asset]
        return (
            sum(amount for _, debit, _, amount in both if debit == account),
            sum(amount for _, debit, _, amount in done if debit == account),
            sum(amount for _, _, credit, amount in both if credit == account),
            sum(amount for _, _, credit, amount in done if credit == account),
        )

    def accounts(self) -> set[tuple[str, str]]:
        """Asset and name of all that was ever named."""
        every = [*self.posted, *self.reserved()]
        return {(entry[0], name) for entry in every for name in entry[1:3] if name}

    def has(self, asset: str, account: str) -> int:
        """What an account can still give."""
        debits_pending, debits, credits_pending, credits = self.balance(asset, account)
        if account.startswith("wallet:"):
            return debits - credits - credits_pending
        return credits - debits - debits_pending

    def enter(self, *entries: Entry) -> None:
        """All of them, unless a number would exceed its type: of an account, or of all that we owe."""
        self.posted += entries
        for asset in {entry[0] for entry in entries}:
            names = [name for of, name in self.accounts() if of == asset]
            numbers = [number for name in names for number in self.balance(asset, name)]
            owed = [
                self.balance(asset, name) for name in names if not name.startswith(("wallet:", "in_flight"))
            ]
            if max(*numbers, sum(row[3] - row[1] for row in owed)) > MOST:
                del self.posted[-len(entries) :]
                raise Refused("ledger.overflow")
