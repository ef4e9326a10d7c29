"""The ledger, by one writing in Rust: accounts, holds, queue and limits; `decide_…` asks, `apply_…` alone changes.

Amounts are ints of base units, times unix milliseconds, withdrawal ids ULIDs as text. A rule's refusal raises
`Denied` with its tag (see `tags`); a state that must not exist raises `InvariantBroken`, from then on always.
"""

from custody._core.ledger import LimitBook, reference_key, tags, ulid_bytes, ulid_text
from custody.ledger.book import Ledger
from custody.ledger.submission import Explained, Keyring, Prepared, Rules, Submitted, prepare
from custody.ledger.views import (
    AttemptView,
    BalanceRow,
    BlockerKind,
    BlockerView,
    Decision,
    End,
    LedgerState,
    LegView,
    PayoutItem,
    PayoutView,
    WithdrawalView,
)

__all__ = [
    "AttemptView",
    "BalanceRow",
    "BlockerKind",
    "BlockerView",
    "Decision",
    "End",
    "Explained",
    "Keyring",
    "Ledger",
    "LedgerState",
    "LegView",
    "LimitBook",
    "PayoutItem",
    "PayoutView",
    "Prepared",
    "Rules",
    "Submitted",
    "WithdrawalView",
    "prepare",
    "reference_key",
    "tags",
    "ulid_bytes",
    "ulid_text",
]
