"""The signed intents as they were received, read from the journal by the place that the ledger remembers."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from custody import statements
from custody.errors import InvariantBroken
from custody.ports import Authority, Journal, KeySig
from custody.statements import WithdrawalIntent

__all__ = ["IntentStore"]

_RECORDS = 8  # batches; a payout worker walks them in order, and one holds up to 8,190 intents


class IntentStore:
    """Safe to share between threads."""

    def __init__(self, journal: Journal) -> None:
        """Read from this journal."""
        self._journal = journal
        self._lock = threading.Lock()
        self._leaves: OrderedDict[int, list[bytes]] = OrderedDict()

    def authority(self, sequence: int, leaf: int) -> Authority:
        """The intent at a row's leaf (from 1, the header being leaf 0), with every signature that came with it."""
        _, intent, signatures = statements.unpack_leaf(self.leaf(sequence, leaf))
        return Authority(intent, tuple(KeySig(key_id, signature) for key_id, signature in signatures))

    def leaf(self, sequence: int, leaf: int) -> bytes:
        """A row's leaf as it is stored. Raises `InvariantBroken` when there is none."""
        leaves = self._record(sequence)
        if not 1 <= leaf <= len(leaves):
            raise InvariantBroken(f"row {sequence} has no leaf {leaf}")
        return leaves[leaf - 1]

    def intent(self, sequence: int, leaf: int, intent_sha256: bytes) -> WithdrawalIntent:
        """What was signed there. Raises `InvariantBroken` when it is not the intent of this digest."""
        body = self.authority(sequence, leaf).intent
        if hashlib.sha256(body).digest() != intent_sha256:
            raise InvariantBroken(f"row {sequence}, leaf {leaf} holds another intent than the ledger took")
        return statements.parse_intent(body)

    def _record(self, sequence: int) -> list[bytes]:
        with self._lock:
            found = self._leaves.get(sequence)
            if found is not None:
                self._leaves.move_to_end(sequence)
                return found
        _, leaves = statements.unpack_record(self._journal.get(sequence).record)
        with self._lock:
            self._leaves[sequence] = leaves
            while len(self._leaves) > _RECORDS:
                self._leaves.popitem(last=False)
        return leaves
