"""The monitor: whatever one signer or node says, the others are looked at."""

from __future__ import annotations

from typing import Any, cast

import pytest

from custody.errors import CustodyError, Denied, InvariantBroken, NotFound, Unavailable
from custody.ports import Node, SignerClient
from custody.services.conditions import ConditionKind, Conditions
from custody.services.monitor import Monitor


class _Broken:
    def __init__(self, name: str, error: CustodyError) -> None:
        self.signer = self.network = name
        self.asked = 0
        self._error = error

    def status(self) -> Any:
        self.asked += 1
        raise self._error

    check = head = status


@pytest.mark.parametrize(
    "error",
    [Unavailable("signer a"), InvariantBroken("another"), Denied("signer.refused"), NotFound("signer", "a")],
)
def test_one_that_answers_nonsense_hides_nobody_else(error: CustodyError) -> None:
    conditions = Conditions()
    signers = [_Broken("a", error), _Broken("b", Unavailable("b"))]
    nodes = [_Broken("n", error), _Broken("m", Unavailable("m"))]
    monitor = Monitor(cast("list[SignerClient]", signers), cast("list[Node]", nodes), bytes(32), conditions)
    assert monitor.look() is False
    assert [each.asked for each in (*signers, *nodes)] == [1, 1, 1, 1]
    found = {(each.kind, each.subject) for each in conditions.all()}
    down, node = ConditionKind.SIGNER_DOWN, ConditionKind.NODE_DOWN
    assert found == {(down, "a"), (down, "b"), (node, "n"), (node, "m")}
