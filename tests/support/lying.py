"""How a lying server asks a signer, and what every refusal leaves behind: no call to a token, no row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from custody.errors import Denied
from custody.ports import Authority, EvmTerms, StatementAuthority
from custody.signer.core import RequestContext
from custody.signer.signing import Signed
from support.keys import EthKey
from support.signer_world import (
    TERMS,
    World,
)

OTHER_ADDRESS = EthKey("a thief").address


class Asked:
    """One hot signer and one withdrawal that it pays, and how the server asks for it."""

    def __init__(self, world: World, signer: str = "hot-1", start: int = 0) -> None:
        self.world = world
        self.name = signer
        self.reference = world.reference_of(signer, start)
        self.wallet = world.routed(self.reference)[1]

    def pay(
        self,
        authority: Authority | None = None,
        terms: EvmTerms = TERMS,
        *,
        context: RequestContext | None = None,
        wallet: str = "",
        signer: str = "",
    ) -> Signed:
        """Ask; honestly unless changed."""
        world = self.world
        return world.signer(signer or self.name).payouts.sign(
            context or world.context(), wallet or self.wallet, authority or self.honest(), terms
        )

    def honest(self, **changes: Any) -> Authority:
        """What the backend signed."""
        return self.world.signed(self.world.intent(self.reference, **changes))

    def refused(self, tag: str, call: Callable[[], object], *, records: Sequence[int] = ()) -> Denied:
        """Require the refusal, no call to any token, and no row but of these kinds; signers start beforehand."""
        self.world.signer(self.name)
        signers = list(self.world.running.values())
        assert signers
        before = [(s.core.hsm.signature_calls, s.core.log.head.sequence) for s in signers]
        with pytest.raises(Denied) as refusal:
            call()
        assert refusal.value.tag == tag, refusal.value
        written = []
        for signer, (calls, sequence) in zip(signers, before, strict=True):
            assert signer.core.hsm.signature_calls == calls
            written += [row.kind for row in self.world.rows(signer.core.id, sequence)]
        assert written == list(records)
        return refusal.value


class Swept(Asked):
    """The cold signer and a sweep to a hot wallet."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.name = "cold-1"

    def sweep(
        self,
        authority: StatementAuthority | None = None,
        terms: EvmTerms = TERMS,
        leg: int = 0,
        signer: str = "cold-1",
        context: RequestContext | None = None,
    ) -> Signed:
        """Ask; honestly unless changed."""
        given = authority or self.world.approved(self.world.sweep())
        return self.world.signer(signer).sweeps.sign(context or self.world.context(), given, leg, terms)
