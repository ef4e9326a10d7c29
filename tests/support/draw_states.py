"""Draws docs/states.md from the tables of the model: `python tests/support/draw_states.py > docs/states.md`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from custody.model import leg, payout, proposal

HEADER = """# States

Drawn from the tables in `python/custody/model/`: `payout.py`, `leg.py` and `proposal.py`. Whatever is not drawn does
not happen; a journal record that says otherwise stops the process. `make test` compares.
"""

PAYOUTS = """## Payouts

The transaction that pays one or many withdrawals. PLANNED: it may be signed at any moment; ask its signer with the
same terms. CONFIRMED: in a block that may still go. PAID, FAILED and ABANDONED are ends: a payout is abandoned only
before any signature, and no reorg leads out of PAID. Further versions (replacements) keep the state of the payout.
"""

LEGS = """## Legs of sweeps

WAITING for its proposal's quorum, then DUE. MOVED, FAILED, ABANDONED and CANCELLED are ends: a leg that was planned
may be signed already, so its proposal's end does not cancel it.
"""

PROPOSALS = """## Proposals

APPROVED: the quorum is complete, and execution is due or under way. All others but OPEN are ends.
"""


def draw() -> str:
    """The whole document."""
    parts = [
        HEADER,
        PAYOUTS,
        _events(payout.TRANSITIONS),
        LEGS,
        _events(leg.TRANSITIONS),
        PROPOSALS,
        _changes(),
    ]
    return "\n".join(parts)


State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


def _events(table: Mapping[tuple[State | None, Event], State]) -> str:
    edges: dict[tuple[str, str], list[str]] = {}
    for (before, event), after in table.items():
        edges.setdefault((before or "[*]", after), []).append(event.value)
    rows = ((before or "(new)", event.value, after) for (before, event), after in table.items())
    moves = {edge: events for edge, events in edges.items() if edge[0] != edge[1]}
    diagram = (f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in moves.items())
    return _picture(diagram) + _table(("in", "what happens", "then"), rows)


def _changes() -> str:
    pairs = [
        (before or "[*]", after)
        for before, afters in proposal.TRANSITIONS.items()
        for after in sorted(afters)
    ]
    diagram = (f"    {before} --> {after}" for before, after in pairs)
    rows = ((before.replace("[*]", "(new)"), after) for before, after in pairs)
    return _picture(diagram) + _table(("from", "to"), rows)


def _picture(edges: Iterable[str]) -> str:
    return "\n".join(["```mermaid", "stateDiagram-v2", *edges, "```", "", ""])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    print(draw(), end="")
