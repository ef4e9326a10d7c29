"""What e2e tests ask of a stack: pay somebody new, wait for the end, and let the chain say how often it was paid."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from custody import chain, statements
from custody.client import Client
from custody.client.draft import Draft, SignedWithdrawal
from custody.client.results import Outcome, State, Withdrawal
from custody.errors import Unavailable
from custody.testing.demo.chain_view import Payment, read_chain
from custody.testing.demo.items import Item, Kind
from custody.testing.genesis import INITIATOR
from custody.testing.stack import CustodyStack

TAKEN = (Outcome.ACCEPTED, Outcome.HELD, Outcome.DUPLICATE)


@dataclass
class MoneyWatch:
    """Remembers every withdrawal that was taken, for the comparison at the end."""

    stack: CustodyStack
    client: Client
    items: list[Item] = field(default_factory=list)

    def sign(self, asset: str = "eth", amount: int = 10**15, wallet: str = "") -> SignedWithdrawal:
        """A new withdrawal to an address of its own; by a certain hot wallet when `wallet` is given."""
        reference = f"e2e-{secrets.token_hex(8)}"
        while wallet and self.route(reference) != wallet:
            reference = f"e2e-{secrets.token_hex(8)}"
        address = chain.format_address(self.stack.network, secrets.token_bytes(20))
        draft = Draft(reference, self.stack.assets[asset], amount, address, f"customer-of-{reference}")
        item = Item(
            Kind.GOOD, 0, reference, asset, amount, address, draft.customer, False, self.route(reference)
        )
        self.items.append(item)
        return self.client.sign(draft)

    def route(self, reference: str) -> str:
        return statements.route(INITIATOR, reference, list(self.stack.shape.hot))

    def send(self, signed: SignedWithdrawal) -> None:
        """Submit; it must be taken, now or by a try whose answer was lost."""
        answer = self.client.send([signed])[0]
        assert answer.outcome in TAKEN, answer

    def state(self, signed: SignedWithdrawal) -> Withdrawal:
        return self.client.get(reference=signed.reference)

    def await_state(self, signed: SignedWithdrawal, *states: State, timeout_s: float = 40) -> Withdrawal:
        """Wait until a withdrawal is in one of these states."""
        found: list[Withdrawal] = []

        def there() -> bool:
            found[:] = [self.state(signed)]
            return found[0].state in states

        until(f"{signed.reference} {states}", there, timeout_s, lambda: str(found))
        return found[0]

    def payments(self, signed: SignedWithdrawal) -> list[Payment]:
        """What the chain gave to the withdrawal's own address."""
        address = signed.body.address.lower()
        return [payment for payment in read_chain(self.stack.chain).payments() if payment.to == address]


def until(what: str, ready: Callable[[], bool], timeout_s: float, told: Callable[[], str] = str) -> None:
    """Ask again and again; a part that is down is asked once more."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            if ready():
                return
        except Unavailable:
            pass
        assert time.monotonic() < end, f"{what}: not within {timeout_s} s; {told()}"
        time.sleep(0.05)
