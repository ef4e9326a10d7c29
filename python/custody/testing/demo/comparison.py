"""At the end: the chain itself against the ledger, to the base unit; for a payment nobody takes the server's word."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from custody.api.v1 import common_pb2, proposal_pb2, sweep_pb2, treasury_pb2
from custody.client.results import State, Withdrawal
from custody.testing.demo.chain_view import ChainView, Payment, read_chain
from custody.testing.demo.items import Item
from custody.testing.stack import CustodyStack

__all__ = ["Comparison", "compare"]


@dataclass(slots=True)
class Comparison:
    """What was found; the ledger equals the chain when `differences` is empty."""

    final: int = 0
    cancelled: int = 0
    paid_twice: int = 0
    lost: int = 0
    sweeps_executed: int = 0
    approvals_counted: int = 0
    fees: int = 0
    height: int = 0
    transactions: int = 0
    balances: list[tuple[str, str, int, int]] = field(default_factory=list)
    """(wallet, asset, on chain, in the ledger)."""
    differences: list[str] = field(default_factory=list)


def compare(stack: CustodyStack, accepted: list[Item], told: list[Withdrawal]) -> Comparison:
    """Compare once nothing is under way."""
    found = Comparison()
    view = read_chain(stack.chain)
    found.height, found.transactions = view.height, len(view.sent)
    sweeps = _sweeps(stack, found)
    _withdrawals(stack, found, view, accepted, {w.reference: w for w in told})
    _nothing_else(stack, found, view, accepted, sweeps)
    _balances(stack, found, view)
    _approvals(stack, found)
    return found


def _withdrawals(
    stack: CustodyStack,
    found: Comparison,
    view: ChainView,
    accepted: list[Item],
    told: dict[str, Withdrawal],
) -> None:
    paid: dict[str, list[Payment]] = defaultdict(list)
    for payment in view.payments():
        paid[payment.to].append(payment)
    for item in accepted:
        payments = paid[item.address.lower()]
        withdrawal = told.get(item.reference)
        token = None if item.asset == "eth" else stack.token_contract()
        sender = stack.address(item.wallet).lower()
        exact = [p for p in payments if (p.sender, p.token, p.amount) == (sender, token, item.amount)]
        state = withdrawal.state if withdrawal is not None else State.UNKNOWN
        found.paid_twice += len(payments) > 1
        if state is State.CANCELLED:
            found.cancelled += 1
            _expect(found, not payments, f"{item.reference} is cancelled and was paid")
        elif state is State.FINAL and withdrawal is not None:
            found.final += 1
            found.lost += not payments
            fine = len(exact) == len(payments) == 1
            _expect(found, fine, f"{item.reference} is final; the chain has {payments}")
            hashes = [tx.hash for tx in withdrawal.txs if tx.state == "FINAL"]
            named = hashes == [p.transaction for p in payments]
            _expect(found, named, f"{item.reference}: the server names {hashes} as its transaction")
        else:
            found.lost += 1
            _expect(found, False, f"{item.reference} is {state}")


def _sweeps(stack: CustodyStack, found: Comparison) -> list[tuple[str, Any]]:
    """The legs that the server calls final, with their transactions."""
    operator = stack.operator("cy")
    answer = operator.call(operator.sweeps.ListSweeps, sweep_pb2.ListSweepsRequest(page_size=100))
    legs = []
    for sweep in answer.sweeps:
        final = [leg for leg in sweep.legs if leg.state == sweep_pb2.SWEEP_STATE_FINAL]
        found.sweeps_executed += bool(sweep.legs) and len(final) == len(sweep.legs)
        for leg in final:
            hashes = [tx.hash for tx in leg.txs if tx.state == common_pb2.TX_STATE_FINAL]
            _expect(found, len(hashes) == 1, f"a leg of sweep {sweep.sweep_id} names {hashes}")
            legs += [(name, leg.leg) for name in hashes]
    return legs


def _nothing_else(
    stack: CustodyStack,
    found: Comparison,
    view: ChainView,
    accepted: list[Item],
    sweeps: list[tuple[str, Any]],
) -> None:
    """Every transaction of a wallet is one accepted withdrawal or one approved leg, and no nonce is used twice."""
    addresses = {item.address.lower() for item in accepted}
    legs = dict(sweeps)
    for wallet in stack.policy.wallets:
        sent = view.by(wallet.address)
        nonces = [one.nonce for one in sent]
        _expect(found, nonces == list(range(len(nonces))), f"{wallet.id} has nonces {nonces}")
        for one in sent:
            _expect(found, one.success, f"{one.hash} of {wallet.id} failed")
            leg = legs.pop(one.hash, None)
            if leg is None:
                fine = len(one.payments) == 1 and one.payments[0].to in addresses
                _expect(found, fine, f"{one.hash} of {wallet.id} pays no accepted withdrawal: {one.payments}")
            else:
                token = None if leg.asset == stack.eth else stack.token_contract()
                wanted = (leg.to_address.lower(), token, int(leg.amount))
                got = [(p.to, p.token, p.amount) for p in one.payments]
                _expect(found, got == [wanted], f"{one.hash} is not the leg approved: {got}, not {wanted}")
                _expect(found, one.fee <= int(leg.fee_cap), f"{one.hash} cost more than its leg's fee cap")
    _expect(found, not legs, f"the chain has no transactions {sorted(legs)}")


def _balances(stack: CustodyStack, found: Comparison, view: ChainView) -> None:
    operator = stack.operator("cy")
    answer = operator.call(operator.treasury.GetBalances, treasury_pb2.GetBalancesRequest())
    book = {(b.owner, b.asset): b for b in answer.balances}
    own = {wallet.address.lower() for wallet in stack.policy.wallets}
    for name, asset in stack.assets.items():
        token = None if name == "eth" else stack.token_contract()
        wallets = pools = 0
        for wallet in stack.policy.wallets:
            chain = stack.chain.balance(wallet.address, token, view.height)
            entry = book.get((f"wallet:{wallet.id}", asset))
            ledger = int(entry.debits_posted) - int(entry.credits_posted) if entry is not None else -1
            found.balances.append((wallet.id, name, chain, ledger))
            _expect(found, chain == ledger, f"{wallet.id} {name}: {chain} on chain, {ledger} in the ledger")
            moved = _moved(view, wallet.address, token)
            _expect(found, chain == moved, f"{wallet.id} {name}: its transactions make {moved}, not {chain}")
            wallets += ledger
        for (owner, owned), entry in book.items():
            if owned != asset or owner.startswith("wallet:"):
                continue
            net = int(entry.credits_posted) - int(entry.debits_posted)
            pools += net
            pending = int(entry.debits_pending) + int(entry.credits_pending)
            _expect(found, pending == 0, f"{owner} {name} has {pending} pending")
        _expect(
            found, wallets == pools, f"{name}: wallets hold {wallets}, pools and suspense are owed {pools}"
        )
        fees = sum(sent.fee for sent in view.sent if sent.sender in own) if name == "eth" else 0
        found.fees += fees
        _house(stack, found, book, asset, name, fees)


def _moved(view: ChainView, address: str, token: str | None) -> int:
    """What every transaction on the chain leaves an account with."""
    me, total = address.lower(), 0
    for sent in view.sent:
        if token is None and sent.sender == me:
            total -= sent.fee
        for payment in sent.payments:
            if payment.token == token:
                total += payment.amount * ((payment.to == me) - (payment.sender == me))
    return total


def _house(
    stack: CustodyStack, found: Comparison, book: dict[tuple[str, str], Any], asset: str, name: str, fees: int
) -> None:
    """The house paid exactly the network's fees, and nobody else any of them."""
    entry = book.get(("pool:house", asset))
    if entry is None:
        _expect(found, fees == 0, f"there is no house pool in {name}")
        return
    opened = stack.shape.balance("hot-eth-1", "eth") if name == "eth" else 0
    left = int(entry.credits_posted) - int(entry.debits_posted)
    _expect(found, opened - left == fees, f"the house paid {opened - left} in {name}, the chain took {fees}")


def _approvals(stack: CustodyStack, found: Comparison) -> None:
    operator = stack.operator("cy")
    token = ""
    while True:
        request = proposal_pb2.ListProposalsRequest(page_size=100, page_token=token)
        answer = operator.call(operator.proposals.ListProposals, request)
        for proposal in answer.proposals:
            counted = [approval for approval in proposal.approvals if approval.counted]
            found.approvals_counted += len(counted)
        token = answer.next_page_token
        if not token:
            return


def _expect(found: Comparison, holds: bool, difference: str) -> None:
    if not holds:
        found.differences.append(difference)
