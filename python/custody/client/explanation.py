"""What the server explains, as frozen values: every rule and every limit, and which of them decides."""

from __future__ import annotations

from dataclasses import dataclass

from custody.api.v1 import withdrawal_pb2
from custody.client.outcomes import Outcome, Remedy, State
from custody.client.results import Blocker, blocker, enum_name, unix_ms
from custody.errors import Failed

__all__ = ["Explanation", "LimitClause", "LimitCount", "RuleClause", "explanation"]


@dataclass(frozen=True, slots=True)
class RuleClause:
    """One rule, asked by itself. `verdict`: PASSES, FAILS, NOT_ASKED, WITHHELD; UNKNOWN for a newer one."""

    tag: str
    verdict: str
    decides: bool
    detail: str
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class LimitCount:
    """Numbers of one limit before the intent: base units and withdrawals; a bound that is None is none.

    `amount` is None where the limit counts no amounts.
    """

    amount: int | None
    amount_bound: int | None
    amount_left: int | None
    count: int
    count_bound: int | None
    count_left: int | None


@dataclass(frozen=True, slots=True)
class LimitClause:
    """One limit, asked by itself. `window_ms` is None when it counts for ever; `counted` when that is withheld.

    `coverage`: COVERED, OTHER_ASSET, OTHER_CLASS. `failing`: OVERFLOW, AMOUNT, COUNT; empty when it passes or that is
    withheld. `earliest_pass_ms` is None for never or withheld.
    """

    limit_id: str
    action: str
    coverage: str
    verdict: str
    failing: str
    decides: bool
    window_ms: int | None
    counted: LimitCount | None
    earliest_pass_ms: int | None
    counts_from_ms: int | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which rule decides, what every other one says, and why a known withdrawal waits; amounts in base units.

    `withdrawal_id` and `state` are those of the first answer, empty and UNKNOWN for what is new. Rules and limits are
    empty for what was answered before. `earliest_accepted_ms`: then it is accepted if nothing else happens.
    """

    outcome: Outcome
    tag: str
    detail: str
    remedy: Remedy
    earliest_pass_ms: int | None
    blockers: tuple[Blocker, ...]
    withdrawal_id: str
    state: State
    rules: tuple[RuleClause, ...]
    limits: tuple[LimitClause, ...]
    hold: int | None
    pool_available: int | None
    earliest_accepted_ms: int | None


def explanation(answer: withdrawal_pb2.ExplainWithdrawalResponse) -> Explanation:
    """Of one answer. Raises Failed when a number in it is none."""
    try:
        return _explanation(answer)
    except ValueError as error:
        raise Failed("custody-server", f"explains with what is no number: {error}") from error


def _explanation(answer: withdrawal_pb2.ExplainWithdrawalResponse) -> Explanation:
    return Explanation(
        Outcome(enum_name(withdrawal_pb2.Outcome, answer.outcome)),
        answer.tag,
        answer.detail,
        Remedy(enum_name(withdrawal_pb2.Remedy, answer.remedy)),
        unix_ms(answer, "earliest_pass"),
        tuple(blocker(item) for item in answer.blockers),
        answer.withdrawal_id,
        State(enum_name(withdrawal_pb2.WithdrawalState, answer.state)),
        tuple(_rule(item) for item in answer.rules),
        tuple(_limit(item) for item in answer.limits),
        int(answer.hold.amount) if answer.HasField("hold") else None,
        int(answer.pool_available.amount) if answer.HasField("pool_available") else None,
        unix_ms(answer, "earliest_accepted"),
    )


def _rule(message: withdrawal_pb2.RuleClause) -> RuleClause:
    return RuleClause(
        message.tag,
        enum_name(withdrawal_pb2.Verdict, message.verdict),
        message.decides,
        message.detail,
        Remedy(enum_name(withdrawal_pb2.Remedy, message.remedy)),
    )


def _limit(message: withdrawal_pb2.LimitClause) -> LimitClause:
    failing = enum_name(withdrawal_pb2.LimitClauseKind, message.failing) if message.failing else ""
    return LimitClause(
        message.limit_id,
        enum_name(withdrawal_pb2.LimitAction, message.action),
        enum_name(withdrawal_pb2.LimitCoverage, message.coverage),
        enum_name(withdrawal_pb2.Verdict, message.verdict),
        failing,
        message.decides,
        message.window.ToMilliseconds() if message.HasField("window") else None,
        _count(message.counted) if message.HasField("counted") else None,
        unix_ms(message, "earliest_pass"),
        unix_ms(message, "counts_from"),
    )


def _count(message: withdrawal_pb2.LimitCount) -> LimitCount:
    return LimitCount(
        _amount(message.amount),
        _amount(message.amount_bound),
        _amount(message.amount_left),
        message.count,
        message.count_bound if message.HasField("count_bound") else None,
        message.count_left if message.HasField("count_left") else None,
    )


def _amount(text: str) -> int | None:
    return int(text) if text else None
