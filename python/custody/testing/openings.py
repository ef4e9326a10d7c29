"""Brings a new stack's wallets into the ledger: OPENING statements at one final block, approved by a quorum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custody.api.v1 import proposal_pb2
from custody.statements import OpeningBody, ProposalKind
from custody.testing.processes import wait_until

if TYPE_CHECKING:
    from custody.testing.stack import CustodyStack

__all__ = ["open_wallets"]

HOUSE = ("hot-eth-1", "eth")
"""What belongs to the house, which pays the network's fees; everything else is the customers'."""


def open_wallets(stack: CustodyStack) -> int:
    """Open every wallet and asset; return the height of the block. Raises RuntimeError naming what was not opened."""
    chain, proposer = stack.chain, stack.operator(stack.shape.operators[0])
    block = chain.finalise(stack.funded_at)
    proposals = []
    for wallet in stack.policy.wallets:
        for name, asset in stack.assets.items():
            token = None if name == "eth" else stack.token_contract()
            body = OpeningBody(
                wallet=wallet.id,
                asset=asset,
                amount=chain.balance(wallet.address, token, block.height),
                pool="house" if (wallet.id, name) == HOUSE else "customers",
                network=stack.network,
                block_height=block.height,
                block_hash=block.hash,
            )
            proposals.append(proposer.propose(proposer.statement(ProposalKind.OPENING, body)))
    for name in stack.shape.operators[1 : 1 + stack.shape.need]:
        for result in stack.operator(name).approve(*proposals):
            if not result.counted:
                raise RuntimeError(
                    f"{name}'s approval of an opening does not count: {result.tag} {result.detail}"
                )
    waiting = {proposal.proposal_id for proposal in proposals}

    def executed() -> bool:
        for proposal_id in sorted(waiting):
            found = proposer.proposal(proposal_id)
            if found.state == proposal_pb2.PROPOSAL_STATE_EXECUTED:
                waiting.discard(proposal_id)
            elif found.state not in (
                proposal_pb2.PROPOSAL_STATE_OPEN,
                proposal_pb2.PROPOSAL_STATE_APPROVED,
            ):
                state = proposal_pb2.ProposalState.Name(found.state)
                raise RuntimeError(f"opening {proposal_id}: {state} {found.tag}")
        return not waiting

    wait_until(executed, 30, "openings")
    return block.height
