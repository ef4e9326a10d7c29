"""For backends: sign withdrawals, send them, retry the identical bytes, and follow what becomes of them."""

from custody.client.client import Client
from custody.client.config import ClientConfig
from custody.client.draft import Draft, SignedWithdrawal, cosign, sign
from custody.client.explanation import Explanation, LimitClause, LimitCount, RuleClause
from custody.client.follow import Event, JournalWentBack
from custody.client.keys import FileKey, IntentKey, load_key
from custody.client.results import (
    Blocker,
    CancelOutcome,
    CancelResult,
    ChainTx,
    Cursor,
    Outcome,
    Page,
    Remedy,
    State,
    SubmitOutcome,
    Withdrawal,
)
from custody.client.retry import Backoff
from custody.client.submit import OutcomeUnknown
from custody.client.transport import NotEntitled
from custody.statements import FeeMode

__all__ = [
    "Backoff",
    "Blocker",
    "CancelOutcome",
    "CancelResult",
    "ChainTx",
    "Client",
    "ClientConfig",
    "Cursor",
    "Draft",
    "Event",
    "Explanation",
    "FeeMode",
    "FileKey",
    "IntentKey",
    "JournalWentBack",
    "LimitClause",
    "LimitCount",
    "NotEntitled",
    "Outcome",
    "OutcomeUnknown",
    "RuleClause",
    "Page",
    "Remedy",
    "SignedWithdrawal",
    "State",
    "SubmitOutcome",
    "Withdrawal",
    "cosign",
    "load_key",
    "sign",
]
