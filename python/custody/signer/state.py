"""What a signer knows, rebuilt from its own log alone: `apply` is the only mutator, live and on replay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from custody import statements
from custody.api.journal.v1 import signer_pb2
from custody.errors import InvariantBroken
from custody.model.governance import Governance
from custody.signer.caps import Caps
from custody.signer.facts import (
    Attempt,
    Bound,
    ConflictUse,
    Frozen,
    Halt,
    LegId,
    Promise,
    Suspension,
    Version,
)
from custody.signer.heads import FollowedJournal, Position
from custody.signer.records import LogEntry


class SignerState:
    """Not safe to share between threads: the signer reads and changes it under its lock."""

    def __init__(self, signer: str, governance: Governance, caps: Caps, followed: FollowedJournal) -> None:
        """Begin before row 1, at the genesis policy."""
        self.signer = signer
        self.governance = governance
        self.caps = caps
        self.followed = followed
        self.recorded_ms = 0
        self.store_id = b""
        self.start_counter = 0
        self.keys: dict[str, tuple[str, bytes]] = {}
        self.references: dict[tuple[str, str], Bound] = {}
        self.conflict_of: dict[bytes | LegId, str] = {}
        self.conflicts: dict[str, ConflictUse] = {}
        self.intended: dict[int, tuple[str, Version]] = {}
        self.tombstones: dict[Attempt, Promise] = {}
        self.halts: dict[str, Halt] = {}
        self.suspensions: dict[str, Suspension] = {}
        self.cancelled: set[bytes] = set()
        self.numbers: dict[str, int] = {}
        self.messages: set[bytes] = set()
        self.resumed: set[bytes] = set()
        self.activated: dict[bytes, int] = {}
        self.activated_here = 0
        self.frozen: Frozen | None = None
        self.intents_after_ms = 0
        self.checkpoint: tuple[bytes, bytes] | None = None

    @property
    def suspended(self) -> frozenset[str]:
        """The operators whose approvals do not count."""
        return frozenset(suspension.operator for suspension in self.suspensions.values())

    def judged_ms(self, owner: bytes | LegId, now_ms: int) -> int:
        """The time that an owner's deadlines are judged at: when its first signing intent became durable, else now.

        From then on its nonce is its own, so only its completion or a dearer version frees the nonces behind it.
        """
        key = self.conflict_of.get(owner)
        return now_ms if key is None else min(now_ms, self.conflicts[key].since_ms)

    def apply(self, entry: LogEntry) -> None:
        """Take one row of the log. Raises InvariantBroken for a row that the rules could not have written."""
        self.recorded_ms = max(self.recorded_ms, entry.recorded_ms)
        message = entry.message
        match message:
            case signer_pb2.SignerInitialised():
                self._initialised(message)
            case signer_pb2.SignerStarted():
                self.start_counter = message.start_counter
            case signer_pb2.SigningIntended():
                self._intended(entry, message)
            case signer_pb2.SignatureMade():
                self._made(message)
            case signer_pb2.SigningFailed():
                self._version(message.intended_sequence).failures += 1
            case signer_pb2.Tombstoned():
                self._tombstoned(message)
            case signer_pb2.SignerHalted():
                self._halted(message)
            case signer_pb2.SignerSuspended():
                self._suspended(message)
            case signer_pb2.SignerCancelledPending():
                self._cancelled(message)
            case signer_pb2.SignerResumed():
                self._resumed(message)
            case signer_pb2.SignerFrozen():
                self.frozen = Frozen(message.tag, message.detail, entry.sequence)
            case signer_pb2.SignerActivated():
                self._activated(entry, message)
            case signer_pb2.CheckpointSigned():
                self.checkpoint = (message.checkpoint, message.signature)
            case _:
                raise InvariantBroken(f"row {entry.sequence}: {type(message).__name__} is not a signer's")

    def _initialised(self, message: signer_pb2.SignerInitialised) -> None:
        if message.signer != self.signer or self.store_id:
            raise InvariantBroken(f"the store was initialised for signer {message.signer!r}, once")
        self.store_id = message.store_id
        self.keys = {key.wallet: (key.scheme, key.public_key) for key in message.keys}

    def _intended(self, entry: LogEntry, message: signer_pb2.SigningIntended) -> None:
        key = message.conflict_key
        owner: bytes | LegId
        if message.intent_sha256:
            owner = message.intent_sha256
            bound = Bound(message.attempt, owner, key)
            if self.references.setdefault((message.initiator, message.reference), bound) != bound:
                raise InvariantBroken(
                    f"row {entry.sequence}: {message.reference!r} is bound to another intent"
                )
        else:
            owner = LegId(message.statement_sha256, message.leg_index)
        if self.conflict_of.setdefault(owner, key) != key:
            raise InvariantBroken(f"row {entry.sequence}: its payment is bound to another conflict key")
        use = self.conflicts.setdefault(key, ConflictUse(owner, message.wallet, entry.recorded_ms))
        if use.owner != owner or use.wallet != message.wallet:
            raise InvariantBroken(f"row {entry.sequence}: conflict key {key} belongs to something else")
        version = Version(entry.sequence, message.unsigned_transaction, message.digest)
        use.versions.append(version)
        self.intended[entry.sequence] = (key, version)
        charged = {item.asset: int(item.amount) for item in message.charged}
        for asset, amount in charged.items():
            use.charged[asset] = use.charged.get(asset, 0) + amount
        self.caps.charge(message.wallet, charged, entry.recorded_ms)
        if message.HasField("head"):
            self.followed.restore(Position(message.head.epoch, message.head.sequence, message.head.hash))

    def _version(self, sequence: int) -> Version:
        found = self.intended.get(sequence)
        if found is None:
            raise InvariantBroken(f"row {sequence} of the log holds no signing intent")
        return found[1]

    def _made(self, message: signer_pb2.SignatureMade) -> None:
        version = self._version(message.intended_sequence)
        version.transaction = message.transaction
        version.transaction_hash = message.transaction_hash

    def _tombstoned(self, message: signer_pb2.Tombstoned) -> None:
        body = statements.parse_tombstone(message.tombstone)
        attempt = Attempt(message.initiator, message.reference, message.attempt)
        self.tombstones[attempt] = Promise(body.intent_sha256, message.tombstone, message.signature)

    def _halted(self, message: signer_pb2.SignerHalted) -> None:
        self.halts[message.halt_id] = Halt(tuple(message.scopes), message.reason)
        if message.halt:
            body = statements.parse_halt(message.halt)
            self._numbered(body.operator, body.number, message.halt)

    def _suspended(self, message: signer_pb2.SignerSuspended) -> None:
        body = statements.parse_suspend(message.suspend)
        self.suspensions[message.halt_id] = Suspension(message.operator, body.reason)
        self._numbered(body.by, body.number, message.suspend)

    def _cancelled(self, message: signer_pb2.SignerCancelledPending) -> None:
        body = statements.parse_cancel_pending(message.cancel)
        self.cancelled.add(message.statement_sha256)
        self._numbered(body.operator, body.number, message.cancel)

    def _numbered(self, operator: str, number: int, body: bytes) -> None:
        self.numbers[operator] = max(number, self.numbers.get(operator, 0))
        self.messages.add(hashlib.sha256(body).digest())

    def _resumed(self, message: signer_pb2.SignerResumed) -> None:
        self.halts.pop(message.halt_id, None)
        self.suspensions.pop(message.halt_id, None)
        self.resumed.add(hashlib.sha256(message.statement).digest())

    def _activated(self, entry: LogEntry, message: signer_pb2.SignerActivated) -> None:
        statement = statements.parse_statement(message.statement)
        self.governance = self.governance.advance(message.statement, statement)
        if (self.governance.head_sequence, self.governance.head_hash) != (
            message.governance_sequence,
            message.governance_hash,
        ):
            raise InvariantBroken(f"row {entry.sequence}: governance does not lead there")
        self.activated[hashlib.sha256(message.statement).digest()] = message.governance_sequence
        body = statement.payload
        if not isinstance(body, statements.ActivateBody) or body.signer != self.signer:
            return
        if body.store_id != self.store_id:
            self.frozen = Frozen(
                "store.other", "another store of this signer is the active one", entry.sequence
            )
            return
        self.activated_here = message.governance_sequence
        self.followed.renew_leader()
        if self.frozen is not None and self.frozen.tag == "head.forked":
            # Which branch goes on is the server's to show, from row 1.
            self.followed.reset()
        self.frozen = None
        self.intents_after_ms = max(self.intents_after_ms, body.intents_after_unix_ms)
        self.caps.fill({item.asset: item.amount for item in body.spent}, entry.recorded_ms)

    def state_hash(self) -> bytes:
        """SHA-256 of the whole state in canonical JSON: equal states, equal bytes."""
        return hashlib.sha256(json.dumps(self._facts(), sort_keys=True).encode()).digest()

    def _facts(self) -> Mapping[str, object]:
        return {
            "signer": self.signer,
            "recorded_ms": self.recorded_ms,
            "store": [self.store_id.hex(), self.start_counter],
            "keys": {name: [scheme, public.hex()] for name, (scheme, public) in self.keys.items()},
            "governance": [self.governance.head_sequence, self.governance.head_hash.hex()],
            "references": sorted(
                [*name, bound.attempt, bound.intent_sha256.hex(), bound.conflict_key]
                for name, bound in self.references.items()
            ),
            "conflicts": {key: _use_facts(use) for key, use in self.conflicts.items()},
            "tombstones": sorted(
                [*attempt, promise.body.hex(), promise.signature.hex()]
                for attempt, promise in self.tombstones.items()
            ),
            "halts": {halt_id: [sorted(halt.scopes), halt.reason] for halt_id, halt in self.halts.items()},
            "suspensions": {halt_id: item.operator for halt_id, item in self.suspensions.items()},
            "cancelled": sorted(item.hex() for item in self.cancelled),
            "numbers": self.numbers,
            "messages": sorted(item.hex() for item in self.messages),
            "resumed": sorted(item.hex() for item in self.resumed),
            "activated": {item.hex(): sequence for item, sequence in self.activated.items()},
            "activated_here": self.activated_here,
            "frozen": list(self.frozen) if self.frozen else [],
            "intents_after_ms": self.intents_after_ms,
            "checkpoint": [part.hex() for part in self.checkpoint] if self.checkpoint else [],
            "caps": self.caps.spent(self.recorded_ms),
        }


def _use_facts(use: ConflictUse) -> list[object]:
    owner = use.owner.hex() if isinstance(use.owner, bytes) else [use.owner[0].hex(), use.owner[1]]
    versions = [
        [item.intended_sequence, item.unsigned.hex(), item.transaction.hex(), item.failures]
        for item in use.versions
    ]
    return [owner, use.wallet, use.since_ms, versions, use.charged]
