"""What a run of the model test reaches for certain: each operation with answers that both ledgers gave to it."""

from __future__ import annotations

_ANSWERS = """
assign: ledger.amount | ledger.exists | ledger.expired | ledger.halted | ledger.house_empty |
    ledger.overflow | ledger.state | ledger.unknown | ledger.wallet_other | ledger.wallet_short | ok
depart: ledger.amount | ledger.exists | ledger.halted | ledger.house_empty | ledger.overflow |
    ledger.wallet_other | ledger.wallet_short | ok
deposit: deposit.other | ledger.amount | ledger.overflow | ok | pool.unknown
expire: ledger.not_expired | transfer.already_posted | transfer.not_pending | transfer.pending_unknown
forget: none | some
halt: ledger.exists | ok
late deposit: deposit.other | ledger.suspense_short | ok | pool.unknown
leg done: ledger.fee_above_reserved | ledger.unknown | ok
leg failed: ledger.fee_above_reserved | ledger.unknown | ok
limit: deny amount | deny asset | deny overflow | deny pass | hold amount | hold asset | hold count | hold
    pass
open: ok
payout done: ledger.fee_above_reserved | ledger.unknown | ok
payout failed: ledger.fee_above_reserved | ledger.unknown | ok
payout given up: ledger.unknown | ok
release: ledger.state | ok
resume: ledger.unknown | ok
submit: ACCEPTED | BUSY halt.intake | DUPLICATE | DUPLICATE limit.customer | HELD limit.customer | INVALID
    intent.malformed | INVALID intent.too_late | REJECTED attempt.open | REJECTED attempt.skipped | REJECTED
    attempt.spent | REJECTED id.reused | REJECTED ledger.insufficient_funds | REJECTED limit.ever | REJECTED
    limit.half | REJECTED limit.total | REJECTED limit.usd
surplus: ledger.amount | ledger.balance_moved | ledger.overflow | ok
suspense: ledger.amount | ledger.exists | ledger.suspense_short | ok | pool.unknown
transfer: before | halt.intake | id.reused | intent.too_late | ledger.halted | ledger.insufficient_funds |
    ok | pool.unknown | transfer.already_posted | transfer.already_voided | transfer.amount |
    transfer.exceeds_pending | transfer.expiry | transfer.linked | transfer.not_pending |
    transfer.pending_unknown | transfer.same_pool
void: ledger.not_expired | ledger.state | ledger.unknown | ok
"""


def _reached() -> frozenset[str]:
    lines = _ANSWERS.replace("\n    ", " ").strip().splitlines()
    named = [line.split(": ") for line in lines]
    return frozenset(f"{name} {answer}" for name, answers in named for answer in answers.split(" | "))


REACHED = _reached()
