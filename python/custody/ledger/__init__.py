"""The ledger, by one writing in Rust: accounts, holds, queue and limits; `decide_…` asks, `apply_…` alone changes.

Amounts are ints of base units, times unix milliseconds, withdrawal ids ULIDs as text. A rule's refusal raises
`Denied` with its tag (see `tags`); a state that must not exist raises `InvariantBroken`, from then on always.
"""

from custody._core.ledger import LimitBook, reference_key, tags, ulid_bytes, ulid_text
from custody.ledger.book import Ledger
from custody.ledger.pools import (
    Deposit,
    LegState,
    Pend,
    PendingLeg,
    Pools,
    Post,
    Surplus,
    TransferAnswer,
    TransferMove,
    TransferOrder,
    TransferView,
    Void,
)
from custody.ledger.submission import Keyring, Prepared, Rules, Submitted, prepare
from custody.ledger.views import (
    AttemptView,
    BalanceRow,
    BlockerKind,
    BlockerView,
    Decision,
    End,
    Eta,
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
    "Deposit",
    "End",
    "Eta",
    "Keyring",
    "Ledger",
    "LedgerState",
    "LegState",
    "LegView",
    "LimitBook",
    "PayoutItem",
    "PayoutView",
    "Pend",
    "PendingLeg",
    "Pools",
    "Post",
    "Prepared",
    "Rules",
    "Submitted",
    "Surplus",
    "TransferAnswer",
    "TransferMove",
    "TransferOrder",
    "TransferView",
    "Void",
    "WithdrawalView",
    "prepare",
    "reference_key",
    "tags",
    "ulid_bytes",
    "ulid_text",
]
