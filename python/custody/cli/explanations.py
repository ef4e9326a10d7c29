"""How an explanation is shown: the rule that decides, the others that fail, every limit with what is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from custody.cli.session import Session
from custody.cli.words import duration, moment
from custody.client.explanation import Explanation, LimitClause, LimitCount, RuleClause

__all__ = ["explanation_json", "show_explanation"]


def show_explanation(session: Session, told: Explanation) -> None:
    """For people; every cell is escaped by the output."""
    out = session.out
    out.say(f"{told.outcome} {told.tag} {told.detail}".rstrip())
    if told.withdrawal_id:
        out.say(f"  withdrawal {told.withdrawal_id}, now {told.state}")
    for blocker in told.blockers:
        out.say(f"  waits for {blocker.kind} {blocker.tag} {blocker.proposal_id}".rstrip())
    if told.pool_available is not None:
        out.say(f"  its pool can give {told.pool_available} base units; it would hold {told.hold}")
    if told.earliest_accepted_ms is not None:
        out.say(f"  accepted from {moment(told.earliest_accepted_ms)} on, if nothing else happens")
    if not told.rules:
        return
    out.table(
        ["", "rule", "says", "why"], list(_rules(told.rules)), "Every rule but the limits lets it pass."
    )
    columns = ["", "limit", "over", "says", "counts", "bound", "left", "window", "passes at"]
    out.table(columns, [_limit(limit) for limit in told.limits], "No limit was asked.")


def _rules(rules: tuple[RuleClause, ...]) -> Iterator[list[str]]:
    for rule in rules:
        if rule.verdict != "PASSES" or rule.detail:
            yield [_mark(rule.decides), rule.tag, rule.verdict, rule.detail]


def _limit(limit: LimitClause) -> list[str]:
    counted = limit.counted
    says = limit.verdict if limit.coverage == "COVERED" else limit.coverage
    return [
        _mark(limit.decides),
        limit.limit_id,
        limit.action,
        f"{says} {limit.failing}".rstrip(),
        _both(counted.amount, counted.count) if counted else "",
        _both(counted.amount_bound, counted.count_bound) if counted else "",
        _both(counted.amount_left, counted.count_left) if counted else "",
        "for ever" if limit.window_ms is None else duration(limit.window_ms),
        "" if limit.earliest_pass_ms is None else moment(limit.earliest_pass_ms),
    ]


def _mark(decides: bool) -> str:
    return ">" if decides else ""


def _both(amount: int | None, count: int | None) -> str:
    parts = [f"{amount}" if amount is not None else "", f"{count} times" if count is not None else ""]
    return ", ".join(part for part in parts if part)


def explanation_json(told: Explanation) -> dict[str, Any]:
    """As --json shows it."""
    return {
        "outcome": str(told.outcome),
        "tag": told.tag,
        "detail": told.detail,
        "remedy": str(told.remedy),
        "earliest_pass_unix_ms": told.earliest_pass_ms,
        "earliest_accepted_unix_ms": told.earliest_accepted_ms,
        "withdrawal_id": told.withdrawal_id,
        "state": str(told.state),
        "hold": _text(told.hold),
        "pool_available": _text(told.pool_available),
        "blockers": [
            {"kind": b.kind, "tag": b.tag, "proposal_id": b.proposal_id, "until_unix_ms": b.until_ms}
            for b in told.blockers
        ],
        "rules": [
            {
                "tag": rule.tag,
                "verdict": rule.verdict,
                "decides": rule.decides,
                "detail": rule.detail,
                "remedy": str(rule.remedy),
            }
            for rule in told.rules
        ],
        "limits": [_limit_json(limit) for limit in told.limits],
    }


def _limit_json(limit: LimitClause) -> dict[str, Any]:
    return {
        "limit_id": limit.limit_id,
        "action": limit.action,
        "coverage": limit.coverage,
        "verdict": limit.verdict,
        "failing": limit.failing,
        "decides": limit.decides,
        "window_ms": limit.window_ms,
        "counted": None if limit.counted is None else _count_json(limit.counted),
        "earliest_pass_unix_ms": limit.earliest_pass_ms,
        "counts_from_unix_ms": limit.counts_from_ms,
    }


def _count_json(counted: LimitCount) -> dict[str, Any]:
    return {
        "amount": _text(counted.amount),
        "amount_bound": _text(counted.amount_bound),
        "amount_left": _text(counted.amount_left),
        "count": counted.count,
        "count_bound": counted.count_bound,
        "count_left": counted.count_left,
    }


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
