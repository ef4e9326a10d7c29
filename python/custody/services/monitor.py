"""Asks every signer and node how it is, so that a server with nothing to do notices too when one is gone."""

from __future__ import annotations

from collections.abc import Iterable

from custody.errors import CustodyError
from custody.ports import Node, SignerClient
from custody.services.conditions import ConditionKind, Conditions

__all__ = ["Monitor"]


class Monitor:
    """One look at all of them; the findings are conditions, nothing else follows from them."""

    def __init__(
        self,
        signers: Iterable[SignerClient],
        nodes: Iterable[Node],
        deployment: bytes,
        conditions: Conditions,
    ) -> None:
        self._signers = tuple(signers)
        self._nodes = tuple(nodes)
        self._deployment = deployment
        self._conditions = conditions

    def look(self) -> bool:
        """Ask each once; False: there is nothing more to do now."""
        for signer in self._signers:
            self._ask_signer(signer)
        for node in self._nodes:
            self._ask_node(node)
        return False

    def _ask_signer(self, signer: SignerClient) -> None:
        down, refuses = ConditionKind.SIGNER_DOWN, ConditionKind.SIGNER_REFUSES
        try:
            status = signer.status()
        except CustodyError as error:  # whatever one of them says, the others are asked
            self._conditions.set(down, signer.signer, "signer.down", _sentence(error))
            return
        if status.deployment != self._deployment:
            self._conditions.set(down, signer.signer, "signer.deployment", "it serves another deployment")
            return
        self._conditions.clear(down, signer.signer)
        if status.state == "frozen":
            detail = "it is frozen until an ACTIVATE or RESUME"
            self._conditions.set(refuses, signer.signer, status.tag or "signer.frozen", detail)
        elif status.state == "halted":
            detail = ", ".join(halt.halt_id for halt in status.halts)
            self._conditions.set(refuses, signer.signer, "signer.halted", detail)
        else:
            self._conditions.clear(refuses, signer.signer)

    def _ask_node(self, node: Node) -> None:
        try:
            node.check()
            node.head()
        except CustodyError as error:
            self._conditions.set(ConditionKind.NODE_DOWN, node.network, "node.down", _sentence(error))
        else:
            self._conditions.clear(ConditionKind.NODE_DOWN, node.network)


def _sentence(error: CustodyError) -> str:
    return str(error)[:300]
