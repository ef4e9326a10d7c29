"""What tests ask of a signer: a payment, its refusal, an activation; a token that fails, a process that dies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from custody.errors import (
    Denied,
)
from custody.signer.signing import Signed
from custody.statements import ActivateBody, ProposalKind
from support.signer_world import ETHER, HOUR_MS, START_MS, TERMS, World


class Killed(BaseException):
    """The process dies here."""


def pay(world: World, start: int = 0, nonce: int = 0, amount: int = ETHER) -> Signed:
    """Have hot-1 pay one of its withdrawals."""
    authority = world.signed(world.intent(world.reference_of("hot-1", start), amount), ["backend", "risk"])
    return world.signer("hot-1").payouts.sign(
        world.context(), "hot-eth-1", authority, replace(TERMS, nonce=nonce)
    )


def refusal(call: object, *arguments: object) -> str:
    """The tag that a call is refused with."""
    with pytest.raises(Denied) as raised:
        call(*arguments)  # type: ignore[operator]
    return raised.value.tag


def activate(
    world: World, signer: str = "hot-1", *, store_id: bytes | None = None, to: str = "", **body: object
) -> None:
    """Have a quorum make a store the active one."""
    governance = world.signer(to or signer).core.state.governance
    wanted = store_id or world.signer(signer).core.state.store_id
    payload = ActivateBody(signer, wanted, START_MS - HOUR_MS, ())
    statement = world.statement(
        ProposalKind.ACTIVATE,
        replace(payload, **body),  # type: ignore[arg-type]
        governance_sequence=governance.head_sequence,
        governance_hash=governance.head_hash,
        signer_epoch=governance.signer_epoch,
    )
    world.signer(to or signer).activation.activate(world.context(), world.approved(statement))


class FailingToken:
    """A token whose signing is another function."""

    def __init__(self, hsm: object, sign: object) -> None:
        self._hsm = hsm
        self.sign_digest = sign

    def __getattr__(self, name: str) -> object:
        return getattr(self._hsm, name)
